"""The HTTP routes, and errors as the specification words them.

Reads run in any of forty threads. Writes run in a single one, in the order in which
they came, so that they keep no reader waiting.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.exceptions import HTTPException

from lakebt._version import __version__
from lakebt.lake.keeping import branch_requests
from lakebt.lake.publishing import release_request
from lakebt.lake.serving import metrics, requests
from lakebt.lake.serving.errors import (
    RETRY_SECONDS,
    BadRequestError,
    BusyServerError,
    ForbiddenError,
    RefusedError,
    UnsupportedError,
)
from lakebt.lake.serving.gate import Gate, gate_of
from lakebt.lake.serving.middleware import Middleware, body_of
from lakebt.lake.serving.oauth import OAuthError, exchange
from lakebt.lake.serving.service import Service
from lakebt.lake.serving.turns import Turns
from lakebt.lake.storage.repeated_request import KEY
from lakebt.values.command_lines import located

if TYPE_CHECKING:
    import datetime as dt

    from lakebt.lake.serving.gate import TokenFile
    from lakebt.lake.serving.tokens import Token
    from lakebt.lake.storage.catalog import Storage


T = TypeVar("T")

READ_ONLY = "this server was started with --read-only, and changes nothing"

Write = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a write when its turn has come."""

LARGEST = 2**63 - 1
"""The largest number of Iceberg: a long."""

SPACE = "/v1/namespaces/{namespace}"
TABLE = SPACE + "/tables/{table}"

EMPTY: dict[str, Any] = {"status_code": 204, "response_model": None}
"""A route that answers with nothing. FastAPI 0.115.0 takes `None` for a body."""

BRANCH = f"/v1/{branch_requests.PATH}/{{branch}}"

Key = Annotated[str | None, Header(alias=KEY, max_length=200)]

QueryText = Annotated[str | None, Query(max_length=1000)]


class StrictRequest(Request):
    """A request whose JSON holds only what files and readers can hold, too."""

    async def json(self) -> Any:
        """Return the body.

        Raises
        ------
        RequestValidationError
            If it is not JSON, or has half a character, or a number that is too large.
        """
        try:
            content = from_json(await self.body(), allow_inf_nan=False)
            _check_numbers(content)
        except ValueError as error:
            error_detail = {"loc": ("body",), "msg": f"the body is not JSON: {error}"}
            raise RequestValidationError([error_detail]) from None
        return content


class Route(APIRoute):
    """A route that reads bodies as `StrictRequest` does."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Return the handler."""
        answer = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            return await answer(strict)

        return strictly


def _check_numbers(value: Any) -> None:
    """Check that every whole number has at most 64 bits.

    Raises
    ------
    ValueError
        If one has more.
    """
    match value:
        case dict():
            for part in value.values():
                _check_numbers(part)
        case list():
            for part in value:
                _check_numbers(part)
        case int() if abs(value) > LARGEST:
            msg = "a number has more than 64 bits"
            raise ValueError(msg)


def make_app(
    storage: Storage,
    *,
    token: Token | TokenFile | None,
    read_only: bool,
    clock: Callable[[], dt.datetime],
    log: Callable[[str], object],
    in_json: bool = False,
) -> Middleware:
    """Return the application that serves a lake.

    Parameters
    ----------
    storage
        The lake, embedded.
    token
        A token, or a file of several; None if the server answers every client.
    read_only
        Whether to refuse every change.
    clock
        Of the access log, and by which tokens expire.
    log
        Takes its lines.
    in_json
        Whether they are objects of JSON.
    """
    gate = gate_of(token, now=clock)
    service = Service(storage)
    app = make_routes(service, gate=gate, read_only=read_only)
    return Middleware(
        app, gate=gate, clock=clock, log=log, metrics=service.metrics, in_json=in_json
    )


