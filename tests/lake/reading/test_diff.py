from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.facts import Side
from tests.lake.frames import (
    AS_OF,
    Q1_KNOWN,
    Q3_KNOWN,
    bars,
    changes,
    holdings,
    q1,
    q3,
    utc,
)

if TYPE_CHECKING:
    from lakebt.lake import Diff, Lake

pytestmark = pytest.mark.lake


def compare(lake: Lake, first: pd.DataFrame, second: pd.DataFrame) -> Diff:
    lake.publish({"etf_holdings": first}, release="A", as_of=AS_OF)
    lake.publish({"etf_holdings": second}, release="B", as_of=AS_OF)
    return lake.diff("etf_holdings", "A", "B")


@pytest.mark.slow
def test_added_and_removed_are_rows_of_the_newest_reports(lake: Lake) -> None:
    diff = compare(lake, q1(), q3())

    assert list(diff.added["symbol"]) == ["NEW"]
    assert list(diff.removed["symbol"]) == ["OLD"]
    assert diff.added["known_at"][0] == pd.Timestamp(Q3_KNOWN)
    assert diff.changed.empty
    assert diff.reidentified.empty
    counts = "1 added, 1 removed, 0 changed, 0 reidentified"
    assert repr(diff) == f"Diff('etf_holdings', 'A' to 'B': {counts})"
    assert "1 added" in diff._repr_html_()


def test_another_isin_of_the_same_symbol_is_no_trade(lake: Lake) -> None:
    first = holdings({"US4698141078": "J", "X": "X"}, "2022-03-31", Q1_KNOWN)
    second = holdings({"US46982L1089": "J", "Y": "Y"}, "2022-09-30", Q3_KNOWN)
    diff = compare(lake, first, second)

    assert list(diff.added["isin"]) == ["Y"]
    assert list(diff.removed["isin"]) == ["X"]
    row = diff.reidentified.iloc[0]
    assert (row["fund"], row["symbol"]) == ("IVV", "J")
    assert (row["isin_before"], row["isin_after"]) == ("US4698141078", "US46982L1089")
    assert {change.symbol for change in diff.changes()} == {"X", "Y"}


def test_another_symbol_of_the_same_isin_is_no_trade_either(lake: Lake) -> None:
    first = holdings({"US30303M1027": "FB"}, "2022-03-31", Q1_KNOWN)
    second = holdings({"US30303M1027": "META"}, "2022-09-30", Q3_KNOWN)
    diff = compare(lake, first, second)

    assert len(diff.added) == len(diff.removed) == len(diff.changed) == 0
    row = diff.reidentified.iloc[0]
    assert (row["symbol_before"], row["symbol"]) == ("FB", "META")
    assert diff.changes() == ()


def test_another_isin_and_symbol_of_one_instrument_are_no_trade(lake: Lake) -> None:
    names = pd.DataFrame(
        [
            ("jacobs", "isin", "US4698141078", "2000-01-03", "2022-08-29"),
            ("jacobs", "isin", "US46982L1089", "2022-08-30", None),
            ("jacobs", "symbol", "JEC", "2000-01-03", "2022-08-29"),
            ("jacobs", "symbol", "J", "2022-08-30", None),
        ],
        columns=["instrument_id", "kind", "identifier", "valid_from", "valid_to"],
    )
    tracks = {"index": "SP500"}
    first = holdings(
        {"US4698141078": "JEC", "X": "X"}, "2022-03-31", Q1_KNOWN, **tracks
    )
    second = holdings({"US46982L1089": "J", "Y": "Y"}, "2022-09-30", Q3_KNOWN, **tracks)
    lake.publish({"instruments": names}, release="NAMES", as_of=AS_OF)
    diff = compare(lake, first, second)

    assert list(diff.added["isin"]) == ["Y"]
    assert list(diff.removed["isin"]) == ["X"]
    row = diff.reidentified.iloc[0]
    assert (row["symbol_before"], row["symbol"]) == ("JEC", "J")
    assert {change.symbol for change in diff.changes()} == {"X", "Y"}
    shown = {
        symbol: lake.at("B").first_shown(
            index="SP500", symbol=symbol, side=side, after=utc("2022-06-01T00:00:00")
        )
        for symbol, side in (
            *(("J", Side.ADDITION), ("JEC", Side.DELETION)),
            *(("Y", Side.ADDITION), ("X", Side.DELETION)),
        )
    }
    assert shown["J"] is shown["JEC"] is None
    assert shown["Y"] is not None
    assert shown["X"] is not None


