"""Random draws, each of which depends on the seed and its own number alone.

A draw is a stream of the counter-based generator Philox [1]_ whose key is the seed and
the number of the draw. So draws can be made in blocks of any size, in any order and in
any thread, and the first thousand of ten thousand are the same as a thousand.

References
----------
.. [1] J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw (2011). "Parallel random
   numbers: as easy as 1, 2, 3". Proceedings of SC11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from lakebt.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from lakebt._typing import FloatPanel

Draw: TypeAlias = "Callable[[int, int], FloatPanel]"
"""Gives draws by their first and last number, shape (n_draws, n)."""

MOST_DRAWS = 100_000_000
MOST_SEED = 2**64 - 1
_WORD = 64
_SIGNS, _RESAMPLES = 0, 1
"""Streams of the same seed that have nothing in common."""


def check_draws(draws: object, seed: object) -> None:
    """Check the arguments of whatever draws.

    Raises
    ------
    InvalidArgumentError
        If `draws` is no whole number from 1 to 100 million, or `seed` none from 0 to
        2**64 - 1.
    """
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 1:
        msg = f"draws must be a whole number of at least 1, was {draws!r}"
        raise InvalidArgumentError(msg)
    if draws > MOST_DRAWS:
        msg = f"draws must be at most {MOST_DRAWS:,}, was {str(draws)[:20]}"
        raise InvalidArgumentError(msg)
    is_whole = isinstance(seed, int) and not isinstance(seed, bool)
    if not is_whole or not 0 <= int(seed) <= MOST_SEED:  # type: ignore[call-overload]
        msg = f"seed must be a whole number from 0 to 2**64 - 1, was {seed!r}"
        raise InvalidArgumentError(msg)


def signs(seed: int, first: int, last: int, *, n: int) -> FloatPanel:
    """Return draws of signs, one bit each.

    Parameters
    ----------
    seed
    first, last
        Numbers of the draws, from `first` up to `last`, without it.
    n
        How many signs a draw has.

    Returns
    -------
    ndarray of shape (last - first, n)
        Each -1.0 or 1.0.

    Examples
    --------
    >>> bool((signs(0, 0, 8, n=5)[3:] == signs(0, 3, 8, n=5)).all())
    True
    """
    n_words = -(-n // _WORD)
    words = np.empty((last - first, n_words), dtype="<u8")
    for row, word in enumerate(_words(seed, first, last, which=_SIGNS, n=n_words)):
        words[row] = word
    bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little", count=n)
    return bits.astype(np.float64) * 2.0 - 1.0


def resamples(seed: int, first: int, last: int, *, n: int) -> FloatPanel:
    """Return draws of `n` of `n` things with replacement: how often each is drawn.

    Parameters
    ----------
    seed
    first, last
        Numbers of the draws, from `first` up to `last`, without it.
    n
        How many things there are.

    Returns
    -------
    ndarray of shape (last - first, n)
        Whole numbers; each row adds up to `n`.

    Examples
    --------
    >>> resamples(0, 0, 3, n=4).sum(axis=1).tolist()
    [4.0, 4.0, 4.0]
    """
    count = last - first
    words = np.empty((count, n), dtype=np.uint64)
    for row, word in enumerate(_words(seed, first, last, which=_RESAMPLES, n=n)):
        words[row] = word
    # 53 bits, as every generator of numpy makes a float of a word.
    which = ((words >> np.uint64(11)) * 2.0**-53 * n).astype(np.int64)
    which += n * np.arange(count)[:, None]
    drawn = np.bincount(which.ravel(), minlength=count * n).astype(np.float64)
    return drawn.reshape(count, n)


def parts(draws: int, size: int) -> Iterator[tuple[int, int]]:
    """Give the blocks of at most `size` draws, each as its first and its last."""
    for first in range(0, draws, size):
        yield first, min(first + size, draws)


def _words(
    seed: int, first: int, last: int, *, which: int, n: int
) -> Iterator[npt.NDArray[np.uint64]]:
    """Give the first `n` words of the stream of each draw."""
    # One generator, put where each stream begins: to make one takes four times as long.
    generator = np.random.Philox(key=np.array([seed, first], dtype=np.uint64))
    state = generator.state
    place = state["state"]
    for number in range(first, last):
        place["key"][1] = number
        place["counter"][:] = (0, which, 0, 0)
        generator.state = state
        yield generator.random_raw(n)
