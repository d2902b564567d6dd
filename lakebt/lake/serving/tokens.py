"""The token of a server, and the exchange of a credential for it."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote

from lakebt.errors import InvalidArgumentError
from lakebt.lake.serving.errors import RefusedError

SHORTEST = 16
"""Fewest characters of a token, so that it cannot be guessed."""

_ISSUED = "urn:ietf:params:oauth:token-type:access_token"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_LIFE_SECONDS = 86_400
"""After which a client asks again. The token is valid as long as the server runs."""


class OAuthError(RefusedError):
    """A request for a token that is refused, in the words of OAuth.

    Attributes
    ----------
    word : str
        Of RFC 6749, section 5.2.
    """

    def __init__(self, word: str, message: str) -> None:
        super().__init__(message)
        self.word = word
        self.code = 401 if word == "invalid_client" else 400


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

    def opens(self, secret: str) -> bool:
        """Whether this is the token, compared in constant time."""
        return hmac.compare_digest(self.text.encode(), secret.encode(errors="replace"))

    def allows(self, authorization: str | None) -> bool:
        """Whether a header ``Authorization`` has the token."""
        scheme, _, secret = (authorization or "").partition(" ")
        return scheme.lower() == "bearer" and self.opens(secret.strip())

    def exchange(self, body: bytes, authorization: str | None) -> dict[str, object]:
        """Answer a request for a token: the credential is ``anything:token``.

        Raises
        ------
        OAuthError
            If it is not such a request, or the credential is wrong.
        """
        try:
            form = parse_qs(body.decode("ascii"), max_num_fields=20)
        except ValueError:
            word = "invalid_request"
            raise OAuthError(word, "the body is not a form") from None
        grant = form.get("grant_type", [""])[0]
        if grant == _EXCHANGE:
            secret = form.get("subject_token", [""])[0]
        elif grant == "client_credentials":
            secret = form.get("client_secret", [""])[0] or _secret(authorization)
        else:
            word = "unsupported_grant_type"
            raise OAuthError(word, "the grant type is client_credentials")
        if not self.opens(secret):
            word = "invalid_client"
            raise OAuthError(word, "the credential is not that of this server")
        return {
            "access_token": self.text,
            "token_type": "bearer",
            "issued_token_type": _ISSUED,
            "expires_in": _LIFE_SECONDS,
        }


def _secret(authorization: str | None) -> str:
    """Return the password of a header ``Authorization``, empty if it has none."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return unquote(text.partition(":")[2])