def test_a_ticker_that_passed_on_is_a_trade(lake: Lake) -> None:
    """DELL was taken private in 2013; another DELL was listed in 2018."""
    names = pd.DataFrame(
        [
            ("dell-1988", "isin", "US24702R1014", "2000-01-03", "2022-05-02"),
            ("dell-2018", "isin", "US24703L2025", "2022-05-03", None),
        ],
        columns=["instrument_id", "kind", "identifier", "valid_from", "valid_to"],
    )
    tracks = {"index": "SP500"}
    first = holdings({"US24702R1014": "DELL"}, "2022-03-31", Q1_KNOWN, **tracks)
    second = holdings({"US24703L2025": "DELL"}, "2022-09-30", Q3_KNOWN, **tracks)
    lake.publish({"instruments": names}, release="NAMES", as_of=AS_OF)
    diff = compare(lake, first, second)

    assert diff.reidentified.empty
    assert list(diff.added["isin"]) == ["US24703L2025"]
    assert list(diff.removed["isin"]) == ["US24702R1014"]
    assert [change.side for change in diff.changes()] == ["addition", "deletion"]
    assert {change.known_at for change in diff.changes()} == {
        utc(Q3_KNOWN.replace("Z", "+00:00"))
    }


@pytest.mark.parametrize(
    ("known_at", "is_trade"), [(None, False), ("2022-12-01T15:00:00Z", True)]
)
def test_a_name_that_is_told_late_moves_no_earlier_md(
    lake: Lake, known_at: str | None, *, is_trade: bool
) -> None:
    names = pd.DataFrame(
        [
            ("jacobs", "isin", "US4698141078", "2000-01-03", "2022-08-29"),
            ("jacobs", "isin", "US46982L1089", "2022-08-30", None),
        ],
        columns=["instrument_id", "kind", "identifier", "valid_from", "valid_to"],
    )
    if known_at is not None:
        names["known_at"] = known_at
    reports = [
        holdings({"US4698141078": "JEC"}, "2022-03-31", Q1_KNOWN, index="SP500"),
        holdings({"US46982L1089": "J"}, "2022-09-30", Q3_KNOWN, index="SP500"),
    ]
    tables = {"etf_holdings": pd.concat(reports), "instruments": names}
    lake.publish(tables, release="R1", as_of=AS_OF)

    shown = lake.at("R1").first_shown(
        index="SP500", symbol="J", side="addition", after=utc("2022-06-01T00:00:00")
    )

    # Whoever read the report in November had no word yet that J was JEC.
    assert shown == (utc(Q3_KNOWN.replace("Z", "+00:00")) if is_trade else None)


def test_empty_symbols_are_never_the_same_symbol(lake: Lake) -> None:
    first = holdings({"A": None, "B": "b"}, "2022-03-31", Q1_KNOWN)
    second = holdings({"C": "", "B": "b"}, "2022-09-30", Q3_KNOWN)
    diff = compare(lake, first, second)

    assert list(diff.added["isin"]) == ["C"]
    assert list(diff.removed["isin"]) == ["A"]
    assert diff.reidentified.empty
    assert diff.changes() == ()  # nothing there that can be traded


def test_a_symbol_that_became_known_is_a_change_of_the_row(lake: Lake) -> None:
    first = holdings({"A": None}, "2022-03-31", Q1_KNOWN)
    diff = compare(lake, first, holdings({"A": "a"}, "2022-09-30", Q3_KNOWN))

    assert diff.changed["symbol_after"].to_list() == ["a"]
    assert diff.changed["symbol_before"].isna().all()
    assert diff.reidentified.empty


def test_changed_shows_each_column_before_and_after(lake: Lake) -> None:
    diff = compare(lake, q1(), q3(weight_pct=60.0))

    row = diff.changed.iloc[0]
    assert list(diff.changed)[:2] == ["fund", "isin"]
    assert (row["isin"], row["symbol_after"]) == ("US0000000002", "BOTH")
    assert (row["weight_pct_before"], row["weight_pct_after"]) == (50.0, 60.0)


def test_share_classes_with_one_symbol_are_paired_one_to_one(lake: Lake) -> None:
    first = holdings({"A1": "A", "A2": "A", "B": "b"}, "2022-03-31", Q1_KNOWN)
    second = holdings({"A3": "A", "B": "b"}, "2022-09-30", Q3_KNOWN)
    diff = compare(lake, first, second)

    assert len(diff.reidentified) == 1
    assert len(diff.removed) == 1
    assert diff.added.empty


