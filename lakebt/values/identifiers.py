"""Names of securities as publishers write them: what can be seen, and means one.

A name that looks like another one and is not would join nothing, in silence; one that
stands for "none" would join what has nothing to do with each other. Nothing here
touches storage.
"""

from __future__ import annotations

import re
import unicodedata

_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters, by their class, that show nothing."""

_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"})
"""Classes of Unicode whose characters show nothing; the plain space is allowed."""

_IGNORED = re.compile(
    "[\u034f\u17b4\u17b5\u180b-\u180f\u2065\ufdd0-\ufdef\ufe00-\ufe0f\ufff0-\ufff8"
    "\U00016fe4\U000e0000-\U000e0fff]"
)
"""What Unicode says is not shown (Default_Ignorable_Code_Point) of other classes, and
what it says is no character."""

_NOTHING = frozenset(
    {
        *("n/a", "#n/a", "n.a.", "n.a", "n\\a", "n/d", "n.d.", "not available"),
        *("not applicable", "none", "null", "nil", "tbd", "unknown", "undefined"),
        *("missing", "no isin", "no cusip", "noisin", "nocusip", "no ticker"),
        *("#n/a n/a", "n/a n/a", "#value!", "#ref!", "#name?", "#null!", "#num!"),
        *("#div/0!", "-nan", "<na>", "(na)"),
    }
)
"""What stands for "none" whatever its case."""

_AROUND = "<>()[]{}'*\""
"""What stands around such a word, as in ``(null)`` and ``N/A*``."""

_NOT_A_NUMBER = frozenset({"nan", "NaN", "NaT"})
"""As programs print it. NAN in capitals is a ticker."""

_SEPARATORS = re.compile(r"[,;|\n\r\t]|\s[/&+]\s|\s(?:and|und|et|y)\s", re.IGNORECASE)
_PARTS = re.compile(r"[ /]")
_TICKER = re.compile(r"(?!PR[A-Z]?\Z)[A-Z][A-Z.]{2,}\Z")
_MARKETS = frozenset({"COMDTY", "CORP", "CURNCY", "EQUITY", "GOVT", "INDEX"})
"""What a vendor writes after a ticker, as others write PRA for a preferred share."""

_CUSIP = re.compile(r"[0-9][0-9A-Z*@#]{7}[0-9]\Z")
_SYMBOLS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*@#"


def is_plain(text: str) -> bool:
    """Whether there is nothing to take off or to refuse: printable ASCII."""
    return text.isascii() and text.isprintable() and text == text.strip()


def is_unseen(character: str) -> bool:
    """Whether a character shows nothing, or only a gap."""
    return (
        character in _FILLERS
        or unicodedata.category(character) in _UNSEEN
        or _IGNORED.match(character) is not None
        or ord(character) & 0xFFFE == 0xFFFE  # U+FFFE, a mark the wrong way round
    )


def trimmed(text: str) -> str:
    r"""Return a text without what shows nothing at its ends.

    Examples
    --------
    >>> trimmed("\ufeffMSFT\u00a0\n")
    'MSFT'
    """
    if is_plain(text):
        return text
    start, end = 0, len(text)
    while start < end and is_unseen(text[start]):
        start += 1
    while start < end and is_unseen(text[end - 1]):
        end -= 1
    return text[start:end]


def composed(text: str) -> str:
    r"""Return a text whose letters have their accents in one sign: Unicode's form NFC.

    Examples
    --------
    >>> composed("Socie\u0301te\u0301") == "Soci\u00e9t\u00e9"
    True
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def unseen_inside(text: str) -> str:
    r"""Return the first character within a text that cannot be seen, "" if none.

    Plain single spaces are seen: an index may be called "S&P 500".

    Examples
    --------
    >>> ascii(unseen_inside("BRK\u200bB")), unseen_inside("BRK B")
    ("'\\u200b'", '')
    """
    if is_plain(text):
        return " " if "  " in text else ""
    for place, character in enumerate(text):
        if character == " ":
            if text[place + 1 : place + 2] == " ":
                return character
        elif is_unseen(character):
            return character
    return ""


