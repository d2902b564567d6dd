"""The life of branches against dictionaries: what is published where, and what is seen.

Whatever is branched, published on either side, rebased, adopted, dropped, ended and
erased, in whatever order: every living release reads as the model says, and the doctor
is content.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lakebt.errors import (
    AuditError,
    ConflictError,
    InvalidArgumentError,
    ReleaseEndedError,
)
from lakebt.lake import Lake
from tests.lake.frames import AS_OF, bars, clock
from tests.nightly import times

pytestmark = [
    pytest.mark.lake,
    pytest.mark.filterwarnings("ignore::lakebt.errors.AuditWarning"),
]

Facts = frozenset[tuple[str, int, float]]
"""Symbol, hours after the close of the session at which it was known, and volume."""

CLOSE = dt.datetime(2022, 9, 1, 20, tzinfo=dt.UTC)
SYMBOLS, NAMES = st.sampled_from("AB"), st.sampled_from(["one", "two"])


@dataclass
class Line:
    """Main, or a branch, as the model remembers it."""

    releases: dict[str, Facts] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    base: str = ""
    is_dropped: bool = False

    @property
    def head(self) -> Facts:
        return list(self.releases.values())[-1]


def seen(facts: Facts) -> dict[str, float]:
    """Of each symbol the fact that was known last."""
    newest = sorted(facts, key=lambda fact: fact[1])
    return {symbol: volume for symbol, _, volume in newest}


def clash(mine: Facts, mains: Facts) -> bool:
    """Whether of a symbol each side has what the other lacks."""
    return bool({a for a, _, _ in mine - mains} & {a for a, _, _ in mains - mine})


def contradict(one: Facts, other: Facts) -> bool:
    """Whether two facts of one symbol and instant are not the same."""
    values = {fact[:2]: fact[2] for fact in one}
    return any(values.get(fact[:2], fact[2]) != fact[2] for fact in other)


class Branching(RuleBasedStateMachine):
    """A lake with at most two branches at a time."""

    @initialize()
    def begin(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.lake = Lake.open(self.directory.name, clock=clock)
        self.main, self.branches, self.count = Line(), dict[str, Line](), 0
        self.publish(None, "A", 0)

    def publish(self, branch: str | None, symbol: str, hours: int) -> None:
        self.count += 1
        line = self.main if branch is None else self.branches[branch]
        lake = self.lake if branch is None else self.lake.branch(branch)
        before = line.head if line.releases else frozenset()
        fact = (symbol, hours, float(self.count))
        known_at = CLOSE + dt.timedelta(hours=hours)
        rows = bars(("2022-09-01",), (symbol,), volume=fact[2], known_at=known_at)
        name = f"R{self.count}"
        if contradict(before, frozenset([fact])):
            with pytest.raises(AuditError, match="other content"):
                lake.publish({"prices": rows}, release=name, as_of=AS_OF)
            return
        lake.publish({"prices": rows}, release=name, as_of=AS_OF)
        called = name if branch is None else f"{branch}.{name}"
        line.releases[called] = before | {fact}

    @rule(symbol=SYMBOLS, hours=st.integers(0, 3))
    def publish_on_main(self, symbol: str, hours: int) -> None:
        self.publish(None, symbol, hours)

    @rule(name=NAMES, symbol=SYMBOLS, hours=st.integers(0, 3))
    def publish_on_a_branch(self, name: str, symbol: str, hours: int) -> None:
        line = self.branches.get(name)
        if line is None:
            self.make(name)
        elif line.is_dropped:
            with pytest.raises(InvalidArgumentError, match="was dropped"):
                self.lake.branch(name)
        else:
            self.publish(name, symbol, hours)

    def make(self, name: str) -> None:
        base = next(reversed(self.main.releases))
        if base in self.main.ended:
            with pytest.raises(ReleaseEndedError):
                self.lake.branch(name, at=base)
            return
        self.lake.branch(name, at=base)
        facts = self.main.releases[base]
        self.branches[name] = Line({f"{name}.{base}": facts}, base=base)

    def living(self, name: str) -> Line | None:
        line = self.branches.get(name)
        return None if line is None or line.is_dropped else line

    @rule(name=NAMES, accept=st.booleans())
    def rebase(self, name: str, accept: bool) -> None:  # noqa: FBT001 - a rule's
        line, at = self.living(name), next(reversed(self.main.releases))
        if line is None or at in self.main.ended or at == line.base:
            return
        base, new = self.main.releases[line.base], self.main.releases[at]
        mine = line.head - base
        if clash(mine, new - base) and not accept:
            with pytest.raises(ConflictError):
                self.lake.rebase(name, at=at)
        elif contradict(new, mine):
            with pytest.raises((AuditError, ConflictError)):
                self.lake.rebase(name, at=at, accept=accept)
        else:
            self.lake.rebase(name, at=at, accept=accept)
            line.releases[f"{name}.{at}"], line.base = new | mine, at

    @rule(name=NAMES)
    def adopt(self, name: str) -> None:
        line = self.living(name)
        if line is None:
            return
        base = self.main.releases[line.base]
        mine, mains = line.head - base, self.main.head - base
        self.count += 1
        called = f"R{self.count}"
        if not mine:
            with pytest.raises(InvalidArgumentError, match="nothing to adopt"):
                self.lake.adopt(name, release=called)
        elif clash(mine, mains):
            with pytest.raises(ConflictError):
                self.lake.adopt(name, release=called)
        else:
            self.lake.adopt(name, release=called)
            self.main.releases[called] = self.main.head | mine

    @rule(name=NAMES)
    def drop(self, name: str) -> None:
        if (line := self.living(name)) is not None:
            self.lake.drop_branch(name, because="a test")
            line.is_dropped = True
            line.ended = set(line.releases)

    @rule(place=st.integers(0, 5))
    def end(self, place: int) -> None:
        names = [n for n in self.main.releases if n not in self.main.ended]
        if len(names) < 2:
            return
        name = names[place % (len(names) - 1)]  # the last stays
        bases = {b.base for b in self.branches.values() if not b.is_dropped}
        if name in bases:
            with pytest.raises(InvalidArgumentError, match="stands on it"):
                self.lake.drop(name, because="a test")
        else:
            self.lake.drop(name, because="a test")
            self.main.ended.add(name)

    @rule(symbol=SYMBOLS)
    def erase(self, symbol: str) -> None:
        lines = (self.main, *self.branches.values())
        living = [
            facts
            for line in lines
            for name, facts in line.releases.items()
            if name not in line.ended
        ]
        try:
            self.lake.erase("prices", where={"symbol": symbol}, reason="a test")
        except InvalidArgumentError as error:
            assert "nothing of prices matches" in str(error)  # noqa: PT017 - what is held decides
            assert not any(fact[0] == symbol for facts in living for fact in facts)
        for line in lines:
            line.releases = {
                name: frozenset(fact for fact in facts if fact[0] != symbol)
                for name, facts in line.releases.items()
            }

    @invariant()
    def every_release_reads_as_the_model_says(self) -> None:
        for line in (self.main, *self.branches.values()):
            for name in list(line.releases)[-3:]:
                if name in line.ended:
                    with pytest.raises(ReleaseEndedError):
                        self.lake.at(name)
                    continue
                panel = self.lake.at(name).panel("volume")
                read = panel.iloc[0].to_dict() if len(panel) else {}
                assert read == seen(line.releases[name])

    def teardown(self) -> None:
        if hasattr(self, "directory"):
            try:
                found = self.lake.doctor(deep=True)
                assert found.ok, str(found.frame())
            finally:
                self.directory.cleanup()


Branching.TestCase.settings = settings(
    max_examples=times(4, 60),
    stateful_step_count=times(14, 40),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


TestBranching = Branching.TestCase
