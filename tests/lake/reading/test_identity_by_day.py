"""Who is who on generated days, beside a dictionary that has an entry for every day.

Tickers and names of vendors pass between companies, ISINs change, rows are told late,
corrected and withdrawn.
"""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from lakebt.facts import Side
from lakebt.instants import EPOCH, TICK
from lakebt.lake.reading.bars import Bars
from lakebt.lake.reading.holdings import Reports
from lakebt.lake.reading.instrument_bars import InstrumentBars
from lakebt.lake.reading.instrument_rows import Vintages
from lakebt.lake.tables.schemas import ETF_HOLDINGS, INSTRUMENTS, PRICES
from lakebt.prices.borrow import BorrowHistory
from lakebt.prices.by_instrument import joined_actions, joined_borrow
from lakebt.prices.instrument_names import NamesOfDay
from lakebt.sessions import Sessions
from tests.prices.made_history import act, actions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

NYSE = Sessions.of("XNYS")
FIRST = NYSE.on_or_after(dt.date(2022, 5, 2))
N = 12
DAYS = [NYSE.date(FIRST + n) for n in range(N)]
COMPANIES = ("c1", "c2", "c3")
NAMES = ("A", "B", "C")
LATE = 2**62


def close(day: int) -> int:
    """Return the instant of a session's close, and the eve's before the first."""
    return int(NYSE.instants("close")[FIRST + day])


Row = dict[str, Any]


@st.composite
def runs(draw: st.DrawFn, kind: str, texts: Sequence[str]) -> list[Row]:
    """Draw which name each company has from when to when; nobody's name is another's.

    Companies have one name of the kind a day.
    """
    taken: set[tuple[str, int]] = set()
    found: list[Row] = []
    for company in COMPANIES:
        cuts = draw(st.lists(st.integers(0, N), max_size=4, unique=True).map(sorted))
        for begin, end in itertools.pairwise(cuts):
            text = draw(st.sampled_from([*texts, ""]))
            days = {(text, day) for day in range(begin, end)}
            if not text or days & taken:
                continue
            taken |= days
            row = {
                "instrument_id": company,
                "kind": kind,
                "identifier": text,
                "valid_from": DAYS[begin],
                "valid_to": None if end == N else DAYS[end - 1],
                "retracted": False,
            }
            found += vintages(draw, row, begin, end)
    return found


def vintages(draw: st.DrawFn, row: Row, begin: int, end: int) -> Iterator[Row]:
    """Give a row: told in time or late, perhaps with another end or withdrawn first."""
    known = draw(st.integers(-1, N - 2))
    how = draw(st.sampled_from(["once", "once", "shorter", "withdrawn", "again"]))
    if how == "shorter" and end - begin > 1:
        until = draw(st.integers(begin, end - 2))
        yield row | {"valid_to": DAYS[until], "known_at": close(known)}
        known = draw(st.integers(known + 1, N - 1))
    elif how != "once":
        yield row | {"known_at": close(known)}
        known = draw(st.integers(known + 1, N - 1))
        if how == "withdrawn":
            row["retracted"] = True
        else:
            yield row | {"known_at": close(known), "retracted": True}
            known = draw(st.integers(known, N - 1)) + 1
    yield row | {"known_at": close(known)}


ROWS = st.tuples(
    runs("symbol", NAMES), runs("prices", (*NAMES, "V1")), runs("isin", ("I1", "I2"))
).map(lambda parts: [row for part in parts for row in part])


class ByDay:
    """The model: what is told at an instant, in dictionaries by day."""

    def __init__(self, rows: Sequence[Row], instant: int) -> None:
        newest: dict[tuple[Any, ...], Row] = {}
        for row in sorted(rows, key=lambda each: each["known_at"]):
            if row["known_at"] <= instant:
                key = ("instrument_id", "identifier", "valid_from", "kind")
                newest[tuple(row[name] for name in key)] = row
        self.whose: dict[tuple[str, str, dt.date], str] = {}
        self.called: dict[tuple[str, str, dt.date], str] = {}
        for row in newest.values():
            if row["retracted"]:
                continue
            for day in DAYS:
                if row["valid_from"] <= day <= (row["valid_to"] or dt.date.max):
                    kind, own = row["kind"], row["instrument_id"]
                    self.whose[kind, row["identifier"], day] = own
                    self.called[kind, own, day] = row["identifier"]

    def at(self, text: str, day: dt.date) -> str | None:
        """Return whom facts of a day are about."""
        ticker = self.whose.get(("symbol", text, day))
        return ticker or self.whose.get(("prices", text, day))

    def owner(self, text: str, day: dt.date) -> str | None:
        """Return whose a bar is; empty if his bars are elsewhere."""
        if own := self.whose.get(("prices", text, day)):
            return own
        own = self.whose.get(("symbol", text, day))
        return "" if own and ("prices", own, day) in self.called else own


