from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from lakebt.errors import InvalidArgumentError, InvalidDataError, UnknownNameError
from lakebt.sources.formats import FORMATS, read_source

if TYPE_CHECKING:
    from pathlib import Path

PAIRS = """index_name,announced_on,effective_date,added,removed,note
S&P 500,2022-09-02,2022-09-19,CSGP,PVH,x
S&P 500,,2022-09-19,INVH,PENN,y
"""


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    path.write_text(PAIRS)
    return path


def test_the_formats_have_names_and_a_line_each() -> None:
    assert list(FORMATS)[:4] == ["ours", "rebalances", "prices", "nport"]
    assert all("\n" not in found.about for found in FORMATS.values())


def test_without_a_format_the_columns_are_ours(pairs: Path) -> None:
    found = read_source(pairs, table="index_changes")

    assert list(found.frame.columns) == PAIRS.splitlines()[0].split(",")


def test_columns_are_mapped_before_they_are_converted(pairs: Path) -> None:
    found = read_source(
        pairs,
        table="index_changes",
        file_format="rebalances",
        columns={"announced_on": "announcement_date"},
        leave_out=["note"],
    )

    assert found.frame["symbol"].tolist() == ["CSGP", "PVH"]
    assert found.left_out == ("note",)
    assert found.n_read == 2
    assert sum(found.dropped.values()) == 1


def test_an_xml_file_is_an_nport_document(tmp_path: Path) -> None:
    path = tmp_path / "primary_doc.XML"
    path.write_text("<x/>")

    with pytest.raises(InvalidDataError, match="is not an N-PORT document"):
        read_source(path, table="etf_holdings", known_at="2022-11-28T20:50:55Z")


def test_a_price_file_gets_its_basis_from_a_constant(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("date,symbol,open,high,low,close\n2022-09-02,PENN,1,2,0.5,1.5\n")

    found = read_source(
        path, table="prices", file_format="prices", constants={"basis": "raw"}
    )

    assert found.frame.to_dict("records") == [
        {
            "symbol": "PENN",
            "session": "2022-09-02",
            "open": 1.0,
            "high": 2.0,
            "low": 0.5,
            "close": 1.5,
            "basis": "raw",
        }
    ]


def test_unknown_format(pairs: Path) -> None:
    why = "unknown format 'rebalance'. Did you mean 'rebalances'?"
    with pytest.raises(UnknownNameError, match=re.escape(why)):
        read_source(pairs, table="index_changes", file_format="rebalance")


def test_format_for_another_table(pairs: Path) -> None:
    with pytest.raises(
        InvalidArgumentError, match="fills table 'prices', not 'index_ch"
    ):
        read_source(pairs, table="index_changes", file_format="prices")


@pytest.mark.parametrize(
    ("name", "table", "argument", "why"),
    [
        (
            "x.csv",
            "prices",
            {"fund": "SPY"},
            "fund='SPY' means nothing for format 'ours'",
        ),
        (
            "x.xml",
            "etf_holdings",
            {"leave_out": ["a"], "known_at": "2022-11-28T20:50:55Z"},
            "leave_out=['a'] means nothing for format 'nport'",
        ),
    ],
)
def test_argument_for_another_format(
    name: str, table: str, argument: dict[str, object], why: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=re.escape(why)):
        read_source(name, table=table, **argument)  # type: ignore[arg-type]


def test_an_nport_document_needs_its_acceptance_time() -> None:
    with pytest.raises(InvalidArgumentError, match=r"primary_doc.xml: pass known_at"):
        read_source("primary_doc.xml", table="etf_holdings")
