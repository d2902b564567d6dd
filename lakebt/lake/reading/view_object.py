"""A view as a Python object: pickling, display and completion."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Self

from lakebt.lake.reading.notebook import view_html
from lakebt.values.read_only import ReadOnly

if TYPE_CHECKING:
    from lakebt.lake.committing.erasure_marks import Redaction

_FOR_LAKEBT = {"change_vintages", "first_shown", "for_decision", "price_history"}
"""Methods of a view that serve studies and backtests."""


class ViewObject(ReadOnly):
    """The base of a view: pickling, display and completion."""

    __slots__ = ()

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle as a release and an instant; the other process opens them again."""
        own: Any = self
        make = functools.partial(
            own.__class__,
            instant=own._instant,  # noqa: SLF001 - the view's own
            for_decision=own._decides,  # noqa: SLF001
        )
        return make, (own._own.whole,)  # noqa: SLF001

    def __deepcopy__(self, memo: object = None) -> Self:
        return self  # nothing in it ever changes

    __copy__ = __deepcopy__

    def __dir__(self) -> list[str]:
        """Return the names for completion, without those internal to lakebt."""
        return sorted(set(super().__dir__()) - _FOR_LAKEBT)

    def __repr__(self) -> str:
        own: Any = self
        past = ", past the cutoff" if own.past_cutoff else ""
        erased = ", redacted" if self._redactions() else ""
        return f"View({own.release!r}, as of {own.instant.isoformat()}{past}{erased})"

    def _redactions(self) -> tuple[Redaction, ...]:
        """Return what was erased from the release; at a decision nothing is told."""
        own: Any = self
        redactions: tuple[Redaction, ...] = own._own.release.redactions  # noqa: SLF001
        return () if own._decides else redactions  # noqa: SLF001

    def _repr_html_(self) -> str:
        own: Any = self
        return view_html(
            release=own.release,
            instant=own.instant,
            cutoff=own.cutoff if own.past_cutoff else None,
            counts=own._known.counts(),  # noqa: SLF001
            erased=map(str, self._redactions()),
        )
