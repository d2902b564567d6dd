"""Catalogs behind a network: opened so that one that is silent is given up."""

from __future__ import annotations

import functools
import hashlib
import os
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyiceberg.catalog
import requests
from pyiceberg.catalog import (
    BOTOCORE_SESSION,
    CatalogType,
    infer_catalog_type,
    load_catalog,
)
from pyiceberg.catalog.rest import (
    SNAPSHOT_LOADING_MODE,
    Endpoints,
    RestCatalog,
    TableResponse,
)
from pyiceberg.exceptions import NoSuchTableError
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from lakebt.errors import LakeError
from lakebt.lake.storage.code import names_code
from lakebt.lake.storage.metadata import uncollected
from lakebt.lake.storage.object_store import CONNECT_SECONDS, defaults
from lakebt.lake.storage.repeated_request import Answer, UnreachedError
from lakebt.values.command_lines import install_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table
    from pyiceberg.typedef import Identifier


ANSWER_SECONDS = 30
"""How long a catalog has to answer."""

WRITE_SECONDS = 120
"""How long it has to carry out what is one request of many steps."""

GLUE_SECONDS = 10
"""How long Glue has to answer, each time it is asked."""

STARTING_SECONDS = 5.0
"""How long to wait for a server whose port is closed: it may just be starting."""

_PAUSE_SECONDS = 0.2

_RETRIES = 3
"""How often it is asked again, if nothing else is configured; pyiceberg: ten times."""


def load(name: str) -> Catalog:
    """Load a catalog as pyiceberg is configured, with what the configuration lacks.

    Raises
    ------
    LakeError
        If its warehouse holds a key.
    ValueError
        If it is not configured, or cannot be.
    """
    configured = _configured(name)
    _check_warehouse(name, str(configured.get("warehouse", "")))
    added: dict[str, Any] = defaults(configured, os.environ)
    kind = _kind(name, configured)
    if kind is CatalogType.REST and configured.get("uri"):
        return _served(name, {**configured, **added})
    if kind is CatalogType.GLUE:
        return _glue(name, configured, added)
    return load_catalog(name, init_catalog_tables="false", **added)


def _check_warehouse(name: str, warehouse: str) -> None:
    """Check that a warehouse names a place alone: what else it holds, tables keep.

    Raises
    ------
    LakeError
        If it holds a key.
    """
    place = urlsplit(warehouse)
    if "@" in place.netloc:
        bucket = place.netloc.rpartition("@")[2]
        msg = (
            f"the warehouse of catalog {name!r} holds a key, which every table would "
            f"keep: configure {place.scheme}://{bucket}{place.path}, and give the key "
            f"as s3.access-key-id and s3.secret-access-key, or in AWS's own places"
        )
        raise LakeError(msg)


def _configured(name: str) -> dict[str, Any]:
    """Return what pyiceberg will make the catalog from."""
    configuration = pyiceberg.catalog._ENV_CONFIG.get_catalog_config(name)  # noqa: SLF001
    return dict(configuration or {})


def _kind(name: str, configured: Mapping[str, Any]) -> CatalogType | None:
    if "py-catalog-impl" in configured:
        return None
    if kind := configured.get("type"):
        return CatalogType(str(kind).lower())
    return infer_catalog_type(name, dict(configured))


