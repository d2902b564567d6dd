"""What a view answers depends on rows known at its instant, and on nothing else.

The truth is another lake, which has the same rows known by then and other later ones.
"""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakebt.errors import LakebtError, UnknownNameError
from lakebt.lake import Lake
from tests.lake.frames import AS_OF, bars, changes, clock, holdings, q1, utc
from tests.nightly import IS_NIGHTLY

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.lake.reading.view import View

pytestmark = pytest.mark.lake

KNOWN = utc("2022-09-06T21:00:00+00:00")
LATER = pd.Timestamp("2022-11-01T21:00:00Z")


def action(**columns: Any) -> pd.DataFrame:
    told = {"symbol": ["AAA"], "kind": "split", "ex_date": "2022-09-06", "ratio": 2.0}
    known_at = pd.Timestamp("2022-09-01T12:00:00Z")
    return pd.DataFrame(told | {"action_id": "one", "known_at": known_at} | columns)


TODAY = {
    "corporate_actions": action(),
    "prices": bars(),
    "index_changes": changes(),
    "etf_holdings": q1(index="SP500"),
}
NAMES = ["AAA", "OLD", "LATE", "NDX", "SP500", "NEVER"]
COMING = "NDX:LATE:addition:2022-10-03"

Future = dict[str, pd.DataFrame]
Call = Callable[["View"], object]


def listed(symbols: tuple[str, ...] = ("LATE", "AAA"), **columns: Any) -> pd.DataFrame:
    return bars(("2022-11-01",), symbols, **columns)


def added(**columns: Any) -> pd.DataFrame:
    dates = {"announced": "2022-10-03", "effective": "2022-10-10"}
    return changes(index="NDX", symbol=["LATE", "AAA"], **dates, **columns)


FUTURES: dict[str, Future] = {
    "a listing": {"prices": listed()},
    "another basis": {"prices": listed(("NDX",), basis="split_adjusted")},
    "a correction": {
        "prices": bars(known_at=LATER, volume=5_000, basis="split_adjusted")
    },
    "a split": {
        "corporate_actions": action(
            action_id="two", ex_date="2022-11-01", known_at=LATER
        )
    },
    "another ratio": {"corporate_actions": action(ratio=3.0, known_at=LATER)},
    "no split": {"corporate_actions": action(retracted=True, known_at=LATER)},
    "a withdrawal": {"prices": bars(known_at=LATER, retracted=True)},
    "another index": {"index_changes": added()},
    "a withdrawn index": {"index_changes": added(known_at=LATER, retracted=True)},
    "another fund": {
        "etf_holdings": holdings(
            {"US0000000009": "LATE"}, "2022-09-30", str(LATER), fund="QQQ", index="NDX"
        )
    },
    "the next report": {
        "etf_holdings": holdings(
            {"US0000000003": "NEW"}, "2022-09-30", str(LATER), index="SP500"
        )
    },
}
SEVERAL: list[tuple[str, ...]] = [
    ("a listing", "a split", "another index", "another fund"),
    ("a correction", "another ratio", "a withdrawn index", "the next report"),
    ("another basis", "no split"),
    ("a withdrawal",),
]
"""Futures that one lake has: no two of them say something else of the same fact."""

KEYS: dict[str, list[object]] = {
    "prices": [("LATE", "2022-11-01"), ("AAA", "2022-11-01"), ("AAA", "2022-09-01")],
    "index_changes": [COMING, "SP500:NEW:addition:2022-09-02", "NDX"],
    "etf_holdings": [
        ("QQQ", "2022-09-30", "US0000000009"),
        ("IVV", "2022-03-31", "US0000000001"),
    ],
}


def ask(name: str, *args: object, **kwargs: object) -> Call:
    """Return a call of a method."""

    def call(view: View) -> object:
        return getattr(view, name)(*args, **kwargs)

    return call


