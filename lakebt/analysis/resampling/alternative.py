"""On which side of nothing an effect is looked for."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lakebt._typing import FloatPanel


class Alternative(enum.StrEnum):
    """What is claimed where the null hypothesis is rejected."""

    GREATER = "greater"
    LESS = "less"
    TWO_SIDED = "two-sided"

    def scores(self, statistics: FloatPanel) -> FloatPanel:
        """Return statistics such that large ones speak for this alternative."""
        match self:
            case Alternative.GREATER:
                return statistics
            case Alternative.LESS:
                return -statistics
            case Alternative.TWO_SIDED:
                return np.abs(statistics)

    @property
    def sides(self) -> int:
        """How many tails of the distribution count."""
        return 2 if self is Alternative.TWO_SIDED else 1
