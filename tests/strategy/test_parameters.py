"""A strategy's parameters are typed as the strategy says, wherever they are set."""

from __future__ import annotations

import datetime as dt
import enum
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import lakebt
from lakebt.cli import app
from lakebt.errors import LakebtError
from lakebt.sources.simulated import simulated_market
from lakebt.strategy.factory import load_strategy
from lakebt.strategy.identity import identity_of
from lakebt.strategy.parameters import as_texts, from_texts

if TYPE_CHECKING:
    from pathlib import Path


class Side(enum.Enum):
    LONG = "long"
    SHORT = "short"


@dataclass(frozen=True, kw_only=True)
class Every:
    """A parameter of each kind."""

    lookback: int = 252
    skip: float = 0.5
    name: str = "7"
    is_long: bool = True
    cap: float | None = None
    side: Side = Side.LONG
    how: Literal["fast", "slow", 3] = "fast"
    symbols: tuple[str, ...] = ("SPY",)
    weights: list[float] | None = None
    since: dt.date = dt.date(2020, 1, 1)
    untold: Any = None

    def target_weights(self, view: Any) -> Any:
        return view.symbols()


SET = {
    "lookback=126": 126,
    "skip=2": 2.0,
    "name=8": "8",
    "is_long=no": False,
    "cap=0.1": 0.1,
    "side=short": Side.SHORT,
    "how=3": 3,
    "symbols=SPY, TLT": ("SPY", "TLT"),
    "weights=1,0.5": [1.0, 0.5],
    "since=2021-02-03": dt.date(2021, 2, 3),
    "untold=4": 4,
}


def test_each_parameter_is_read_as_what_it_holds_and_written_so_again() -> None:
    found = from_texts(Every, SET)

    assert found == {text.partition("=")[0]: value for text, value in SET.items()}
    assert {type(found[name]) for name in ("lookback", "skip")} == {int, float}
    made = Every(**found)
    texts = as_texts(made)
    assert texts is not None
    assert len(texts) == len(SET)
    assert Every(**from_texts(Every, texts)) == made
    assert as_texts(Every()) == []
    assert as_texts(Every(cap=None, untold=object())) is None
    assert as_texts(Every(untold=pd.Series({"SPY": 1.0}))) is None


class Word(enum.StrEnum):
    UP = "up"


@pytest.mark.parametrize(
    ("usual", "other"),
    [(1, True), (0.0, False), ("up", Word.UP), (Word.UP, "up"), ((1, 2), (True, 2))],
)
def test_what_equals_a_default_and_is_something_else_is_set(
    usual: Any, other: Any
) -> None:
    class Mine:
        def __init__(self, held: Any = usual) -> None:
            self.held = held

        def target_weights(self, view: Any) -> Any: ...

    made = Mine(other)
    texts = as_texts(made)

    assert identity_of(made, name="Mine") != identity_of(Mine(), name="Mine")
    if texts is not None:  # there is a command: it makes the same one
        again = Mine(**from_texts(Mine, texts))
        assert identity_of(again, name="Mine") == identity_of(made, name="Mine")


@pytest.mark.parametrize(("usual", "same"), [(5, 5.0), (0.5, 0.5), ("a", "a")])
def test_what_is_the_default_is_not_set(usual: Any, same: Any) -> None:
    class Mine:
        def __init__(self, held: Any = usual) -> None:
            self.held = held

    assert as_texts(Mine(same)) == []


def test_a_number_that_a_default_cannot_be_compared_with_is_none() -> None:
    class Mine:
        def __init__(self, held: Any = np.True_) -> None:
            self.held = held

    assert as_texts(Mine(2**70)) != []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "lookbak=126",
            "unknown parameter of Every 'lookbak'. Did you mean 'lookback'?",
        ),
        ("lookback=1.5", "--set lookback=1.5: lookback of Every holds a whole number"),
        ("is_long=perhaps", "is_long of Every holds true or false"),
        ("side=up", "side of Every holds Side"),
        ("how=medium", "how of Every holds one of fast, slow, 3"),
        ("lookback", "--set 'lookback' is not NAME=VALUE: write it as lookback=126"),
    ],
)
def test_what_cannot_be_set_is_one_line(text: str, said: str) -> None:
    with pytest.raises(LakebtError) as failed:
        from_texts(Every, [text])

    assert said in str(failed.value)


FILE = """
import numpy as np
import pandas as pd

class Held:
    def __init__(self, n=1, gross: float = 1.0):
        self.n, self.gross = n, gross

    def target_weights(self, view):
        names = view.symbols()[: self.n]
        return pd.Series(self.gross / self.n, index=names)

class Seen(Held):
    def __init__(self, view, n: int = 1):
        super().__init__(n)

made = Held()
"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    (folder / "held.py").write_text(FILE, encoding="utf-8")
    market = simulated_market(seed=3, n_events=1, n_members=2, before=12, after=20)
    made = lakebt.Lake.open(folder / "lake")
    made.publish(market.tables, release="R1", as_of=market.as_of)
    return folder


@pytest.mark.slow
@pytest.mark.lake
def test_a_backtest_is_run_recorded_and_printed_with_what_is_set(lake: Path) -> None:
    view = lakebt.Lake.open(lake / "lake").at("R1")
    days = view.panel("close").index
    asked: dict[str, Any] = {"start": str(days[2].date()), "end": str(days[12].date())}
    words = ["--release", "R1", "--lake", str(lake / "lake")]
    words += [word for name, day in asked.items() for word in (f"--{name}", day)]

    def run(command: str, target: str, *more: str) -> Any:
        return CliRunner().invoke(
            app, [command, f"{lake}/held.py:{target}", *words, *more]
        )

    done = run("backtest", "Held", "--set", "n=2", "--json")
    (row,) = json.loads(done.output)

    _, held = load_strategy(f"{lake}/held.py:Held")
    by_hand = lakebt.Backtest(view, type(held)(n=2), **asked).run(record=False)
    assert row["sharpe"] == by_hand.sharpe()
    trials = lakebt.Lake.open(lake / "lake").trials()
    assert json.loads(trials["rule"].iloc[-1])["parameters"] == {"n": 2, "gross": 1.0}
    assert list(trials["trial_id"]) == [by_hand.id]
    by_hand.report(lake / "report.html")
    page = (lake / "report.html").read_text(encoding="utf-8")
    assert "held.py:Held" in page
    assert "--set n=2" in page
    plain = run("backtest", "Held", "--json")
    assert json.loads(plain.output)[0]["sharpe"] != row["sharpe"]
    seen = run("backtest", "Seen", "--set", "n=2", "--json")
    assert json.loads(seen.output)[0]["sharpe"] == row["sharpe"]
    audited = run("audit", "Held", "--set", "n=2", "--decisions", "1", "--json")
    assert json.loads(audited.output)[0]["strategy"] == "Held"
    assert json.loads(audited.output)[0]["verdict"] == "passed"
    near = run("backtest", "Held", "--set", "m=2")
    assert "unknown parameter of Held 'm'" in " ".join(near.output.split())
    wrong = run("backtest", "made", "--set", "n=2")
    assert "made is made already: name its class" in " ".join(wrong.output.split())