def calls() -> dict[str, list[Call]]:
    """Return calls of everything that a view has, by name."""
    windows: list[dict[str, str]] = [
        {},
        {"start": "2022-09-02"},
        {"start": "2022-10-31", "end": "2022-11-02"},
    ]
    lists = [["AAA"], ["AAA", "LATE"], ["LATE"], ["NDX"], ["OLD"], ["NEVER"], None]
    there: dict[str, list[Call]] = {
        name: [_got(name)]
        for name in ("cutoff", "past_cutoff", "instant", "release", "sessions")
    }
    methods: dict[str, list[Call]] = {
        "read": [
            *(ask("read", table) for table in (*TODAY, "price")),
            *(
                ask("read", table, where={column: name})
                for table, column, name in itertools.product(
                    TODAY, ("symbol", "index", "fund"), (*NAMES, "IVV", "QQQ")
                )
            ),
            *(
                ask("read", table, where={column: (op, "LATE")})
                for table, column, op in itertools.product(
                    ("prices", "index_changes"), ("symbol", "index"), ("!=", ">", "<=")
                )
            ),
            ask("read", "prices", where={"session": (">", "2022-09-02")}),
            ask("read", "index_changes", where={"known_at": {">": "2022-09-02"}}),
        ],
        "symbols": [
            *(ask("symbols", table) for table in (None, *TODAY)),
            *(ask("symbols", index=name) for name in NAMES),
        ],
        "arrow": [ask("arrow", table) for table in TODAY],
        "vintages": [
            ask("vintages", t, key) for t, keys in KEYS.items() for key in keys
        ],
        "changes": [
            *(ask("changes", index=name) for name in NAMES),
            *(ask("changes", index="SP500", where={"symbol": name}) for name in NAMES),
        ],
        "change_vintages": [ask("change_vintages", index=name) for name in NAMES],
        "first_shown": [
            ask("first_shown", index="SP500", symbol=name, side="addition", after=KNOWN)
            for name in ("NEW", "LATE")
        ],
        "panel": [
            *(
                ask("panel", column, symbols=symbols, **window)
                for column, symbols, window in itertools.product(
                    ("close", "volume"), lists, windows
                )
            ),
            *(
                ask("panel", column, symbols=symbols, adjusted=adjusted)
                for column, symbols, adjusted in itertools.product(
                    ("close", "volume"), lists, ("splits", "total_return")
                )
            ),
        ],
        "price_history": [_prices],
        "provenance": [_provenance],
        "as_of": [
            lambda view: view.as_of("2022-09-01T21:00:00Z").read("prices"),
            ask("as_of", "2020-01-01T00:00:00Z"),
            ask("as_of", "2022-12-01T00:00:00Z"),
        ],
        "for_decision": [ask("for_decision", utc("2022-09-02T20:00:00+00:00"))],
        "__repr__": [repr, ask("_repr_html_")],
        "__dir__": [dir],
        "__copy__": [lambda view: copy.copy(view) is view],
    }
    return there | methods


def _got(name: str) -> Call:
    return lambda view: getattr(view, name)


def _prices(view: View) -> object:
    history = view.price_history(["AAA", "LATE", "BBB", "NDX", "NEVER"])
    return {
        name: value.tolist() if hasattr(value, "tolist") else value
        for name, value in vars(history).items()
        if name != "sessions"
    }


def _provenance(view: View) -> object:
    """Which files and bytes a release holds is its owner's to ask, not a strategy's."""
    is_owner = view.cutoff != view.instant
    told_of = view.provenance()
    hidden = {"snapshots", "digests"} if is_owner else set()
    return {name: value for name, value in told_of.items() if name not in hidden}


def told(call: Call, view: View) -> str:
    """Return what a call answers as text, an error with all that it carries."""
    try:
        answer = call(view)
    except LakebtError as error:
        return f"{type(error).__name__}: {error} {vars(error)}"
    if isinstance(answer, pd.DataFrame):
        return f"{answer.to_csv()} {answer.dtypes.to_dict()} {answer.index.name}"
    if isinstance(answer, pa.Table):
        return f"{answer.schema} {answer.to_pylist()}"
    return repr(answer)


def answers(view: View) -> dict[str, list[str]]:
    return {
        name: [told(call, view) for call in several]
        for name, several in calls().items()
    }


