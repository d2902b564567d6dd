"""The one token of a server."""

from __future__ import annotations

from dataclasses import dataclass, field

from lakebt.errors import InvalidArgumentError

SHORTEST = 16
"""Fewest characters of a token, so that it cannot be guessed."""


@dataclass(frozen=True, slots=True)
class Token:
    """The secret of a server. It is never shown.

    Attributes
    ----------
    text : str

    Raises
    ------
    InvalidArgumentError
        If it is too short, or has characters that no header can hold.
    """

    text: str = field(repr=False)

    def __post_init__(self) -> None:
        length = len(self.text)
        if length < SHORTEST:
            msg = (
                f"the token must have at least {SHORTEST} characters, has {length}. "
                f"Make one: python -c 'import secrets; print(secrets.token_urlsafe())'"
            )
            raise InvalidArgumentError(msg)
        if not all("!" <= character <= "~" for character in self.text):
            msg = "the token must consist of ASCII letters, digits and signs, no spaces"
            raise InvalidArgumentError(msg)
