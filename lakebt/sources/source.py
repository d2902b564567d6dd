"""The base of all sources, and the options of their two methods."""

from __future__ import annotations

import csv
import inspect
import re
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

    from lakebt.sources.converted import Converted


OF_TABLES = frozenset({"table", "numbers", "flags"})
"""Options of `convert` that the caller fills in; users do not type them."""

_ELSEWHERE = OF_TABLES | {"exchange"}
"""What a command has itself: the lake says whose sessions count."""

_KINDS = (
    ("Mapping[", "map"),
    ("Iterable[", "list"),
    ("Collection[", "list"),
    ("Sequence[", "list"),
    ("tuple[", "list"),
    ("bool", "flag"),
    ("int", "whole number"),
    ("float", "number"),
)
"""What an option is, by how its annotation begins; the first that fits."""

_TEXTS = ("str", "Literal[", "dt.date", "dt.datetime", "os.PathLike", "Path")
_MOST_BYTES = 2**24
_PLACES = ("source", "path", "folder")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option of a source's method, as a command line can give it.

    Attributes
    ----------
    name
        As Python has it.
    kind
        ``text``, ``number``, ``whole number``, ``flag``, ``list`` or ``map``.
    is_required
        Whether it has no default.
    about
        What its docstring says, in one line.
    """

    name: str
    kind: str
    is_required: bool
    about: str

    @property
    def flag(self) -> str:
        """As it is typed: ``--known-at``."""
        return f"--{self.name.replace('_', '-')}"

    def value(self, texts: Sequence[str]) -> Any:
        """Return the typed text in the type that the method takes.

        Parameters
        ----------
        texts
            As typed: several for an option that is repeated. A list has commas, or is
            repeated; a map is ``A=B``, with commas, repeated, or a CSV file of two
            columns under a header.

        Raises
        ------
        InvalidArgumentError
            If it is none of that type, or is given twice.

        Examples
        --------
        >>> symbols = Option(name="symbols", kind="map", is_required=False, about="")
        >>> symbols.value(["US1=A,US2=B", "US3=C"])
        {'US1': 'A', 'US2': 'B', 'US3': 'C'}
        """
        if self.kind == "flag":
            return True
        if self.kind in {"list", "map"}:
            parts = [p.strip() for text in texts for p in text.split(",") if p.strip()]
            return parts if self.kind == "list" else self._map(parts)
        if len(texts) > 1:
            msg = f"{self.flag} is given twice, as {' and as '.join(texts)}"
            raise InvalidArgumentError(msg)
        text = texts[0]
        if self.kind == "text":
            return text
        try:
            return int(text) if self.kind == "whole number" else float(text)
        except ValueError:
            msg = f"{self.flag} must be a {self.kind}, was {text!r}"
            raise InvalidArgumentError(msg) from None

    def _map(self, parts: Sequence[str]) -> dict[str, str]:
        """Return pairs, those of files included.

        Raises
        ------
        InvalidArgumentError
            If a part is neither a pair nor a file of pairs.
        """
        mapping: dict[str, str] = {}
        for part in parts:
            name, equals, value = part.partition("=")
            if equals and name.strip():
                mapping[name.strip()] = value.strip()
            else:
                mapping |= self._pairs(Path(part))
        return mapping

    def _pairs(self, path: Path) -> dict[str, str]:
        """Return the pairs in a file.

        Raises
        ------
        InvalidArgumentError
            If it is none of two columns.
        """
        try:
            if path.stat().st_size > _MOST_BYTES:
                msg = f"{self.flag} {path} is too large for a list of pairs"
                raise InvalidArgumentError(msg)
            with path.open(encoding="utf-8-sig", newline="") as lines:
                rows = [row for row in csv.reader(lines) if row]
        except (OSError, UnicodeDecodeError, csv.Error):
            rows = []
        if len(rows) < 2 or any(len(row) != 2 for row in rows):
            msg = (
                f"{self.flag} {str(path)!r} is neither A=B nor a CSV file of two "
                f"columns with a header: write one of them"
            )
            raise InvalidArgumentError(msg)
        return {row[0].strip(): row[1].strip() for row in rows[1:]}


class Source:
    """Where rows of one table come from.

    A source has `convert`, whose first argument is a path or a frame and which never
    asks the network; and where there is something to ask, `fetch`, whose first argument
    is a folder. Everything else is keyword-only, and becomes an option of the command
    line by its name, its annotation and its entry in the docstring.

    Attributes
    ----------
    name
        What it is called on the command line.
    table
        The table that it fills; None if any.
    also
        Tables that it fills too, if they are asked for.
    about
        One line: what arrives.
    reads
        The ends of the names of files that it reads.
    is_whole
        Whether it takes a folder or a pattern as one thing, and not file by file.
    extra
        The extra of lakebt's that it needs; None if it needs none.
    """

    __slots__ = ()

    name: str
    table: str | None = None
    also: tuple[str, ...] = ()
    about: str
    reads: tuple[str, ...] = (".csv", ".xlsx", ".parquet")
    is_whole: bool = False
    extra: str | None = None

    def convert(self, *args: Any, **options: Any) -> Converted:
        """Return what a path, or a frame, holds as rows of a table."""
        raise NotImplementedError

    @property
    def fetches(self) -> bool:
        """Whether it can ask the network."""
        return hasattr(self, "fetch")

    def fills(self, table: str) -> bool:
        """Whether it can fill a table."""
        return self.table is None or table == self.table or table in self.also

    def options(self, *, of_fetch: bool = False) -> dict[str, Option]:
        """Return the options that can be typed: of `fetch`, or of a conversion.

        Those of a conversion are `convert`'s, and the attributes that the source is
        made with.
        """
        if not of_fetch:
            bound: Any = self
            own = options_of(self.convert)
            if is_dataclass(bound):
                return options_of(type(self), section="Attributes") | own
            return own
        return options_of(getattr(self, "fetch")) if self.fetches else {}  # noqa: B009

    @property
    def has_exchange(self) -> bool:
        """Whether days or sessions of an exchange decide what it makes of a file."""
        bound: Any = self
        names = {each.name for each in fields(bound)} if is_dataclass(bound) else set()
        return "exchange" in names | inspect.signature(self.convert).parameters.keys()

    def made_with(self, given: Mapping[str, Any]) -> tuple[Self, dict[str, Any]]:
        """Return a source with the attributes that are given, and what is left."""
        made: Any = self
        names = {each.name for each in fields(made)} if is_dataclass(made) else set()
        settings = {k: v for k, v in given.items() if k in names and v is not None}
        left = {k: v for k, v in given.items() if k not in settings}
        return (replace(made, **settings) if settings else self), left

    def check_options(self, given: Mapping[str, object]) -> None:
        """Refuse options that this source does not have.

        Raises
        ------
        InvalidArgumentError
            If an option with a value is none of its own.
        """
        taken = {*inspect.signature(self.convert).parameters, *self.options()}
        taken |= {"exchange"} if self.has_exchange else set()
        for option, value in given.items():
            if option not in taken and option not in OF_TABLES and value:
                msg = (
                    f"{option}={value!r} means nothing for format {self.name!r}: "
                    f"omit it"
                )
                raise InvalidArgumentError(msg)


def typed(
    options: Mapping[str, Option], given: Mapping[str, Sequence[str]], *, where: str
) -> dict[str, Any]:
    """Return the typed values by the names of arguments.

    Parameters
    ----------
    options
        Of one method.
    given
        What was typed, by name.
    where
        What takes them, for errors.

    Raises
    ------
    UnknownNameError
        If there is no such option.
    InvalidArgumentError
        If one is missing, or of another type.
    """
    for name in given:
        if name not in options:
            kind = f"option of {where}"
            raise UnknownNameError(kind, name, options)
    for name, option in options.items():
        if option.is_required and name not in given:
            msg = f"{where} needs {option.flag}: {option.about}"
            raise InvalidArgumentError(msg)
    return {name: options[name].value(texts) for name, texts in given.items()}


def options_of(
    method: Callable[..., object], *, section: str = "Parameters"
) -> dict[str, Option]:
    """Return the keyword-only arguments of a method that can be typed, by name."""
    help_texts = _told(inspect.getdoc(method) or "", section)
    options: dict[str, Option] = {}
    for name, each in inspect.signature(method).parameters.items():
        kind = _kind(str(each.annotation))
        if each.kind is each.KEYWORD_ONLY and kind and name not in _ELSEWHERE:
            options[name] = Option(
                name=name,
                kind=kind,
                is_required=each.default is each.empty,
                about=help_texts.get(name, ""),
            )
    return options


def _kind(annotation: str) -> str | None:
    """Return what an annotation means to a command line; None if nothing."""
    for begin, kind in _KINDS:
        if annotation.startswith(begin):
            return kind
    return "text" if annotation.startswith(_TEXTS) else None


def _told(docstring: str, title: str) -> dict[str, str]:
    """Return what a part of a docstring says of each name in it, in one line each."""
    _, _, rest = docstring.partition(f"{title}\n----------\n")
    section = re.split(r"\n\n[A-Z]\w+\n-{3,}\n", rest)[0]
    texts: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", section):
        names, _, text = entry.partition("\n")
        for name in names.split(","):
            texts[name.strip()] = " ".join(text.replace("``", "").split())
    return texts
