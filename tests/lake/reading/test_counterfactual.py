"""A lake with its later facts altered: what was known stays, and nothing else does."""

from __future__ import annotations

import contextvars
import copy
import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakebt.errors import LakebtError, UnknownNameError
from lakebt.lake.reading.counterfactual import SHARED_ROWS, Alteration, altered
from lakebt.lake.reading.counterfactual_rows import replaced
from tests.nightly import times
from tests.strategy.audit.market import CUTOFF, SYMBOLS, actions, publish

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lakebt.lake.lake import Lake
    from lakebt.lake.reading.view import View

pytestmark = pytest.mark.lake

FIRST, LAST = (
    dt.datetime(2021, 1, 29, tzinfo=dt.UTC),
    dt.datetime(2021, 7, 14, tzinfo=dt.UTC),
)
INSTANTS = st.integers(0, (LAST - FIRST).days * 24).map(
    lambda hours: FIRST + hours * dt.timedelta(hours=1)
)
TABLES = ("prices", "index_changes", "etf_holdings", "eps", "splits")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return publish(tmp_path_factory.mktemp("altered"))


@pytest.fixture(scope="module")
def view(lake: Lake) -> View:
    return lake.at("R2")


def told(view: View) -> dict[str, Any]:
    """Everything that a view says."""
    return {
        **{table: view.read(table) for table in TABLES},
        **{name: view.panel(name) for name in ("open", "high", "low", "close")},
        "some": tried(
            lambda: view.panel("close", symbols=list(SYMBOLS), start="2021-01-04")
        ),
        "decided": view.for_decision(view.instant).panel("close", symbols=SYMBOLS),
        "changes": tried(lambda: view.changes(index="SP500")),
        "versions": tried(lambda: view.change_vintages(index="SP500")),
        "bar": tried(lambda: view.vintages("prices", ("DDD", "2021-03-05"))),
        "later": tried(lambda: view.vintages("splits", ("DDD", "2021-05-03"))),
        "closes": view.price_history(SYMBOLS).last_closes(SYMBOLS, before=[LAST]),
    }


def tried(call: Callable[[], Any]) -> Any:
    """Return an answer, or the error's text."""
    try:
        return call()
    except LakebtError as error:
        return str(error)


def same(left: Any, right: Any) -> bool:
    if isinstance(left, pd.DataFrame):
        return bool(left.equals(right) and left.columns.equals(right.columns))
    if isinstance(left, np.ndarray):
        return bool(np.array_equal(left, right, equal_nan=True))
    return bool(left == right)


def alterations(after: dt.datetime) -> list[Alteration]:
    return [
        Alteration(after=after),
        Alteration(after=after, seed=0),
        Alteration(after=after, seed=0, is_mirrored=True),
        Alteration(after=after, seed=1),
    ]


@pytest.mark.slow
@given(after=INSTANTS, before=INSTANTS)
@settings(max_examples=times(6, 200), deadline=None)
def test_what_was_known_stays_as_it_is(
    view: View, after: dt.datetime, before: dt.datetime
) -> None:
    earlier = view.as_of(min(after, before))
    expected = told(earlier)

    for alteration in alterations(after):
        with altered(alteration):
            found = told(earlier)
        for what, value in expected.items():
            assert same(found[what], value), what
    assert same(told(earlier)["close"], expected["close"])


@pytest.mark.slow
@given(after=INSTANTS)
@settings(max_examples=times(6, 200), deadline=None)
def test_nothing_known_later_is_left(view: View, after: dt.datetime) -> None:
    with altered(Alteration(after=after)):
        for table in TABLES:
            assert (view.read(table)["known_at"] <= after).all(), table
        assert all(c.known_at <= after for c in view.changes(index="SP500"))
        assert view.cutoff == after
        known = view.as_of(after)
        for what, value in told(known).items():
            assert same(told(view)[what], value), what


def test_every_kind_of_later_fact_is_replaced(view: View) -> None:
    after = dt.datetime(2021, 3, 1, tzinfo=dt.UTC)
    worlds = []
    for alteration in alterations(after)[1:]:
        with altered(alteration):
            worlds.append(told(view))
            assert view.cutoff > after

    for number, world in enumerate([told(view), *worlds[:-1]]):
        for later in worlds[number:]:
            for what in ("prices", "etf_holdings", "eps", "changes", "close"):
                assert not same(world[what], later[what]), what


def test_a_replaced_bar_is_a_bar(view: View) -> None:
    after = dt.datetime(2021, 3, 1, tzinfo=dt.UTC)
    keys = ["symbol", "session"]
    original = view.read("prices").set_index(keys)
    with altered(Alteration(after=after, seed=5)):
        bars = view.read("prices").set_index(keys)
        again = view.read("prices", where={"symbol": "AAA"}).set_index(keys)
        panel = view.panel("close", symbols=["AAA"])["AAA"]

    assert bars.index.equals(original.index)
    assert (bars["high"] >= bars[["open", "close", "low"]].max(axis="columns")).all()
    assert (bars["low"] <= bars[["open", "close", "high"]].min(axis="columns")).all()
    late = original["known_at"] > after
    factor = bars["close"] / original["close"]
    assert (factor[~late] == 1.0).all()
    assert (np.abs(np.log(factor[late])) > 0.04).all()
    # However it is read, it is the same.
    pd.testing.assert_frame_equal(again, bars.loc[["AAA"]])
    assert panel.tolist() == bars.loc[["AAA"], "close"].tolist()


