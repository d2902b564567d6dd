"""The lake's names of indices, for the spellings in tables, files and options.

==============  ==============================================================
in the lake     as it is written
==============  ==============================================================
SP500           S&P 500, SP500, SPX, GSPC
SP400           S&P 400, S&P MidCap 400, SP400
SP600           S&P 600, S&P SmallCap 600, SP600
NDX100          Nasdaq-100, NASDAQ 100, NDX, NDX100
DJIA            Dow Jones Industrial Average, Dow Jones, Dow 30, DJIA, DJI
Russell 1000,   Russell 2000, Russell-2000, RUT and so on; not Russell 2000
2000, 3000      Growth, which is another index
==============  ==============================================================

Any other name is a name: it is kept as it is written.
"""

from __future__ import annotations

import re

from lakebt.errors import InvalidArgumentError
from lakebt.values.identifiers import trimmed

_SHAPES = tuple(
    (re.compile(shape, re.IGNORECASE), name)
    for shape, name in (
        (
            (
                r"s\W?(?:&|%26|and|n)?\W?p[\W_]*(?:mid[\W_]?cap|small[\W_]?cap)?"
                r"[\W_]*(500|400|600)(?!\d)"
            ),
            "SP{}",
        ),
        (r"nasdaq[\W_]*100(?!\d)|(?<![a-z])(?:ndx(?:100)?|n100|nq100)", "NDX100"),
        (
            (
                r"(?<![a-z])(?:dow[\W_]*jones(?:[\W_]*industrials?(?:[\W_]*average)?)?"
                r"|dow[\W_]*30|djia?)(?![a-z])"
            ),
            "DJIA",
        ),
        (r"russell[\W_]*([123]000)(?!\d)", "Russell {}"),
    )
)
_SIGNS = {
    "spx": "SP500",
    "gspc": "SP500",
    "rui": "Russell 1000",
    "rut": "Russell 2000",
    "rua": "Russell 3000",
}
_OTHER = re.compile(r"growth|value|equal|weight|esg|dividend|momentum", re.IGNORECASE)
_AROUND = re.compile(r"^the\s+|\s+index$|^\^", re.IGNORECASE)


def lake_name(written: str) -> str:
    """Return the lake's name of an index.

    Parameters
    ----------
    written
        As a table has it, or somebody says it.

    Examples
    --------
    >>> [lake_name(each) for each in ("S&P 600", "Nasdaq-100", "The Dow Jones", "^RUT")]
    ['SP600', 'NDX100', 'DJIA', 'Russell 2000']
    >>> lake_name("Russell 2000 Growth"), lake_name("My index")
    ('Russell 2000 Growth', 'My index')
    """
    name = trimmed(written)
    plain = _AROUND.sub("", _AROUND.sub("", name))
    for shape, known in _SHAPES:
        if match := shape.fullmatch(plain):
            return known.format(*match.groups())
    return _SIGNS.get(plain.casefold(), name)


def index_of(given: str | None, *, called: str) -> str:
    """Return the index of a source's changes.

    Parameters
    ----------
    given
        The user's choice; None if there is none.
    called
        The name of the file.

    Raises
    ------
    InvalidArgumentError
        If neither says it.

    Examples
    --------
    >>> index_of(None, called="List of S&P 400 companies.html")
    'SP400'
    """
    if given is not None:
        return lake_name(given)
    for shape, name in () if _OTHER.search(called) else _SHAPES:
        if match := shape.search(called):
            return name.format(*match.groups())
    msg = f"{called} does not say of which index its changes are: pass index="
    raise InvalidArgumentError(msg)
