"""Redaction of secrets from the messages of catalogs and stores.

A driver quotes the part of an address that it could not use, and that may be half of a
password; a server may echo a token. What is secret is known: it is configured.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyiceberg.catalog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


HIDDEN = "***"

_SECRET = re.compile(
    r"token|secret|password|passwd|pwd|credential|access.?key|account.?key|sas|auth"
    r"|signature|header|private",
    re.IGNORECASE,
)
"""What the names of secret settings, and of parameters in an address, contain."""

_ADDRESS = re.compile(r"(?<!/)//(?!/)[^\s\"']*@")
_BEARER = re.compile(r"\b(bearer|basic)\s+[^\s\"',;]+", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?")
_BEFORE_HOST = re.compile(r"(?<![\w/@.-])[^\s\"'`(/]*@(?=[\w\[])")
_PARAMETER = re.compile(r"([?&;]([^=&;\s\"']+)=)[^&;\s\"']+")

_SHORTEST = 2
"""Letters of a piece of a secret that is looked for: one is in every word."""


def redacted(text: str) -> str:
    """Return a text without passwords, keys and tokens.

    Examples
    --------
    >>> redacted('no host "word@db.example" of postgresql://me:pass@word@db.example/q')
    'no host "db.example" of postgresql://db.example/q'
    """
    for secret in sorted(set(_configured()), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
    text = _ADDRESS.sub("//", text)
    text = _BEFORE_HOST.sub("", text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    text = _JWT.sub(HIDDEN, text)
    return _PARAMETER.sub(_without_value, text)


def _without_value(parameter: re.Match[str]) -> str:
    is_secret = _SECRET.search(parameter.group(2))
    return f"{parameter.group(1)}{HIDDEN}" if is_secret else parameter.group(0)


def _configured() -> Iterator[str]:
    """Give every secret of the configured catalogs, and of the environment."""
    config: Any = pyiceberg.catalog._ENV_CONFIG.config  # noqa: SLF001
    catalogs: Mapping[str, Any] = config.get("catalog") or {}
    for settings in catalogs.values():
        yield from _of_settings(settings if isinstance(settings, dict) else {})
    environment = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("AWS_", "PG", "LAKEBT_"))
    }
    yield from _of_settings(environment)


def _of_settings(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _of_settings(value)
        elif not isinstance(value, str):
            continue
        elif _SECRET.search(name) and "file" not in name.lower():
            yield from _pieces([value, *value.split(":")])
        else:
            yield from _of_address(value)


def _of_address(value: str) -> Iterator[str]:
    """Give the secrets in an address, whatever is wrong with how it is written."""
    _, is_address, rest = value.partition("://")
    if not is_address or rest.startswith("/"):  # or a file
        return
    known, is_there, _ = rest.rpartition("@")
    if is_there:
        password = known.partition(":")[2]
        yield from _pieces([known, password, *re.split(r"[@/:?#]", password)])
    for parameter in _PARAMETER.finditer(rest):
        if _SECRET.search(parameter.group(2)):
            yield from _pieces([parameter.group(0).partition("=")[2]])


def _pieces(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        for piece in (text, unquote(text)):
            if len(piece) >= _SHORTEST and not piece.isspace():
                yield piece
