"""Entry and exit rules: parsed once, and printed back as they were written."""

from __future__ import annotations

import datetime as dt
import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from lakebt.errors import InvalidArgumentError
from lakebt.inputs.checks import check_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakebt.sessions import At


class Anchor(enum.StrEnum):
    """The date of a change that a rule counts its sessions from."""

    AD = "AD"
    ED = "ED"
    MD = "MD"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """The base of rules: the text, and whether the fill is at the open or the close."""

    text: str
    at: At

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorRule(_Rule):
    """A number of sessions after or before an anchor: ``AD+1@open``, ``ED-1@close``."""

    anchor: Anchor
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRule(_Rule):
    """The session on a calendar date: ``2022-10-03@open``."""

    date: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsLater(_Rule):
    """A number of sessions after the entry's: ``+1``, and ``+0`` for the same one."""

    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeksLater(_Rule):
    """A number of calendar weeks after the entry's date: ``1w``."""

    weeks: int


Entry: TypeAlias = AnchorRule | DateRule
Exit: TypeAlias = AnchorRule | DateRule | SessionsLater | WeeksLater

_RULE = re.compile(
    r"""(?: (?P<anchor>AD|ED|MD) (?P<offset>[+-]\d{1,4})?
          | (?P<date>\d{4}-\d{2}-\d{2})
          | \+ (?P<sessions>\d{1,4})
          | (?P<weeks>\d{1,3}) w
        ) (?: @ (?P<at>open|close) )? \Z""",
    re.VERBOSE | re.ASCII,
)
_ENTRY_HELP = (
    "write an anchor or a date, and when: AD+1@open, ED-1@close, 2022-10-03@open"
)
_EXIT_HELP = (
    "write +1 (sessions after the entry), 2w (weeks), an anchor such as ED@close, or a "
    "date such as 2022-10-03@open"
)


def parse_entry(text: str) -> Entry:
    """Return the entry rule of a text.

    Parameters
    ----------
    text
        ``anchor ± sessions @ open or close``, or a date: ``AD+1@open``.

    Raises
    ------
    InvalidArgumentError
        If it does not parse, or does not say whether at the open or at the close.

    Examples
    --------
    >>> print(parse_entry("ED-1@close"))
    ED-1@close
    """
    match = _RULE.match(str(text))
    if match is None or match["sessions"] or match["weeks"]:
        msg = f"entry {text!r} is not a rule: {_ENTRY_HELP}"
        raise InvalidArgumentError(msg)
    if match["at"] is None:
        msg = f"entry {text!r} does not say when: write {text}@open or {text}@close"
        raise InvalidArgumentError(msg)
    return cast("Entry", _build(text, match))


def parse_exit(text: str) -> Exit:
    """Return the exit rule that `text` says; at the close unless ``@open`` is written.

    Parameters
    ----------
    text
        As an entry, or counted from it: ``+1`` the close of the next session, ``+0`` of
        the same one, ``1w`` of the first session on or after a calendar week.

    Raises
    ------
    InvalidArgumentError
        If it does not parse.

    Examples
    --------
    >>> parse_exit("2w").at
    'close'
    """
    match = _RULE.match(str(text))
    if match is None or (match["weeks"] and int(match["weeks"]) == 0):
        msg = f"exit {text!r} is not a rule: {_EXIT_HELP}"
        raise InvalidArgumentError(msg)
    return _build(text, match)


def _build(text: str, match: re.Match[str]) -> Exit:
    at = cast("At", match["at"] or "close")
    if match["anchor"]:
        return AnchorRule(
            text=text,
            anchor=Anchor(match["anchor"]),
            offset=int(match["offset"] or 0),
            at=at,
        )
    if match["sessions"]:
        return SessionsLater(text=text, sessions=int(match["sessions"]), at=at)
    if match["weeks"]:
        return WeeksLater(text=text, weeks=int(match["weeks"]), at=at)
    try:
        date = dt.date.fromisoformat(match["date"])
    except ValueError:
        msg = f"rule {text!r}: {match['date']} is not a date"
        raise InvalidArgumentError(msg) from None
    return DateRule(text=text, date=date, at=at)


def one_spelling(text: str) -> str:
    """Return the normal form of a rule's text.

    Parameters
    ----------
    text
        An entry or an exit that parses.

    Examples
    --------
    >>> [one_spelling(text) for text in ("+05", "+5@close", "ED-0@open", "01w@open")]
    ['+5', '+5', 'ED@open', '1w@open']
    """
    rule = parse_exit(text)
    at = f"@{rule.at}"
    match rule:
        case SessionsLater():
            return f"+{rule.sessions}{at}".removesuffix("@close")
        case WeeksLater():
            return f"{rule.weeks}w{at}".removesuffix("@close")
        case AnchorRule():
            offset = f"{rule.offset:+d}" if rule.offset else ""
            return f"{rule.anchor}{offset}{at}"
        case DateRule():
            return f"{rule.date}{at}"


def parse_entries(texts: Sequence[str]) -> tuple[Entry, ...]:
    """Return the entry rules of a grid.

    Raises
    ------
    InvalidArgumentError
        If there is none, one is there twice, or one does not parse.
    """
    rules = tuple(parse_entry(text) for text in _distinct(texts, "entries"))
    _check_spelling(rules, "entries")
    return rules


def parse_exits(texts: Sequence[str]) -> tuple[Exit, ...]:
    """Return the exit rules of a grid.

    Raises
    ------
    InvalidArgumentError
        If there is none, one is there twice, or one does not parse.
    """
    rules = tuple(parse_exit(text) for text in _distinct(texts, "exits"))
    _check_spelling(rules, "exits")
    return rules


def _distinct(texts: Sequence[str], what: str) -> tuple[str, ...]:
    check_list(what, texts)
    rules = tuple(texts)
    if not rules:
        msg = f"{what} is empty: give at least one rule"
        raise InvalidArgumentError(msg)
    for number, rule in enumerate(rules):
        if rule in rules[:number]:
            msg = f"{what}: {rule!r} is given twice"
            raise InvalidArgumentError(msg)
    return rules


def _check_spelling(rules: Sequence[Exit], what: str) -> None:
    """Refuse two spellings of one rule, because they are one trial.

    Raises
    ------
    InvalidArgumentError
        With both.
    """
    texts: dict[str, str] = {}
    for rule in rules:
        text = str(rule)
        first = texts.setdefault(one_spelling(text), text)
        if first != text:
            msg = f"{what}: {first!r} and {text!r} are one rule: leave one out"
            raise InvalidArgumentError(msg)