def table(rows: Sequence[Row]) -> pa.Table:
    known = [{**row, "known_at": EPOCH + row["known_at"] * TICK} for row in rows]
    return pa.Table.from_pylist(known, schema=INSTRUMENTS.arrow)


def instants(rows: Sequence[Row]) -> list[int]:
    return sorted({row["known_at"] for row in rows}) or [close(0)]


@settings(max_examples=30)
@given(rows=ROWS, place=st.integers(0, 30))
def test_names_mean_on_each_day_whom_the_dictionary_has(
    rows: list[Row], place: int
) -> None:
    every = instants(rows)
    instant = every[place % len(every)]
    told, model = Vintages(table(rows)).at(instant), ByDay(rows, instant)

    assert len(set(told.names.values())) == len(told.names)
    for day in DAYS:
        for text in (*NAMES, "V1"):
            assert told.at(text, day) == model.at(text, day)
            own = told.owner(text, day)
            assert own == told.names.get(model.owner(text, day) or "", own)
            assert (own == "") == (model.owner(text, day) == "")
            assert (own in told.ids) == bool(model.owner(text, day))
        names = NamesOfDay(told=told, day=day)
        assert len(set(names.called.values())) == len(told.names)
        for own, name in names.called.items():
            assert names.meant(name) == own
            ticker = model.called.get(("symbol", told.ids[own], day))
            assert ticker in {None, name}


EVERY_BAR = [(text, day) for text in (*NAMES, "V1", "X") for day in range(N)]
BARS = st.integers(0, 2).map(
    lambda late: [(*bar, number * late % 3) for number, bar in enumerate(EVERY_BAR)]
)
"""A bar of every name and day, some of them known days later."""


def read(bars: Sequence[tuple[str, int, int]]) -> Callable[[tuple[str, ...]], pa.Table]:
    """Return a price table of vintages: its closes say which row they are of."""
    rows = [
        {
            **dict.fromkeys(("open", "high", "low", "close"), float(number)),
            "symbol": text,
            "session": DAYS[day],
            "known_at": EPOCH + (close(day) + late * 86_400_000_000) * TICK,
            "basis": "raw",
            "retracted": False,
            "volume": 1.0,
        }
        for number, (text, day, late) in enumerate(bars)
    ]
    whole = pa.Table.from_pylist(rows, schema=PRICES.arrow)
    for name in ("symbol", "basis"):
        coded = whole.column(name).dictionary_encode()
        whole = whole.set_column(whole.column_names.index(name), name, coded)
    return lambda names: whole.select(list(names))


@settings(max_examples=30)
@given(rows=ROWS, bars=BARS, place=st.integers(0, 30))
def test_bars_are_of_whom_the_dictionary_has_since_it_was_told_throughout(
    rows: list[Row], bars: list[tuple[str, int, int]], place: int
) -> None:
    every = instants(rows)
    instant = every[place % len(every)]
    told = Vintages(table(rows)).at(instant)
    if not told:
        return
    whole = Bars(read(bars), ("close",), NYSE)
    joined = InstrumentBars(whole, told)
    model = ByDay(rows, instant)
    states = [ByDay(rows, at) for at in every if at <= instant]
    expected: dict[tuple[str, int, float], int] = {}
    for number, (text, day, late) in enumerate(bars):
        own = model.owner(text, DAYS[day])
        if own == "":
            continue
        known = close(day) + late * 86_400_000_000
        name = told.unowned(text)
        if own is not None:
            name = told.names[own]
            kind = "prices" if ("prices", text, DAYS[day]) in model.whose else "symbol"
            since = instant
            for at, state in zip(
                reversed(every[: len(states)]), states[::-1], strict=True
            ):
                if state.whose.get((kind, text, DAYS[day])) != own:
                    break
                since = at
            known = max(known, since)
        expected[name, day, float(number)] = known

    names = {code: name for name, code in joined.symbols.items()}
    keys = zip(joined.code.tolist(), joined.session.tolist(), strict=True)
    values = joined.column("close").tolist()
    found = {
        (names[code], session - FIRST, value): known
        for (code, session), value, known in zip(
            keys, values, joined.known_at.tolist(), strict=True
        )
    }
    assert found == expected
    for name in joined.symbols:
        pieces = told.bars_of(name)
        for _, day, value in (key for key in found if key[0] == name):
            text = bars[int(value)][0]
            within = [p for p in pieces if p.first <= DAYS[day] <= p.last]
            assert [p.symbol for p in within if p.symbol == text] == [text]


