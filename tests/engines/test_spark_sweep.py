"""Sweeps on Spark: the trials that are found here are found there, to the last bit."""

from __future__ import annotations

import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import lakebt
from lakebt.errors import InvalidArgumentError, LakeError, LookAheadError
from lakebt.lake.api.trials import trials_of
from lakebt.lake.reading import release_tables
from lakebt.lake.spark import shared_reads
from lakebt.sweep.recorder import Recorder
from lakebt.sweep.spark import bundle as bundling
from lakebt.sweep.spark import driver as spark
from lakebt.sweep.spark import pieces as cutting
from lakebt.sweep.spark.messages import FILE
from lakebt.sweep.spark.tasks import Script
from lakebt.sweep.sweep import Sweep
from tests.engines.engine import ON_SPARK
from tests.lake.original import Original
from tests.study import many_events
from tests.sweep.moved import EVERYTHING, fill, grid, in_order, same

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = ON_SPARK

SOME: dict[str, Any] = {"aggregate": ["pooled", "calendar"], "gross": [0.3, 1.7]}


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[Original]:
    """The same lake twice."""
    return [Original(tmp_path_factory.mktemp(name), fill) for name in ("one", "two")]


@pytest.fixture
def here(originals: list[Original]) -> lakebt.Lake:
    return lakebt.Lake.open(originals[0].restored(), create=False)


@pytest.fixture
def there(originals: list[Original], shared_spark: SparkSession) -> lakebt.Lake:
    """The same lake again: its sweeps run on Spark, the one of this process."""
    assert shared_spark.sparkContext.defaultParallelism == 2
    return lakebt.Lake.open(originals[1].restored(), create=False)


@pytest.fixture(scope="module")
def six_files(
    tmp_path_factory: pytest.TempPathFactory, shared_spark: SparkSession
) -> lakebt.Lake:
    """A lake whose prices lie in files of a hundred sessions each."""
    del shared_spark  # there is one
    return many_events.fill(tmp_path_factory.mktemp("six") / "lake", n_files=6)


def trials(lake: lakebt.Lake) -> pd.DataFrame:
    rows = lake.trials()
    assert rows["trial_id"].is_unique
    return in_order([rows])


LEVELS = ("gross", "capital_usd", "aggregate")
"""What is asked of cells that have been traded, whoever trades them."""


def noted(told: list[tuple[int, int]], done: int, total: int) -> None:
    told.append((done, total))


def test_a_sweep_on_spark_finds_what_a_local_one_does_to_the_bit(
    here: lakebt.Lake, there: lakebt.Lake
) -> None:
    # All of it at once is 2,304 cells: tests/sweep/spark runs them without Spark.
    levels = {name: EVERYTHING[name] for name in LEVELS}
    orders = {name: value for name, value in EVERYTHING.items() if name not in LEVELS}

    for asked, n_cells in ((levels, 2**3 * 2 * 9), (orders, 2**4 * 2 * 9)):
        told: list[tuple[int, int]] = []
        local = grid(here.at("R1"), **asked).run()
        found = grid(there.at("R1"), **asked).run(
            engine="spark",
            progress=partial(noted, told),
        )

        assert found.n_run == local.n_run == n_cells
        assert told == sorted(told)
        assert told[-1] == (found.n_run, found.n_run)
        same(found.table(), local.table())
    same(trials(there), trials(here))


