"""The whole life of a lake against a model in plain Python.

Whatever was published, corrected, retracted, ended, declared and reopened, in whatever
order: every living release reads as it did on its day, every ended one is a tombstone,
and the doctor finds nothing.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from lakebt.errors import (
    InvalidDataError,
    NothingKnownError,
    ReleaseEndedError,
    ReleaseExistsError,
    UnknownNameError,
)
from lakebt.lake import Lake
from tests.lake.frames import clock

if TYPE_CHECKING:
    from lakebt.lake.reading.view import View

pytestmark = [
    pytest.mark.lake,
    pytest.mark.slow,
    # Two symbols in one release and one in the next: the lake is right to wonder.
    pytest.mark.filterwarnings("ignore::lakebt.errors.AuditWarning"),
]

CUTOFF = clock()
DAYS = [dt.date(2022, 9, day) for day in (1, 2, 6)]
KEYS: dict[str, list[Any]] = {
    "prices": [(symbol, day) for symbol in ("AAA", "BBB") for day in DAYS],
    "index_changes": ["one", "two"],
    "ratings": ["AAA", "BBB"],
}
TABLES = tuple(KEYS)


class Row(NamedTuple):
    """One vintage, known so many hours after 8 September 2022."""

    table: str
    key: Any
    hours: int
    value: int
    retracted: bool

    @property
    def known_at(self) -> dt.datetime:
        return at(self.hours)

    @property
    def identity(self) -> tuple[str, Any, int]:
        return self.table, self.key, self.hours


Rows = frozenset[Row]


def at(hours: int) -> dt.datetime:
    # Not at midnight: rows that all are would be refused as dates.
    return dt.datetime(2022, 9, 8, 0, 30, tzinfo=dt.UTC) + dt.timedelta(hours=hours)


@dataclass
class Held:
    """A release as the model remembers it."""

    published: Rows
    there: Rows
    ends: dt.datetime | None
    is_ended: bool = False


@dataclass
class Model:
    """What must be true of the lake."""

    now: dt.datetime = CUTOFF
    releases: dict[str, Held] = field(default_factory=dict)
    is_declared: bool = False

    @property
    def rows(self) -> Rows:
        """Every row that was ever published, of ended releases too."""
        return list(self.releases.values())[-1].there if self.releases else frozenset()

    @property
    def living(self) -> dict[str, Held]:
        return {n: held for n, held in self.releases.items() if not held.is_ended}

    def clash(self, name: str) -> str | None:
        return next((n for n in self.releases if n.lower() == name.lower()), None)


def obvious(rows: Rows, table: str, hours: int) -> dict[Any, int]:
    """What is known at an instant: the newest row of each key, unless retracted."""
    held: dict[Any, Row] = {}
    for row in sorted(rows, key=lambda row: row.hours):
        if row.table == table and row.hours <= hours:
            held[row.key] = row
    return {key: row.value for key, row in held.items() if not row.retracted}


def frames(rows: Rows) -> dict[str, pd.DataFrame]:
    """The rows as somebody hands them over."""
    made: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        common = {"known_at": row.known_at, "retracted": row.retracted}
        if row.table == "prices":
            bar = dict.fromkeys(("open", "high", "low", "close"), float(row.value))
            names = {"symbol": row.key[0], "session": row.key[1], "basis": "raw"}
        elif row.table == "index_changes":
            bar = {}
            names = {
                "change_id": row.key,
                "index": "SP500",
                "symbol": f"S{row.value}",
                "side": "addition",
                "effective": DAYS[-1],
            }
        else:
            bar, names = {"score": float(row.value)}, {"symbol": row.key}
        made.setdefault(row.table, []).append({**names, **bar, **common})
    return {table: pd.DataFrame(found) for table, found in made.items()}


def read(view: View, table: str) -> dict[Any, int]:
    frame = view.read(table)
    if table == "prices":
        keys: list[Any] = list(
            zip(frame["symbol"], frame["session"].dt.date, strict=True)
        )
        values = frame["close"].astype(int)
    elif table == "index_changes":
        keys, values = list(frame["change_id"]), frame["symbol"].str[1:].astype(int)
    else:
        keys, values = list(frame["symbol"]), frame["score"].astype(int)
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, values, strict=True))


def row_of(table: str) -> st.SearchStrategy[Row]:
    return st.builds(
        Row,
        table=st.just(table),
        key=st.sampled_from(KEYS[table]),
        hours=st.integers(0, 20),
        value=st.integers(100, 109),
        retracted=st.booleans(),
    )


SOME = st.lists(
    st.sampled_from(TABLES).flatmap(row_of),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row.identity,
)
NAMES = st.sampled_from(["R1", "R2", "R3", "R4", "R5", "r1", "r3"])
RETAIN = st.sampled_from([None, None, 1, 3])


class Life(RuleBasedStateMachine):
    """Publish, correct, retract, end, declare, reopen: the lake and the model agree."""

    @initialize()
    def empty_lake(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.model = Model()
        self.lake = Lake.open(self.directory.name, clock=lambda: self.model.now)

    def _publish(self, rows: Rows, name: str, retain_days: int | None = None) -> None:
        """Publish in the lake and in the model, or be refused by both."""
        model = self.model

        def publish() -> None:
            self.lake.publish(
                frames(rows), release=name, as_of=CUTOFF, retain_days=retain_days
            )

        clash = model.clash(name)
        there = {row.identity: row for row in model.rows}
        if any(row.table == "ratings" for row in rows) and not model.is_declared:
            with pytest.raises(UnknownNameError, match="unknown table 'ratings'"):
                publish()
        elif clash is not None:
            held = model.releases[clash]
            if clash == name and held.published == rows and not held.is_ended:
                publish()  # the same again: nothing happens
            else:
                with pytest.raises(ReleaseExistsError, match=name):
                    publish()
        elif any(there.get(row.identity, row) != row for row in rows):
            with pytest.raises(InvalidDataError, match="other content"):
                publish()
        else:
            publish()
            days = None if retain_days is None else dt.timedelta(days=retain_days)
            model.releases[name] = Held(
                published=rows,
                there=model.rows | rows,
                ends=None if days is None else model.now + days,
            )

    @rule(rows=SOME, name=NAMES, retain_days=RETAIN)
    def publish(self, rows: list[Row], name: str, retain_days: int | None) -> None:
        self._publish(frozenset(rows), name, retain_days)

    @precondition(lambda self: self.model.rows)
    @rule(data=st.data(), name=NAMES, retracted=st.booleans())
    def correct_or_retract(
        self, data: st.DataObject, name: str, *, retracted: bool
    ) -> None:
        """Some key gets a vintage: an hour after its last, or before what is there."""
        keys = sorted({(row.table, row.key) for row in self.model.rows})
        table, key = data.draw(st.sampled_from(keys))
        known = [r.hours for r in self.model.rows if (r.table, r.key) == (table, key)]
        hours = data.draw(st.sampled_from([max(known) + 1, min(known) - 1]))
        row = Row(table, key, max(hours, 0), 110 + len(known), retracted=retracted)
        self._publish(frozenset([row]), name)

    @precondition(lambda self: self.model.releases)
    @rule(data=st.data())
    def publish_again(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(list(self.model.releases)))
        self._publish(self.model.releases[name].published, name)

    @precondition(lambda self: self.model.rows)
    @rule(name=NAMES)
    def publish_what_is_there(self, name: str) -> None:
        self._publish(self.model.rows, name)

    @rule()
    def declare(self) -> None:
        columns = {"symbol": "text", "score": "number?"}
        self.lake.declare("ratings", key=["symbol"], columns=columns)
        self.model.is_declared = True

    @precondition(lambda self: self.model.releases)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(list(self.model.releases)))
        held = self.model.releases[name]
        if held.is_ended:
            with pytest.raises(ReleaseEndedError, match=name):
                self.lake.drop(name, because="a mistake")
        else:
            self.lake.drop(name, because="a mistake")
            held.is_ended = True

    @rule(days=st.integers(1, 3))
    def days_pass(self, days: int) -> None:
        self.model.now += dt.timedelta(days=days)

    @rule()
    def retain(self) -> None:
        ended = {release.name for release in self.lake.retain().ended}
        due = {
            name
            for name, held in self.model.living.items()
            if held.ends is not None and held.ends <= self.model.now
        }
        assert ended == due
        for name in due:
            self.model.releases[name].is_ended = True

    @rule()
    def reopen(self) -> None:
        self.lake = Lake.open(
            self.directory.name, create=False, clock=lambda: self.model.now
        )

    @invariant()
    def every_living_release_reads_as_it_did(self) -> None:
        model = self.model
        assert list(self.lake.releases()["name"]) == list(model.living)
        listed = self.lake.releases(ended=True)
        assert list(listed["name"]) == list(model.releases)
        assert list(listed["sequence"]) == list(range(1, len(listed) + 1))
        tables = TABLES if model.is_declared else TABLES[:2]
        for name, held in model.releases.items():
            if held.is_ended:
                with pytest.raises(ReleaseEndedError, match=name):
                    self.lake.at(name)
                continue
            view = self.lake.at(name)
            for table in tables:
                assert read(view, table) == obvious(held.there, table, 10_000)

    @rule(hours=st.integers(0, 22))
    def read_as_of(self, hours: int) -> None:
        """Any instant, in the newest release and in every other."""
        living = list(self.model.living.items())
        tables = TABLES if self.model.is_declared else TABLES[:2]
        opened = [
            *((name, held, True) for name, held in living),
            *((name, held, False) for name, held in living[-1:]),
        ]
        for name, held, by_name in opened:
            if all(row.hours > hours for row in held.there):
                with pytest.raises(NothingKnownError, match="earliest"):
                    self.lake.at(name, as_of=at(hours))
                continue
            view = (
                self.lake.at(name, as_of=at(hours))
                if by_name
                else self.lake.as_of(at(hours))
            )
            assert view.release == name
            for table in tables:
                assert read(view, table) == obvious(held.there, table, hours)

    def teardown(self) -> None:
        if hasattr(self, "directory"):
            try:
                found = self.lake.doctor()
                assert found.ok, str(found.frame)
            finally:
                self.directory.cleanup()


Life.TestCase.settings = settings(
    max_examples=8,
    stateful_step_count=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


TestLife = Life.TestCase
