"""Numbers, texts and flags as the bytes that a strategy's identity is made of."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np


def scalar_bytes(value: Any) -> bytes | None:  # noqa: PLR0911 - a case each
    """Return a plain value as bytes, the same for equal numbers; None if it is none."""
    if isinstance(value, np.generic) and value.dtype.kind in "biufcSU":
        value = value.item()
    kind: type = type(value)
    if value is None or value is Ellipsis or value is NotImplemented or kind is bool:
        return f"={value}".encode()
    if kind is int:
        return f"n{value}".encode()
    if kind is float:
        number = float(value)
        is_whole = number.is_integer()
        return (
            f"n{int(number)}".encode() if is_whole else struct.pack("<cd", b"f", number)
        )
    if kind is complex:
        return struct.pack("<cdd", b"c", value.real, value.imag)
    if kind is str:
        return text_bytes(value)
    if kind is bytes:
        return b"b" + bytes(value)
    return None


def text_bytes(value: str) -> bytes:
    """Return a text as bytes, half a character too."""
    return b"t" + value.encode("utf-8", "surrogatepass")
