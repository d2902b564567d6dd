"""The digest of rows does not depend on how they lie in memory."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import math
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakebt.instants import EPOCH
from lakebt.lake.tables.digests import digest, digest_of
from tests.lake.frames import utc

FIELDS: list[pa.Field[Any]] = [
    pa.field("name", pa.string(), nullable=False),
    pa.field("day", pa.date32()),
    pa.field("known_at", pa.timestamp("us", "UTC"), nullable=False),
    pa.field("price", pa.float64()),
    pa.field("count", pa.int64()),
    pa.field("flag", pa.bool_()),
    pa.field("note", pa.string()),
]
SCHEMA = pa.schema(FIELDS)
GOLDEN = "0676ca756e765f02a0cfc0282d65c70bdca64df50662d9da595b109c98c0f65c"
LETTERS = ["", "a", "Z", "0", " ", "\x00", "|", "é", "ß", "€", "日", "😀"]
"""Of one byte and of several, and what a digest could take for a border."""

FLOATS = [0.0, 1.5, -1e308, 5e-324, math.inf, -math.inf, math.nan]
"""Beside any other. -0.0 has its own digest."""


DAYS = range(dt.date(1900, 1, 1).toordinal(), dt.date.max.toordinal() + 1)


def drawn(count: int, seed: int) -> list[tuple[Any, ...]]:
    """Return rows. Drawn one value after the other they take longer than the test."""
    draw = random.Random(seed)  # noqa: S311 - of no secret

    def perhaps(value: Any) -> Any:
        return draw.choice([None, value, value])

    def text(size: int) -> str:
        return "".join(draw.choices(LETTERS, k=draw.randint(0, size)))

    return [
        (
            text(5),
            perhaps(dt.date.fromordinal(draw.choice(DAYS))),
            EPOCH + dt.timedelta(microseconds=draw.randint(0, 2**52)),
            perhaps(draw.choice([*FLOATS, draw.gauss(0, 100)])),
            perhaps(draw.randint(-(2**60), 2**60)),
            perhaps(draw.random() < 0.5),
            perhaps(text(3)),
        )
        for _ in range(count)
    ]


ROWS = st.builds(drawn, count=st.integers(0, 40), seed=st.integers(0, 2**32))


def table_of(rows: list[Any]) -> pa.Table:
    """Return rows as a table of one chunk."""
    columns = zip(*rows, strict=True) if rows else [()] * len(SCHEMA)
    arrays = [
        pa.array(list(values), field.type)
        for values, field in zip(columns, SCHEMA, strict=True)
    ]
    return pa.table(arrays, schema=SCHEMA)


def bits(flags: list[bool]) -> bytes:
    """Return flags as bytes, the first one in the highest bit."""
    text = "".join("01"[flag] for flag in flags)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def slowly(rows: pa.Table) -> str:
    """Return the digest, one value after the other."""
    told = str(len(rows)).encode()
    for field in rows.schema:
        told += f"|{field.name}:{field.type}|".encode()
        values = rows.column(field.name).to_pylist()
        told += bits([value is not None for value in values])
        if pa.types.is_string(field.type):
            texts = [(value or "").encode() for value in values]
            told += b"".join(np.int32(len(text)).tobytes() for text in texts)
            told += b"".join(texts)
        elif pa.types.is_boolean(field.type):
            told += bits([bool(value) for value in values])
        elif pa.types.is_date32(field.type):
            days = [0 if v is None else (v - EPOCH.date()).days for v in values]
            told += np.array(days, np.int32).tobytes()
        elif pa.types.is_timestamp(field.type):
            held: Any = values
            steps = [(v - EPOCH) // dt.timedelta(microseconds=1) for v in held]
            told += np.array(steps, np.int64).tobytes()
        else:
            kind = np.int64 if pa.types.is_integer(field.type) else np.float64
            told += np.array([v or 0 for v in values], kind).tobytes()
    return hashlib.sha256(told).hexdigest()


@pytest.mark.slow
@given(
    rows=ROWS,
    cuts=st.lists(st.integers(0, 40), max_size=6),
    before=st.integers(0, 3),
)
def test_rows_have_one_digest_however_they_are_cut(
    rows: list[Any], cuts: list[int], before: int
) -> None:
    whole = table_of(rows)
    expected = slowly(whole)
    ends = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    padded = pa.concat_tables([whole.slice(0, min(before, len(rows))), whole])
    padded = padded.combine_chunks().slice(min(before, len(rows)))
    parts = [
        padded.slice(first, last - first) for first, last in itertools.pairwise(ends)
    ]
    cut = pa.concat_tables([padded.slice(0, 0), *parts])

    assert digest(whole) == expected
    assert digest(padded) == expected
    assert digest(cut) == expected


def test_the_digest_is_what_it_was() -> None:
    """Ledgers hold such digests: they must not change."""
    row = ("AAA", dt.date(2022, 9, 1), utc("2022-09-01T20:00:00Z"), 1.5, 7, True, None)
    other = ("BÉ", None, utc("2022-09-02T20:00:00Z"), None, None, None, "x")

    assert digest(table_of([row, other])) == GOLDEN


def test_a_column_that_is_never_empty_is_asked_for_as_seldom_as_may_be() -> None:
    asked: list[str] = []
    rows = table_of([("A", None, utc("2022-09-01T20:00:00Z"), 1.0, 1, True, "x")])

    def chunks(name: str) -> Any:
        def given() -> Any:
            asked.append(name)
            return rows.column(name).chunks

        return given

    assert digest_of(1, ((f, chunks(f.name)) for f in SCHEMA)) == digest(rows)
    counts = {name: asked.count(name) for name in SCHEMA.names}
    assert counts == {
        "name": 2,
        "day": 2,
        "known_at": 1,
        "price": 2,
        "count": 2,
        "flag": 2,
        "note": 3,
    }


@pytest.mark.parametrize("count", [1, 7, 8, 9, 1_000])
def test_rows_in_another_order_have_another_digest(count: int) -> None:
    rows = pa.table({"x": pa.array(range(count + 1), pa.int64())})

    assert digest(rows) != digest(rows.take(np.arange(count, -1, -1)))
