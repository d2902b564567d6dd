"""What nobody sees in a name is taken off and told; what means nothing is no name."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

import lakebt
from lakebt.errors import AuditError, AuditWarning
from tests.lake.frames import AS_OF, Q3_KNOWN, bars, changes, clock, holdings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

APPLE, MICROSOFT = "US0378331005", "US5949181045"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Lake:
    return lakebt.Lake.open(tmp_path_factory.mktemp("texts") / "lake", clock=clock)


def audit(lake: lakebt.Lake, **arguments: Any) -> lakebt.AuditReport:
    fail_on = arguments.pop("fail_on", ())
    return lake.audit(arguments, release="R1", as_of=AS_OF, fail_on=fail_on)


@pytest.mark.parametrize("around", [" ", "\u00a0", "\t", "\n", "\u200b", "\ufeff"])
def test_what_is_unseen_around_a_name_is_taken_off_and_counted(
    lake: lakebt.Lake, around: str
) -> None:
    spoilt = changes(symbol=[f"NEW{around}", "OLD"], cause=f"{around}other")

    report = audit(lake, index_changes=spoilt)

    assert report.ok
    (found,) = report.warnings
    assert (found.audit, len(found.rows)) == ("margins", 3)
    assert found.rows["row"].tolist() == [0, 0, 1]
    assert found.rows["symbol"].tolist() == ["NEW", "NEW", "OLD"]
    assert found.rows["was"].tolist()[0] == f"NEW{around}"
    assert ascii(f"NEW{around}") in found.message
    assert not audit(lake, index_changes=spoilt, fail_on=["margins"]).ok


APART, JOINED = "SOCIE\u0301TE\u0301", "SOCI\u00c9T\u00c9"


def test_a_name_with_its_accents_apart_is_the_one_with_them_joined(
    tmp_path: Path,
) -> None:
    lake = lakebt.Lake.open(tmp_path / "lake", clock=clock)
    days = ("2022-09-02", "2022-09-06", "2022-09-07")
    apart, joined = changes(index=APART, symbol=["NEW", APART]), changes(index=JOINED)
    with pytest.warns(AuditWarning, match=r"margins \(3\)"):
        lake.publish(
            {"index_changes": apart, "prices": bars(days, symbols=("NEW", JOINED))},
            release="R1",
            as_of=AS_OF,
        )
    view = lake.at("R1")

    assert view.read("index_changes")["symbol"].tolist() == ["NEW", JOINED]
    assert view.read("index_changes")["index"].unique().tolist() == [JOINED]
    assert view.panel("close").columns.tolist() == ["NEW", JOINED]
    assert audit(lake, index_changes=joined).findings.empty
    with pytest.raises(lakebt.errors.UnknownNameError, match="pass it in Unicode's"):
        view.panel("close", symbols=[APART])


def test_one_name_in_both_spellings_is_one_key(lake: lakebt.Lake) -> None:
    (found,) = audit(lake, prices=bars(symbols=(APART, JOINED))).failures

    assert found.audit == "duplicates"


def test_clean_names_are_not_told_of(lake: lakebt.Lake) -> None:
    assert audit(lake, index_changes=changes(index="S&P 500")).findings.empty


@pytest.mark.parametrize("inside", ["\u00a0", "\t", "\n", "\u200b", "\ufeff", "  "])
def test_what_is_unseen_inside_a_name_is_refused(
    lake: lakebt.Lake, inside: str
) -> None:
    (found,) = audit(lake, prices=bars(symbols=("AAA", f"B{inside}B"))).failures

    assert "column 'symbol', row 1" in found.message
    assert "\n" not in found.message


@pytest.mark.parametrize("nothing", ["-", "N/A", "none", "000000000", "US0000000000"])
def test_a_key_that_stands_for_none_is_refused(lake: lakebt.Lake, nothing: str) -> None:
    report = holdings({APPLE: "AAPL", nothing: "X"}, "2022-09-30", Q3_KNOWN)

    (found,) = audit(lake, etf_holdings=report).failures

    assert f"row 1 has {nothing!r}, which stands for no name" in found.message


def test_a_placeholder_never_joins_two_securities(tmp_path: Path) -> None:
    lake = lakebt.Lake.open(tmp_path / "lake", clock=clock)
    first = holdings({APPLE: "-"}, "2022-06-30", "2022-08-29T20:00:00Z")
    second = holdings({MICROSOFT: "-"}, "2022-09-30", Q3_KNOWN)
    with pytest.warns(AuditWarning, match=r"placeholders \(1\)"):
        lake.publish({"etf_holdings": first}, release="R1", as_of=AS_OF)
    with pytest.warns(AuditWarning, match=r"placeholders \(1\)"):
        lake.publish({"etf_holdings": second}, release="R2", as_of=AS_OF)

    view = lake.at("R2")

    assert view.read("etf_holdings")["symbol"].isna().all()


@pytest.mark.parametrize("cell", ["GOOG, GOOGL", "FOX/FOXA", "A|B"])
def test_several_tickers_in_a_cell_are_refused_with_the_row(
    lake: lakebt.Lake, cell: str
) -> None:
    with warnings.catch_warnings(), pytest.raises(AuditError, match="row 1") as error:
        lake.publish(
            {"index_changes": changes(symbol=["NEW", cell])}, release="R1", as_of=AS_OF
        )

    assert "names several. Give each a row of its own" in str(error.value)


def test_a_study_finds_the_prices_of_a_symbol_with_a_blank(tmp_path: Path) -> None:
    lake = lakebt.Lake.open(tmp_path / "lake", clock=clock)
    days = ("2022-09-02", "2022-09-06", "2022-09-07")
    with pytest.warns(AuditWarning, match="margins"):
        lake.publish(
            {
                "index_changes": changes(symbol=["NEW\u00a0", "OLD "]),
                "prices": bars(days, symbols=("NEW", "OLD")),
            },
            release="R1",
            as_of=AS_OF,
        )

    result = lakebt.Study(
        lake.at("R1"), index="SP500", entries=["AD+1@open"], exits=["+0"]
    ).run()

    assert "1 of 1 event" in result.summary().split("\n", maxsplit=1)[0]
