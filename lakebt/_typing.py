"""Array aliases, and what an error carries. A *panel* is sessions x symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

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


class Finding(Protocol):
    """A finding of one audit in the rows of one table."""

    @property
    def table(self) -> str: ...
    @property
    def audit(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def rows(self) -> pd.DataFrame: ...


class Report(Protocol):
    """The report that an error carries: a `lakebt.AuditReport`."""

    @property
    def ok(self) -> bool: ...
    @property
    def failures(self) -> tuple[Finding, ...]: ...
    @property
    def warnings(self) -> tuple[Finding, ...]: ...
    @property
    def findings(self) -> pd.DataFrame: ...
    @property
    def tables(self) -> pd.DataFrame: ...
    @property
    def verdict(self) -> str: ...
    @property
    def summary(self) -> str: ...
    def rows(self, table: str, audit: str) -> pd.DataFrame: ...
    def offending(self) -> pd.DataFrame: ...
    def records(self) -> list[dict[str, Any]]: ...
