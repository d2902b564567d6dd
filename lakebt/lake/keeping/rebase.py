"""What a branch got goes onto another base, or onto main, audited, in one commit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError
from lakebt.lake.committing.branches import ADOPTED, BASE, base_in, opened
from lakebt.lake.committing.ledger import read_ledger, read_state
from lakebt.lake.committing.release_names import branch_in, check_name
from lakebt.lake.keeping.branch_facts import check_clashes, clashes, facts_since
from lakebt.lake.keeping.branches import base_of, check_digests
from lakebt.lake.keeping.maintenance import state
from lakebt.lake.publishing.audits.audit_report import AuditReport
from lakebt.lake.publishing.audits.comparison import Comparison
from lakebt.lake.publishing.audits.user_audits import rules
from lakebt.lake.publishing.publication import Publication, prepare
from lakebt.lake.publishing.publish import moved, publish
from lakebt.lake.tables.schemas import LEDGER

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    import pandas as pd
    from pyiceberg.table import Table

    from lakebt.lake.committing.fold import Rewriter
    from lakebt.lake.committing.ledger import Ledger, Release
    from lakebt.lake.keeping.branch_facts import Facts
    from lakebt.lake.publishing.publish import Check
    from lakebt.lake.storage.catalog import Storage
    from lakebt.sessions import Exchange


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A branch, and the rows published onto it since its base.

    Attributes
    ----------
    main, there
        The lake, and the lake on the branch.
    base
        The release of main that it stands on.
    last
        The branch's last release.
    as_of
        The latest cutoff of its releases: none of its facts was known later.
    facts
        What it got.
    """

    main: Storage
    there: Storage
    base: Release
    last: Release
    as_of: dt.datetime
    facts: Facts

    @classmethod
    def of(cls, storage: Storage, name: str) -> Standing:
        """Look at a branch.

        Raises
        ------
        InvalidArgumentError
            If it was dropped.
        LakeError
            If it cannot be read.
        ReleaseEndedError
            If its base ended, by another lakebt.
        UnknownNameError
            If there is no such branch.
        """
        state(storage)  # what an interrupted publisher left is finished
        there = opened(storage, name)
        ledger = read_ledger(there, there.tables()[LEDGER])
        base = base_of(storage, base_in(ledger, where=there.where).labels[BASE])
        last = ledger.releases[-1]
        return cls(
            main=storage,
            there=there,
            base=base,
            last=last,
            as_of=max(release.as_of for release in ledger.living),
            facts=facts_since(storage, base, last),
        )

    def clashes(self, with_: Release | None) -> pd.DataFrame:
        """Return what clashes with a release of main; for None with its last."""
        ledger = read_ledger(self.main, self.main.tables()[LEDGER])
        after = with_ or ledger.releases[-1]
        mains = facts_since(self.main, self.base, after)
        return clashes(self.main, self.facts, mains)


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """The rows to move onto another base, or onto main, and their audits.

    Attributes
    ----------
    publication
    storage
        Where it is published: main, or the branch.
    compare
        Compares it with the lake.
    check
        That, and whatever else must hold.
    onto
        The new base of a branch.
    """

    publication: Publication
    storage: Storage
    compare: Comparison
    check: Check
    onto: Release | None = None

    def publish(
        self, *, now: Callable[[], dt.datetime], rewriter: Rewriter | None = None
    ) -> Release:
        """Publish it.

        Raises
        ------
        LakebtError
            Whatever `Lake.publish` raises.
        """
        return publish(
            self.publication,
            storage=self.storage,
            rewriter=rewriter,
            now=now,
            check=self.check,
            onto=self.onto,
        )

    def warned(self) -> tuple[str, ...]:
        """Audit it beside the present lake, and return the findings that warn.

        Raises
        ------
        LakebtError
            Whatever `Lake.publish` raises before it writes.
        """
        tables, ledger = read_state(self.storage)
        self.check(tables if self.onto is None else moved(tables, self.onto), ledger)
        return self.compare.warned


def warned(transfer: Transfer | Release) -> tuple[str, ...]:
    """Audit the rows on another base, and return the findings that warn.

    Raises
    ------
    LakebtError
        Whatever `Lake.publish` raises before it writes.
    """
    return transfer.warned() if isinstance(transfer, Transfer) else ()


