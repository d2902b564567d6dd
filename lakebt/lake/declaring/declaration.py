"""The declaration of a user's table, checked before the table is made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakebt.errors import (
    InvalidArgumentError,
    TableExistsError,
    UnknownNameError,
    listed,
)
from lakebt.lake.tables.schemas import LEDGER, SPECS, TRIALS, Column, Kind, TableSpec
from lakebt.lake.tables.specs import KEY, KEY_KINDS, KNOWN_AT, ORDER

if TYPE_CHECKING:
    from collections.abc import Sequence


RESERVED_TABLES = (*SPECS, LEDGER, TRIALS)
"""Names lakebt uses itself, or will."""

ADDED = ("known_at", "retracted")
"""Columns that every fact table has; users do not declare them."""

RESERVED_COLUMNS = (*ADDED, "in_force", "changed")
"""Those, and the columns that `View.vintages` adds."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}\Z")
_KINDS = {kind.name.lower(): kind for kind in Kind if kind is not Kind.WHOLE}


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What somebody says a table is, checked by itself.

    Attributes
    ----------
    name : str
    key : tuple of str
    columns : tuple of Column
        Without those every table has.
    known_at : str or None
        The column `known_at` is derived from.
    order : tuple of str or None
        The key's columns, in the order files are sorted by; None if not said.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    known_at: str | None
    order: tuple[str, ...] | None

    def spec(self) -> TableSpec:
        """Return the table it declares."""
        added = (
            Column(name="known_at", kind=Kind.INSTANT),
            Column(name="retracted", kind=Kind.FLAG),
        )
        return TableSpec(
            name=self.name,
            key=self.key,
            columns=(*self.columns, *added),
            order=(*(self.order or self.key), "known_at"),
        )

    def properties(self) -> dict[str, str]:
        """Return what the schema does not say."""
        properties = {KEY: ",".join(self.key), ORDER: ",".join(self.order or self.key)}
        return (
            properties
            if self.known_at is None
            else {**properties, KNOWN_AT: self.known_at}
        )

    def missing(self, there: TableSpec) -> list[Column]:
        """Return the columns a table lacks.

        Raises
        ------
        TableExistsError
            If it was declared otherwise.
        """
        existing = {column.name: column for column in there.columns}
        lacks = [column for column in self.columns if column.name not in existing]
        plain = {name.lower(): name for name in existing}
        differ = [
            f"its column {c.name} is {notation(existing[c.name])}, not {notation(c)}"
            for c in self.columns
            if c.name in existing and notation(c) != notation(existing[c.name])
        ]
        differ += [
            f"its column {plain[c.name.lower()]} differs from {c.name} in case only"
            for c in lacks
            if c.name.lower() in plain
        ]
        differ += [
            f"its column {c.name} is required, and is not mentioned"
            for c in there.columns
            if c.required
            and c.name not in ADDED
            and c.name not in {mine.name for mine in self.columns}
        ]
        differ += [
            f"it has no column {c.name}, and one that is added later cannot be "
            f"required: declare it {notation(c)}?"
            for c in lacks
            if c.required
        ]
        if there.key != self.key:
            differ.insert(
                0, f"its key is {_listed(there.key)}, not {_listed(self.key)}"
            )
        if there.known_at_from != self.known_at:
            was, now = (
                f"from {name}" if name else "from no column"
                for name in (there.known_at_from, self.known_at)
            )
            differ.append(f"its known_at is derived {was}, not {now}")
        if self.order is not None and there.order != (*self.order, "known_at"):
            was = _listed(there.order[:-1])
            differ.append(f"its order is {was}, not {_listed(self.order)}")
        if differ:
            raise TableExistsError(self.name, differ[0])
        return lacks


def checked(
    name: object,
    *,
    key: object,
    columns: object,
    known_at: object,
    order: object,
) -> Declaration:
    """Check what can be checked without the lake: see `Lake.declare`.

    Raises
    ------
    InvalidArgumentError
        If anything cannot be used.
    """
    table = _checked_name(name, "table name", RESERVED_TABLES)
    if not isinstance(columns, Mapping) or not columns:
        msg = f"columns must map names to kinds, as eps_usd to number?, was {columns!r}"
        raise InvalidArgumentError(msg)
    by_name = {
        _checked_name(column, "column name", RESERVED_COLUMNS): _column(column, kind)
        for column, kind in columns.items()
    }
    _check_apart(list(by_name))
    keyed = _checked_key(key, by_name)
    source = None if known_at is None else _checked_source(known_at, by_name)
    return Declaration(
        name=table,
        key=keyed,
        columns=tuple(by_name.values()),
        known_at=source,
        order=None if order is None else _checked_order(order, keyed),
    )


