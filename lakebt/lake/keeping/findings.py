"""The findings of `lake.doctor()`, each with its cure."""

from __future__ import annotations

import html
import shlex
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import pandas as pd

from lakebt._messages import as_words
from lakebt.lake.committing.release_names import branch_in
from lakebt.lake.tables.schemas import NAMESPACE, TRIALS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator


BACKUP = "Restore the lake from a backup"
BACKUP_OF_TRIALS = (
    f"{BACKUP}, or give up what was tried: drop the table {NAMESPACE}.{TRIALS} in any "
    f"engine, and run it again"
)
RESTORE = "lakebt doctor --restore"
REMOVE_ORPHANS = "lakebt doctor --remove-orphans"
RETAIN = "lakebt retain"


def roll_back(table: str) -> str:
    """Return the command that undoes what others committed to a table."""
    return f"lakebt doctor --roll-back {table}"


def adopt(table: str, *, head: int, as_of: dt.datetime) -> str:
    """Return the command that makes a release of what others appended."""
    name, cutoff = f"adopted_{head}", as_of.isoformat()
    return f"lakebt doctor --adopt {table} --release {name} --as-of {cutoff}"


def drop(release: str, *, because: str) -> str:
    """Return the command that ends a release that cannot be saved, or its branch."""
    if (branch := branch_in(release)) is not None:
        return f"lakebt branch {branch} --drop --because {shlex.quote(because)}"
    return f"lakebt retain --drop {release} --because {shlex.quote(because)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong with a lake.

    Attributes
    ----------
    code : str
        What kind of thing, for programs.
    table : str
        Empty if it is the lake as a whole.
    release : str
        The release it harms; empty if it harms none, or all.
    problem : str
    cure : str
        What to do, a command where there is one.
    """

    code: str
    table: str = ""
    release: str = ""
    problem: str
    cure: str

    @as_words
    def __str__(self) -> str:
        place = ", ".join(
            part
            for part in (
                self.table and f"table {self.table}",
                self.release and f"release {self.release}",
            )
            if part
        )
        where = f"{place}: " if place else ""
        return f"[{self.code}] {where}{self.problem}. Cure: {self.cure}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What is wrong with a lake; nothing if it is healthy.

    Attributes
    ----------
    lake : str
        Its name.
    findings : tuple of Finding
        The gravest first.
    files_checked : bool
        Whether every file was looked for, or only what the metadata says.
    """

    lake: str
    findings: tuple[Finding, ...]
    files_checked: bool

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def frame(self) -> pd.DataFrame:
        """Return a row per finding: `code`, `table`, `release`, `problem`, `cure`."""
        names = [each.name for each in fields(Finding)]
        return pd.DataFrame(
            {
                name: pd.Series([getattr(f, name) for f in self], dtype="str")
                for name in names
            }
        )

    @as_words
    def __str__(self) -> str:
        if self.ok:
            what = "" if self.files_checked else "; its files were not looked at"
            return f"lake {self.lake} is healthy{what}"
        return "\n".join([f"lake {self.lake}:", *map(str, self.findings)])

    def _repr_html_(self) -> str:
        if self.ok:
            return f"<p>{html.escape(str(self))}</p>"
        table = self.frame().to_html(index=False, border=0)
        return f"<p><b>lake {html.escape(self.lake)}</b></p>{table}"
