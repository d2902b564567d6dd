"""What is equal has one text and one key, and nothing else has."""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakebt.errors import InvalidArgumentError
from lakebt.values.keys import canonical_json, content_key

if TYPE_CHECKING:
    import random

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False)
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(
    scalars,
    lambda inside: (
        st.lists(inside, max_size=4) | st.dictionaries(texts, inside, max_size=4)
    ),
    max_leaves=12,
)


class Side(enum.StrEnum):
    LONG = "long"


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal as Python has it, but that True is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            same(left[key], right[key]) for key in left
        )
    return bool(left == right)


def shuffled(value: Any, draw: random.Random) -> Any:
    """The same value, each mapping of it in another order."""
    if isinstance(value, dict):
        items = list(value.items())
        draw.shuffle(items)
        return {key: shuffled(part, draw) for key, part in items}
    if isinstance(value, list):
        return [shuffled(part, draw) for part in value]
    return value


@pytest.mark.slow
@given(values, st.randoms(use_true_random=False))
def test_the_order_of_keys_never_matters(value: Any, draw: random.Random) -> None:
    assert content_key(shuffled(value, draw)) == content_key(value)


@pytest.mark.slow
@given(values, values)
def test_equal_values_have_one_key_and_different_values_have_two(
    left: Any, right: Any
) -> None:
    assert (content_key(left) == content_key(right)) == same(left, right)


@pytest.mark.slow
@given(values)
def test_the_text_reads_back_as_the_value(value: Any) -> None:
    text = canonical_json(value)

    assert same(json.loads(text), value)
    assert canonical_json(json.loads(text)) == text


@given(st.integers(-(2**53), 2**53))
def test_a_whole_float_is_the_integer_that_it_equals(number: int) -> None:
    assert content_key(float(number)) == content_key(number)
    assert canonical_json({"gross": float(number)}) == f'{{"gross":{number}}}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None]}, '{"a":[true,null],"b":1}'),
        (0.1, "0.1"),
        (1e-7, "1e-07"),
        (-0.0, "0"),
        (2**53 + 1, "9007199254740993"),
        ((1, 2), "[1,2]"),
        ("é\n", '"é\\n"'),
        (Side.LONG, '"long"'),
        (dt.date(2022, 9, 19), '"2022-09-19"'),
        (
            dt.datetime(2022, 9, 2, 17, 15, tzinfo=ZoneInfo("America/New_York")),
            '"2022-09-02T21:15:00+00:00"',
        ),
        (pd.Timestamp("2022-09-02T21:15Z"), '"2022-09-02T21:15:00+00:00"'),
        (np.float64(0.1), "0.1"),
        (np.int32(3), "3"),
        (np.bool_(True), "true"),  # noqa: FBT003 - the flag is the value
    ],
)
def test_the_text_of_a_value_is_stated(value: object, text: str) -> None:
    assert canonical_json(value) == text


def test_the_key_is_what_another_program_computes_from_the_text() -> None:
    """For all releases of lakebt to come: what was recorded must be found again."""
    text = b'{"exit":"+1","gross":1}'

    key = content_key({"gross": 1.0, "exit": "+1"})

    assert key == hashlib.blake2b(text, digest_size=16).hexdigest()
    assert key == "6d86dc7becf34d9d30b2b1c5e648136f"  # as `b2sum -l 128` says


def test_the_key_does_not_depend_on_the_process() -> None:
    value = {"index": "SP500", "where": {"cause": ["merger", "cascade"]}}
    program = (
        f"from lakebt.values.keys import content_key; print(content_key({value!r}))"
    )

    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }

    assert printed == {content_key(value)}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "nan is not a number"),
        ({"costs": [{"bps": float("inf")}]}, r"costs\[0\]\.bps: inf is not a number"),
        ({"a": {1: 2}}, "a: key 1 is not a text"),
        ({"a": {1, 2}}, r"a: \{1, 2\} \(set\) has no canonical JSON"),
        ({"a": b"x"}, r"a: b'x' \(bytes\) has no canonical JSON"),
        (np.array([1.0]), "ndarray"),
        (np.datetime64("2022-09-02"), "datetime64"),
        (dt.datetime(2022, 9, 2), r"not an instant: give it a time zone"),  # noqa: DTZ001
        (pd.NaT, "NaT is not an instant"),
        ("\ud800", "half a character"),
        (dt.timedelta(1), "timedelta"),
    ],
)
def test_what_has_no_one_text_is_refused_with_its_place(
    value: object, said: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=said):
        content_key(value)
