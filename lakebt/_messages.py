"""What is said of other people's words: in a line at most, and as words only."""

from __future__ import annotations

import functools
import inspect
import re
import unicodedata
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


T = TypeVar("T")


LISTED = 10
_LONGEST = 100
_LIST = re.compile(r"[\[({][^\[\](){}]{200,}[\])}]")
_WORD = re.compile(r"\S{301,}")


def listed(
    things: Iterable[object], *, is_quoted: bool = False, between: str = ", "
) -> str:
    """Return things as a message lists them: at most ten, and how many more.

    Examples
    --------
    >>> listed(["A", "B"]), listed([]), listed("AB", is_quoted=True)
    ('A, B', 'none', "'A', 'B'")
    >>> listed(range(2500))
    '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2,490 more'
    """
    every = list(things)
    texts = list(map(repr if is_quoted else str, every[:LISTED]))
    cut = [f"{t[: _LONGEST - 1]}…" if len(t) > _LONGEST else t for t in texts]
    more = f" and {len(every) - LISTED:,} more" if len(every) > LISTED else ""
    return f"{between.join(cut)}{more}" or "none"


def shortened(message: str) -> str:
    """Return a message in which what somebody passed takes a line at most."""
    short = _LIST.sub(_of_list, message)
    return _WORD.sub(lambda match: f"{match[0][:_LONGEST]}…", short)


def _of_list(match: re.Match[str]) -> str:
    text = match[0]
    return f"{text[0]}{listed(text[1:-1].split(', '))}{text[-1]}"


def printable(text: str) -> str:
    r"""Return a text that a terminal shows, and does not obey.

    Names, notes and reasons are other people's, and may hold what moves the cursor,
    hides text or turns it around. Lines, tabs and spaces of any width stay.

    Examples
    --------
    >>> printable(f"red: {chr(27)}[31m")
    'red: \\x1b[31m'
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(c: str) -> str:
    is_plain = c.isprintable() or c in "\n\t" or unicodedata.category(c) == "Zs"
    return c if is_plain else ascii(c)[1:-1]


def as_words(tell: Callable[[T], str]) -> Callable[[T], str]:
    """Decorate a `__repr__` or `__str__`: what it returns is `printable`."""

    @functools.wraps(tell)
    def told(thing: T) -> str:
        return printable(tell(thing))

    return told


def outside() -> int:
    """Return how many frames up the caller of lakebt is, for `warnings.warn`."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").startswith(
        "lakebt."
    ):
        frame, level = frame.f_back, level + 1
    return max(level, 1)
