"""Everything that changes a lake, and a process that does it and ends in between.

    python -m tests.lake.interrupted LAKE COMMAND LINE

runs a command on a lake and sends itself SIGTERM at the given line of those it runs: at
every instant that lies between two lines of Python, which a signal from another process
hits by luck only.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock

from lakebt.lake import Lake
from lakebt.lake.committing import fold
from lakebt.lake.tables.schemas import LAYOUT, LAYOUT_NEEDS
from lakebt.lake.trials import fold as fold_of_trials
from tests.lake.earnings import COLUMNS, declare
from tests.lake.frames import AS_OF, bars, q1
from tests.lake.other_engines import Clock, foreign_catalog, foreign_table
from tests.lake.trial_rows import batch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType

COUNTED = ("/lakebt/lake/", "/orm/session.py")
"""In which files a line is an instant."""


@functools.cache
def _is_counted(file: str) -> bool:
    return any(part in file for part in COUNTED)


class Interrupter:
    """Counts the lines that are run in a place, and ends it at one of them.

    Parameters
    ----------
    at
        At which.
    end
        How: by default as Ctrl-C does.
    """

    def __init__(
        self, at: int | None = None, end: Callable[[], object] | None = None
    ) -> None:
        self.at, self.end, self.count = at, end, 0

    def __call__(self, frame: FrameType, _: str, __: Any) -> Any:
        code = frame.f_code
        # Python tells of one more line before it gives a lock back, where no signal can
        # come: who is ended there would leave it taken for ever.
        is_counted = _is_counted(code.co_filename) and "_lock" not in code.co_names
        return self._line if is_counted else None

    def _line(self, _: FrameType, event: str, __: Any) -> Any:
        if event == "line":
            self.count += 1
            if self.count == self.at:
                sys.settrace(None)
                if self.end is None:
                    raise KeyboardInterrupt
                self.end()
        return self._line

    def run(self, do: Callable[[], Any]) -> bool:
        """Whether it came to an end."""
        before = sys.gettrace()
        sys.settrace(self)
        try:
            do()
        except KeyboardInterrupt:
            return False
        finally:
            sys.settrace(before)
        return True


def nothing(_: Path) -> None:
    """Prepare what is necessary anyway."""


@dataclass(frozen=True)
class Command:
    """Something that changes a lake.

    Attributes
    ----------
    run
    prepare
        Makes it necessary.
    cli
        How it is called on the command line, if it is.
    method
        The method of `Lake`, if it is one.
    """

    run: Callable[[Lake], Any]
    prepare: Callable[[Path], object] = nothing
    cli: str = ""
    method: str = ""


def spoil(path: Path) -> None:
    for name in ("prices", "etf_holdings", "releases", "trials"):
        with foreign_table(path, name) as table, table.transaction() as change:
            change.set_properties({"gc.enabled": "true"})
    with foreign_table(path, "prices") as table:
        table.manage_snapshots().remove_tag("R1").commit()


def unlabel(path: Path) -> None:
    with foreign_table(path, "releases") as table, table.transaction() as change:
        change.remove_properties(LAYOUT, LAYOUT_NEEDS)


def append(path: Path) -> None:
    with foreign_table(path, "prices") as table:
        rows = table.scan().to_arrow()
        table.append(rows.slice(0, 1))


def append_others(path: Path) -> None:
    with foreign_table(path, "prices") as table:
        rows = table.scan().to_arrow()
        symbol = rows.schema.get_field_index("symbol")
        field = rows.schema.field(symbol)
        table.append(rows.slice(0, 1).set_column(symbol, field, [["OTHER"]]))


def publish(lake: Lake) -> None:
    tables = {"prices": bars(symbols=("Y",)), "etf_holdings": q1(fund="B")}
    lake.publish(tables, release="R4", as_of=AS_OF)


def publish_and_fold(lake: Lake) -> None:
    with mock.patch.object(fold, "LIMIT", 2):
        publish(lake)


def record_each(path: Path) -> None:
    lake = Lake.open(path, create=False, clock=now())
    for number in (11, 12, 13):
        lake.record(batch([number]))


def fold_trials(lake: Lake) -> None:
    with mock.patch.object(fold_of_trials, "LIMIT", 2):
        fold_of_trials.fold_if_many(lake._storage)  # noqa: SLF001


def add_column(lake: Lake) -> None:
    declare(lake, columns={**COLUMNS, "added": "text?"})


def declare_on(path: Path) -> None:
    declare(Lake.open(path, create=False, clock=now()))


def make_branch(path: Path) -> None:
    Lake.open(path, create=False, clock=now()).branch("mine", at="R2")


def publish_on_branch(path: Path) -> None:
    make_branch(path)
    publish(Lake.open(path, create=False, clock=now(), branch="mine"))


def publish_on_both(path: Path) -> None:
    publish_on_branch(path)
    lake = Lake.open(path, create=False, clock=now())
    lake.publish({"prices": bars(symbols=("W",))}, release="R5", as_of=AS_OF)


def note_it(path: Path) -> None:
    lake = Lake.open(path, create=False, clock=now())
    lake.record(batch([4]).assign(study="of AAA"))


def erase(lake: Lake) -> None:
    lake.erase("prices", where={"symbol": "AAA"}, reason="a test")


COMMANDS: dict[str, Command] = {
    "restore": Command(
        lambda lake: lake.restore(), spoil, "doctor --restore", "restore"
    ),
    "upgrade": Command(
        lambda lake: lake.upgrade(), unlabel, cli="upgrade", method="upgrade"
    ),
    "roll back": Command(
        lambda lake: lake.roll_back("prices"), append, "doctor --roll-back", "roll_back"
    ),
    "adopt": Command(
        lambda lake: lake.adopt("prices", release="R4", as_of=AS_OF),
        append_others,
        "doctor --adopt",
        "adopt",
    ),
    "drop": Command(
        lambda lake: lake.drop("R1", because="a test"),
        cli="retain --drop",
        method="drop",
    ),
    "retain": Command(lambda lake: lake.retain(), cli="retain", method="retain"),
    "erase": Command(erase, note_it, cli="erase", method="erase"),
    "branch": Command(lambda lake: lake.branch("mine", at="R2"), method="branch"),
    "publish onto a branch": Command(
        lambda lake: publish(lake.branch("mine")), prepare=make_branch
    ),
    "rebase": Command(
        lambda lake: lake.rebase("mine", at="R5"),
        prepare=publish_on_both,
        method="rebase",
    ),
    "adopt a branch": Command(
        lambda lake: lake.adopt("mine", release="R6"), publish_on_both, "branch"
    ),
    "drop a branch": Command(
        lambda lake: lake.drop_branch("mine", because="a test"),
        prepare=publish_on_branch,
        method="drop_branch",
    ),
    "remove orphans": Command(
        lambda lake: lake.remove_orphans(),
        cli="doctor --remove-orphans",
        method="remove_orphans",
    ),
    "declare": Command(declare, cli="declare", method="declare"),
    "add a column": Command(add_column, declare_on),
    "cluster prices": Command(
        lambda lake: lake.cluster_prices(by="symbol"),
        cli="cluster",
        method="cluster_prices",
    ),
    "close a day": Command(
        lambda lake: Lake.open(
            lake._storage.address["path"],  # noqa: SLF001
            closed=["2023-01-03"],
        )
    ),
    "record": Command(lambda lake: lake.record(batch([7, 8])), method="record"),
    "fold trials": Command(fold_trials, record_each),
    "publish": Command(publish, cli="publish", method="publish"),
    "publish and fold": Command(publish_and_fold),
}


def now() -> Clock:
    """Return a clock that says when releases of a day have ended."""
    clock = Clock()
    clock.pass_by(days=2)
    return clock


NOTE = {"owner": "somebody"}
"""What another program says of a table."""


def make(path: Path) -> None:
    """Make a lake of three releases, of which one has ended, and of three trials.

    Another program said something of each table.
    """
    lake = Lake.open(path, clock=Clock())
    tables = {"prices": bars(), "etf_holdings": q1()}
    lake.publish(tables, release="R1", as_of=AS_OF)
    lake.publish({"prices": bars(symbols=("Z",))}, release="R2", as_of=AS_OF)
    rows = {"prices": bars(symbols=("X",))}
    lake.publish(rows, release="R3", as_of=AS_OF, retain_days=1)
    lake.record(batch([1, 2, 3]))
    with foreign_catalog(path) as catalog:
        for identifier in catalog.list_tables("quant"):
            with catalog.load_table(identifier).transaction() as change:
                change.set_properties(NOTE)


def main(place: str, name: str, line: str) -> None:
    lake = Lake.open(place, create=False, clock=now())

    def end() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    with ExitStack() as stack:
        stack.callback(sys.settrace, None)
        Interrupter(int(line), end).run(lambda: COMMANDS[name].run(lake))


if __name__ == "__main__":
    main(*sys.argv[1:])
