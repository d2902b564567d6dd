"""Facts that move while somebody trades on them, each told as one small story.

A lake is published twice: as it was, and with a correction. What was due before the
correction could be known is the same order to the last bit; what was due later follows
it, and says so. Every expected number was worked out by hand from the tables here.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import lakebt
from lakebt.sessions import Sessions

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

CLOCK = dt.datetime(2023, 6, 1, tzinfo=dt.UTC)
NYSE = Sessions.of()

ANNOUNCED_AT = "2022-09-03 03:59:59.999999+00:00"
"""When the end of Friday 2 September in New York is, in UTC."""


def rising(symbol: str) -> pd.DataFrame:
    """Bars from Thursday 1 September 2022: closes 40, 41, 42, each open half below.

    =====  ==  ==  ==  ==  ==  ==  ==  ==  ==  ==  ==  ==  ==  ==  ==  ==  ==
    day     1   2   6   7   8   9  12  13  14  15  16  19  20  21  22  23  26
    close  40  41  42  43  44  45  46  47  48  49  50  51  52  53  54  55  56
    =====  ==  ==  ==  ==  ==  ==  ==  ==  ==  ==  ==  ==  ==  ==  ==  ==  ==
    """
    first = NYSE.on_or_after(dt.date(2022, 9, 1))
    close = pd.Series([40.0 + number for number in range(20)])
    return pd.DataFrame(
        {
            "symbol": symbol,
            "session": [NYSE.date(first + number) for number in range(20)],
            "open": close - 0.5,
            "high": close,
            "low": close - 0.5,
            "close": close,
            "basis": "raw",
        }
    )


def change(**facts: Any) -> pd.DataFrame:
    """NEW joins the index: announced on 2 September, effective on the 19th."""
    row = {
        "change_id": "NEW joins",
        "index": "SP500",
        "symbol": "NEW",
        "side": "addition",
        "announced": dt.date(2022, 9, 2),
        "effective": dt.date(2022, 9, 19),
    }
    return pd.DataFrame([{**row, **facts}])


def told(
    path: Path,
    tables: dict[str, pd.DataFrame],
    *corrections: dict[str, pd.DataFrame],
    **study: Any,
) -> list[lakebt.Result]:
    """Return the study of each release: the first tables, then a correction each."""
    lake = lakebt.Lake.open(path / "lake", clock=lambda: CLOCK)
    results = []
    for number, published in enumerate([tables, *corrections], start=1):
        lake.publish(published, release=f"R{number}", as_of=CLOCK)
        view = lake.at(f"R{number}")
        results.append(lakebt.Study(view, index="SP500", **study).run())
    return results


def filled(result: lakebt.Result, **where: str) -> list[tuple[Any, ...]]:
    """Return the orders of a cell: day, at, side, price, shares, when it was known."""
    orders = result.orders()
    for column, value in where.items():
        orders = orders[orders[column] == value]
    return [
        (f"{o.session:%m-%d}", o.at, o.side, o.price, o.size, str(o.known_at))
        for o in orders.itertuples()
    ]


def assert_due_orders_stay(
    before: lakebt.Result, after: lakebt.Result, known_at: str
) -> None:
    """Orders due before a correction are the same to the bit, and there are some."""
    first, second = (
        orders[orders["deadline"] <= pd.Timestamp(known_at)]
        for orders in (before.orders(), after.orders())
    )
    assert len(first) > 0
    pd.testing.assert_frame_equal(
        first.reset_index(drop=True), second.reset_index(drop=True), check_exact=True
    )


# --- a postponed effective date -------------------------------------------------------

POSTPONED_AT = "2022-09-15T12:00:00Z"
RULES: dict[str, Any] = {
    "entries": ["AD+1@open", "ED-1@close"],
    "exits": ["+1", "ED@close"],
    "side": "additions",
}


@pytest.fixture(scope="module")
def postponed(tmp_path_factory: pytest.TempPathFactory) -> list[lakebt.Result]:
    """The 19th becomes the 26th: told on Thursday the 15th, in time for the 16th."""
    later = change(effective=dt.date(2022, 9, 26), known_at=pd.Timestamp(POSTPONED_AT))
    return told(
        tmp_path_factory.mktemp("postponed"),
        {"prices": rising("NEW"), "index_changes": change()},
        {"index_changes": later},
        **RULES,
    )


def test_a_postponement_leaves_what_was_bought_at_the_announcement(
    postponed: list[lakebt.Result],
) -> None:
    # 100,000 USD at the close of Friday the 2nd, 41, are 2,439.02 shares.
    shares = 100_000 / 41
    for result in postponed:
        assert filled(result, entry="AD+1@open", exit="+1") == [
            ("09-06", "open", "buy", 41.5, shares, ANNOUNCED_AT),
            ("09-07", "close", "sell", 43.0, shares, ANNOUNCED_AT),
        ]
    before, after = postponed
    assert_due_orders_stay(before, after, POSTPONED_AT)


def test_a_postponement_moves_the_exit_of_a_position_that_is_held(
    postponed: list[lakebt.Result],
) -> None:
    before, after = postponed
    shares = 100_000 / 41
    bought = ("09-06", "open", "buy", 41.5, shares, ANNOUNCED_AT)

    assert filled(before, entry="AD+1@open", exit="ED@close") == [
        bought,
        ("09-19", "close", "sell", 51.0, shares, ANNOUNCED_AT),
    ]
    assert filled(after, entry="AD+1@open", exit="ED@close") == [
        bought,
        ("09-26", "close", "sell", 56.0, shares, "2022-09-15 12:00:00+00:00"),
    ]
    orders = after.orders()
    cell = orders[(orders["entry"] == "AD+1@open") & (orders["exit"] == "ED@close")]
    assert list(cell["fact"]) == [
        "addition NEW (SP500), announced 2022-09-02, effective 2022-09-19",
        "addition NEW (SP500), announced 2022-09-02, effective 2022-09-26",
    ]


def test_a_postponement_moves_an_entry_that_was_not_yet_due(
    postponed: list[lakebt.Result],
) -> None:
    before, after = postponed
    known = "2022-09-15 12:00:00+00:00"

    assert filled(before, entry="ED-1@close", exit="+1") == [
        # Sized at the close of the 15th, 49: the order is due before its own close.
        ("09-16", "close", "buy", 50.0, 100_000 / 49, ANNOUNCED_AT),
        ("09-19", "close", "sell", 51.0, 100_000 / 49, ANNOUNCED_AT),
    ]
    assert filled(after, entry="ED-1@close", exit="+1") == [
        ("09-23", "close", "buy", 55.0, 100_000 / 54, known),
        ("09-26", "close", "sell", 56.0, 100_000 / 54, known),
    ]
    events = after.events()
    entered = events.loc[events["entry"] == "ED-1@close", "entry_session"]
    assert {f"{day:%m-%d}" for day in entered} == {"09-23"}


@pytest.mark.parametrize(
    ("known_at", "entered"),
    [
        ("2022-09-16T19:49:59.999999Z", "09-23"),
        ("2022-09-16T19:50:00Z", "09-16"),
        ("2022-09-16T19:50:00.000001Z", "09-16"),
    ],
)
def test_the_deadline_itself_decides_to_the_microsecond(
    tmp_path: Path, known_at: str, entered: str
) -> None:
    """The order for the close of the 16th is due at 15:50 in New York."""
    later = change(effective=dt.date(2022, 9, 26), known_at=pd.Timestamp(known_at))
    before, after = told(
        tmp_path,
        {"prices": rising("NEW"), "index_changes": change()},
        {"index_changes": later},
        **RULES,
    )

    (bought, _) = filled(after, entry="ED-1@close", exit="+1")
    assert bought[0] == entered
    assert_due_orders_stay(before, after, known_at)


# --- a corrected announcement ---------------------------------------------------------

CORRECTED_AT = "2022-09-12T12:00:00Z"


def test_a_corrected_announcement_moves_only_what_was_still_to_be_decided(
    tmp_path: Path,
) -> None:
    """Taken down as Tuesday the 6th, it was Friday the 2nd: told on Monday the 12th."""
    wrong = change(announced=dt.date(2022, 9, 6))
    right = change(known_at=pd.Timestamp(CORRECTED_AT))
    before, after = told(
        tmp_path,
        {"prices": rising("NEW"), "index_changes": wrong},
        {"index_changes": right},
        entries=["AD+1@open", "AD+4@close", "AD+8@close"],
        exits=["+1"],
        side="additions",
    )
    as_taken_down = "2022-09-07 03:59:59.999999+00:00"
    as_corrected = "2022-09-12 12:00:00+00:00"

    # Due on the 7th, when everybody thought that it came on the 6th: it stays there.
    bought = ("09-07", "open", "buy", 42.5, 100_000 / 42, as_taken_down)
    for result in (before, after):
        assert filled(result, entry="AD+1@open", side="buy") == [bought]
    assert_due_orders_stay(before, after, CORRECTED_AT)

    # Four sessions on: the 12th as taken down; the 9th as corrected, which is over.
    assert filled(before, entry="AD+4@close", side="buy") == [
        ("09-12", "close", "buy", 46.0, 100_000 / 45, as_taken_down)
    ]
    assert filled(after, entry="AD+4@close") == []
    (refused,) = after.refused().itertuples()
    assert (refused.entry, refused.reason) == ("AD+4@close", "look_ahead")
    assert str(refused.known_at) == as_corrected
    assert str(refused.needed_by) == "2022-09-09 19:50:00+00:00"

    # Eight sessions on: the 16th as taken down, the 15th as corrected.
    assert filled(before, entry="AD+8@close", side="buy") == [
        ("09-16", "close", "buy", 50.0, 100_000 / 49, as_taken_down)
    ]
    assert filled(after, entry="AD+8@close", side="buy") == [
        ("09-15", "close", "buy", 49.0, 100_000 / 48, as_corrected)
    ]
    orders = after.orders()
    assert set(zip(orders["entry"], orders["fact"], strict=True)) == {
        (
            "AD+1@open",
            "addition NEW (SP500), announced 2022-09-06, effective 2022-09-19",
        ),
        (
            "AD+8@close",
            "addition NEW (SP500), announced 2022-09-02, effective 2022-09-19",
        ),
    }


def test_a_change_taken_back_and_told_again_has_a_hole_where_nobody_could_trade(
    tmp_path: Path,
) -> None:
    """Withdrawn on Wednesday the 7th, told again, the same, on Tuesday the 13th."""
    instants = [pd.Timestamp(f"2022-09-{day}T12:00:00Z") for day in ("07", "13")]
    first, withdrawn, again = told(
        tmp_path,
        {"prices": rising("NEW"), "index_changes": change()},
        {"index_changes": change(known_at=instants[0], retracted=True)},
        {"index_changes": change(known_at=instants[1])},
        entries=["AD+1@open", "AD+3@close", "ED-1@close"],
        exits=["+1"],
        side="additions",
    )

    def entered(result: lakebt.Result) -> list[str]:
        return [day for day, *_ in filled(result, side="buy")]

    assert entered(first) == ["09-06", "09-08", "09-16"]
    assert entered(withdrawn) == ["09-06"]
    assert withdrawn.refused().empty  # there was nothing left to refuse
    assert entered(again) == ["09-06", "09-16"]
    (refused,) = again.refused().itertuples()
    assert (refused.entry, refused.reason) == ("AD+3@close", "look_ahead")
    assert filled(again, entry="ED-1@close")[0][-1] == "2022-09-13 12:00:00+00:00"
    for later in (withdrawn, again):
        assert_due_orders_stay(first, later, "2022-09-07T12:00:00Z")


# --- an amended holdings report -------------------------------------------------------

AMENDED_AT = "2022-12-05T15:00:00Z"


def report(date: str, known_at: str, *symbols: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "fund": "IVV",
            "date": dt.date.fromisoformat(date),
            "isin": [f"US{symbol}" for symbol in symbols],
            "symbol": list(symbols),
            "index": "SP500",
            "known_at": pd.Timestamp(known_at),
        }
    )


def flat(symbol: str, price: float) -> pd.DataFrame:
    """Bars of one price on every session of September 2022 to March 2023."""
    first, last = (dt.date(2022, 9, 1), dt.date(2023, 3, 31))
    days = range(NYSE.on_or_after(first), NYSE.on_or_before(last) + 1)
    bars = pd.DataFrame({"symbol": symbol, "session": [NYSE.date(day) for day in days]})
    return bars.assign(open=price, high=price, low=price, close=price, basis="raw")


@pytest.fixture(scope="module")
def filings() -> dict[str, pd.DataFrame]:
    """NEW for OLD, announced on 2 September, and flat prices far beyond it."""
    old = change(change_id="OLD leaves", symbol="OLD", side="deletion")
    prices = {"NEW": 50.0, "OLD": 25.0, "SPY": 400.0}
    return {
        "prices": pd.concat([flat(symbol, price) for symbol, price in prices.items()]),
        "index_changes": pd.concat([change(), old]),
        "etf_holdings": report("2022-06-30", "2022-08-26T20:00:00Z", "OLD", "A", "B"),
    }


def test_an_amended_report_moves_only_the_leg_it_shows_for_the_first_time(
    tmp_path: Path, filings: dict[str, pd.DataFrame]
) -> None:
    """The report of 28 November lacks OLD, but does not show NEW: an oversight.

    Without the amendment NEW is first shown by the report of 27 February; with it, by
    the amendment of 5 December. OLD was sold on 29 November, and nothing moves that.
    """
    reports = [
        filings["etf_holdings"],
        report("2022-09-30", "2022-11-28T20:50:55Z", "A", "B"),
        report("2022-12-31", "2023-02-27T20:00:00Z", "NEW", "A", "B"),
    ]
    before, after = told(
        tmp_path,
        {**filings, "etf_holdings": pd.concat(reports)},
        {"etf_holdings": report("2022-09-30", AMENDED_AT, "NEW", "A", "B")},
        entries=["MD+1@open"],
        exits=["+1"],
        hedge="SPY",
    )

    # Half of 100,000 USD in the leg, half in the hedge.
    sold = ("11-29", "open", "sell", 25.0, 2_000.0, "2022-11-28 20:50:55+00:00")
    for result in (before, after):
        assert filled(result, symbol="OLD", side="sell") == [sold]
    assert_due_orders_stay(before, after, AMENDED_AT)
    assert filled(before, symbol="NEW", side="buy") == [
        ("02-28", "open", "buy", 50.0, 1_000.0, "2023-02-27 20:00:00+00:00")
    ]
    assert filled(after, symbol="NEW", side="buy") == [
        ("12-06", "open", "buy", 50.0, 1_000.0, "2022-12-05 15:00:00+00:00")
    ]


def test_an_amendment_that_takes_back_what_was_shown_moves_nothing(
    tmp_path: Path, filings: dict[str, pd.DataFrame]
) -> None:
    """NEW was shown on 28 November: that it should not have been changes no MD."""
    shown = report("2022-09-30", "2022-11-28T20:50:55Z", "NEW", "A", "B")
    before, after = told(
        tmp_path,
        {**filings, "etf_holdings": pd.concat([filings["etf_holdings"], shown])},
        {"etf_holdings": report("2022-09-30", AMENDED_AT, "A", "B")},
        entries=["MD+1@open"],
        exits=["+1", "MD+10@close"],
        hedge="SPY",
    )

    # Ten sessions after 28 November: 12 December, a week after the amendment.
    assert filled(after, symbol="NEW", exit="MD+10@close") == [
        ("11-29", "open", "buy", 50.0, 1_000.0, "2022-11-28 20:50:55+00:00"),
        ("12-12", "close", "sell", 50.0, 1_000.0, "2022-11-28 20:50:55+00:00"),
    ]
    pd.testing.assert_frame_equal(before.orders(), after.orders(), check_exact=True)
    held = after.view.read("etf_holdings")
    assert "NEW" not in set(held["symbol"])  # though the holdings say so by now
