"""A cause that nobody gave is the one that an action near the change tells."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from lakebt.lake import Lake
from lakebt.sessions import Exchange
from lakebt.study import scope
from lakebt.study.study import Study
from tests.lake.frames import AS_OF, clock, utc

if TYPE_CHECKING:
    import pathlib

    from lakebt.study.result import Result

EFFECTIVE = dt.date(2022, 9, 19)
SESSIONS = Exchange("XNYS")()
AT = int(SESSIONS.numbers(pd.DatetimeIndex([EFFECTIVE]).to_numpy().astype("M8[D]"))[0])
LATE = "2022-11-01T12:00:00Z"

CASES: dict[str, tuple[str | None, list[dict[str, Any]], str]] = {
    "GIVEN": ("other", [{"kind": "merger", "cash": 9.0}], "other"),
    "BARE": (None, [], "unknown"),
    "BOUGHT": (None, [{"kind": "merger", "cash": 9.0, "away": 5}], "merger (derived)"),
    "BEFORE": (None, [{"kind": "merger", "cash": 9.0, "away": -5}], "merger (derived)"),
    "FAR": (None, [{"kind": "merger", "cash": 9.0, "away": 6}], "unknown"),
    "FAILED": (None, [{"kind": "delisting", "away": 2}], "failure (derived)"),
    "PARENT": (
        None,
        [
            {"kind": "spin_off", "ratio": 0.5, "other": "CHILD", "away": -1},
            {"kind": "merger", "cash": 9.0, "away": 3},
        ],
        "spin_off (derived)",
    ),
    "CHILD": (None, [], "spin_off (derived)"),
    "SPLITS": (None, [{"kind": "split", "ratio": 2.0}], "unknown"),
    "TOLD_LATE": (
        None,
        [{"kind": "merger", "cash": 9.0, "away": 4, "known_at": LATE}],
        "merger (derived)",
    ),
}
"""By symbol: the cause that is given, what happens to it, and the cause it has then."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """An addition of each symbol of `CASES`."""
    days = [SESSIONS.date(AT + away) for away in range(-15, 25)]
    prices = pd.DataFrame(
        [
            {"symbol": symbol, "session": day, "open": 10.0, "basis": "raw"}
            for symbol in CASES
            for day in days
        ]
    ).assign(high=10.0, low=10.0, close=10.0)
    changes = pd.DataFrame(
        {
            "index": "SP500",
            "symbol": list(CASES),
            "side": "addition",
            "announced": [SESSIONS.date(AT - 8)] * len(CASES),
            "effective": EFFECTIVE,
            "cause": [cause for cause, _, _ in CASES.values()],
        }
    )
    actions = pd.DataFrame(
        [
            {
                "symbol": symbol,
                "ex_date": SESSIONS.date(AT + told.get("away", 0)),
                **{name: value for name, value in told.items() if name != "away"},
            }
            for symbol, (_, happened, _) in CASES.items()
            for told in happened
        ]
    )
    folder: pathlib.Path = tmp_path_factory.mktemp("causes")
    made = Lake.open(folder / "lake", clock=clock)
    tables = {"prices": prices, "index_changes": changes, "corporate_actions": actions}
    made.publish(tables, release="R1", as_of=AS_OF, warn_on=())
    return made


def run(lake: Lake, as_of: str | None = None, **asked: Any) -> Result:
    at = None if as_of is None else utc(as_of)
    view = lake.at("R1", as_of=at)
    study = Study(
        view,
        index="SP500",
        entries=["AD+1@open"],
        exits=["+1"],
        side="additions",
        **asked,
    )
    return study.run(record=False)


def test_each_change_has_the_cause_that_is_given_or_told(lake: Lake) -> None:
    result = run(lake)
    expected = {symbol: cause for symbol, (_, _, cause) in CASES.items()}
    legs = result.legs()

    assert dict(zip(legs["symbol"], legs["cause"], strict=True)) == expected
    causes = sorted(set(expected.values()))
    assert result.causes().to_dict() == dict.fromkeys(causes, 1)  # in one event
    assert result.events()["causes"].tolist() == [", ".join(causes)]
    assert set(result.paths(by="cause", before=2, after=2)["group"]) == set(causes)


def test_what_is_known_later_is_the_cause_of_nothing_yet(lake: Lake) -> None:
    legs = run(lake, as_of="2022-10-20T21:00:00Z").legs().set_index("symbol")["cause"]

    assert legs["TOLD_LATE"] == "unknown"
    assert legs["BOUGHT"] == "merger (derived)"


def test_a_filter_asks_for_what_the_publisher_gave(lake: Lake) -> None:
    given = run(lake, where={"cause": "other"}).legs()
    none = run(lake, where={"cause": None}).legs()

    assert given["symbol"].tolist() == ["GIVEN"]
    assert len(none) == len(CASES) - 1


@pytest.mark.parametrize("entries_are", ["together", "apart"])
def test_each_cause_that_an_entry_knew_counts_whatever_entries_are_run_together(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, entries_are: str
) -> None:
    told = lake.at("R1").read("index_changes")
    given = told[told["symbol"] == "GIVEN"]
    again = given.assign(cause="merger", known_at=utc("2022-09-14T12:00:00Z"))
    lake.publish({"index_changes": again}, release="R2", as_of=AS_OF, warn_on=())
    is_cut = entries_are == "apart"
    if is_cut:
        monkeypatch.setattr(scope, "MOST_CELLS", 1)
        monkeypatch.setattr(scope, "BLOCK", 1)
    asked: dict[str, Any] = {
        "index": "SP500",
        "side": "additions",
        "exits": ["+1"],
        "missing": "drop_leg",
    }

    def causes(*entries: str) -> dict[str, int]:
        study = Study(lake.at("R2"), entries=list(entries), **asked)
        result = study.run(record=False)
        assert result.traded.blocks.is_one is not (is_cut and len(entries) > 1)
        return {str(cause): n for cause, n in result.causes().items()}

    early, late = causes("AD+1@open"), causes("ED-1@close")
    assert ("other" in early, "merger" in early) == (True, False)
    assert ("other" in late, "merger" in late) == (False, True)
    assert causes("AD+1@open", "ED-1@close") == early | late