_SHORTEST_NUMBER = 7
"""Of the numbers of securities, a SEDOL has the fewest characters."""


def is_placeholder(text: str) -> bool:
    """Whether a text stands for no name at all.

    Examples
    --------
    >>> [is_placeholder(each) for each in ("-", "N/A", "none", "000000000")]
    [True, True, True, True]
    >>> [is_placeholder(each) for each in ("NA", "NAN", "A", "000001")]
    [False, False, False, False]
    """
    return (
        not _NOTHING.isdisjoint({text.casefold(), text.casefold().strip(_AROUND)})
        or text in _NOT_A_NUMBER
        or not any(character.isalnum() for character in text)
        or not text.strip("0.-")
    )


def is_no_isin(text: str) -> bool:
    """Whether a text stands for no security's number: ISIN, CUSIP and the like.

    Zeros, nines or X alone are none, after a country's two letters or not, if they are
    as long as such a number: a ticker that stands for one may be X or BAX.

    Examples
    --------
    >>> [is_no_isin(each) for each in ("US0000000000", "NA", "XXXXXXXXX", "999999999")]
    [True, True, True, True]
    >>> [is_no_isin(each) for each in ("US0378331005", "X", "BAX")]
    [False, False, False]
    """
    if is_placeholder(text) or text.casefold() in {"na", "nan"}:
        return True
    if len(text) < _SHORTEST_NUMBER:
        return False
    digits = text[2:] if text[:2].isalpha() else text
    return any(not digits.strip(each) for each in "09X") or not text.strip("X")


def names_several(symbol: str, *, listed: bool) -> bool:
    """Whether a cell for one ticker holds several.

    Parameters
    ----------
    symbol
        As written.
    listed
        Whether only listed shares stand there, so that ``GOOG/GOOGL`` is two of them,
        and not a pair of currencies.

    Examples
    --------
    >>> [names_several(each, listed=True) for each in ("GOOG, GOOGL", "FOX/FOXA")]
    [True, True]
    >>> [names_several(each, listed=True) for each in ("BRK/B", "BAC PRL", "VOD LN")]
    [False, False, False]
    """
    if _SEPARATORS.search(symbol):
        return True
    if not listed:
        return False
    first, *others = _PARTS.split(symbol)
    return bool(first) and any(
        (_TICKER.match(part) and part not in _MARKETS)
        or (len(first) > 1 and part.startswith(first))
        for part in others
    )


def isin_of_cusip(cusip: str, country: str) -> str | None:
    """Return the ISIN that a CUSIP determines, None if it does not.

    Parameters
    ----------
    cusip
        Nine characters.
    country
        Two letters, of the issuer: CA is numbered with CA, every other with US. A
        number that begins with a letter is an issuer's outside of both (a CINS), whose
        ISIN is made from its own country's number.

    Examples
    --------
    >>> isin_of_cusip("037833100", "US")
    'US0378331005'
    >>> isin_of_cusip("037833101", "US") is None  # its check digit is wrong
    True
    """
    if not _CUSIP.match(cusip) or is_no_isin(cusip):
        return None
    total = 0
    for place, symbol in enumerate(cusip[:8]):
        value = _SYMBOLS.index(symbol) * (1 + place % 2)
        total += value // 10 + value % 10
    if (10 - total % 10) % 10 != int(cusip[8]) or not cusip.isalnum():
        return None
    body = f"{'CA' if country == 'CA' else 'US'}{cusip}"
    return f"{body}{_isin_digit(body)}"


def _isin_digit(body: str) -> int:
    """Return the check digit of an ISIN (ISO 6166): Luhn's, letters as two digits."""
    digits = [int(each) for symbol in body for each in str(_SYMBOLS.index(symbol))]
    total = sum(
        sum(divmod(digit * (2 - place % 2), 10))
        for place, digit in enumerate(reversed(digits))
    )
    return (10 - total % 10) % 10
