"""Some entries of a study whose events were traded in chunks, joined."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from lakebt.study.block import Block, OfAllEvents
from lakebt.study.joint_cells import part_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakebt._typing import IntVector
    from lakebt.study.chunks import ChunkedPlan, Chunks
    from lakebt.study.joint_cells import Joining, Slots
    from lakebt.study.scope import Scope


class JointBlock(OfAllEvents):
    """A study under some of its entries; prices are read when they are needed.

    Parameters
    ----------
    scope
        Under these entries.
    chunks
        All events.
    decided
        What the guard decided, of each chunk.
    joining
        What each chunk came to.
    """

    def __init__(
        self, scope: Scope, chunks: Chunks, decided: ChunkedPlan, joining: Joining
    ) -> None:
        self.scope = scope
        self._chunks, self._decided, self._joining = chunks, decided, joining
        self._slots, self.cells = joining.done()

    @property
    def plan(self) -> Slots:
        """Every event under each of the entries."""
        return self._slots

    def pieces(self) -> Iterator[Block]:
        """Yield the same with prices, one chunk of the events after the other."""
        arguments = self.scope.arguments
        for chunk, plan, place in zip(
            self._chunks.chunks, self._decided.schedules, self._places, strict=True
        ):
            scope = chunk.scope.with_grid(arguments.entries, arguments.exits)
            with chunk.opened(plan) as history:
                yield Block(
                    scope=scope,
                    schedule=plan,
                    cells=part_of(self.cells, place),
                    history=history,
                    chunk=chunk,
                )

    @cached_property
    def _places(self) -> list[IntVector]:
        return self._joining.places()
