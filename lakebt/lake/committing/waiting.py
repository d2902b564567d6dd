"""Waiting for the catalog's lock, and what a database says of those who could not."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from lakebt.lake.storage import catalog as opening

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LOST_RACES = frozenset({"40001", "40P01"})
"""SQLSTATE of a serialization failure, and of a deadlock."""

LOCK_NOT_AVAILABLE = "55P03"
"""SQLSTATE of a lock that was not given free in time."""


def wait(session: Session, dialect: str, lock: sa.Update) -> None:
    """Take the lock as soon as it is free.

    Raises
    ------
    OperationalError
        If it was not free in time, or cannot be had at all.
    """
    patience_ms = round(opening.LOCK_SECONDS * 1000)
    if dialect != "sqlite":
        if dialect == "postgresql":
            limit = sa.func.set_config("lock_timeout", f"{patience_ms}ms", sa.true())
            session.execute(sa.select(limit))
        session.execute(lock)
        return
    # Left to itself, SQLite asks less often the longer it has waited, so that whoever
    # came last is served first, and some wait eighty times as long as most.
    deadline = time.monotonic() + opening.LOCK_SECONDS
    while True:
        session.execute(sa.text("pragma busy_timeout = 0"))
        try:
            session.execute(lock)
            break
        except OperationalError as error:
            if "locked" not in str(error.orig) or time.monotonic() > deadline:
                raise
            session.rollback()
            time.sleep((5 + secrets.randbelow(10)) / 1000)
    session.execute(sa.text(f"pragma busy_timeout = {patience_ms}"))
