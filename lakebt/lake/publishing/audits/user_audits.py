"""Audits of a user's own: plain functions from rows to those that offend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from lakebt.errors import InvalidArgumentError, InvalidDataError, listed
from lakebt.lake.publishing.audits.finding import (
    MATTERS,
    MEANT,
    WARNS,
    Finding,
    numbered,
    sample,
)
from lakebt.lake.tables.frames import frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt._typing import IntVector
    from lakebt.lake.publishing.audits.finding import Handed, Severity
    from lakebt.lake.tables.schemas import TableSpec
    from lakebt.lake.tables.specs import Specs


Audit: TypeAlias = Callable[[pd.DataFrame], Any]
"""From a table's rows to those that offend: a mask, some of the rows, or None."""

Audits: TypeAlias = Mapping[str, Audit | Iterable[Audit]]
"""By table."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Which audits of a user's own there are, and what fails and what warns.

    Attributes
    ----------
    own
        Functions by table, each list in its order.
    fail_on, warn_on
        Audits whose findings are not what they would be by themselves.
    """

    own: Mapping[str, tuple[Audit, ...]]
    fail_on: frozenset[str] = frozenset()
    warn_on: frozenset[str] = frozenset()

    def severity(self, audit: str) -> Severity:
        """Return what a finding of an audit that may warn or fail does."""
        if audit in WARNS:
            return "fail" if audit in self.fail_on else "warn"
        return "warn" if audit in self.warn_on else "fail"


def rules(audits: object, *, fail_on: object, warn_on: object, specs: Specs) -> Rules:
    """Check what a user says about audits.

    Parameters
    ----------
    audits
        A mapping of a table's name to a function or several, or None.
    fail_on
        Names of audits that else warn.
    warn_on
        Names of the user's own, and of `MEANT`, that else fail.
    specs
        The lake's tables.

    Raises
    ------
    InvalidArgumentError
        If one is no function or has a name that is taken, or there is no audit of a
        name.
    LakeError
        If the declaration of a table was damaged.
    UnknownNameError
        If there is no such table.
    """
    own: dict[str, tuple[Audit, ...]] = {}
    if not (audits is None or isinstance(audits, Mapping)):
        msg = f"audits must map tables to functions, was {type(audits).__name__}"
        raise InvalidArgumentError(msg)
    for table, given in (audits or {}).items():
        spec = specs.of(table)
        functions = (given,) if callable(given) else given
        if isinstance(functions, str) or not isinstance(functions, Iterable):
            msg = f"audits[{table!r}] must be a function or a list, was {given!r}"
            raise InvalidArgumentError(msg)
        own[spec.name] = _named(table, tuple(functions))
    names = [_name(each) for functions in own.values() for each in functions]
    return Rules(
        own=own,
        fail_on=_chosen("fail_on", fail_on, WARNS),
        warn_on=_chosen("warn_on", warn_on, (*MEANT, *names)),
    )


def _named(table: str, functions: tuple[Audit, ...]) -> tuple[Audit, ...]:
    """Return functions with distinct names.

    Raises
    ------
    InvalidArgumentError
        If they cannot, or one is none.
    """
    names: list[str] = []
    for function in functions:
        if not callable(function):
            msg = f"audits[{table!r}] must hold functions, one is {function!r}"
            raise InvalidArgumentError(msg)
        name = _name(function)
        if name in names or name in {*MATTERS, *MEANT, *WARNS}:
            whose = "another of yours" if name in names else "an audit of lakebt's"
            msg = f"audits[{table!r}]: {name!r} is the name of {whose}: rename yours"
            raise InvalidArgumentError(msg)
        names.append(name)
    return functions


