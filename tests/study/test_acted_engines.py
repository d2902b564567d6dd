"""Shares that split, pay, turn into others and end: both engines, and a slow loop."""

from __future__ import annotations

import dataclasses
import importlib
import math
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.lake.reading.view import View
from lakebt.report.charts.money import waterfall_figure
from lakebt.sessions import session_of
from lakebt.study.acted_legs import count_ended
from lakebt.study.panel_data import why_no_panel
from lakebt.study.report import contents
from tests.prices.made_history import Told, actions_of
from tests.study.test_borrow import adds_up
from tests.study.test_engines_agree import (
    COSTS,
    COUNT,
    ENTRIES,
    EXITS,
    FIRST,
    agree,
    both,
    changes,
    prices,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lakebt.prices.history import PriceHistory

pytestmark = [pytest.mark.lake, pytest.mark.slow]

KINDS = ("split", "cash_dividend", "spin_off", "rename", "merger", "delisting")
SYMBOLS = tuple(sorted({*changes()["symbol"], "SPY"}))
NOWHERE = "NOBARS"


def made(seed: int, rate: float = 0.008) -> list[Told]:
    """Return actions of every kind, several on one day, some into what has no bars."""
    rng = random.Random(seed)  # noqa: S311 - a market, no secret
    told: list[Told] = []
    for symbol in SYMBOLS:
        for number in range(FIRST, FIRST + COUNT):
            kinds = [kind for kind in KINDS if rng.random() < rate]
            endings = [kind for kind in kinds if kind in KINDS[3:]]
            for kind in (k for k in kinds if k not in endings[1:]):
                if symbol == "SPY" and kind in KINDS[3:]:
                    continue
                other = rng.choice([s for s in (*SYMBOLS, NOWHERE) if s != symbol])
                paid = rng.uniform(0.1, 3.0)
                is_paid = kind in {"cash_dividend", "merger"} or (
                    kind == "delisting" and rng.random() < 0.5
                )
                has_ratio = kind in {"split", "spin_off", "merger"}
                told.append(
                    Told(
                        symbol,
                        kind,
                        number,
                        cash=paid if is_paid else math.nan,
                        ratio=rng.choice([2.0, 0.5, 0.25]) if has_ratio else math.nan,
                        other=other if kind in {"spin_off", "rename", "merger"} else "",
                    )
                )
            if endings:
                break
    return told


TOLD = made(1)


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    path: Path = tmp_path_factory.mktemp("acted") / "lake"
    lake = lakebt.Lake.open(path)
    tables = {"index_changes": changes(), "prices": prices(list(SYMBOLS))}
    lake.publish(tables, release="R1", as_of="2022-12-01T00:00:00Z")
    return lake.at("R1")


@pytest.fixture
def act(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[Told]], None]:
    """Give every view some actions, and the bars of all shares that come of them."""
    read = View.price_history

    def having(told: Sequence[Told]) -> None:
        actions = actions_of(told)
        monkeypatch.setattr(
            View,
            "price_history",
            lambda view, _symbols: dataclasses.replace(
                read(view, SYMBOLS), actions=actions
            ),
        )

    return having


@pytest.mark.parametrize(
    "asked",
    [
        {"hedge": "SPY"},
        {"hedge": "SPY", "missing": "drop_leg"},
        {"side": "deletions", "hedge": "SPY", "delisting_return": -0.6},
        {"missing": "drop_leg", "delisting_return": -1.0, "gross": 1.7},
    ],
    ids=["hedge", "dropped", "delisted", "lost"],
)
def test_every_table_is_the_same(
    view: lakebt.View, act: Callable[..., None], asked: dict[str, Any]
) -> None:
    act(TOLD)
    ours, theirs = both(view, costs=COSTS, **asked)

    agree(ours, theirs)
    pd.testing.assert_frame_equal(ours.flows(), theirs.flows(), rtol=1e-9)
    held = ours.flows()
    assert len(held)
    adds_up(ours)
    loop(ours, SYMBOLS)
    portfolios(ours)


