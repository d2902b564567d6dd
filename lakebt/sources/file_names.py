"""The symbol of a file, by its name and those of the other files in its folder."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError, InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


HOLE = "{symbol}"

_ENDS = re.compile(r"(\.(csv|txt))(\.(gz|bz2|xz|zst|zip))?\Z", re.IGNORECASE)
_SYMBOL = re.compile(
    r"[A-Za-z][A-Za-z0-9]{0,7}([.^=-][A-Za-z0-9]{1,4})?\Z|[0-9]{4,6}\Z"
)
_BEFORE = re.compile(
    r"\A((daily_adjusted|daily|time_series|prices?|stocks?|HistoricalData|data)[_-])+",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    r"((\.us)|([_-](daily_adjusted|daily|adjusted|us|d|1d|max|prices?|history|data)))+"
    r"\Z",
    re.IGNORECASE,
)
_PARTING = "._- "


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """The pattern of file names in a folder.

    Attributes
    ----------
    pattern
        With ``{symbol}`` in the place of the symbol; a ``*`` is anything.
    table
        Where their rows go, for errors.
    is_guessed
        Whether it is a guess, not the user's choice.
    is_raised
        Whether the symbols are in lower case, and become capitals.
    """

    pattern: str
    table: str
    is_guessed: bool
    is_raised: bool

    @staticmethod
    def of(files: Sequence[Path], *, pattern: str | None, table: str) -> Naming:
        """Return the pattern of file names: the user's, or a guess.

        Raises
        ------
        InvalidArgumentError
            If a pattern has no place for the symbol, or two.

        Examples
        --------
        >>> from pathlib import Path
        >>> files = [Path("aapl.us.txt"), Path("brk-b.us.txt")]
        >>> named = Naming.of(files, pattern=None, table="prices")
        >>> named.pattern, [named.symbol(each) for each in files]
        ('{symbol}.us.txt', ['AAPL', 'BRK-B'])
        """
        if pattern is not None and pattern.count(HOLE) != 1:
            msg = f"pattern must hold {HOLE} once, as {HOLE}_daily.csv, was {pattern!r}"
            raise InvalidArgumentError(msg)
        naming = Naming(
            pattern=pattern or _guess([each.name for each in files]),
            table=table,
            is_guessed=pattern is None,
            is_raised=False,
        )
        written = [naming._written(each) for each in files]
        if any(each is None for each in written) or not written:
            return naming
        is_raised = all(each == (each or "").lower() for each in written)
        return Naming(
            pattern=naming.pattern,
            table=table,
            is_guessed=naming.is_guessed,
            is_raised=is_raised,
        )

    @property
    def told(self) -> str:
        """The note on the pattern for the user."""
        guessed = ", which is guessed" if self.is_guessed else ""
        raised = ", in capitals" if self.is_raised else ""
        return f"the files are called: {self.pattern}{guessed}{raised}"

    def symbol(self, path: Path) -> str:
        """Return the symbol of a file.

        Raises
        ------
        InvalidDataError
            If its name does not say it.
        """
        symbol = self._written(path)
        if symbol is None or not _SYMBOL.match(symbol):
            problem = (
                f"file {path.name} does not say its symbol as {self.pattern}: rename "
                f"it, or pass pattern= with {HOLE} in it."
            )
            raise InvalidDataError(self.table, problem)
        return symbol.upper() if self.is_raised else symbol

    def _written(self, path: Path) -> str | None:
        """Return what stands in the place of the symbol."""
        before, _, behind = self.pattern.partition(HOLE)
        wild = [re.escape(part).replace(r"\*", ".*?") for part in (before, behind)]
        match = re.fullmatch(f"{wild[0]}(.+){wild[1]}", path.name, re.IGNORECASE)
        return match.group(1) if match else None


def _guess(names: Sequence[str]) -> str:
    """Return what is the same in all names, around what is not.

    Examples
    --------
    >>> _guess(["AAPL_x.csv", "KO_x.csv"]), _guess(["daily_KO.csv"])
    ('{symbol}_x.csv', 'daily_{symbol}.csv')
    """
    stems = [_ENDS.sub("", name) for name in names]
    ends = {name[len(stem) :] for name, stem in zip(names, stems, strict=True)}
    end = ends.pop() if len(ends) == 1 else ".*"
    if len(set(stems)) > 1:
        before = _same_start(stems)
        before = before[: _last_parting(before) + 1]
        behind = _same_start([each[::-1] for each in stems])
        behind = behind[: _last_parting(behind) + 1][::-1]
    else:
        match = _BEFORE.match(stems[0])
        before = match.group() if match else ""
        last = _BEHIND.search(stems[0][len(before) :])
        behind = last.group() if last else ""
    return f"{before}{HOLE}{behind}{end}"


def _last_parting(text: str) -> int:
    return max(text.rfind(sign) for sign in _PARTING)


def _same_start(texts: Sequence[str]) -> str:
    """Return what all texts begin with."""
    same = itertools.takewhile(lambda signs: len(set(signs)) == 1, zip(*texts))  # noqa: B905 - the shortest ends it
    return "".join(signs[0] for signs in same)