def adoption(
    storage: Storage,
    name: str,
    *,
    release: str,
    as_of: object,
    note: str,
    labels: Mapping[str, str] | None,
    now: Callable[[], dt.datetime],
    sessions: Exchange,
    comparison: Callable[..., Comparison] = Comparison,
) -> Transfer:
    """Prepare a release of main of what a branch got.

    Raises
    ------
    InvalidArgumentError
        If the branch got nothing.
    LakebtError
        Whatever `Lake.publish` raises of the rows alone.
    """
    branch = Standing.of(storage, name)
    if not branch.facts:
        msg = (
            f"branch {name!r} got nothing since its base {branch.base.name!r}: there "
            f"is nothing to adopt"
        )
        raise InvalidArgumentError(msg)
    publication = prepare(
        branch.facts,
        release=release,
        as_of=branch.as_of if as_of is None else as_of,
        note=note,
        labels=labels,
        specs=storage.specs,
        now=now(),
        sessions=sessions,
    )
    all_labels = {**publication.labels, ADOPTED: branch.last.name}
    publication = replace(publication, labels=all_labels)
    compare = comparison(publication, storage=storage, sessions=sessions)

    def check(tables: Mapping[str, Table], ledger: Ledger) -> None:
        if ledger.last is not None:
            mains = facts_since(storage, branch.base, ledger.last)
            cure = f"rebase the branch, which shows what it makes of them: {_REBASE}"
            clashing = clashes(storage, branch.facts, mains)
            check_clashes(clashing, branch=name, cure=cure)
        compare(tables, ledger)

    return Transfer(
        publication=publication, storage=storage, compare=compare, check=check
    )


_REBASE = "lakebt branch NAME --rebase RELEASE"


def rebasing(
    storage: Storage,
    name: str,
    *,
    at: str,
    release: str | None,
    accept: bool,
    now: Callable[[], dt.datetime],
    sessions: Exchange,
    comparison: Callable[..., Comparison] = Comparison,
) -> Transfer | Release:
    """Prepare a release of a branch on another release of main.

    Returns
    -------
    Transfer or Release
        The branch's last release if it stands there already.

    Raises
    ------
    ConflictError
        If facts clash and are not accepted.
    InvalidArgumentError
        If the release is older than the base.
    LakebtError
        Whatever `Lake.publish` raises of the rows alone.
    """
    if branch_in(at) is not None:
        msg = f"branch {name!r} cannot stand on {at!r}: that is of a branch itself"
        raise InvalidArgumentError(msg)
    new = base_of(storage, at)
    check_digests(new)
    branch = Standing.of(storage, name)
    if new.sequence < branch.base.sequence:
        msg = (
            f"branch {name!r} stands on {branch.base.name!r}, which came after {at!r}: "
            f"choose that or a later release"
        )
        raise InvalidArgumentError(msg)
    called = f"{name}.{at if release is None else release}"
    check_name(called)
    if new.name == branch.base.name:
        return branch.last
    if not accept:
        cure = "to keep both, of which the later known is in force, accept them"
        check_clashes(branch.clashes(new), branch=name, cure=cure)
    as_of = max(new.as_of, branch.as_of)
    publication = _publication(branch, called, as_of, now=now(), sessions=sessions)
    publication = replace(publication, labels={BASE: new.name})
    compare = comparison(publication, storage=branch.there, sessions=sessions)
    return Transfer(
        publication=publication,
        storage=branch.there,
        compare=compare,
        check=compare,
        onto=new,
    )


def _publication(
    branch: Standing, called: str, as_of: dt.datetime, **told: Any
) -> Publication:
    specs = branch.main.specs
    if branch.facts:
        return prepare(branch.facts, release=called, as_of=as_of, specs=specs, **told)
    report = AuditReport(release=called, as_of=as_of, counts=(), found=())
    return Publication(
        name=called,
        as_of=as_of,
        tables={},
        note="",
        labels={},
        files=(),
        retain_days=None,
        rules=rules(None, fail_on=(), warn_on=(), specs=specs),
        report=report,
    )
