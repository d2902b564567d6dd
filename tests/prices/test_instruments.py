"""Identity by day: hand-made cases, and a slow loop over days."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from lakebt.prices.instruments import PRICES, SYMBOL, Identifier, Instruments, Piece

DAY = dt.timedelta(days=1)
START = dt.date(2014, 1, 1)


def called(
    instrument_id: str,
    identifier: str,
    first: str,
    last: str | None = None,
    *,
    kind: str = SYMBOL,
) -> Identifier:
    return Identifier(
        instrument_id=instrument_id,
        kind=kind,
        identifier=identifier,
        first=dt.date.fromisoformat(first),
        last=dt.date.max if last is None else dt.date.fromisoformat(last),
    )


# Google's class A was GOOG until its class C took the ticker over.
GOOGLE = Instruments(
    (
        called("google-a", "GOOG", "2004-08-19", "2014-04-02"),
        called("google-a", "GOOGL", "2014-04-03"),
        called("google-c", "GOOG", "2014-04-03"),
    )
)


def test_a_ticker_stands_for_who_has_it_that_day() -> None:
    assert GOOGLE.of("GOOG", dt.date(2014, 4, 2)) == "google-a"
    assert GOOGLE.of("GOOG", dt.date(2014, 4, 3)) == "google-c"
    assert GOOGLE.of("GOOGL", dt.date(2014, 4, 2)) is None
    assert GOOGLE.of("AAPL", dt.date(2014, 4, 2)) is None
    assert GOOGLE.is_told("GOOGL")
    assert not GOOGLE.is_told("AAPL")


def test_an_instrument_is_called_what_it_was_called_that_day() -> None:
    assert GOOGLE.name_of("google-a", dt.date(2014, 4, 2)) == "GOOG"
    assert GOOGLE.name_of("google-a", dt.date(2014, 4, 3)) == "GOOGL"
    assert GOOGLE.name_of("google-c", dt.date(2014, 4, 2)) is None


def test_bars_lie_under_the_ticker_of_the_day() -> None:
    first, last = dt.date(2004, 8, 19), dt.date(2014, 4, 2)

    assert GOOGLE.pieces("google-a") == (
        Piece(symbol="GOOG", first=first, last=last),
        Piece(symbol="GOOGL", first=last + DAY, last=dt.date.max),
    )


def test_a_vendors_name_for_some_years_leaves_the_ticker_for_the_others() -> None:
    told = Instruments(
        (
            called("x", "OLD", "2014-01-01", "2014-12-31"),
            called("x", "VENDOR", "2014-03-01", "2014-04-30", kind=PRICES),
        )
    )

    assert [(p.symbol, str(p.first), str(p.last)) for p in told.pieces("x")] == [
        ("OLD", "2014-01-01", "2014-02-28"),
        ("VENDOR", "2014-03-01", "2014-04-30"),
        ("OLD", "2014-05-01", "2014-12-31"),
    ]


def test_weekends_are_of_who_had_it_on_friday() -> None:
    told = Instruments(
        (
            called("x", "OLD", "2014-01-01", "2014-03-28"),
            called("x", "US1", "2014-01-01", "2014-03-28", kind="isin"),
            called("x", "NEW", "2014-03-31"),
            called("x", "US2", "2014-03-31", kind="isin"),
        )
    )
    friday, sunday, monday = (dt.date(2014, 3, day) for day in (28, 30, 31))

    assert told.day_before("OLD", monday) == friday
    assert told.day_before("NEW", monday) == sunday  # nobody had it
    assert told.held("US1", "OLD", sunday) == told.held("?", "OLD", sunday) == "x"
    assert told.held("US1", "OLD", monday) is None
    assert told.held("US2", None, sunday) is None


def apart(cuts: list[int]) -> list[tuple[dt.date, dt.date]]:
    """Return runs of days that do not touch one another."""
    days = sorted({START + cut * DAY for cut in cuts})
    return list(zip(days[::2], days[1::2], strict=False))


RUNS = st.lists(st.integers(0, 60), max_size=8, unique=True).map(apart)


@given(symbols=RUNS, vendors=RUNS)
def test_every_day_lies_where_a_walk_through_the_days_finds_it(
    symbols: list[tuple[dt.date, dt.date]], vendors: list[tuple[dt.date, dt.date]]
) -> None:
    told = Instruments(
        tuple(
            Identifier(
                instrument_id="x", kind=kind, identifier=kind, first=first, last=last
            )
            for kind, runs in ((SYMBOL, symbols), (PRICES, vendors))
            for first, last in runs
        )
    )
    pieces = told.pieces("x")

    for day in (START + n * DAY for n in range(-1, 63)):
        expected = [
            kind
            for kind, runs in ((PRICES, vendors), (SYMBOL, symbols))
            if any(first <= day <= last for first, last in runs)
        ][:1]
        assert [p.symbol for p in pieces if p.first <= day <= p.last] == expected
