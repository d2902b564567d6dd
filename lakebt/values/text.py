"""Numbers with their nouns, and sentences that begin with a capital."""

from __future__ import annotations

import html
import math


def count(n: float, noun: str = "", *, many: str = "") -> str:
    """Write a number with thousands separators, and its noun.

    Parameters
    ----------
    n
        How many there are; NaN counts as none.
    noun
        In the singular; only the number is written where it is empty.
    many
        The noun in the plural: `noun` and an "s" by default.

    Examples
    --------
    >>> count(1320, "rule"), count(1, "event"), count(3914)
    ('1,320 rules', '1 event', '3,914')
    >>> count(2, "row is", many="rows are")
    '2 rows are'
    """
    number = f"{int(n):,}" if not math.isnan(n) else "0"
    if not noun:
        return number
    return f"{number} {noun if n == 1 else many or f'{noun}s'}"


def signed(text: str) -> str:
    r"""Write a number's minus as people print it.

    Examples
    --------
    >>> signed("-0.68") == "\N{MINUS SIGN}0.68", signed("0.42")
    (True, '0.42')
    """
    return text.replace("-", "\N{MINUS SIGN}")


def with_article(noun: str) -> str:
    """Return a noun after "a", or after "an".

    Examples
    --------
    >>> with_article("event"), with_article("session")
    ('an event', 'a session')
    """
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def capitalised(text: str) -> str:
    """Return a sentence with a capital at its beginning, and the rest as it is.

    `str.capitalize` would write every other capital small, of names too.

    Examples
    --------
    >>> capitalised("lake MyLake is healthy")
    'Lake MyLake is healthy'
    """
    return text[:1].upper() + text[1:]


def marked(text: str, *, good: bool) -> str:
    """Return a sentence as a notebook shows it: green or red beside it.

    The letters keep the colour they have: no red is readable on black and on white.

    Examples
    --------
    >>> marked("<b> passed", good=True)
    '<p style="border-left:5px solid #1a7f37;padding-left:10px">&lt;b&gt; passed</p>'
    """
    colour = "#1a7f37" if good else "#d93a36"
    style = f"border-left:5px solid {colour};padding-left:10px"
    return f'<p style="{style}">{html.escape(text)}</p>'


def html_repr(thing: object) -> str:
    """Return the `repr` of a thing as a notebook shows it: its `_repr_html_`.

    Examples
    --------
    >>> html_repr("<b>")
    '<p>&#x27;&lt;b&gt;&#x27;</p>'
    """
    return f"<p>{html.escape(repr(thing))}</p>".replace("\n", "<br>")