def _checked_name(name: object, what: str, reserved: Sequence[str]) -> str:
    """Return a name that may be used.

    Raises
    ------
    InvalidArgumentError
        If it breaks the grammar, or is reserved.
    """
    if not (isinstance(name, str) and _NAME.match(name)):
        msg = (
            f"{what} {name!r} cannot be used: start with a letter, then at most 62 "
            f"letters, digits or _, as in eps_usd"
        )
        raise InvalidArgumentError(msg)
    if name.lower() in reserved:
        why = "every table has it" if name in ADDED else "lakebt uses it"
        msg = f"{what} {name!r} is reserved: {why}. Choose another, or leave it out"
        raise InvalidArgumentError(msg)
    return name


def _column(name: str, kind: object) -> Column:
    """Return a column from its kind in the notation of a declaration.

    Raises
    ------
    InvalidArgumentError
        If there is no such kind.
    """
    word = kind.removesuffix("?") if isinstance(kind, str) else None
    if word not in _KINDS:
        msg = (
            f"column {name!r} cannot hold {kind!r}: say {', '.join(_KINDS)}, with a ? "
            f"behind it where it may be empty"
        )
        raise InvalidArgumentError(msg)
    return Column(name=name, kind=_KINDS[word], required=word == kind)


def notation(column: Column) -> str:
    """Return what a column holds, as a declaration says it.

    Examples
    --------
    >>> notation(Column(name="eps_usd", kind=Kind.NUMBER, required=False))
    'number?'
    """
    return column.kind.name.lower() + ("" if column.required else "?")


def _check_apart(names: Sequence[str]) -> None:
    """Check that columns can be told apart, also in a diff.

    Raises
    ------
    InvalidArgumentError
        If two cannot.
    """
    seen: dict[str, str] = {}
    for name in names:
        for shown in (name, f"{name}_before", f"{name}_after"):
            other = seen.setdefault(shown.lower(), name)
            if other != name:
                msg = (
                    f"columns {other!r} and {name!r} cannot be told apart, by case or "
                    f"beside each other in a diff: rename one"
                )
                raise InvalidArgumentError(msg)


def _checked_key(key: object, columns: Mapping[str, Column]) -> tuple[str, ...]:
    """Return the columns of the key.

    Raises
    ------
    InvalidArgumentError
        If they are no list of required columns of a kind that can be compared.
    UnknownNameError
        If one is no column.
    """
    if isinstance(key, str) or not isinstance(key, (list, tuple)) or not key:
        msg = f"key must be a list of columns, was {key!r}: pass ['symbol', 'date']"
        raise InvalidArgumentError(msg)
    for name in key:
        if not isinstance(name, str) or name not in columns:
            kind = "column for the key"
            raise UnknownNameError(kind, str(name), columns)
        if key.count(name) > 1:
            msg = f"key column {name!r} is there twice"
            raise InvalidArgumentError(msg)
        column = columns[name]
        if column.kind not in KEY_KINDS or not column.required:
            allowed = ", ".join(kind.name.lower() for kind in KEY_KINDS)
            msg = (
                f"key column {name!r} cannot be {notation(column)}: a key is of "
                f"{allowed}, and never empty"
            )
            raise InvalidArgumentError(msg)
    return tuple(key)


def _checked_source(known_at: object, columns: Mapping[str, Column]) -> str:
    """Return the column that `known_at` is derived from.

    Raises
    ------
    InvalidArgumentError
        If it holds neither instants nor dates.
    UnknownNameError
        If it is no column.
    """
    if not isinstance(known_at, str) or known_at not in columns:
        kind = "column for known_at"
        raise UnknownNameError(kind, str(known_at), columns)
    column = columns[known_at]
    if column.kind not in {Kind.INSTANT, Kind.DATE}:
        msg = (
            f"known_at cannot be derived from {known_at!r}, which is "
            f"{notation(column)}: name an instant, or a date, at whose end it is known"
        )
        raise InvalidArgumentError(msg)
    return known_at


def _checked_order(order: object, key: tuple[str, ...]) -> tuple[str, ...]:
    """Return the key's columns in the order files are sorted by.

    Raises
    ------
    InvalidArgumentError
        If it is not the key in some order.
    """
    is_list = isinstance(order, (list, tuple)) and all(
        isinstance(n, str) for n in order
    )
    if not is_list or sorted(order) != sorted(key):  # type: ignore[call-overload]
        msg = f"order must be the key in some order, {_listed(key)}, was {order!r}"
        raise InvalidArgumentError(msg)
    return tuple(order)  # type: ignore[arg-type]


def _listed(names: Sequence[str]) -> str:
    return f"({listed(names)})"
