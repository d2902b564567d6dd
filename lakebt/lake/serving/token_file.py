"""The file of a server's tokens: a line for each, with its digest and never itself.

    NAME SCOPE EXPIRES sha256:DIGEST

`EXPIRES` is an instant or ``never``. What begins with ``#`` is a remark.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import stat
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lakebt.errors import InvalidArgumentError
from lakebt.inputs.places import writing
from lakebt.instants import parse_instant

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator


SCOPES = ("read", "publish", "admin")
"""What a token may do. Each may do what those before it may."""

NEVER = "never"

LOCK_SECONDS = 30.0
"""How long a file is waited for that somebody else changes."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}\Z")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})\Z")
_LARGEST_BYTES = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one token may do, and until when.

    Attributes
    ----------
    name : str
        Whose it is.
    scope : str
    expires : datetime or None
        None if never.
    digest : str
        SHA-256 of the token, in hexadecimal digits.
    """

    name: str
    scope: str
    expires: dt.datetime | None
    digest: str = field(repr=False)

    @property
    def line(self) -> str:
        """The line of the file."""
        until = NEVER if self.expires is None else self.expires.isoformat()
        return f"{self.name} {self.scope} {until} sha256:{self.digest}"

    def may(self, scope: str) -> bool:
        """Whether it may do what needs a scope."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)

    def has_expired(self, now: dt.datetime) -> bool:
        """Whether it is over."""
        return self.expires is not None and now >= self.expires


def digest_of(secret: str) -> str:
    """Return the digest of a token."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def check_name(name: str) -> None:
    """Check what a token is called.

    Raises
    ------
    InvalidArgumentError
        If it cannot be.
    """
    if not _NAME.match(name):
        msg = (
            f"a token cannot be called {name!a}: start with a letter, then at most 63 "
            f"letters, digits, dots, - or _"
        )
        raise InvalidArgumentError(msg)


def check_private(file: Path, *, what: str) -> None:
    """Check that only its owner can read a file.

    Raises
    ------
    InvalidArgumentError
        If others can, or it cannot be read.
    """
    try:
        mode = file.stat().st_mode
    except OSError as error:
        msg = f"{what} {file} cannot be read: {error.strerror}"
        raise InvalidArgumentError(msg) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        msg = f"{what} {file} can be read by others: chmod 600 {file}"
        raise InvalidArgumentError(msg)


def read(file: Path, *, what: str) -> tuple[Grant, ...]:
    """Return the tokens of a file.

    Parameters
    ----------
    file
    what
        The option that names it, for errors.

    Raises
    ------
    InvalidArgumentError
        If others can read it, or it is not such a file. No line of it is shown.
    """
    check_private(file, what=what)
    try:
        with file.open(encoding="utf-8") as stream:
            text = stream.read(_LARGEST_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        msg = f"{what} {file} cannot be read: {why}"
        raise InvalidArgumentError(msg) from None
    grants: list[Grant] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        grant = _parsed(line)
        if grant is None or any(grant.name == other.name for other in grants):
            msg = (
                f"{what} {file}, line {number}, is not NAME SCOPE EXPIRES "
                f"sha256:DIGEST with a name of its own: make it by lakebt token"
            )
            raise InvalidArgumentError(msg)
        grants.append(grant)
    return tuple(grants)


def _parsed(line: str) -> Grant | None:
    """Return what a line grants, None if it is none."""
    words = line.split()
    if len(words) != 4:
        return None
    name, scope, until, digest_text = words
    digest = _DIGEST.match(digest_text)
    if not _NAME.match(name) or scope not in SCOPES or digest is None:
        return None
    expires = None
    if until != NEVER:
        try:
            expires = parse_instant(until, what="EXPIRES")
        except InvalidArgumentError:
            return None
    return Grant(name=name, scope=scope, expires=expires, digest=digest[1])


@contextlib.contextmanager
def held(file: Path) -> Iterator[None]:
    """Hold a file of tokens while it is read and written anew: others wait.

    The lock is on a file beside it, for it is itself replaced. The lock ends with the
    process, and the file stays.

    Raises
    ------
    InvalidArgumentError
        If the lock's file cannot be made, or somebody else holds it for too long.
    """
    beside = file.parent / f".{file.name}.lock"
    with writing(beside):
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, file)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, file: Path) -> None:
    """Wait for a lock.

    Raises
    ------
    InvalidArgumentError
        If it takes too long.
    """
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                msg = (
                    f"{file} is being changed by another lakebt token for more than "
                    f"{LOCK_SECONDS:g} s. Nothing was changed; try again"
                )
                raise InvalidArgumentError(msg) from None
            time.sleep(0.01)
        else:
            return


def write(file: Path, grants: Iterable[Grant]) -> None:
    """Write a file of tokens, all of it or nothing, for its owner alone.

    Raises
    ------
    InvalidArgumentError
        If it cannot be written.
    """
    text = "".join(f"{grant.line}\n" for grant in grants)
    temporary: str | None = None
    try:
        with writing(file):
            # `mkstemp` makes a file that only its owner can read.
            number, temporary = tempfile.mkstemp(
                dir=file.parent, prefix=f".{file.name}-"
            )
            with os.fdopen(number, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(file)
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