class PatientRestCatalog(RestCatalog):
    """A REST catalog that is waited for so long and no longer.

    It is asked for a table each time, and parses an answer once: of a long history that
    takes longer than all the rest. What it answers the same, to the byte, is the same.
    """

    def __init__(self, name: str, **properties: Any) -> None:
        self._parsed: dict[str, tuple[bytes, TableResponse]] = {}
        super().__init__(name, **properties)

    def load_table(self, identifier: str | Identifier) -> Table:
        """Load a table as it is now.

        Raises
        ------
        NoSuchTableError
            If there is none.
        """
        load: Callable[[str | Identifier], Table] = super().load_table
        if self.properties.get(SNAPSHOT_LOADING_MODE):
            return load(identifier)
        parts = self._split_identifier_for_path(identifier)
        url = self.url(Endpoints.load_table, prefixed=True, **parts)
        answer = self._session.get(url)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise NoSuchTableError(str(identifier))
        if answer.status_code != HTTPStatus.OK:
            return load(identifier)  # which asks again, or says why not
        digest = hashlib.sha256(answer.content).digest()
        before, told = self._parsed.get(url, (b"", None))
        if told is None or before != digest:
            with uncollected():
                told = TableResponse.model_validate_json(answer.content)
            self._parsed[url] = digest, told
        return self._response_to_table(self.identifier_to_tuple(identifier), told)

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a request that is not Iceberg's.

        Raises
        ------
        ConnectionError
            If there is no answer. It is one of requests, and an `OSError`.
        UnreachedError
            If no server took the request.
        """
        try:
            answer = self._session.post(
                self.url(path),
                data=body,
                headers=dict(headers),
                timeout=(CONNECT_SECONDS, WRITE_SECONDS),
                allow_redirects=False,
            )
        except requests.ConnectionError as error:
            reason = getattr(next(iter(error.args), None), "reason", None)
            if isinstance(reason, NewConnectionError | ConnectTimeoutError):
                raise UnreachedError(str(error)) from None
            raise
        after = answer.headers.get("Retry-After", "")[:9]
        return Answer(
            status=answer.status_code,
            content=answer.content,
            retry_seconds=(
                min(int(after), ANSWER_SECONDS) if after.isdecimal() else None
            ),
        )

    def _fetch_config(self) -> None:
        own = {key: value for key, value in self.properties.items() if names_code(key)}
        super()._fetch_config()
        # The server's answer is laid over what was configured: never code.
        others = {k: v for k, v in self.properties.items() if not names_code(k)}
        self.properties = {**others, **own}

    def _config_headers(self, session: requests.Session) -> None:
        # The first thing that is done with a session, before it asks for a token.
        super()._config_headers(session)
        patience = (CONNECT_SECONDS, ANSWER_SECONDS)
        asking = functools.partial(session.request, timeout=patience)
        session.request = asking  # type: ignore[method-assign]


def _served(name: str, properties: Mapping[str, Any]) -> Catalog:
    """Load a REST catalog, whose server may be about to start.

    Raises
    ------
    ConnectionError
        If the port stays closed for that long, or the host cannot be reached. It is the
        error of the package requests.
    """
    begin = time.monotonic()
    while True:
        try:
            return PatientRestCatalog(name, **properties)
        except requests.ConnectionError as error:
            is_late = time.monotonic() - begin > STARTING_SECONDS
            if is_late or not isinstance(_unmade(error), ConnectionRefusedError):
                raise
        time.sleep(_PAUSE_SECONDS)


def _unmade(error: requests.ConnectionError) -> BaseException | None:
    """Return why no connection was made; None if one was, or it took too long."""
    reason = getattr(next(iter(error.args), None), "reason", None)
    return reason.__cause__ if isinstance(reason, NewConnectionError) else None


def _glue(name: str, configured: Mapping[str, Any], added: dict[str, Any]) -> Catalog:
    """Load AWS Glue, which botocore would wait for a minute at a time.

    Raises
    ------
    LakeError
        If boto3 is not installed.
    """
    try:
        import botocore.session  # type: ignore[import-untyped]  # noqa: PLC0415
        from botocore.config import (  # type: ignore[import-untyped]  # noqa: PLC0415
            Config,
        )
    except ImportError:
        msg = f"catalog {name!r} needs boto3: {install_extra('glue')}"
        raise LakeError(msg) from None
    asking = botocore.session.get_session()
    asking.register_component("data_loader", _models())
    asking.set_default_client_config(
        Config(connect_timeout=CONNECT_SECONDS, read_timeout=GLUE_SECONDS)
    )
    retries = configured.get("glue.max-retries", _RETRIES)
    own = {BOTOCORE_SESSION: asking, "glue.max-retries": int(retries)}
    catalog: Any = load_catalog(name, **added, **own)
    del catalog.properties[BOTOCORE_SESSION]  # it is of no use to files
    # Each commit would ask what a database is once more, and none becomes another.
    is_another = functools.cache(catalog._is_s3tables_database)  # noqa: SLF001
    catalog._is_s3tables_database = is_another  # noqa: SLF001
    unwrapped: Catalog = catalog
    return unwrapped


@functools.cache
def _models() -> Any:
    """Return what reads how AWS's services are spoken to: a tenth of a second once."""
    from botocore.loaders import (  # type: ignore[import-untyped]  # noqa: PLC0415
        create_loader,
    )

    return create_loader()