def of_lake(path: Path, *futures: Future) -> tuple[View, View]:
    """Return what a person and a strategy see of a lake with a future."""
    tables = {
        table: pd.concat([rows, *(f[table] for f in futures if table in f)])
        for table, rows in TODAY.items()
    }
    lake = Lake.open(path / "lake", clock=clock)
    lake.publish(tables, release="R1", as_of=AS_OF)
    view = lake.at("R1")
    return view.as_of(KNOWN), view.for_decision(KNOWN)


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Return the answers in a lake without a future."""
    person, strategy = of_lake(tmp_path_factory.mktemp("without"))
    return answers(person), answers(strategy)


def check(without: tuple[Any, Any], path: Path, *futures: Future) -> None:
    for expected, view in zip(without, of_lake(path, *futures), strict=True):
        found = answers(view)
        for name, several in expected.items():
            assert found[name] == several, name


def test_every_future_is_one_of_several() -> None:
    assert sorted(itertools.chain(*SEVERAL)) == sorted(FUTURES)


@pytest.mark.slow
@pytest.mark.parametrize(
    "names", [(name,) for name in FUTURES] if IS_NIGHTLY else SEVERAL, ids=", ".join
)
def test_of_two_lakes_that_agree_on_what_is_known_a_view_says_the_same(
    without: tuple[Any, Any], tmp_path: Path, names: tuple[str, ...]
) -> None:
    check(without, tmp_path, *(FUTURES[name] for name in names))


@pytest.mark.slow
@given(data=st.data())
@settings(
    max_examples=3,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_so_it_does_of_any_future(
    without: tuple[Any, Any],
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
) -> None:
    names = st.sampled_from(["LATE", "NDX", "NEVER", "QQQ"])
    symbols = tuple(data.draw(st.lists(names, min_size=1, unique=True)))
    prices = listed(symbols, basis=data.draw(st.sampled_from(["raw", "total_return"])))
    index = data.draw(names)
    later = {
        "prices": prices.assign(retracted=data.draw(st.booleans()), known_at=LATER),
        "index_changes": changes(
            index=index,
            symbol=[data.draw(names), "OLD"],
            announced="2022-10-03",
            effective="2022-10-10",
        ),
    }

    check(without, tmp_path_factory.mktemp("any"), later)


def test_all_that_a_view_has_is_among_the_calls(tmp_path: Path) -> None:
    view, _ = of_lake(tmp_path)

    there = {name for name in object.__dir__(view) if not name.startswith("_")}

    assert there <= calls().keys()


def test_what_is_not_known_is_an_error_to_a_person_and_nothing_to_a_strategy(
    tmp_path: Path,
) -> None:
    listing = FUTURES["a listing"] | FUTURES["another index"]
    person, strategy = of_lake(tmp_path, listing)

    with pytest.raises(UnknownNameError, match="unknown symbol 'LATE'") as failed:
        person.panel("close", symbols=["AAA", "LATE"])
    assert set(failed.value.known) == {"AAA", "BBB", "BOTH", "NEW", "OLD"}
    with pytest.raises(UnknownNameError, match=r"unknown index 'NDX'\. Known: SP500\."):
        person.changes(index="NDX")
    with pytest.raises(UnknownNameError, match="unknown key of index_changes"):
        person.vintages("index_changes", COMING)
    panel = strategy.panel("close", symbols=["AAA", "LATE", "NEVER"], end="2022-09-06")
    assert panel[["LATE", "NEVER"]].isna().all(axis=None)
    assert list(panel["AAA"]) == [10.0, 12.0, 14.0]
    assert strategy.changes(index="NDX") == ()
    assert strategy.vintages("index_changes", COMING).empty
    assert strategy.read("prices", where={"symbol": "LATE"}).empty


def test_a_column_that_is_empty_to_a_strategy_is_still_an_error_to_a_person(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is kept of the one is not given to the other."""
    monkeypatch.setenv("LAKEBT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("lakebt.lake.storage.panel_cache.LEAST_BYTES", 1)
    person, strategy = of_lake(tmp_path)
    names = ["AAA", "NEVER"]

    assert strategy.panel("close", symbols=names)["NEVER"].isna().all()
    with pytest.raises(UnknownNameError, match="unknown symbol 'NEVER'"):
        person.panel("close", symbols=names)
    assert len(person.panel("close", symbols=["AAA"])) == 3
    assert len(list((tmp_path / "cache").rglob("*.panel"))) == 1


@pytest.mark.slow
def test_nothing_of_a_view_can_be_set(without: tuple[Any, Any], tmp_path: Path) -> None:
    views = of_lake(tmp_path, FUTURES["a listing"])
    for before, view in zip(without, views, strict=True):
        for name in {*object.__dir__(view), "anything"}:
            with pytest.raises(AttributeError, match=r"of a view cannot be set"):
                setattr(view, name, view.release)
            with pytest.raises(AttributeError, match=r"of a view cannot be deleted"):
                delattr(view, name)
        assert not hasattr(view, "__dict__")
        assert answers(view) == before


def test_a_notebook_counts_what_is_known(tmp_path: Path) -> None:
    person, _ = of_lake(tmp_path, FUTURES["a listing"])

    assert "prices</td><td style='text-align:right'>6<" in person._repr_html_()
    assert "prices" not in person.as_of("2022-06-01T00:00:00Z")._repr_html_()


@pytest.mark.slow
def test_a_view_that_was_sent_says_the_same(
    without: tuple[Any, Any], tmp_path: Path
) -> None:
    views = of_lake(tmp_path, FUTURES["a listing"])
    for expected, view in zip(without, views, strict=True):
        again = pickle.loads(pickle.dumps(view))  # noqa: S301 - just written

        assert answers(again) == expected
