"""One request to a server: the whole answer, or an error of one line."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
import zlib
from typing import IO, Any
from urllib.parse import urlsplit

from lakebt._version import __version__
from lakebt.errors import InvalidArgumentError, LakeError
from lakebt.values.identifiers import trimmed

SECONDS = 60.0
"""How long a server may be silent. All of an answer may take `_TIMES` as long."""

MOST_BYTES = 2**29
"""How large an answer may be: 512 MiB."""

_TIMES = 20
_PIECE = 2**16
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_FORMS = {"gzip": 31, "x-gzip": 31, "deflate": 15}

_WHY = {
    401: "wants a password, and none is sent",
    403: "refuses: it may want to know who asks (contact), or keep programs out",
    404: "has no such page: check what is asked for",
    410: "has no such page any more: check what is asked for",
    429: "was asked too often",
    503: "is too busy",
}
_CURE = "Try again later, or download it by hand."


def ask(url: str, *, contact: str | None = None, seconds: float = SECONDS) -> bytes:
    """Return the answer of a server.

    Parameters
    ----------
    url
        An https address without a name and password in it; of this machine itself,
        http too.
    contact
        Your e-mail address or web page.
    seconds
        How long the server may be silent.

    Raises
    ------
    InvalidArgumentError
        If the address or the contact is something else.
    LakeError
        If nothing comes, or not all of it.
    """
    check_address(url)
    name = told_name(url)
    headers = {"User-Agent": agent(contact), "Accept-Encoding": "gzip"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - checked
    opener = urllib.request.build_opener(_Redirects)
    try:
        with opener.open(request, timeout=seconds) as answer:
            body = _body(answer, name, until=time.monotonic() + _TIMES * seconds)
            return _unpacked(body, answer.headers.get("Content-Encoding"), name)
    except urllib.error.HTTPError as error:
        error.close()
        after = error.headers.get("Retry-After") if error.headers else None
        msg = f"{name} {_refusal(error.code, error.reason, after)}"
        raise LakeError(msg) from None
    except http.client.IncompleteRead:
        raise LakeError(_cut_off(name)) from None
    except (http.client.HTTPException, OSError, ValueError) as error:
        why = _one_line(getattr(error, "reason", error)) or type(error).__name__
        msg = f"{name} does not answer: {why}. {_CURE}"
        raise LakeError(msg) from None


def agent(contact: str | None = None) -> str:
    """Return the User-Agent: lakebt's name and the user's contact address.

    Raises
    ------
    InvalidArgumentError
        If the contact could not be part of a line.

    Examples
    --------
    >>> agent("me@example.org").partition("/")[2].partition(" ")[2]
    '(me@example.org)'
    """
    own = f"lakebt/{__version__}"
    if contact is None:
        return own
    if not contact.strip() or not (contact.isascii() and contact.isprintable()):
        msg = f"contact {contact!a} must be an address of e-mail or of a page"
        raise InvalidArgumentError(msg)
    return f"{own} ({contact.strip()})"


def check_address(url: str) -> None:
    """Check that an address is valid and holds no password.

    Raises
    ------
    InvalidArgumentError
        If it cannot.
    """
    try:
        parts = urlsplit(url)
        host, is_good = parts.hostname, parts.port != 0 and not parts.username
    except ValueError:
        host, is_good = None, False
    is_good &= bool(host) and url.isascii() and url.isprintable() and " " not in url
    begins = ("https://", "http://") if host in _HERE else ("https://",)
    if not is_good or not url.casefold().startswith(begins):
        msg = "url must begin with https:// and hold no password: pass such a one"
        raise InvalidArgumentError(msg)


def told_name(url: str) -> str:
    """Return an address for messages, without its scheme and possible keys."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows where a server sends, but to no address that could not be asked."""

    def redirect_request(  # noqa: PLR0917 - as urllib calls it
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        try:
            check_address(newurl)
        except InvalidArgumentError:
            fp.close()
            why = f"sends to {newurl[:80]!a}, which is not an https address. {_CURE}"
            wrong = f"{told_name(req.full_url)} {why}"
            raise LakeError(wrong) from None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _body(answer: Any, name: str, *, until: float) -> bytes:
    """Return all that comes.

    Raises
    ------
    LakeError
        If it is cut off, takes too long, or is too much.
    """
    parts: list[bytes] = []
    size = 0
    while part := answer.read1(_PIECE):
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            msg = f"{name} answers more than {MOST_BYTES:,} bytes: check the address"
            raise LakeError(msg)
        if time.monotonic() > until:
            msg = f"{name} takes too long to answer. {_CURE}"
            raise LakeError(msg)
    length = answer.headers.get("Content-Length")
    if not answer.chunked and length is not None and size != int(length):
        raise LakeError(_cut_off(name))
    if not size:
        msg = f"{name} answers with nothing. {_CURE}"
        raise LakeError(msg)
    return b"".join(parts)


def _unpacked(held: bytes, encoding: str | None, name: str) -> bytes:
    """Return an answer as it was before it was packed for the way.

    Raises
    ------
    LakeError
        If it cannot be.
    """
    form = (encoding or "identity").strip().casefold()
    if form in {"", "identity"}:
        return held
    if form not in _FORMS:
        msg = f"{name} answers in {form[:20]!a}, and gzip was asked for. {_CURE}"
        raise LakeError(msg)
    unpacker = zlib.decompressobj(_FORMS[form])
    try:
        out = unpacker.decompress(held, MOST_BYTES)
    except zlib.error:
        msg = f"{name} answers with damaged {form}. {_CURE}"
        raise LakeError(msg) from None
    if not unpacker.eof:
        raise LakeError(_cut_off(name))
    return out


def _cut_off(name: str) -> str:
    return f"the answer of {name} is cut off: nothing is kept. {_CURE}"


def _refusal(code: int, reason: object, after: str | None) -> str:
    """Return what an error of HTTP means, in one line."""
    line = _one_line(reason)
    why = _WHY.get(code, "does not answer")
    if after:
        when = trimmed(after)[:40]
        wait = f"{when} seconds" if when.isdecimal() else f"until {when}"
        return f"{why} ({code} {line}): it asks to wait {wait}. {_CURE}"
    return f"{why} ({code} {line}). {_CURE}"


def _one_line(what: object) -> str:
    return " ".join(str(what).split())[:160].rstrip(".")
