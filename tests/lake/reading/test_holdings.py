"""Holdings are reports: whole lists, with a status against the one before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import pytest

from lakebt.facts import Side
from tests.lake.frames import AS_OF, Q1_KNOWN, Q3_KNOWN, holdings, q1, q3, utc

if TYPE_CHECKING:
    import datetime as dt

    from lakebt.lake import Lake, View

pytestmark = pytest.mark.lake


def publish(lake: Lake, *reports: pd.DataFrame) -> View:
    for number, report in enumerate(reports):
        lake.publish({"etf_holdings": report}, release=f"R{number}", as_of=AS_OF)
    return lake.at(f"R{len(reports) - 1}")


def status(view: View) -> dict[str, str]:
    frame = view.read("etf_holdings")
    return dict(zip(frame["isin"], frame["status"], strict=True))


def test_status_is_the_table_the_article_builds_by_update_and_merge(lake: Lake) -> None:
    first = holdings({"A": "a", "B": "b", "C": "c", "D": ""}, "2022-03-31", Q1_KNOWN)
    second = holdings({"B": "b", "C": "c", "E": "e"}, "2022-09-30", Q3_KNOWN)
    second["weight_pct"] = [1.0, 2.0, 3.0]
    view = publish(lake, first, second)

    session = duckdb.connect()
    session.register("q1", first)
    session.register("q3", second)
    session.execute("create table t as select *, 'new' as status from q1")
    session.execute("update t set status = 'expired'")
    session.execute(
        """
        merge into t using (select *, 'new' as status from q3) s on t.isin = s.isin
        when matched then update set known_at = s.known_at, date = s.date,
            weight_pct = s.weight_pct, status = 'unchanged'
        when not matched then insert
        """
    )
    columns = ["isin", "date", "known_at", "weight_pct", "status"]
    built = session.table("t").to_arrow_table().to_pandas()
    article = built[columns].sort_values("isin", ignore_index=True)
    ours = view.read("etf_holdings", columns=columns)

    pd.testing.assert_frame_equal(
        ours.sort_values("isin", ignore_index=True),
        article.astype(ours.dtypes.to_dict()),
    )
    assert set(status(lake.at("R0")).values()) == {"new"}


def test_expired_rows_are_those_of_the_report_before(lake: Lake) -> None:
    view = publish(lake, q1(), q3())

    row = view.read("etf_holdings", where={"status": "expired"}).iloc[0]

    assert row["symbol"] == "OLD"
    assert row["date"] == pd.Timestamp("2022-03-31")
    assert row["known_at"] == pd.Timestamp(Q1_KNOWN)


def test_a_report_is_not_known_before_it_was_accepted(lake: Lake) -> None:
    view = publish(lake, q1(), q3())

    before = view.as_of("2022-11-28T20:50:54.999999Z")

    assert set(before.read("etf_holdings")["symbol"]) == {"OLD", "BOTH"}
    assert status(view.as_of(Q3_KNOWN))["US0000000003"] == "new"


def test_each_fund_has_its_own_newest_report(lake: Lake) -> None:
    view = publish(lake, q1(), q3(), q1(fund="OEF"))

    frame = view.read("etf_holdings", where={"fund": "OEF"})

    assert set(frame["status"]) == {"new"}
    assert set(frame["date"]) == {pd.Timestamp("2022-03-31")}


def test_a_late_report_takes_its_place_by_date(lake: Lake) -> None:
    late = holdings({"US0000000001": "OLD"}, "2022-06-30", "2022-12-15T00:30:00Z")
    view = publish(lake, q1(), q3(), late)

    assert status(view.as_of(Q3_KNOWN)) == {
        "US0000000001": "expired",
        "US0000000002": "unchanged",
        "US0000000003": "new",
    }
    assert status(view) == {
        "US0000000001": "expired",
        "US0000000002": "new",  # the late report, now its predecessor, lacks it
        "US0000000003": "new",
    }


def test_an_amended_report_replaces_the_whole_list(lake: Lake) -> None:
    held = {"US0000000002": "BOTH", "US0000000004": "OTHER"}
    amended = holdings(held, "2022-09-30", "2022-12-15T00:30:00Z")
    view = publish(lake, q1(), q3(), amended)

    assert status(view) == {
        "US0000000001": "expired",
        "US0000000002": "unchanged",
        "US0000000004": "new",
    }
    assert "US0000000003" in status(view.as_of("2022-12-14T00:00:00Z"))


def test_a_few_rows_correct_a_long_list_and_do_not_replace_it(lake: Lake) -> None:
    held: dict[str, str | None] = {f"I{n}": f"S{n}" for n in range(5)}
    report = holdings(held, "2022-03-31", Q1_KNOWN)
    fixed = holdings({"I3": "S3"}, "2022-03-31", Q3_KNOWN).assign(weight_pct=7.0)
    view = publish(lake, report, fixed)

    frame = view.read("etf_holdings").set_index("isin")

    assert len(frame) == 5
    assert frame.loc["I3", "weight_pct"] == 7.0
    assert view.as_of(Q1_KNOWN).read("etf_holdings")["weight_pct"].eq(50.0).all()


def test_retracted_rows_are_withdrawn_from_their_report(lake: Lake) -> None:
    gone = (
        q3()
        .iloc[[0]]
        .assign(retracted=True, known_at=pd.Timestamp("2022-12-15T00:30Z"))
    )
    view = publish(lake, q1(), q3(), gone)

    assert status(view) == {"US0000000001": "expired", "US0000000002": "unchanged"}
    assert "US0000000003" in status(view.as_of("2022-12-14T00:00:00Z"))


def test_a_report_withdrawn_altogether_leaves_the_one_before(lake: Lake) -> None:
    gone = q3(retracted=True, known_at=pd.Timestamp("2022-12-15T00:30Z"))
    view = publish(lake, q1(), q3(), gone)

    assert status(view) == {"US0000000001": "new", "US0000000002": "new"}


def test_first_shown_is_the_acceptance_of_the_first_report_that_differs(
    lake: Lake,
) -> None:
    view = publish(lake, q1(index="SP500"), q3(index="SP500"))
    announced = utc("2022-09-03T03:59:59.999999Z")

    def shown(symbol: str, side: str, after: dt.datetime = announced) -> object:
        return view.first_shown(index="SP500", symbol=symbol, side=side, after=after)

    assert shown("NEW", "addition") == utc(Q3_KNOWN)
    assert shown("OLD", Side.DELETION) == utc(Q3_KNOWN)
    assert shown("NEW", "deletion") is None
    assert shown("BOTH", "addition") is None
    assert shown("OLD", "addition") is None  # a fund's first report shows nothing new
    assert shown("NEW", "addition", utc(Q3_KNOWN)) is None
    assert (
        shown("NEW", "addition", utc("2022-10-01T12:00:00Z")) is None
    )  # too old a date
    early = view.as_of("2022-11-28T20:50:54Z")
    assert (
        early.first_shown(index="SP500", symbol="NEW", side="addition", after=announced)
        is None
    )


def test_a_funds_first_report_shows_nothing_new(lake: Lake) -> None:
    view = publish(lake, q3(index="SP500"))
    announced = utc("2022-09-03T03:59:59.999999Z")

    shown = view.first_shown(
        index="SP500", symbol="NEW", side="addition", after=announced
    )

    assert shown is None


def test_first_shown_asks_only_funds_that_track_the_index(lake: Lake) -> None:
    view = publish(
        lake, q1(), q3(), q1(fund="QQQ", index="NDX"), q3(fund="QQQ", index="NDX")
    )
    announced = utc("2022-09-03T03:59:59.999999Z")

    assert view.first_shown(index="NDX", symbol="NEW", side="addition", after=announced)
    for index in ("SP500", "IVV"):
        assert (
            view.first_shown(
                index=index, symbol="NEW", side="addition", after=announced
            )
            is None
        )


def test_what_was_first_shown_is_never_overwritten_by_a_late_report(lake: Lake) -> None:
    held = {"US0000000003": "NEW", "US0000000002": "BOTH"}
    late = holdings(held, "2022-06-30", "2022-12-15T00:30:00Z", index="SP500")
    view = publish(lake, q1(index="SP500"), q3(index="SP500"), late)
    announced = utc("2022-06-03T03:59:59.999999Z")

    shown = view.first_shown(
        index="SP500", symbol="NEW", side="addition", after=announced
    )

    assert shown == utc(Q3_KNOWN)


def test_a_late_predecessor_lets_the_report_after_it_show_a_change(lake: Lake) -> None:
    """The newer report came first, and alone it showed nothing new."""
    late = "2022-12-15T00:30:00Z"
    old = {"US0000000001": "OLD", "US0000000002": "BOTH"}
    view = publish(
        lake,
        q3(index="SP500"),
        holdings(old, "2022-06-30", late, index="SP500"),
    )
    announced = utc("2022-09-03T03:59:59.999999Z")

    def shown(view: View, symbol: str, side: str) -> object:
        return view.first_shown(
            index="SP500", symbol=symbol, side=side, after=announced
        )

    assert shown(view.as_of("2022-12-14T00:00:00Z"), "NEW", "addition") is None
    assert shown(view, "NEW", "addition") == utc(late)
    assert shown(view, "OLD", "deletion") == utc(late)
    assert shown(view, "BOTH", "addition") is None
