"""A strategy's file as text: executors need not share the driver's file system."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lakebt.errors import LakeError
from lakebt.sweep.strategies import Task, run_task

if TYPE_CHECKING:
    import datetime as dt

    import pandas as pd


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
    """Run one backtest of a strategy that was sent, and return the ledger's row.

    Raises
    ------
    LakeError
        If it is another trial here than it was for who asked.
    """
    name = task.target.rpartition(":")[2]
    here = replace(task, target=f"{script.placed(folder)}:{name}")
    rows = run_task(here, now)
    (found,) = rows["trial_id"]
    if found != task.trial_id:
        msg = (
            f"an executor ran trial {found} where {task.trial_id} was asked for: it "
            f"has another lake under the same address, or {name} is made of more than "
            f"its file and parameters"
        )
        raise LakeError(msg)
    return rows
