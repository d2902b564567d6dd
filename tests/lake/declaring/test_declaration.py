"""What can be declared, and what cannot be declared again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lakebt.errors import InvalidArgumentError, TableExistsError, UnknownNameError
from lakebt.lake.declaring.declaration import checked
from tests.lake.earnings import (
    COLUMNS,
    DECLARED,
    catalog_of,
    declare,
    table_of,
)

if TYPE_CHECKING:
    from lakebt.lake import Lake

pytestmark = pytest.mark.lake


BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "no letter first": ("1st", {}, "table name '1st' cannot be used"),
    "another alphabet": ("größe", {}, "table name 'größe' cannot be used"),
    "a statement": ("a;drop table b", {}, "'a;drop table b' cannot be used"),
    "a path": ("../prices", {}, r"'\.\./prices' cannot be used"),
    "a line's end": ("earnings\n", {}, r"'earnings\\n' cannot be used"),
    "too long": ("a" * 64, {}, "at most 62 letters, digits or _"),
    "no text": (3, {}, "table name 3 cannot be used"),  # type: ignore[dict-item]
    "built in": ("prices", {}, "table name 'prices' is reserved: lakebt uses it"),
    "built in, in capitals": ("PRICES", {}, "'PRICES' is reserved"),
    "the ledger": ("releases", {}, "'releases' is reserved"),
    "the trials": ("trials", {}, "'trials' is reserved"),
    "no columns": ("x", {"columns": {}}, "columns must map names to kinds"),
    "a list of columns": ("x", {"columns": ["a"]}, "columns must map names to kinds"),
    "another kind": (
        "x",
        {"columns": {**COLUMNS, "eps_usd": "float"}},
        "column 'eps_usd' cannot hold 'float': say text, number, date, instant, flag",
    ),
    "no kind": ("x", {"columns": {**COLUMNS, "n": None}}, "'n' cannot hold None"),
    "twice a question": ("x", {"columns": {**COLUMNS, "n": "text??"}}, "'text\\?\\?'"),
    "a column's name": (
        "x",
        {"columns": {**COLUMNS, "a b": "text"}},
        "column name 'a b' cannot be used",
    ),
    "known_at is added": (
        "x",
        {"columns": {**COLUMNS, "known_at": "instant"}},
        "column name 'known_at' is reserved: every table has it",
    ),
    "retracted is added": (
        "x",
        {"columns": {**COLUMNS, "Retracted": "flag"}},
        "column name 'Retracted' is reserved",
    ),
    "told of a vintage": (
        "x",
        {"columns": {**COLUMNS, "in_force": "flag"}},
        "column name 'in_force' is reserved: lakebt uses it",
    ),
    "alike but for case": (
        "x",
        {"columns": {**COLUMNS, "EPS_USD": "number"}},
        "columns 'eps_usd' and 'EPS_USD' cannot be told apart",
    ),
    "alike in a diff": (
        "x",
        {"columns": {**COLUMNS, "eps_usd_before": "number"}},
        "columns 'eps_usd' and 'eps_usd_before' cannot be told apart",
    ),
    "no key": ("x", {"key": []}, "key must be a list of columns, was \\[\\]"),
    "a bare key": ("x", {"key": "symbol"}, "key must be a list of columns"),
    "a key twice": ("x", {"key": ["symbol", "symbol"]}, "'symbol' is there twice"),
    "a key of numbers": (
        "x",
        {"key": ["eps_usd"]},
        r"'eps_usd' cannot be number\?: a key is of text, date, instant, and never",
    ),
    "a key that may be empty": (
        "x",
        {"columns": {**COLUMNS, "period": "text?"}},
        r"key column 'period' cannot be text\?",
    ),
    "known_at of a text": (
        "x",
        {"known_at": "period"},
        "known_at cannot be derived from 'period', which is text",
    ),
    "another order": (
        "x",
        {"order": ["symbol"]},
        r"order must be the key in some order, \(symbol, period\), was \['symbol'\]",
    ),
    "an order of numbers": ("x", {"order": [1, 2]}, r"was \[1, 2\]"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_declaration_that_cannot_be_used_says_why(case: str) -> None:
    name, changed, message = BAD[case]

    with pytest.raises(InvalidArgumentError, match=message):
        checked(name, **{"order": None, **DECLARED, **changed})


def test_a_declaration_that_cannot_be_used_makes_nothing(lake: Lake) -> None:
    with pytest.raises(InvalidArgumentError, match="'1st' cannot be used"):
        lake.declare("1st", **DECLARED)

    assert len(catalog_of(lake).list_tables("quant")) == 4


@pytest.mark.parametrize("argument", ["key", "known_at"])
def test_a_column_that_is_not_there_is_named(lake: Lake, argument: str) -> None:
    wrong = "symbl"

    with pytest.raises(UnknownNameError, match=r"'symbl'. Did you mean 'symbol'"):
        declare(lake, **{argument: [wrong] if argument == "key" else wrong})


def without(name: str) -> dict[str, str]:
    return {column: kind for column, kind in COLUMNS.items() if column != name}


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "another key": (
        {"key": ["symbol"]},
        r"its key is \(symbol, period\), not \(symbol\)",
    ),
    "the key turned round": (
        {"key": ["period", "symbol"]},
        r"its key is \(symbol, period\), not \(period, symbol\)",
    ),
    "another kind": (
        {"columns": {**COLUMNS, "eps_usd": "text?"}},
        r"its column eps_usd is number\?, not text\?",
    ),
    "no longer empty": (
        {"columns": {**COLUMNS, "eps_usd": "number"}},
        r"its column eps_usd is number\?, not number",
    ),
    "a required column more": (
        {"columns": {**COLUMNS, "hour": "text"}},
        r"it has no column hour, .* declare it text\?",
    ),
    "a required column less": (
        {"columns": without("reports")},
        "its column reports is required, and is not mentioned",
    ),
    "but for case": (
        {"columns": {**without("eps_usd"), "EPS_usd": "number?"}},
        "its column eps_usd differs from EPS_usd in case only",
    ),
    "known_at of nothing": (
        {"known_at": None},
        "its known_at is derived from announced, not from no column",
    ),
    "known_at of another": (
        {"known_at": "reports"},
        "its known_at is derived from announced, not from reports",
    ),
    "another order": (
        {"order": ["period", "symbol"]},
        r"its order is \(symbol, period\), not \(period, symbol\)",
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_declared_otherwise_is_refused_and_told_what_is_there(
    published: Lake, case: str
) -> None:
    changed, message = OTHERS[case]
    before = table_of(published).metadata_location

    with pytest.raises(
        TableExistsError, match=f"'earnings' exists already, and {message}"
    ):
        declare(published, **changed)

    assert table_of(published).metadata_location == before


def test_a_name_is_unique_whatever_its_case(published: Lake) -> None:
    with pytest.raises(
        TableExistsError, match="'earnings' exists already, and 'Earnings' differs"
    ):
        published.declare("Earnings", **DECLARED)
