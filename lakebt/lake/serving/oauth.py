"""A credential exchanged for the token that it is, in the words of OAuth."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

from lakebt.lake.serving.errors import RefusedError

if TYPE_CHECKING:
    from lakebt.lake.serving.gate import Gate


_ISSUED = "urn:ietf:params:oauth:token-type:access_token"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_LIFE_SECONDS = 86_400
"""After which a client asks again, though the token may be valid for longer."""


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


def exchange(gate: Gate, body: bytes, authorization: str | None) -> dict[str, object]:
    """Answer a request for a token: the credential is ``anything:token``.

    Raises
    ------
    OAuthError
        If it is not such a request, or the credential is wrong or over.
    """
    try:
        form = parse_qs(body.decode("ascii"), max_num_fields=20)
    except ValueError:
        word = "invalid_request"
        raise OAuthError(word, "the body is not a form") from None
    kind = form.get("grant_type", [""])[0]
    if kind == _EXCHANGE:
        secret = form.get("subject_token", [""])[0]
    elif kind == "client_credentials":
        secret = form.get("client_secret", [""])[0] or _secret(authorization)
    else:
        word = "unsupported_grant_type"
        raise OAuthError(word, "the grant type is client_credentials")
    left = gate.seconds_left(secret)
    if left <= 0:
        word = "invalid_client"
        raise OAuthError(word, "the credential is not one of this server, or is over")
    return {
        "access_token": secret,
        "token_type": "bearer",
        "issued_token_type": _ISSUED,
        "expires_in": int(min(left, _LIFE_SECONDS)),
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
