"""In which shares bars are: what is asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lakebt.prices.actions import Action


class Units(Protocol):
    """How many shares of its bars one share of a day is.

    `lakebt.prices.effects.ShareUnits` finds it in bars.
    """

    @property
    def are_raw(self) -> bool:
        """Whether one is one always: no bar is adjusted."""
        ...

    def has(self, action: Action) -> bool:
        """Whether the bars of its symbol are adjusted for an action."""
        ...

    def of(self, symbol: str, *, since: int) -> float:
        """Return the shares of the bars that one share was before `since` opened."""
        ...

    def close_before(self, symbol: str, session: int) -> float:
        """Return the last close before a session, as its bar has it; NaN if none."""
        ...