@settings(max_examples=30)
@given(
    rows=ROWS,
    acts=st.lists(
        st.tuples(
            st.sampled_from(["cash_dividend", "rename", "spin_off"]),
            st.sampled_from([*NAMES, "X"]),
            st.sampled_from([*NAMES, "Y"]),
            st.integers(1, N - 1),
        ),
        min_size=4,
        max_size=12,
        unique=True,
    ),
)
def test_actions_and_rates_are_of_who_had_the_symbol_then(
    rows: list[Row], acts: list[tuple[str, str, str, int]]
) -> None:
    told, model = Vintages(table(rows)).at(LATE), ByDay(rows, LATE)
    made = [
        act(text, kind, FIRST + day, cash=1.0, action_id=str(number))
        | ({} if kind == "cash_dividend" else {"other": other})
        for number, (kind, text, other, day) in enumerate(acts)
    ]

    def called(text: str, day: int) -> str:
        own = model.at(text, DAYS[day])
        return told.unowned(text) if own is None else told.names[own]

    def since(text: str, day: int) -> int:
        kind = "symbol" if ("symbol", text, DAYS[day]) in model.whose else "prices"
        own = model.whose.get((kind, text, DAYS[day]))
        known = -LATE
        for at in reversed(instants(rows) if own is not None else []):
            if ByDay(rows, at).whose.get((kind, text, DAYS[day])) != own:
                break
            known = at
        return known

    expected = {}
    for number, (kind, text, other, day) in enumerate(acts):
        own = called(text, day - 1)
        known = max(close(day - 1), since(text, day - 1))
        theirs = ""
        if kind != "cash_dividend":
            theirs, known = called(other, day), max(known, since(other, day))
        if kind != "rename" or own != theirs:
            expected[str(number)] = (own, theirs, FIRST + day, known)
    joined = joined_actions(actions_of(made), told, NYSE)

    assert {
        each.action_id: (each.symbol, each.other, each.session, each.known_at)
        for each in joined.final
    } == expected
    places = np.arange(len(EVERY_BAR))
    rates = BorrowHistory(
        symbols=(*NAMES, "V1", "X"),
        span=len(NYSE.days),
        symbol=places // N,
        session=FIRST + places % N,
        known_at=np.array([close(day) for _, day in EVERY_BAR]),
        rate=places.astype(np.float64),
        available=np.ones(len(places), dtype=np.int8),
        retracted=np.zeros(len(places), dtype=bool),
    )
    lent = joined_borrow(rates, told, NYSE)
    for symbol, session, rate, known in zip(
        lent.symbol.tolist(),
        lent.session.tolist(),
        lent.rate.tolist(),
        lent.known_at.tolist(),
        strict=True,
    ):
        text, day = EVERY_BAR[int(rate)]
        assert (lent.symbols[symbol], session) == (called(text, day), FIRST + day)
        assert known == max(close(day), since(text, day))
    assert len(lent) == len(rates)


@settings(max_examples=30)
@given(
    rows=runs("symbol", NAMES),
    held=st.lists(
        st.sets(st.sampled_from(COMPANIES), min_size=1), min_size=2, max_size=6
    ),
    isins=st.lists(st.integers(0, N - 1), min_size=3, max_size=3),
)
def test_a_report_shows_what_one_by_company_does(
    rows: list[Row], held: list[set[str]], isins: list[int]
) -> None:
    """Each has another ISIN from some day on, which is told as its tickers are."""
    rows = [row | {"known_at": 0} for row in rows if not row["retracted"]]
    for company, cut in zip(COMPANIES, isins, strict=True):
        for text, first, last in (
            (f"{company}-old", DAYS[0], DAYS[cut]),
            (f"{company}-new", DAYS[cut] + dt.timedelta(days=1), None),
        ):
            rows.append(
                {
                    "instrument_id": company,
                    "kind": "isin",
                    "identifier": text,
                    "valid_from": first,
                    "valid_to": last,
                    "retracted": False,
                    "known_at": 0,
                }
            )
    told, model = Vintages(table(rows)).at(LATE), ByDay(rows, LATE)

    def reports(naming: Callable[[str, dt.date], Mapping[str, str | None]]) -> pa.Table:
        lines = [
            {
                "fund": "F",
                "date": DAYS[number],
                "index": "IX",
                "known_at": EPOCH + close(number) * TICK,
                "retracted": False,
                **naming(company, DAYS[number]),
            }
            for number, members in enumerate(held)
            for company in sorted(members)
        ]
        return pa.Table.from_pylist(lines, schema=ETF_HOLDINGS.arrow)

    own = Reports(
        reports(
            lambda company, day: {
                "isin": model.called["isin", company, day],
                "symbol": model.called.get(("symbol", company, day)) or f"{company}!",
            }
        ),
        lambda _: told,
    )
    plain = Reports(reports(lambda company, _: {"isin": company, "symbol": company}))
    for number, members in enumerate(held[1:], start=1):
        for side, changed, day in (
            (Side.ADDITION, members - held[number - 1], DAYS[number]),
            (Side.DELETION, held[number - 1] - members, DAYS[number - 1]),
        ):
            for company in changed:
                name = model.called.get(("symbol", company, day)) or f"{company}!"
                shown = [
                    each.first_shown(
                        called,
                        side,
                        after=EPOCH + close(number - 1) * TICK,
                        by=EPOCH + close(number) * TICK,
                        since=DAYS[number - 1],
                        index="IX",
                    )
                    for each, called in ((plain, company), (own, name))
                ]
                assert shown[0] == shown[1] is not None
