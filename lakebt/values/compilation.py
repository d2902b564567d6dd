"""How loops over numbers are compiled: the same bits, whatever runs them."""

from __future__ import annotations

from numba import njit

# No fast-math, no contraction: the same bits for any number of threads.
compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath=False)