def _name(function: Audit) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _chosen(what: str, given: object, names: Iterable[str]) -> frozenset[str]:
    """Return names of audits.

    Raises
    ------
    InvalidArgumentError
        If one is not among `names`.
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        msg = f"{what} must be a list of audits, was {given!r}: pass [{given!r}]"
        raise InvalidArgumentError(msg)
    known = tuple(names)
    none = " (you gave none of your own)" if known == MEANT else ""
    chosen = tuple(given)
    for name in chosen:
        if name not in known:
            msg = (
                f"{what} has {name!r}, which is none of the audits it is about: "
                f"{listed(known)}{none}"
            )
            raise InvalidArgumentError(msg)
    return frozenset(chosen)


def audit_own(handed: Handed, chosen: Rules) -> Iterator[Finding]:
    """Give what a user's functions have against the rows of a table.

    Parameters
    ----------
    handed
        Rows that no audit of lakebt's fails, in the order they were handed over.
    chosen
        The functions.

    Raises
    ------
    InvalidDataError
        If a function raises, or returns something that names no rows.
    """
    functions = chosen.own.get(handed.spec.name, ())
    if not functions:
        return
    rows = frame(handed.rows)
    for function in functions:
        name = _name(function)
        try:
            answer = function(rows.copy(deep=False))
        except Exception as error:
            what = " ".join(f"{type(error).__name__}: {error}".split())
            problem = f"your audit {name!r} raised {what.rstrip('.')}. Correct it."
            raise InvalidDataError(handed.spec.name, problem) from error
        which, figures = _read(answer, rows, spec=handed.spec, name=name)
        if len(which):
            offending = numbered(rows.iloc[which], handed.places[which])
            for column, values in figures.items():
                offending[column] = values
            yield _finding(handed.spec, name, offending, chosen.severity(name))


def _finding(
    spec: TableSpec, name: str, offending: pd.DataFrame, severity: Severity
) -> Finding:
    lines = [
        f"row {row['row']}: " + listed(f"{k} {_plain(row[k])}" for k in spec.key)
        for _, row in offending.head(3).iterrows()
    ]
    count = "1 row" if len(offending) == 1 else f"{len(offending)} rows"
    return Finding(
        table=spec.name,
        audit=name,
        severity=severity,
        message=f"your audit {name!r} found {count} ({sample(lines, len(offending))}).",
        rows=offending,
    )


def _plain(value: Any) -> object:
    is_day = isinstance(value, pd.Timestamp) and value.tz is None
    return value.date() if is_day else value


def _read(
    said: object, rows: pd.DataFrame, *, spec: TableSpec, name: str
) -> tuple[IntVector, dict[str, Any]]:
    """Return the positions that a function named, with its remarks.

    Raises
    ------
    InvalidDataError
        If it did not name rows.
    """
    figures: dict[str, Any] = {}
    if said is None or (isinstance(said, (list, tuple)) and not said):
        return np.empty(0, dtype=np.int64), figures
    if isinstance(said, pd.DataFrame):
        which = rows.index.get_indexer(said.index)
        keys = [*spec.key, "known_at"]
        is_some = (which >= 0).all() and all(
            key not in said.columns or said[key].equals(rows[key].iloc[which])
            for key in keys
        )
        if is_some:
            figures = {
                column: said[column].to_numpy()
                for column in said.columns
                if column not in rows.columns
            }
            return np.asarray(which, dtype=np.int64), figures
        problem = (
            f"your audit {name!r} returned rows that are none of those it was given. "
            f"Select from them, and keep their index."
        )
        raise InvalidDataError(spec.name, problem)
    if isinstance(said, (pd.Series, np.ndarray, list)):
        mask = pd.Series(said)
        fits = len(mask) == len(rows) and (
            not isinstance(said, pd.Series) or said.index.equals(rows.index)
        )
        if fits and pd.api.types.is_bool_dtype(mask.dtype):
            return np.flatnonzero(mask.fillna(False).to_numpy(dtype=bool)), figures  # noqa: FBT003
    problem = (
        f"your audit {name!r} returned {_said(said)}. Return a mask of its "
        f"{len(rows)} rows, those that offend, or None."
    )
    raise InvalidDataError(spec.name, problem)


def _said(said: object) -> str:
    if isinstance(said, (pd.Series, np.ndarray)):
        return f"{len(said)} values of type {said.dtype}"
    return f"{said!r:.40}"