def portfolios(result: lakebt.Result) -> None:
    """A cell's portfolio ends with what our own engine has, but for the borrow."""
    columns = ["event_id", "entry", "exit"]
    events = result.events().set_index(columns).sort_index()
    flows = result.flows()
    kinds = flows.assign(is_short=flows["shares_before"] < 0)
    hit = kinds.groupby(["kind", "is_short"])[columns].first()
    for event, entry, exit_ in set(hit.itertuples(index=False, name=None)):
        row = events.loc[[(event, entry, exit_)]].iloc[0]
        portfolio = result.to_vectorbt(event=event, entry=entry, exit=exit_)
        net = row["net_return"] + row["borrow_usd"] / 100_000.0
        value = portfolio.value().to_numpy().reshape(-1)
        assert value[-1] / 100_000.0 - 1.0 == pytest.approx(net, abs=1e-9)
        left = portfolio.assets().to_numpy()[-1]
        np.testing.assert_allclose(left, 0.0, atol=1e-6)


def loop(result: lakebt.Result, symbols: Sequence[str]) -> None:
    """Work out the gross and net return of every cell from bars and TOLD, slowly."""
    history = result.traded.history
    arguments = result.traded.arguments
    events = result.events().set_index(["event_id", "entry", "exit"])
    bars = history.window(list(symbols), FIRST, FIRST + COUNT - 1)
    place = {symbol: number for number, symbol in enumerate(symbols)}
    days = history.sessions.days
    for done in result.traded.lookup.each(only=result.traded.cells.traded):
        assert done.trade is not None
        trade, opposed = done.trade, done.trade.opposed
        sizes: dict[Any, tuple[str, dict[int, float]]] = {}
        earned, fees, borrow = 0.0, 0.0, 0.0
        for number, position in enumerate(trade.positions):
            key = position.symbol if position.symbol in opposed else number
            held = sizes.setdefault(key, (position.symbol, {}))[1]
            entered, left = session_of(trade.entry_row), session_of(position.exit_row)
            for session in range(entered, left):
                held[session] = held.get(session, 0.0) + position.size
            value, cash = after(position.symbol, entered, position.exit_row, arguments)
            got = worth(value, position.exit_row, bars, place)
            earned += position.size * (got + cash - position.entry_price)
        for order in trade.orders():
            fees += abs(order.size) * order.price * arguments.costs.proportional
        for symbol, held in sizes.values():
            for session, size in held.items():
                if size >= 0.0:
                    continue
                close = 2 * session + 1
                value, _ = after(symbol, entered_of(trade), close, arguments)
                marked = worth(value, close, bars, place, last=entered_of(trade))
                passed = int((days[session + 1] - days[session]).astype(int))
                borrow += arguments.costs.borrow_per_day * -size * marked * passed
        cell = (done.cell.event.event_id, done.cell.entry, done.cell.exit)
        row = events.loc[[cell]].iloc[0]
        capital = arguments.capital_usd
        assert row["gross_return"] == pytest.approx(earned / capital, abs=1e-9)
        net = (earned - fees - borrow) / capital
        assert row["net_return"] == pytest.approx(net, abs=1e-9)


def entered_of(trade: Any) -> int:
    return int(session_of(trade.entry_row))


def after(
    symbol: str, entered: int, row: int, arguments: Any
) -> tuple[dict[str, float], float]:
    """Return the shares and the cash of one share, straight from the told actions."""
    held, cash = {symbol: 1.0}, 0.0
    for session in range(entered + 1, session_of(row) + 1):
        new: dict[str, float] = {}
        for own, shares in held.items():
            keeps = shares
            for one in TOLD:
                if (one.symbol, one.session) != (own, session):
                    continue
                if one.kind == "split":
                    keeps *= one.ratio
                if one.kind in {"cash_dividend", "merger", "delisting"}:
                    paid = one.cash
                    if math.isnan(paid):
                        paid = last_close(own, session) * (
                            1.0 + arguments.delisting_return
                        )
                    cash += shares * paid
                if one.other:
                    got = 1.0 if one.kind == "rename" else one.ratio
                    new[one.other] = new.get(one.other, 0.0) + shares * got
            ends = any(
                (one.symbol, one.session) == (own, session) and one.kind in KINDS[3:]
                for one in TOLD
            )
            if not ends:
                new[own] = new.get(own, 0.0) + keeps
        held = new
    return held, cash


