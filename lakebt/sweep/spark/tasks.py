"""The tasks of an executor: functions from Arrow batches to Arrow batches."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lakebt.errors import LakebtError, LakeError
from lakebt.sweep.spark.bundle import Bundle
from lakebt.sweep.spark.messages import ERROR, TRIALS, Done, pack_error, pack_rows
from lakebt.sweep.spark.work import check_code, do, together
from lakebt.sweep.strategies import Task, run_task

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from lakebt.sweep.spark.work import Work
    from lakebt.sweep.trial_rows import TrialSpec

    Batches = Iterable[pa.RecordBatch]


@dataclass(frozen=True, kw_only=True)
class Script:
    """A strategy's file, known by its content.

    Attributes
    ----------
    file
        Where it is.
    text
        What is in it. What it imports from its own folder is not: that has to be where
        the executors find it (``spark-submit --py-files``).
    """

    file: Path
    text: str

    @classmethod
    def of(cls, target: str) -> Script:
        """Return the file of ``FILE.py:Name``."""
        file = Path(target.rpartition(":")[0]).expanduser()
        return cls(file=file, text=file.read_text(encoding="utf-8"))

    def placed(self, folder: Path) -> Path:
        """Return a file with this text: its own, or one that is written to a folder."""
        if self._is(self.file):
            return self.file
        key = hashlib.blake2b(self.text.encode(), digest_size=16).hexdigest()
        file = folder / f"lakebt-{key}" / self.file.name
        if not self._is(file):
            file.parent.mkdir(exist_ok=True)
            written = file.with_suffix(f".{secrets.token_hex(4)}")
            written.write_text(self.text, encoding="utf-8")
            written.replace(file)  # others may be writing the same
        return file

    def _is(self, file: Path) -> bool:
        return file.is_file() and file.read_text(encoding="utf-8") == self.text


def run_script(
    task: Task, script: Script, *, now: dt.datetime, folder: Path
) -> pd.DataFrame:
    """Run one backtest of a strategy that was sent, and return its row of the trials.

    Raises
    ------
    LakeError
        If the trial has another id here than in the driver.
    """
    name = task.target.rpartition(":")[2]
    here = replace(task, target=f"{script.placed(folder)}:{name}")
    rows = run_task(here, now)
    (trial,) = rows["trial_id"]
    if trial != task.trial_id:
        msg = (
            f"an executor ran trial {trial} where {task.trial_id} was asked for: it "
            f"has another lake under the same address, or {name} is made of more than "
            f"its file and parameters"
        )
        raise LakeError(msg)
    return rows


SCHEMA = (
    "number bigint, part int, kind string, cells bigint, seconds double, payload binary"
)
"""Of what is handed back, as Spark writes it: see `Done`."""

_FIELDS: list[pa.Field[Any]] = [
    pa.field("number", pa.int64()),
    pa.field("part", pa.int32()),
    pa.field("kind", pa.string()),
    pa.field("cells", pa.int64()),
    pa.field("seconds", pa.float64()),
    pa.field("payload", pa.binary()),
]
_ARROW = pa.schema(_FIELDS)


@dataclass(frozen=True, kw_only=True)
class Sent:
    """The settings of a wave's tasks, besides their work.

    Attributes
    ----------
    code
        The driver's.
    run_at
    laid_out
        The columns of the lake's trials; none if nothing is recorded.
    fewest
        How many trials are worth a file.
    """

    code: str
    run_at: dt.datetime
    laid_out: str = ""
    fewest: int = 0

    @property
    def bundle(self) -> Bundle:
        """The bundle that collects a task's trials."""
        return Bundle(self.laid_out, fewest=self.fewest)


def do_works(
    works: Sequence[Work],
    sent: Mapping[str, Any],
    told: Sent,
    batches: Batches,
) -> Iterator[pa.RecordBatch]:
    """Do the pieces of a sweep whose numbers come."""
    for number in _numbers(batches):
        try:
            check_code(told.code)
        except LakeError as error:
            for one in works[number].returned(ERROR, pack_error(error)):
                yield _batch(one)
            continue
        done = do(
            works[number],
            prices=lambda key: sent[key].value,
            run_at=told.run_at,
            bundle=told.bundle,
        )
        for one in done:
            yield _batch(one)


def join_parts(
    wanted: Mapping[int, TrialSpec], sent: Sent, batches: Batches
) -> Iterator[pa.RecordBatch]:
    """Join the parts of each study, which come one study after the other."""
    bundle = sent.bundle
    for parts in _by_study(batches):
        spec = wanted[parts[0].number]
        for one in together(spec, parts, run_at=sent.run_at, bundle=bundle):
            yield _batch(one)
    for one in bundle.handed():
        yield _batch(one)


def _by_study(batches: Batches) -> Iterator[list[Done]]:
    """Yield the parts of each study, which come one study after the other."""
    parts: list[Done] = []
    for batch in batches:
        for row in batch.to_pylist():
            done = Done(**row)
            if parts and parts[0].number != done.number:
                yield parts
                parts = []
            parts.append(done)
    if parts:
        yield parts


def do_backtests(
    tasks: Sequence[Task],
    scripts: Mapping[str, Script],
    told: Sent,
    batches: Batches,
) -> Iterator[pa.RecordBatch]:
    """Run the backtests whose numbers come."""
    for number in _numbers(batches):
        task = tasks[number]
        try:
            check_code(told.code)
            rows = run_script(
                task, scripts[task.target], now=told.run_at, folder=_folder()
            )
        except LakebtError as error:
            yield _refused(number, error)
            continue
        seconds = float(rows["seconds"].sum())
        payload = pack_rows(rows)
        yield _batch(
            Done(
                number=number,
                part=0,
                kind=TRIALS,
                cells=1,
                seconds=seconds,
                payload=payload,
            )
        )


def _folder() -> Path:
    """Return a folder of the executor's own, which Spark deletes."""
    from pyspark import SparkFiles  # noqa: PLC0415 - an extra, and slow

    return Path(SparkFiles.getRootDirectory())


def _numbers(batches: Batches) -> Iterator[int]:
    """Yield the numbers of the tasks of a partition: mostly there is one."""
    for batch in batches:
        numbers: Any = batch.column(0)
        yield from numbers.to_pylist()


def _refused(number: int, error: LakebtError) -> pa.RecordBatch:
    payload = pack_error(error)
    return _batch(Done(number=number, part=0, kind=ERROR, seconds=0.0, payload=payload))


def _batch(done: Done) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [{name: getattr(done, name) for name in _ARROW.names}], _ARROW
    )
