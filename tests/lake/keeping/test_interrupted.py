"""Whatever changes a lake may be interrupted at any instant: before or after, then on.

An interrupt is raised between two lines of Python, as Ctrl-C is. That reaches every
instant, which signals from another process do not.
"""

from __future__ import annotations

import random
import shutil
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from lakebt.errors import LakebtError
from lakebt.lake import Lake
from tests.lake.earnings import declare
from tests.lake.frames import AS_OF, bars, q1
from tests.lake.other_engines import Clock, foreign_catalog, foreign_table
from tests.lake.trial_rows import batch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType

pytestmark = [pytest.mark.lake, pytest.mark.slow]

INSTANTS = 4


class Interrupter:
    """Counts the lines that are run in a place, and interrupts at one of them."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.count = at, 0

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        name = frame.f_code.co_filename
        if not any(part in name for part in ("/lakebt/lake/", "/orm/session.py")):
            return None
        if event == "line":
            self.count += 1
            if self.count == self.at:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self

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


def state(path: Path) -> dict[str, Any]:
    """What the tables say: heads, branches, tags and properties."""
    said = {}
    with foreign_catalog(path) as catalog:
        for _, name in catalog.list_tables("quant"):
            table = catalog.load_table(f"quant.{name}")
            snapshot = table.current_snapshot()
            said[name] = (
                None if snapshot is None else snapshot.sequence_number,
                sorted((ref, to.snapshot_ref_type) for ref, to in table.refs().items()),
                dict(table.properties),
            )
    return said


def spoil(path: Path) -> None:
    for name in ("prices", "etf_holdings", "releases", "trials"):
        with foreign_table(path, name) as table, table.transaction() as change:
            change.set_properties({"gc.enabled": "true"})
    with foreign_table(path, "prices") as table:
        table.manage_snapshots().remove_tag("R1").commit()


def append(path: Path) -> None:
    with foreign_table(path, "prices") as table:
        rows = table.scan().to_arrow()
        table.append(rows.slice(0, 1))


def nothing(_: Path) -> None:
    pass


COMMANDS: dict[str, tuple[Callable[[Path], None], Callable[[Lake], Any]]] = {
    "restore": (spoil, lambda lake: lake.restore()),
    "roll back": (append, lambda lake: lake.roll_back("prices")),
    "drop": (nothing, lambda lake: lake.drop("R1", because="a test")),
    "retain": (nothing, lambda lake: lake.retain()),
    "remove orphans": (nothing, lambda lake: lake.remove_orphans()),
    "declare": (nothing, declare),
    "record": (nothing, lambda lake: lake.record(batch([7, 8]))),
    "publish": (
        nothing,
        lambda lake: lake.publish(
            {"prices": bars(symbols=("Y",)), "etf_holdings": q1(fund="B")},
            release="R4",
            as_of=AS_OF,
        ),
    ),
}


@pytest.fixture
def now() -> Clock:
    return Clock()


def make(path: Path, now: Clock) -> None:
    lake = Lake.open(path, clock=now)
    tables = {"prices": bars(), "etf_holdings": q1()}
    lake.publish(tables, release="R1", as_of=AS_OF)
    lake.publish({"prices": bars(symbols=("Z",))}, release="R2", as_of=AS_OF)
    rows = {"prices": bars(symbols=("X",))}
    lake.publish(rows, release="R3", as_of=AS_OF, retain_days=1)
    lake.record(batch([1, 2, 3]))
    now.pass_by(days=2)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_interrupted_did_nothing_or_all_and_goes_on(
    path: Path, now: Clock, command: str
) -> None:
    make(path, now)
    prepare, run = COMMANDS[command]
    prepare(path)
    backup = path.with_name("backup")
    shutil.copytree(path, backup)
    before = state(path)
    was = Lake.open(path, create=False, clock=now).at("R2").read("prices")

    def fresh() -> Lake:
        return Lake.open(path, create=False, clock=now)

    counter = Interrupter()
    lake = fresh()
    assert counter.run(partial(run, lake))
    after = state(path)
    chosen = random.Random(7)  # noqa: S311 - which instants
    instants = sorted(chosen.sample(range(1, counter.count), INSTANTS))
    for at in instants:
        shutil.rmtree(path)
        shutil.copytree(backup, path)
        lake = fresh()
        Interrupter(at).run(partial(run, lake))

        assert state(path) in (before, after), (command, at)
        again(run, fresh())
        assert state(path) == after, (command, at)
        assert fresh().doctor().ok, (command, at)
        pd.testing.assert_frame_equal(fresh().at("R2").read("prices"), was)


def again(run: Callable[[Lake], Any], lake: Lake) -> None:
    try:
        run(lake)
    except LakebtError as error:
        assert "ended at" in str(error)  # noqa: PT017 - it had been done