def make_routes(service: Service, *, gate: Gate | None, read_only: bool) -> FastAPI:
    """Return the routes alone."""
    app = FastAPI(
        title="lakebt serve",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.router.route_class = Route
    _add_errors(app, service)
    _add_reads(app, service, read_only=read_only)
    _add_metrics(app, service)
    _add_token(app, gate)
    _add_writes(app, service, read_only=read_only)
    return app


def _add_errors(app: FastAPI, service: Service) -> None:
    @app.exception_handler(RefusedError)
    def refused(_: Request, error: RefusedError) -> Response:
        if isinstance(error, OAuthError):
            content = {"error": error.word, "error_description": str(error)}
            return JSONResponse(content, error.code)
        located_error = type(error)(located(str(error), service.address))
        answer = _json(body_of(located_error), error.status)
        if isinstance(error, BusyServerError):
            answer.headers["Retry-After"] = str(RETRY_SECONDS)
        return answer

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        location = ".".join(map(ascii, first["loc"]))[:200]
        refusal = BadRequestError(f"{location}: {first['msg']}")
        return _json(body_of(refusal), refusal.status)

    @app.exception_handler(HTTPException)
    def unknown(request: Request, error: HTTPException) -> Response:
        refusal: RefusedError = BadRequestError(str(error.detail))
        if error.status_code in {404, 405}:
            msg = f"this server has no {request.method} of that path"
            refusal = UnsupportedError(msg)
        body = body_of(refusal).replace(
            f'"code": {refusal.status}'.encode(),
            f'"code": {error.status_code}'.encode(),
        )
        answer = _json(body, error.status_code)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    def broken(_: Request, __: Exception) -> Response:
        content = {
            "message": "the server failed; its log says where",
            "type": "InternalServerError",
            "code": 500,
        }
        return JSONResponse({"error": content}, 500)


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")


def _add_reads(app: FastAPI, service: Service, *, read_only: bool) -> None:
    @app.get("/v1/config")
    def config(warehouse: QueryText = None) -> dict[str, Any]:
        del warehouse  # a server has one, whatever a client calls it
        return service.config(read_only=read_only)

    @app.get("/v1/namespaces")
    def namespaces(parent: QueryText = None) -> dict[str, Any]:
        return service.namespaces(parent)

    @app.get(SPACE)
    def namespace(namespace: str) -> dict[str, Any]:
        return service.namespace(namespace)

    @app.head(SPACE, **EMPTY)
    def namespace_exists(namespace: str) -> None:
        service.check_namespace(namespace)

    @app.get(SPACE + "/tables")
    def tables(namespace: str) -> dict[str, Any]:
        return service.tables(namespace)

    @app.get(TABLE)
    def table(
        namespace: str,
        table: str,
        snapshots: Annotated[str, Query(pattern="^(all|refs)$")] = "all",
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        body, mark = service.table(namespace, table, snapshots=snapshots)
        if if_none_match == mark:
            return Response(status_code=304, headers={"ETag": mark})
        answer = _json(body)
        answer.headers["ETag"] = mark
        return answer

    @app.head(TABLE, **EMPTY)
    def table_exists(namespace: str, table: str) -> None:
        service.check_table(namespace, table)

    @app.post(TABLE + "/metrics", **EMPTY)
    def report_metrics(namespace: str, table: str, report: requests.Object) -> None:
        del report  # it is taken, and not kept
        service.check_table(namespace, table)


def _add_metrics(app: FastAPI, service: Service) -> None:
    @app.get(metrics.PATH)
    def counted() -> Response:
        return Response(service.metrics.text(), media_type=metrics.KIND)


def _add_token(app: FastAPI, gate: Gate | None) -> None:
    @app.post("/v1/oauth/tokens")
    async def token(request: Request) -> dict[str, object]:
        if gate is None:
            word = "invalid_request"
            raise OAuthError(word, "this server asks for no token")
        body = await request.body()
        return exchange(gate, body, request.headers.get("authorization"))


def _add_writes(app: FastAPI, service: Service, *, read_only: bool) -> None:
    def waits(change: int) -> None:
        service.metrics.wait(change)

    turns = Turns(waits)

    async def write(do: Callable[[], T]) -> T:
        """Write when the writes before are done.

        Raises
        ------
        ForbiddenError
            If the server only reads.
        """
        if read_only:
            raise ForbiddenError(READ_ONLY)
        return await turns.take(do)

    _add_namespace_writes(app, service, write)
    _add_table_writes(app, service, write)
    _add_releases(app, service, None if read_only else turns)
    _add_branches(app, service, write)


def _add_releases(app: FastAPI, service: Service, turns: Turns | None) -> None:
    @app.post(f"/v1/{release_request.PATH}")
    async def publish(
        request: Request,
        key: Key = None,
    ) -> Response:
        if turns is None:
            raise ForbiddenError(READ_ONLY)
        body = await request.body()
        row = await turns.take_after(
            lambda: service.releases.read(body),
            lambda read: service.releases.publish(read, key=key),
        )
        return Response(row, media_type=release_request.ANSWER)


def _add_branches(app: FastAPI, service: Service, write: Write) -> None:
    async def answered(do: Callable[[], bytes]) -> Response:
        return Response(await write(do), media_type=release_request.ANSWER)

    @app.post(f"{BRANCH}/{branch_requests.MAKE}")
    async def make(branch: str, body: requests.NewBranch, key: Key = None) -> Response:
        return await answered(lambda: service.branches.make(branch, body, key=key))

    @app.post(f"{BRANCH}/{branch_requests.REBASE}")
    async def rebase(branch: str, body: requests.Rebase, key: Key = None) -> Response:
        return await answered(lambda: service.branches.rebase(branch, body, key=key))

    @app.post(f"{BRANCH}/{branch_requests.ADOPT}")
    async def adopt(branch: str, body: requests.Adoption, key: Key = None) -> Response:
        return await answered(lambda: service.branches.adopt(branch, body, key=key))

    @app.post(f"{BRANCH}/{branch_requests.DROP}")
    async def drop(branch: str, body: requests.BranchDrop, key: Key = None) -> Response:
        return await answered(lambda: service.branches.drop(branch, body, key=key))


def _add_namespace_writes(app: FastAPI, service: Service, write: Write) -> None:
    @app.post("/v1/namespaces")
    async def create_namespace(body: requests.NewNamespace) -> dict[str, Any]:
        done = await write(lambda: service.create_namespace(body))
        return dict(done)

    @app.delete(SPACE, **EMPTY)
    async def drop_namespace(namespace: str) -> None:
        await write(lambda: service.drop_namespace(namespace))

    @app.post(SPACE + "/properties")
    async def update_namespace(
        namespace: str, body: requests.NamespaceChanges
    ) -> dict[str, list[str]]:
        done = await write(lambda: service.update_namespace(namespace, body))
        return dict(done)


def _add_table_writes(app: FastAPI, service: Service, write: Write) -> None:
    @app.post(SPACE + "/tables")
    async def create_table(namespace: str, body: requests.NewTable) -> Response:
        return _json(await write(lambda: service.create_table(namespace, body)))

    @app.post(SPACE + "/register")
    async def register(namespace: str, body: requests.Registration) -> Response:
        return _json(await write(lambda: service.register(namespace, body)))

    @app.post(TABLE)
    async def commit(
        namespace: str, table: str, body: requests.TableChange
    ) -> Response:
        return _json(await write(lambda: service.commit(namespace, table, body)))

    @app.delete(TABLE, **EMPTY)
    async def drop_table(
        namespace: str,
        table: str,
        purge: Annotated[bool, Query(alias="purgeRequested")] = False,  # noqa: FBT002
    ) -> None:
        await write(lambda: service.drop_table(namespace, table, purge=purge))

    @app.post("/v1/tables/rename", **EMPTY)
    async def rename_table(body: requests.Renaming) -> None:
        await write(lambda: service.rename_table(body))

    @app.post("/v1/transactions/commit", **EMPTY)
    async def commit_together(body: requests.Transaction) -> None:
        await write(lambda: service.commit_together(body))