def test_a_change_is_known_when_the_first_report_that_shows_it_was_accepted(
    lake: Lake,
) -> None:
    held = {"US0000000003": "NEW", "US0000000002": "BOTH"}
    again = holdings(held, "2022-11-30", "2022-12-20T00:30:00Z")
    lake.publish({"etf_holdings": q1()}, release="A", as_of=AS_OF)
    lake.publish({"etf_holdings": q3()}, release="B", as_of=AS_OF)
    lake.publish({"etf_holdings": again}, release="C", as_of=AS_OF)

    new, old = lake.diff("etf_holdings", "A", "C").changes()

    assert (new.index, new.symbol, new.side) == ("IVV", "NEW", Side.ADDITION)
    assert (old.index, old.symbol, old.side) == ("IVV", "OLD", Side.DELETION)
    assert new.known_at == new.recorded == old.known_at == utc(Q3_KNOWN)
    assert new.announced is None
    assert new.isin == "US0000000003"


def test_a_showing_that_was_amended_away_before_does_not_date_the_change(
    lake: Lake,
) -> None:
    one = {"B": "B", "C": "C", "D": "D"}
    both = {"X": "X", **one}
    reports = [
        holdings(one, "2022-03-31", "2022-05-27T00:30:00Z"),
        holdings(both, "2022-06-30", "2022-08-26T00:30:00Z"),
        holdings(one, "2022-06-30", "2022-09-05T00:30:00Z"),  # an error, amended
        holdings(both, "2022-09-30", "2022-11-28T00:30:00Z"),
    ]
    for number, report in enumerate(reports):
        lake.publish({"etf_holdings": report}, release=f"R{number}", as_of=AS_OF)

    (change,) = lake.diff("etf_holdings", "R2", "R3").changes()

    assert change.known_at == utc("2022-11-28T00:30:00Z")


def test_the_index_of_a_change_is_the_one_the_fund_tracks(lake: Lake) -> None:
    diff = compare(lake, q1(index="SP500"), q3(index="SP500"))

    assert {change.index for change in diff.changes()} == {"SP500"}


def test_a_fund_that_one_release_has_no_report_of_shows_no_changes(lake: Lake) -> None:
    diff = compare(lake, q1(), q3(fund="OEF"))

    assert len(diff.added) == 2
    assert diff.changes() == ()


def test_a_diff_the_other_way_round_swaps_added_and_removed(lake: Lake) -> None:
    forth = compare(lake, q1(), q3())
    back = lake.diff("etf_holdings", "B", "A")

    pd.testing.assert_frame_equal(forth.added, back.removed)
    pd.testing.assert_frame_equal(forth.removed, back.added)
    assert {(c.symbol, str(c.side)) for c in back.changes()} == {
        ("OLD", "addition"),
        ("NEW", "deletion"),
    }


def test_a_release_does_not_differ_from_itself(lake: Lake) -> None:
    lake.publish({"etf_holdings": q1(), "prices": bars()}, release="A", as_of=AS_OF)

    for table in ("etf_holdings", "prices", "index_changes"):
        diff = lake.diff(table, "A", "A")
        assert diff.added.empty
        assert diff.removed.empty
        assert diff.changed.empty
        assert diff.changes() == ()


def test_other_tables_are_compared_by_their_key(lake: Lake) -> None:
    later = pd.Timestamp("2022-10-01T00:30Z")
    lake.publish(
        {"prices": bars(), "index_changes": changes()}, release="A", as_of=AS_OF
    )
    corrected = bars(("2022-09-02",), ("AAA",), known_at=later)
    withdrawn = bars(("2022-09-06",), ("BBB",), known_at=later).assign(retracted=True)
    extra = bars(("2022-09-07",), ("CCC",))
    frame = pd.concat([corrected, withdrawn, extra]).assign(
        retracted=lambda f: f["retracted"].eq(True)  # noqa: FBT003
    )
    lake.publish({"prices": frame}, release="B", as_of=AS_OF)

    diff = lake.diff("prices", "A", "B")

    assert list(diff.added["symbol"]) == ["CCC"]
    assert list(diff.removed["symbol"]) == ["BBB"]
    assert diff.changed[
        ["symbol", "close_before", "close_after"]
    ].to_numpy().tolist() == [["AAA", 12.0, 10.0]]
    assert lake.diff("index_changes", "A", "B").changed.empty