def test_a_mirrored_future_is_the_other_way_round(view: View) -> None:
    after = dt.datetime(2021, 3, 1, tzinfo=dt.UTC)
    original = view.panel("close")
    worlds = []
    for is_mirrored in (False, True):
        with altered(Alteration(after=after, seed=0, is_mirrored=is_mirrored)):
            worlds.append(view.panel("close"))

    np.testing.assert_allclose(worlds[0] * worlds[1], original**2, rtol=1e-9)


def test_every_view_is_altered_whoever_opened_it_and_when(
    lake: Lake, view: View
) -> None:
    after = dt.datetime(2021, 3, 1, tzinfo=dt.UTC)

    with altered(Alteration(after=after)):
        opened = [view, lake.at("R1"), lake.at("R2"), copy.deepcopy(view)]
        opened.append(lake.as_of("2021-07-20T00:00:00Z"))
        newest = [each.panel("close").index[-1] for each in opened]

    assert {str(day.date()) for day in newest} == {"2021-02-26"}
    assert str(view.panel("close").index[-1].date()) == "2021-07-14"
    # One that was opened inside is as the others outside.
    assert str(opened[1].panel("close").index[-1].date()) == "2021-07-14"


def test_names_and_keys_that_are_removed_are_not_there(view: View) -> None:
    after = dt.datetime(2021, 2, 1, tzinfo=dt.UTC)
    with altered(Alteration(after=after)):
        with pytest.raises(UnknownNameError, match="'GGG'"):
            view.panel("close", symbols=["AAA", "GGG"], start="2021-01-04")
        with pytest.raises(UnknownNameError, match="'GGG'"):
            view.read("prices", where={"symbol": "GGG"})
        decided = view.for_decision(after)
        closes = decided.panel("close", symbols=["AAA", "GGG"], start="2021-01-04")
        assert closes["GGG"].isna().all()
        assert decided.vintages("splits", ("DDD", "2021-05-03")).empty
        assert decided.read("prices", where={"symbol": "GGG"}).empty


def test_what_is_read_is_another_snapshot(view: View) -> None:
    plain = view.provenance()
    with altered(Alteration(after=dt.datetime(2021, 2, 1, tzinfo=dt.UTC))):
        found = view.provenance()

    assert found["release"] == plain["release"]
    assert found["digests"]["prices"] != plain["digests"]["prices"]
    assert found["snapshots"]["prices"] != plain["snapshots"]["prices"]
    assert view.provenance() == plain


@pytest.mark.parametrize(
    ("most", "expected"), [(SHARED_ROWS, [7, 8]), (0, [7, 8, 7])], ids=["few", "many"]
)
def test_a_future_of_few_rows_is_made_once_however_often_it_is_asked_for(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, most: int, expected: list[int]
) -> None:
    view = lake.at("R2")
    after = dt.datetime(2021, 2, 3, tzinfo=dt.UTC)
    made: list[int] = []

    def counted(*rows: Any, **asked: Any) -> Any:
        made.append(asked["seed"])
        return replaced(*rows, **asked)

    monkeypatch.setattr("lakebt.lake.reading.counterfactual.replaced", counted)
    monkeypatch.setattr("lakebt.lake.reading.counterfactual.SHARED_ROWS", most)
    closes = []
    for seed in (7, 8, 7):
        with altered(Alteration(after=after, seed=seed)):
            closes.append(view.panel("close"))

    assert made == expected
    pd.testing.assert_frame_equal(closes[0], closes[2], check_exact=True)
    assert not closes[0].equals(closes[1])


def test_releases_of_the_same_bars_and_other_actions_are_altered_apart(
    tmp_path: Path,
) -> None:
    lake = publish(tmp_path, with_adjusted=True)
    halved = actions().assign(ratio=5.0, known_at=pd.Timestamp("2021-07-14T20:00:00Z"))
    lake.publish({"corporate_actions": halved}, release="R3", as_of=CUTOFF)

    with altered(Alteration(after=dt.datetime(2021, 3, 1, tzinfo=dt.UTC))):
        first, second = (lake.at(name).panel("close") for name in ("R2", "R3"))

    np.testing.assert_allclose(first["III"], 2.0 * second["III"], rtol=1e-12)
    assert first["AAA"].equals(second["AAA"])


def test_another_thread_of_execution_sees_what_is(view: View) -> None:
    with altered(Alteration(after=dt.datetime(2021, 2, 1, tzinfo=dt.UTC))):
        other = contextvars.Context().run(lambda: view.panel("close").index[-1])

    assert str(other.date()) == "2021-07-14"
