from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.sources.converted import Converted
from lakebt.sources.formats import FORMATS
from lakebt.sources.source import Option, Source, options_of, typed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Toy(Source):
    name = "toy"
    table = "prices"
    about = "a toy"

    def convert(
        self,
        source: object,
        *,
        table: str = "prices",
        basis: str,
        shift: int = 0,
        scale: float | None = None,
        is_loud: bool = False,
        only: Sequence[str] = (),
        names: Mapping[str, str] | None = None,
        hook: object = None,
    ) -> Converted:
        """Convert.

        Parameters
        ----------
        source
            Not typed.
        basis
            What the prices
            are.
        shift, scale
            Two at once.

        Returns
        -------
        Converted
            Nothing.
        """
        del source, shift, scale, is_loud, only, names, hook, basis
        return Converted(table=table, frame=pd.DataFrame(), n_read=0)


def test_options_are_those_of_the_signature_and_told_by_the_docstring() -> None:
    found = options_of(Toy().convert)

    assert {name: each.kind for name, each in found.items()} == {
        "basis": "text",
        "shift": "whole number",
        "scale": "number",
        "is_loud": "flag",
        "only": "list",
        "names": "map",
    }
    assert [each.name for each in found.values() if each.is_required] == ["basis"]
    assert found["basis"].about == "What the prices are."
    assert found["scale"].about == found["shift"].about == "Two at once."
    assert found["is_loud"].flag == "--is-loud"


def test_what_is_typed_becomes_what_the_method_takes(tmp_path: Path) -> None:
    pairs = tmp_path / "map.csv"
    pairs.write_text('isin,symbol\nUS1,A\nUS2,"B,C"\n')
    options = Toy().options()

    assert typed(
        options,
        {
            "basis": ["raw"],
            "shift": ["2"],
            "scale": ["0.5"],
            "is_loud": [""],
            "only": ["A,B", "C"],
            "names": [str(pairs), "US3=D"],
        },
        where="toy",
    ) == {
        "basis": "raw",
        "shift": 2,
        "scale": 0.5,
        "is_loud": True,
        "only": ["A", "B", "C"],
        "names": {"US1": "A", "US2": "B,C", "US3": "D"},
    }


@pytest.mark.parametrize(
    ("given", "error", "why"),
    [
        ({}, InvalidArgumentError, "toy needs --basis: What the prices are."),
        ({"basic": ["raw"]}, UnknownNameError, "unknown option of toy 'basic'"),
        (
            {"basis": ["raw", "x"]},
            InvalidArgumentError,
            "--basis is given twice, as raw and as x",
        ),
        (
            {"basis": ["raw"], "shift": ["1.5"]},
            InvalidArgumentError,
            "--shift must be a whole number, was '1.5'",
        ),
        (
            {"basis": ["raw"], "names": ["nowhere.csv"]},
            InvalidArgumentError,
            "--names 'nowhere.csv' is neither A=B nor a CSV file of two columns",
        ),
    ],
)
def test_what_is_typed_wrongly_is_one_line(
    given: dict[str, list[str]], error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=re.escape(why)):
        typed(Toy().options(), given, where="toy")


def test_an_option_means_the_same_in_every_format_that_has_it() -> None:
    for of_fetch in (False, True):
        kinds: dict[str, set[bool]] = {}
        for source in FORMATS.values():
            for option in source.options(of_fetch=of_fetch).values():
                kinds.setdefault(option.flag, set()).add(option.kind == "flag")
                assert option.about, f"{source.name} does not tell of {option.name}"
        assert all(len(each) == 1 for each in kinds.values())


def test_every_source_says_what_it_is() -> None:
    for name, source in FORMATS.items():
        assert source.name == name
        assert source.about
        assert "\n" not in source.about
        assert source.reads
        assert source.fetches or source.extra is None
        assert source.table is None or source.fills(source.table)
        assert not source.fills("trials") or source.table is None


def test_an_option_is_a_value() -> None:
    option = Option(name="x", kind="list", is_required=False, about="")

    assert option.value(["a, b", "c"]) == ["a", "b", "c"]
