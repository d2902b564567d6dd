"""A sweep over a strategy's parameters: one backtest each, in a pool of processes."""

from __future__ import annotations

import inspect
import itertools
import multiprocessing
import os
import signal
import sys
import threading
import time
from concurrent.futures import (
    FIRST_COMPLETED,
    ProcessPoolExecutor,
    as_completed,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError, UnknownNameError, listed
from lakebt.inputs.user_code import WITHOUT_A_GUARD, blaming
from lakebt.lake.api.trials import trials_of, view_of
from lakebt.lake.lake import Lake
from lakebt.lake.trials.origin import Origin
from lakebt.strategy.backtest import Backtest
from lakebt.strategy.factory import load_class
from lakebt.strategy.identity import identity_of
from lakebt.strategy.terms import Terms
from lakebt.strategy.trials import parameters_of, run_ids, run_row, run_rule
from lakebt.sweep.grid import each

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd

    from lakebt.backtest.costs import CostModel
    from lakebt.lake.reading.view import View
    from lakebt.sweep.recorder import Recorder


VARIED = tuple(name for name in Terms.names() if name != "costs")
"""Arguments of a backtest that a sweep can vary, besides its costs."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One backtest of a sweep, as plain values for another process.

    Attributes
    ----------
    address
        What `Lake.open` is told; also the exchange.
    release, as_of
        The view.
    target
        ``FILE.py:Name``.
    parameters
        Of the strategy.
    arguments
        Of the backtest.
    costs
    engine, study
    trial_id
    """

    address: Mapping[str, Any]
    release: str
    as_of: dt.datetime
    target: str
    parameters: Mapping[str, Any]
    arguments: Mapping[str, Any]
    costs: CostModel
    engine: str
    study: str
    trial_id: str


def target_of(strategy: object) -> str:
    """Return the file and the name of a strategy's class, as a process can find it.

    Raises
    ------
    InvalidArgumentError
        If it is not a class, or not in a file.
    """
    if isinstance(strategy, str):
        return strategy
    if not inspect.isclass(strategy):
        msg = (
            f"strategy {strategy!r} is not a class: a sweep makes one for each of its "
            f"parameters. Pass the class, or FILE.py:Name"
        )
        raise InvalidArgumentError(msg)
    try:
        file = inspect.getsourcefile(strategy)
    except TypeError:
        file = None
    if file is None or not Path(file).is_file():
        msg = (
            f"strategy {strategy.__name__} is in no file, so that other processes "
            f"cannot find it: write it into one, and pass FILE.py:{strategy.__name__}"
        )
        raise InvalidArgumentError(msg)
    return f"{file}:{strategy.__qualname__}"


def tasks(
    views: Sequence[View],
    *,
    strategy: object,
    parameters: Mapping[str, object],
    costs: Sequence[CostModel],
    varied: Mapping[str, object],
    engine: str,
    name: str | None,
) -> tuple[Task, ...]:
    """Return the backtests of a sweep.

    Raises
    ------
    InvalidArgumentError
        If the strategy cannot be made with its parameters, or an argument not be used.
    UnknownNameError
        If a backtest has no such argument.
    """
    for argument in varied:
        if argument not in VARIED:
            what = "argument of a sweep over a strategy"
            raise UnknownNameError(what, argument, VARIED)
    target = target_of(strategy)
    path, strategy_class = load_class(target)
    tasks_ = []
    for view in views:
        store = trials_of(view)
        origin = Origin.of(view, engine=engine, tables=None)
        address = {**store.address, "exchange": view.sessions.name}
        for chosen_parameters, chosen in itertools.product(
            _combinations(parameters), list(_combinations(varied))
        ):
            instance = _instance(strategy_class, chosen_parameters, path)
            source = identity_of(instance, name=strategy_class.__name__)
            for cost in costs:
                backtest = Backtest(view, instance, costs=cost, **chosen)
                rule = run_rule(backtest.name, parameters_of(instance), backtest.terms)
                ids = run_ids(rule, cost, source, origin)
                tasks_.append(
                    Task(
                        address=address,
                        release=view.release,
                        as_of=view.instant,
                        target=target,
                        parameters=chosen_parameters,
                        arguments=chosen,
                        costs=cost,
                        engine=engine,
                        study=name or backtest.name,
                        trial_id=ids[1],
                    )
                )
    return tuple(tasks_)


def _combinations(varied: Mapping[str, object]) -> Iterator[dict[str, Any]]:
    values = [each(value, name) for name, value in varied.items()]
    for chosen in itertools.product(*values):
        yield dict(zip(varied, chosen, strict=True))


def _instance(strategy_class: Any, parameters: Mapping[str, Any], path: Path) -> Any:
    """Return a strategy made with some parameters.

    Raises
    ------
    InvalidArgumentError
        If it does not take them.
    """
    try:
        inspect.signature(strategy_class).bind(**parameters)
    except TypeError as error:
        values = listed(f"{name}={value!r}" for name, value in parameters.items())
        msg = f"{strategy_class.__name__}({values}) cannot be made: {error}"
        raise InvalidArgumentError(msg) from None
    with blaming(path):
        return strategy_class(**parameters)


def run_task(task: Task, now: dt.datetime) -> pd.DataFrame:
    """Run one backtest, in a process of its own, and return its row of the trials."""
    started = time.perf_counter()
    lake = Lake.open(**task.address, create=False)
    view = view_of(lake, release=task.release, as_of=task.as_of)
    path, strategy_class = load_class(task.target)
    strategy = _instance(strategy_class, task.parameters, path)
    backtest = Backtest(view, strategy, costs=task.costs, **task.arguments)
    with blaming(path):
        run = backtest.run(task.engine, record=False)
    return run_row(
        run.traded,
        family=task.study,
        run_at=now,
        seconds=time.perf_counter() - started,
    )


def _begin() -> None:
    """Prepare a process of the pool: it ends with the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is that one's business
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 - we are of a pool
    parent.join()
    os._exit(1)  # the parent is gone, so no one reads a result


def _ended() -> str:
    """Say why a process of the pool may have ended before its task."""
    script = getattr(sys.modules["__main__"], "__file__", None)
    without = f" If {script} {WITHOUT_A_GUARD}." if script else ""
    return (
        f"a process that ran a backtest of this sweep ended before it was done. What "
        f"was finished is recorded.{without} Else it was killed, for want of memory "
        f"perhaps: pass fewer workers="
    )


def run_tasks(
    asked: Sequence[Task],
    *,
    known: frozenset[str],
    recorder: Recorder,
    clock: Callable[[], dt.datetime],
    workers: int | None,
) -> int:
    """Run the backtests that are not known yet, and return how many those were.

    Parameters
    ----------
    asked
    known
        Ids of the trials that are there already.
    recorder
        Takes what is finished, and is told how many were known.
    clock
        Tells when.
    workers
        Processes; as many as there are processors by default. With 1 they run here.

    Raises
    ------
    InvalidArgumentError
        If a process ended: a script without a guard, or want of memory.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        # A process of the pool imports the script that started it. That script calls
        # this function, so it has no `__main__` guard; the parent reports that.
        sys.exit(1)
    missing = [task for task in asked if task.trial_id not in known]
    recorder.know(len(asked) - len(missing))
    count = workers or len(os.sched_getaffinity(0))
    if count == 1 or len(missing) < 2:
        for task in missing:
            recorder.add(run_task(task, clock()))
        return len(missing)
    pool = ProcessPoolExecutor(
        min(count, len(missing)),
        mp_context=multiprocessing.get_context("spawn"),  # we may have threads
        initializer=_begin,
    )
    with pool:
        left = {pool.submit(run_task, task, clock()) for task in missing}
        try:
            while left:
                patience = recorder.patience
                for finished in wait(left, patience, FIRST_COMPLETED).done:
                    left.remove(finished)
                    recorder.add(finished.result())
                recorder.record_if_due()
        except BrokenProcessPool:
            recorder.hush()
            raise InvalidArgumentError(_ended()) from None
        except BaseException:
            # What runs is waited for, and kept; what has not begun is not.
            recorder.hush()
            running = [task for task in left if not task.cancel()]
            for ended in as_completed(running):
                if ended.exception() is None:
                    recorder.add(ended.result())
            raise
    return len(missing)