HISTORY: list[PriceHistory] = []


def last_close(symbol: str, session: int) -> float:
    (history,) = HISTORY
    closes = history.window([symbol], FIRST, session - 1)[1::2, 0]
    return float(closes[~np.isnan(closes)][-1])


@pytest.fixture(autouse=True)
def _history(view: lakebt.View) -> None:
    HISTORY[:] = [
        dataclasses.replace(view.price_history(SYMBOLS), actions=actions_of(TOLD))
    ]


def worth(
    held: dict[str, float],
    row: int,
    bars: Any,
    place: dict[str, int],
    last: int | None = None,
) -> float:
    """Return what shares are worth in a half session, or at their last close."""
    total = 0.0
    for symbol, shares in held.items():
        if symbol not in place:
            return 0.0
        price = bars[row - 2 * FIRST, place[symbol]]
        if math.isnan(price) and last is not None:
            closes = bars[2 * (last - FIRST) + 1 : row - 2 * FIRST : 2, place[symbol]]
            known = closes[~np.isnan(closes)]
            opens = bars[2 * (last - FIRST) :: 2, place[symbol]]
            ahead = opens[~np.isnan(opens)]
            price = known[-1] if len(known) else ahead[0] if len(ahead) else 0.0
        total += shares * price
    return total


def run(view: lakebt.View, **asked: Any) -> lakebt.Result:
    grid: dict[str, Any] = {"index": "IDX", "entries": ENTRIES, "exits": EXITS}
    return lakebt.Study(view, **{**grid, "hedge": "SPY", **asked}).run(record=False)


FIGURES = ("reason", "gross", "net", "m2", "drawdown", "borrow_usd", "traded_usd")


def same_bits(ours: lakebt.Result, theirs: lakebt.Result) -> None:
    for name in (*FIGURES, "held"):
        np.testing.assert_array_equal(
            getattr(ours.traded.cells, name), getattr(theirs.traded.cells, name)
        )


def test_the_order_of_rows_changes_no_bit(
    view: lakebt.View, act: Callable[..., None]
) -> None:
    act(TOLD)
    ours = run(view)
    act(TOLD[::-1])

    same_bits(ours, run(view))


def test_compiled_code_takes_no_memory_for_a_cell(
    view: lakebt.View, act: Callable[..., None]
) -> None:
    """However many exits there are, with actions in their windows."""
    act(TOLD)
    counted = importlib.import_module("numba.core.runtime._nrt_python")
    counted.memsys_enable_stats()
    taken, cells = [], []
    few, many = ("+5",), ("+5", "+1", "+2", "+3", "+4", "+4@open")
    for exits in (few, few, many):
        before = counted.memsys_get_stats_alloc()
        result = run(view, exits=exits)
        taken.append(counted.memsys_get_stats_alloc() - before)
        cells.append(int(result.traded.cells.traded.sum()))

    assert cells[2] > 5 * cells[1]
    assert taken[1] == taken[2] > 0


def test_what_happens_elsewhere_changes_no_bit(
    view: lakebt.View, act: Callable[..., None]
) -> None:
    """Before the entry's session, at its open, and after the exit, nothing is owed."""
    plain = run(view)
    act(
        [
            Told(symbol, "cash_dividend", number, cash=2.0)
            for symbol in SYMBOLS
            for number in (FIRST, FIRST + COUNT - 1)
        ]
    )

    same_bits(plain, run(view))