def test_files_that_executors_made_are_committed_as_those_of_rows_are(
    here: lakebt.Lake, there: lakebt.Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: list[str] = []
    really = spark._put  # noqa: SLF001 - what it is handed

    def put(recorder: Recorder, done: Any) -> None:
        kinds.append(done.kind)
        really(recorder, done)

    monkeypatch.setattr(spark, "_put", put)
    monkeypatch.setattr(bundling, "FILE_ROWS", 10)
    found = grid(there.at("R1"), **SOME).run(engine="spark")
    local = grid(here.at("R1"), **SOME).run()

    assert set(kinds) == {FILE}
    assert found.n_run == local.n_run == 72
    same(trials(there), trials(here))
    assert there.doctor().ok


class Deadly(str):
    """A name that kills the first process that reads it."""

    __slots__ = ("mark",)
    mark: Path

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what an executor makes of it: it has no such class."""
        dies = (
            f"(lambda os, name: os.path.exists(name) or (open(name, 'w').close(), "
            f"os.kill(os.getpid(), {int(signal.SIGKILL)})))"
            f"(__import__('os'), {str(self.mark)!r}) and {str(self)!r}"
        )
        return eval, (dies,)  # noqa: S307 - the text is above


def test_a_task_whose_process_dies_is_done_again_and_leaves_no_duplicates(
    here: lakebt.Lake,
    there: lakebt.Lake,
    shared_spark: SparkSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bundling, "FILE_ROWS", 10)
    grid(here.at("R1"), name="lost", **SOME).run()
    name = Deadly("lost")
    name.mark = tmp_path / "died"
    view = there.at("R1")
    sweep = grid(view, name=name, **SOME)

    store = trials_of(view)
    with Recorder(store, total=len(sweep), notify=lambda _done, _all: None) as recorder:
        spark.run_points(
            sweep.points,
            known=frozenset(),
            recorder=recorder,
            engine="event",
            clock=store.clock,
            session=shared_spark,
            parts=3,
        )

    assert name.mark.exists()
    same(trials(there), trials(here))


def test_what_stops_a_sweep_here_stops_it_there_and_what_came_before_is_kept(
    there: lakebt.Lake, here: lakebt.Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"on_look_ahead": ["mask", "raise"], "entries": ["AD+1@open"]}
    with pytest.raises(LookAheadError) as local:
        grid(here.at("R1"), **asked).run()

    with pytest.raises(LookAheadError) as found:
        grid(there.at("R1"), **asked).run(engine="spark")

    assert str(found.value) == str(local.value)
    assert found.value.known_at == local.value.known_at
    same(trials(there), trials(here))

    monkeypatch.setattr(spark, "code_version", lambda: "0.0+beef")
    with pytest.raises(LakeError, match=r"driver 0\.0\+beef: .* Install the same one"):
        grid(there.at("R1"), hedge="MKT").run(engine="spark")


def test_a_sweep_that_was_stopped_runs_only_what_is_missing_anywhere(
    there: lakebt.Lake, here: lakebt.Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cutting, "JOINED", 1)  # a task for each entry
    grid(here.at("R1"), **SOME).run()

    def stop(done: int, total: int) -> None:
        if 0 < done < total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grid(there.at("R1"), **SOME).run(engine="spark", progress=stop)
    count = len(there.trials(where={"kind": "cell"}))
    assert count > 0
    assert grid(there.at("R1"), **SOME).run(engine="spark").n_run == 72 - count
    assert grid(there.at("R1"), **SOME).run().n_run == 0
    same(trials(there), trials(here))
    assert grid(here.at("R1"), **SOME).run(engine="spark").n_run == 0


def corrected(lake: lakebt.Lake) -> lakebt.View:
    """Publish corrections of some bars, which lie in a file of their own."""
    bars = lake.at("R1").read("prices").iloc[::7].copy()
    bars["close"] = bars["high"]
    bars["known_at"] += pd.Timedelta("3h")
    cutoff = max(lake.at("R1").cutoff, bars["known_at"].max())
    lake.publish({"prices": bars}, release="R2", as_of=cutoff)
    return lake.at("R2")


def test_executors_read_the_prices_that_are_too_many_for_the_driver(
    here: lakebt.Lake, there: lakebt.Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = grid(corrected(here), **SOME).run()
    view = corrected(there)
    monkeypatch.setattr(shared_reads, "SHARED_ROWS", 100)
    monkeypatch.setattr(release_tables, "WHOLE_ROWS", 100)
    read_here: list[str] = []
    really: Any = vars(release_tables)["scan"]

    def scan(table: Any, *asked: Any, **how: Any) -> Any:
        read_here.append(table.name()[-1])
        return really(table, *asked, **how)

    sweep = grid(view, **SOME)  # passes over one column, for the basis
    monkeypatch.setattr(release_tables, "scan", scan)
    found = sweep.run(engine="spark")

    assert "prices" not in read_here
    assert found.n_run == local.n_run == 72
    same(trials(there), trials(here))


@pytest.mark.parametrize(
    ("period", "opened"),
    [
        # Sessions 462 to 522, and those of 30 volumes and a last close before them.
        (("2019-11-01", "2020-01-31"), [2]),
        # With a share that was halted: what it last cost is looked for from the first.
        (("2019-06-01", "2019-07-15"), [1, 4]),
    ],
    ids=["quiet", "halted"],
)
def test_no_file_is_opened_that_has_no_session_of_a_part(
    six_files: lakebt.Lake,
    period: tuple[str, str],
    opened: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    view = six_files.at("R1")
    asked: dict[str, Any] = {"index": "IDX", "costs": many_events.COSTS}
    sweep = Sweep(view, period=period, **asked, **many_events.GRID)
    local = sweep.run(record=False)
    monkeypatch.setattr(shared_reads, "SHARED_ROWS", 100)
    counts: list[int] = []
    really: Any = vars(shared_reads)["count_files"]

    def count(*asked: Any, **how: Any) -> int:
        counts.append(really(*asked, **how))
        return counts[-1]

    monkeypatch.setattr(shared_reads, "count_files", count)
    found = sweep.run(engine="spark", record=False)

    pinned = view._pinned  # noqa: SLF001 - its prices' files
    pin = pinned.release.pin("prices")
    assert pin is not None
    assert really(pinned.tables["prices"], pin.snapshot_id) == 6
    assert counts == opened
    assert found.table()["n_events"].max() >= 2
    same(found.table(), local.table())


def test_a_file_that_an_executor_cannot_read_is_told_in_a_line(
    there: lakebt.Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_reads, "SHARED_ROWS", 100)
    sweep = grid(there.at("R1"), **SOME)
    path = Path(there.at("R1")._pinned.storage.address["path"])  # noqa: SLF001 - a file of it
    (file,) = path.rglob("prices/data/*.parquet")
    file.write_bytes(file.read_bytes()[:-1] + b"?")

    with pytest.raises(LakeError, match=r"could not read the prices of .*'R1'") as told:
        sweep.run(engine="spark")

    assert "\n" not in str(told.value)
    assert "prices" in str(told.value)


STRATEGY = """
import os
import signal
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Half:
    lookback: int = 5

    def target_weights(self, view):
        if not os.path.exists("{mark}"):
            open("{mark}", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        closes = view.panel("close", symbols=["MKT"])
        rose = closes["MKT"].iloc[-1] > closes["MKT"].iloc[-self.lookback :].mean()
        return pd.Series({{"MKT": 0.5 if rose else -0.5}})
"""


def test_backtests_of_a_strategy_survive_the_death_of_their_process(
    there: lakebt.Lake,
    here: lakebt.Lake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file, mark = tmp_path / "half.py", tmp_path / "died"
    file.write_text(STRATEGY.format(mark=mark), encoding="utf-8")

    def sweep(lake: lakebt.Lake) -> Sweep:
        return Sweep(
            lake.at("R1"),
            strategy=f"{file}:Half",
            parameters={"lookback": [3, 5, 8]},
            start="2010-05-03",
            end="2010-07-30",
            rebalance="weekly",
        )

    # Executors see no file of the driver's.
    placed = Script.of

    def elsewhere(target: str) -> Any:
        return replace(placed(target), file=Path("/elsewhere/half.py"))

    with monkeypatch.context() as patch:
        patch.setattr(Script, "of", elsewhere)
        found = sweep(there).run(engine="spark")
    assert mark.exists()
    local = sweep(here).run(workers=1)

    assert found.n_run == local.n_run == 3
    same(trials(there), trials(here))
    assert trials(here)["sharpe"].notna().all()


def test_what_makes_no_sense_on_spark_is_refused(here: lakebt.Lake) -> None:
    sweep = grid(here.at("R1"))

    with pytest.raises(InvalidArgumentError, match="workers=2 are processes"):
        sweep.run(engine="spark", workers=2)
    with pytest.raises(lakebt.errors.UnknownNameError, match="unknown engine 'moon'"):
        sweep.run(engine="moon")
    with pytest.raises(LakeError, match=r"Spark Connect\. Start the sweep by spark-"):
        spark.context_of(object())  # type: ignore[arg-type]  # has no context
