"""Prices that lie in a temporary file, and are in memory while they are looked at."""

from __future__ import annotations

import contextlib
import mmap
import tempfile
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lakebt.errors import LakebtError
from lakebt.prices.history import PriceHistory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt


_MADE = ("_keys", "newest", "_least_known")
"""What a history makes of its rows as soon as it is asked anything."""

_ALIGNED = 64


class Spill:
    """The rows of a history in a private temporary file, deleted with it.

    Where the system unlinks open files, nothing is left of it even if the process is
    killed.

    Parameters
    ----------
    history
        Each row of it takes some 75 bytes of the file.

    Raises
    ------
    LakebtError
        If the file cannot be written, as where the disk is full.
    """

    def __init__(self, history: PriceHistory) -> None:
        own = _arrays(history)
        arrays = {**own, **{name: getattr(history, name) for name in _MADE}}
        self._places: dict[str, tuple[int, npt.NDArray[Any]]] = {}
        end = 0
        for name, values in arrays.items():
            self._places[name] = end, np.zeros(0, dtype=values.dtype)
            end += -(-values.nbytes // _ALIGNED) * _ALIGNED
        self._sizes = {name: len(values) for name, values in arrays.items()}
        self._file = _written(arrays.values(), end)
        empty: dict[str, Any] = {name: self._places[name][1] for name in own}
        self._bare = replace(history, **empty)
        self._codes, self._starts = history._codes, history.starts  # noqa: SLF001

    @contextlib.contextmanager
    def opened(self) -> Iterator[PriceHistory]:
        """Give the history; its rows are in memory no longer than that."""
        arrays: dict[str, Any] = {
            name: np.frombuffer(
                self._file, values.dtype, count=self._sizes[name], offset=at
            )
            if self._sizes[name]
            else values
            for name, (at, values) in self._places.items()
        }
        arrays_made = {name: arrays.pop(name) for name in _MADE}
        history = replace(self._bare, **arrays)
        # What it would make anew, and hold in memory.
        history.__dict__.update(arrays_made, _codes=self._codes, starts=self._starts)
        try:
            yield history
        finally:
            if hasattr(mmap, "MADV_DONTNEED"):
                self._file.madvise(mmap.MADV_DONTNEED)


def _arrays(history: PriceHistory) -> dict[str, Any]:
    """Return the arrays that a history is made of, by name."""
    return {
        field.name: values
        for field in fields(PriceHistory)
        if isinstance(values := getattr(history, field.name), np.ndarray)
    }


def _written(arrays: Any, size: int) -> mmap.mmap:
    """Return arrays in a file, mapped: each begins at a multiple of `_ALIGNED`.

    Raises
    ------
    LakebtError
        If the file cannot be written.
    """
    try:
        with tempfile.TemporaryFile(prefix="lakebt-") as file:
            for values in arrays:
                file.write(np.ascontiguousarray(values).data)
                file.write(bytes(-values.nbytes % _ALIGNED))
            file.write(bytes(_ALIGNED))
            file.flush()
            # A mapping of one's own: what is compiled for arrays that can be written
            # to is not compiled again.
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except OSError as error:
        msg = (
            f"{size / 2**20:,.0f} MB of prices could not be written to a temporary "
            f"file in {tempfile.gettempdir()}: {error.strerror}. Make room there, or "
            f"name a folder that has in TMPDIR"
        )
        raise LakebtError(msg) from error


def with_whole(
    history: PriceHistory, whole: PriceHistory | None, symbols: Iterable[str]
) -> PriceHistory:
    """Return a history with all bars of some symbols, and of no more of them cut.

    Parameters
    ----------
    history
        Of some sessions.
    whole
        All sessions of those of the symbols that have earlier bars; None if none has.
    symbols
        Which, whether or not they have any.
    """
    cut, completed = history.cut.copy(), history.codes(tuple(symbols))
    cut[completed[completed >= 0]] = False
    if whole is None:
        return replace(history, cut=cut)
    code = history.codes(whole.symbols)
    # Shares that come from theirs may be complete as well, but are not wanted here.
    added = np.flatnonzero(code[whole.symbol] >= 0)
    kept = np.flatnonzero(~np.isin(history.symbol, code))
    symbol = np.concatenate([history.symbol[kept], code[whole.symbol[added]]])
    order = np.argsort(symbol, kind="stable")
    joined: dict[str, Any] = {
        name: np.concatenate([values[kept], getattr(whole, name)[added]])[order]
        for name, values in _arrays(history).items()
        if name not in {"symbol", "cut"} and len(values) + len(getattr(whole, name))
    }
    return replace(history, symbol=symbol[order], cut=cut, **joined)
