"""The tables of a lake as pure data: schemas, rows as arrays, digests."""

from __future__ import annotations