def test_prices_and_splits_rescaled_together_give_the_same_returns(
    view: lakebt.View, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Raw bars with splits and dividends, or bars that have the splits in them."""
    read = View.price_history
    told = [
        one._replace(known_at=0)
        for one in TOLD
        if one.kind in {"split", "cash_dividend"} and one.session < FIRST + 70
    ]
    raw = dataclasses.replace(read(view, SYMBOLS), actions=actions_of(told))
    later = np.ones(len(raw.session))
    for one in told:
        if one.kind == "split" and one.symbol in raw:
            own = raw.symbol == raw.symbols.index(one.symbol)
            if (own & (raw.session >= one.session)).any():
                later[own & (raw.session < one.session)] *= one.ratio
    other = dataclasses.replace(
        raw, open=raw.open / later, close=raw.close / later, basis=("split_adjusted",)
    )
    assert (later != 1.0).sum() > 400
    cells, nets = [], []
    few: dict[str, Any] = {"entries": ["AD+1@open"], "exits": ["1w"], "hedge": "SPY"}
    study = lakebt.Study(view, index="IDX", **few, missing="drop_leg")
    for history in (raw, other):
        monkeypatch.setattr(View, "price_history", lambda *_, h=history: h)
        cells.append(run(view, missing="drop_leg").traded.cells)
        nets.append(study.run(engine="vectorbt", record=False).traded.cells.net)

    np.testing.assert_array_equal(cells[0].reason, cells[1].reason)
    assert cells[0].traded.sum() > 50
    for name in ("gross", "net"):
        one, two = (getattr(each, name)[each.traded] for each in cells)
        np.testing.assert_allclose(one, two, rtol=0.0, atol=1e-9)
    np.testing.assert_allclose(nets[0], nets[1], rtol=0.0, atol=1e-9)


def test_a_dividend_that_comes_too_late_changes_no_order(
    view: lakebt.View, act: Callable[..., None]
) -> None:
    plain = run(view, missing="drop_leg")
    act([one for one in TOLD if one.kind == "cash_dividend"])
    paid = run(view, missing="drop_leg")

    pd.testing.assert_frame_equal(plain.orders(), paid.orders())
    assert len(paid.flows())
    assert not np.array_equal(plain.traded.cells.gross, paid.traded.cells.gross)


def test_a_split_counts_in_sizing_once_it_is_known(
    view: lakebt.View, act: Callable[..., None]
) -> None:
    """By hand: known, an entry at its open buys twice as many shares at half the price.

    Known at or after the deadline it changes no order that opens a position.
    """
    plain = run(view, entries=["AD+1@open"], exits=["+1@open"], missing="drop_leg")
    first = plain.orders().groupby("event_id").head(1)
    calendar = plain.traded.clock.sessions
    opens = {
        str(s): calendar.on_or_after(d.date())
        for s, d in zip(first["symbol"], first["session"], strict=True)
    }
    late = {s: int(calendar.instants("open")[n]) for s, n in opens.items()}

    def sizes(known: dict[Any, int] | None) -> set[float]:
        act(
            [
                Told(
                    s,
                    "split",
                    n,
                    ratio=2.0,
                    known_at=None if known is None else known[s],
                )
                for s, n in opens.items()
            ]
        )
        again = run(view, entries=["AD+1@open"], exits=["+1@open"], missing="drop_leg")
        orders = again.orders()
        return set((orders.loc[first.index, "size"] / first["size"]).tolist())

    assert sizes(None) == {2.0}
    assert sizes(late) == {1.0}


def test_a_leg_that_ended_counts_though_its_symbol_ends_again(
    view: lakebt.View, act: Callable[..., None]
) -> None:
    """It is renamed while held, gets its name back when all is over, and is bought."""
    rule: dict[str, Any] = {"entries": ["AD+1@open"], "exits": ["1w"], "hedge": None}
    leg = run(view, **rule, missing="drop_leg").legs().dropna(subset="weight").iloc[0]
    sessions, symbol = view.sessions, str(leg["symbol"])
    (other,) = [s for s in SYMBOLS if s not in {symbol, "SPY"}][:1]
    entered, end = sessions.on_or_after(leg["entry_session"].date()), FIRST + COUNT
    act([Told(symbol, "rename", entered + 1, other=other)])
    once = count_ended(run(view, **rule, missing="drop_leg").traded)
    act(
        [
            Told(symbol, "rename", entered + 1, other=other),
            Told(other, "rename", end - 3, other=symbol),
            Told(symbol, "merger", end - 2, cash=5.0),
        ]
    )

    assert once > 0
    assert count_ended(run(view, **rule, missing="drop_leg").traded) >= once


def test_a_position_and_its_mirror_sum_to_zero(
    view: lakebt.View, act: Callable[..., None]
) -> None:
    act(TOLD)
    asked: dict[str, Any] = {"index": None, "hedge": None, "delisting_return": -0.3}
    rows = changes()
    added = rows[(rows["side"] == "addition") & rows["known_at"].isna()]
    gross = []
    for side in lakebt.Side:
        own = [
            lakebt.IndexChange(
                index="I",
                symbol=row["symbol"],
                side=side,
                announced=row["announced"],
                effective=row["effective"],
            )
            for row in added[added["symbol"] != "SPY"].to_dict("records")
        ]
        made_of = {**asked, "changes": own, "side": f"{side}s", "missing": "drop_leg"}
        gross.append(run(view, **made_of))

    ours, theirs = gross
    traded = ours.traded.cells.traded & theirs.traded.cells.traded
    assert traded.sum() > 20
    total = ours.traded.cells.gross + theirs.traded.cells.gross
    np.testing.assert_allclose(total[traded], 0.0, atol=1e-12)


def test_the_market_has_every_kind_of_action_while_held(
    view: lakebt.View, act: Callable[..., None]
) -> None:
    act(TOLD)
    flows = run(view, missing="drop_leg", delisting_return=-0.6).flows()

    assert set(flows["kind"]) == set(KINDS)
    by_day = flows.groupby(["event_id", "entry", "exit", "session", "symbol"])
    assert by_day["kind"].nunique().max() > 1
    assert set(np.sign(flows["shares_before"])) == {-1.0, 1.0}
    assert run(view).legs()["ending"].notna().any()


def test_the_page_has_no_panel_but_a_step_of_dividends(
    view: lakebt.View, act: Callable[..., None], tmp_path: Path
) -> None:
    """By hand: what flowed, over the capital of each event of the rule."""
    run(view, missing="drop_leg").report(tmp_path / "plain.html")
    paid = [
        Told(symbol, "cash_dividend", number, cash=0.5)
        for symbol in SYMBOLS
        for number in range(FIRST + 10, FIRST + COUNT, 3)
    ]
    act([*paid, *(one for one in TOLD if one.kind == "merger")])
    result = run(view, missing="drop_leg")
    result.report(tmp_path / "acted.html")

    plain, acted = (
        (tmp_path / f"{name}.html").read_text() for name in ("plain", "acted")
    )
    assert "cannot work out anew" in why_no_panel(result.traded)
    assert ["cannot work out anew" in page for page in (plain, acted)] == [False, True]
    told = contents(result.traded)
    entry, exit_ = told.best or ("", "")
    flows = result.flows(entry=entry, exit=exit_)
    got = flows.loc[flows["kind"] == "cash_dividend", "cash_usd"].sum()
    row = result.table().set_index(["entry", "exit"]).loc[[(entry, exit_)]].iloc[0]
    assert told.dividends_bps == pytest.approx(got / row["n_events"] / 10.0)
    (steps,) = waterfall_figure(told).data
    assert list(steps.x)[:2] == ["prices", "dividends"]
    assert steps.y[0] + steps.y[1] == pytest.approx(row["gross_bps"])
    ended = result.legs().dropna(subset="ending")[["event_id", "symbol"]]
    assert f"{len(ended.drop_duplicates())} leg" in told.left_out
    assert "ended while held" in told.left_out
