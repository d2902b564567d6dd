"""The full text of a submission to EDGAR: its header, and when it could be read."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakebt.errors import InvalidDataError
from lakebt.instants import NEW_YORK
from lakebt.sources.corporate.answers import read_answer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


OPENS = dt.time(6)
"""From when on EDGAR hands out what came in after 17:30 the evening before [1]_.

.. [1] 17 CFR 232.13: a filing of after 17:30 has the date of the next business day.
"""

_END = "</SEC-DOCUMENT>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a submission says.

    Attributes
    ----------
    path, table
        The file, and where its rows go, for errors.
    raw
        The whole text.
    form, accession
        What was filed, and EDGAR's number.
    public_at
        When it could be read: the acceptance, or the next business day's opening.
    """

    path: Path
    table: str
    raw: str
    form: str
    accession: str
    public_at: dt.datetime

    def day(self, name: str) -> dt.date:
        """Return a day that the header tells.

        Raises
        ------
        InvalidDataError
            If it tells none.
        """
        digits = _line(self.raw, rf"{name}:\s+(\d{{8}})", self.path, self.table)
        return _instant(digits, self.path, self.table).date()

    def document(self) -> str:
        """Return the document of the form that was filed, "" if there is none."""
        for part in self.raw.split("<DOCUMENT>")[1:]:
            if re.match(rf"\s*<TYPE>{re.escape(self.form)}\s", part):
                return part.partition("<TEXT>")[2].rpartition("</TEXT>")[0]
        return ""


def read_submission(path: Path, *, forms: Sequence[str], table: str) -> Submission:
    """Read the full text of a submission.

    Parameters
    ----------
    path
        The file, as EDGAR hands it out: ``.txt``.
    forms
        Which are wanted; the first is named in errors.
    table
        Where its rows go, for errors.

    Raises
    ------
    InvalidDataError
        If it is none, of another form, or cut off.
    """
    raw = read_answer(path, is_strict=False, table=table)
    if "<SEC-HEADER>" not in raw and "<ACCEPTANCE-DATETIME>" not in raw:
        problem = (
            f"file {path} is not a submission as EDGAR publishes it: fetch the .txt."
        )
        raise InvalidDataError(table, problem)
    form = _line(raw, r"CONFORMED SUBMISSION TYPE:\s+(\S+)", path, table)
    if form not in forms:
        problem = f"file {path} holds a form {form[:20]}, not {forms[0]}: leave it out."
        raise InvalidDataError(table, problem)
    if _END not in raw:
        raise InvalidDataError(table, f"file {path} is cut off: fetch it again.")
    digits = _line(raw, r"<ACCEPTANCE-DATETIME>\s*(\d{14})", path, table)
    accepted = _instant(digits, path, table)
    digits = _line(raw, r"FILED AS OF DATE:\s+(\d{8})", path, table)
    filed = _instant(digits, path, table)
    if filed.date() > accepted.date():
        accepted = dt.datetime.combine(filed.date(), OPENS, NEW_YORK)
    return Submission(
        path=path,
        table=table,
        raw=raw,
        form=form,
        accession=_line(raw, r"ACCESSION NUMBER:\s+(\S+)", path, table),
        public_at=accepted.astimezone(dt.UTC),
    )


def _line(raw: str, pattern: str, path: Path, table: str) -> str:
    """Return what a line of the header says.

    Raises
    ------
    InvalidDataError
        If there is none.
    """
    match = re.search(pattern, raw)
    if match is None:
        name = re.sub(r"[\\(<>].*", "", pattern.lstrip("<")).rstrip(":")
        problem = f"file {path} is cut off: its header has no {name}. Fetch it again."
        raise InvalidDataError(table, problem)
    return match[1]


def _instant(digits: str, path: Path, table: str) -> dt.datetime:
    """Return an instant of New York's.

    Raises
    ------
    InvalidDataError
        If the digits are none.
    """
    try:
        form = "%Y%m%d%H%M%S" if len(digits) == 14 else "%Y%m%d"
        return dt.datetime.strptime(digits, form).replace(tzinfo=NEW_YORK)
    except ValueError:
        problem = f"file {path}: {digits!r} is not a day: fetch it again."
        raise InvalidDataError(table, problem) from None
