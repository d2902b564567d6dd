"""Array aliases. A *panel* is sessions down, symbols across."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatPanel: TypeAlias = npt.NDArray[np.float64]
"""Shape (n_sessions, n_symbols)."""

FloatVector: TypeAlias = npt.NDArray[np.float64]
"""Shape (n_sessions,)."""

IntVector: TypeAlias = npt.NDArray[np.int64]
"""Shape (n,)."""

BoolVector: TypeAlias = npt.NDArray[np.bool_]
"""Shape (n,)."""

DateVector: TypeAlias = npt.NDArray[np.datetime64]
"""Shape (n,), of days."""
