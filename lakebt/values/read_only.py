"""Values of which nothing can be set."""

from __future__ import annotations

from typing import NoReturn


class ReadOnly:
    """Base of classes with slots whose attributes are set once, when one is made."""

    __slots__ = ()

    def _put(self, **values: object) -> None:
        """Set attributes of a value that is being made."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        msg = (
            f"{name} of a {self._kind} cannot be set: it is read-only. Open or make "
            f"another one"
        )
        raise AttributeError(msg)

    def __delattr__(self, name: str) -> NoReturn:
        msg = f"{name} of a {self._kind} cannot be deleted: it is read-only"
        raise AttributeError(msg)

    @property
    def _kind(self) -> str:
        return type(self).__name__.lower()
