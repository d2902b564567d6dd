"""Moto's server, quicker, and with one rule of Glue's that it leaves out.

Glue changes a table only if it still has the version that the caller read, and refuses
with ``ConcurrentModificationException`` if not. That is what publishers rely on; moto
ignores the version it is given.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

import moto.backends
import moto.core.responses
from moto.core.exceptions import JsonRESTError
from moto.glue.responses import GlueResponse
from moto.server import main

if TYPE_CHECKING:
    from collections.abc import Callable

_ONE_AT_A_TIME = threading.Lock()


def checked(update: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make an update require the version it was made for."""

    def update_table(self: Any) -> Any:
        with _ONE_AT_A_TIME:
            asked, name = self.parameters, self.parameters["TableInput"]["Name"]
            table = self.glue_backend.get_table(asked["DatabaseName"], name)
            wanted = asked.get("VersionId")
            if wanted is not None and wanted != table.as_dict()["VersionId"]:
                kind = "ConcurrentModificationException"
                raise JsonRESTError(kind, f"{name} is no longer version {wanted}")
            return update(self)

    return update_table


def look_once() -> None:
    """Keep what moto finds out for each request: half of what a request costs it."""
    services = tuple(moto.backends.list_of_moto_modules())
    moto.backends.list_of_moto_modules = lambda: services
    responses: Any = moto.core.responses
    actions = functools.cache(responses.method_names_from_class)
    responses.method_names_from_class = actions


if __name__ == "__main__":
    look_once()
    setattr(GlueResponse, "update_table", checked(GlueResponse.update_table))  # noqa: B010
    main()
