"""What a lake may load: files by the catalog's settings, and never code that it names.

pyiceberg imports the class that ``py-io-impl`` and similar properties name, even from
the working directory. So anyone who can write to a table, or runs a catalog's server,
could run code in every reader. Only the user's own configuration may name code; a table
and a server may only say how a store is reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakebt.lake.tables.properties import divided

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyiceberg.catalog import Catalog
    from pyiceberg.io import FileIO
    from pyiceberg.table import Table


_OF_STORES = ("s3.", "gcs.", "adls.", "oss.", "hdfs.", "hf.", "client.", "token")
"""How the settings begin that a server may hand out with a table, as its keys."""


def of_store(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a table's or a server's settings says how a store is reached."""
    return {
        key: value
        for key, value in properties.items()
        if key.startswith(_OF_STORES) and not names_code(key)
    }


def names_code(key: str) -> bool:
    """Whether a property names a class, which pyiceberg would import.

    Examples
    --------
    >>> names_code("py-io-impl"), names_code("s3.endpoint")
    (True, False)
    """
    return "impl" in key.lower() or key == "auth"


def is_rest(catalog: Catalog) -> bool:
    """Whether a catalog is a REST one; the import of that class takes 0.2 seconds."""
    return _is_a("RestCatalog", catalog)


def is_glue(catalog: Catalog) -> bool:
    """Whether a catalog is AWS Glue, whose class needs boto3."""
    return _is_a("GlueCatalog", catalog)


def _is_a(name: str, catalog: Catalog) -> bool:
    return any(kind.__name__ == name for kind in type(catalog).__mro__)


def confine(catalog: Catalog) -> None:
    """Let a catalog read files by its own settings, and by no code that a table names.

    A REST catalog's answer says how the store is reached, and that holds.
    """
    if "_load_file_io" in vars(catalog):
        return
    load = catalog._load_file_io  # noqa: SLF001
    served = is_rest(catalog)

    def confined(
        properties: Mapping[str, Any] | None = None, location: str | None = None
    ) -> FileIO:
        return load(of_store(properties or {}) if served else {}, location)

    catalog._load_file_io = confined  # type: ignore[method-assign]  # noqa: SLF001


def sound(table: Table) -> Table:
    """Return a table of the lake without the properties that it may not have."""
    allowed, ignored = divided(table.metadata.properties)
    if not ignored:
        return table
    return type(table)(
        identifier=table.name(),
        metadata=table.metadata.model_copy(update={"properties": allowed}),
        metadata_location=table.metadata_location,
        io=table.io,
        catalog=table.catalog,
        config={**table.config, **{f"{_IGNORED}{k}": v for k, v in ignored.items()}},
    )


_IGNORED = "lakebt-ignored:"
"""How the properties are marked, in a table's configuration, that are not read."""


def ignored_properties(table: Table) -> dict[str, str]:
    """Return the properties of a table that `sound` left out."""
    return {
        key.removeprefix(_IGNORED): value
        for key, value in table.config.items()
        if key.startswith(_IGNORED)
    }
