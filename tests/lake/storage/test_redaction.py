"""No error shows a password, a key or a token, however the settings were written."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pyiceberg.exceptions import ForbiddenError, UnauthorizedError
from sqlalchemy.exc import OperationalError

from lakebt.errors import LakebtError
from lakebt.lake import Lake
from lakebt.lake.storage.failures import explain
from lakebt.lake.storage.redaction import redacted

SECRET = "s3cretWord"  # noqa: S105 - it is one

POSTGRES = "postgresql+psycopg://user:{}@127.0.0.1:1/db"


def configure(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
    config = SimpleNamespace(
        config={"catalog": {"prod": settings}},
        get_catalog_config=lambda _: settings,
    )
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", config)


@pytest.mark.parametrize(
    "uri",
    [
        POSTGRES.format(SECRET),
        POSTGRES.format(f"a@{SECRET}"),
        POSTGRES.format(f"{SECRET}@a"),
        POSTGRES.format(f"a/{SECRET}"),
        POSTGRES.format(f"{SECRET}#x"),
        POSTGRES.format(f"12:{SECRET}"),
        POSTGRES.format(f"[{SECRET}"),
        f"postgresql+psycopg://127.0.0.1:1/db?user=x&password={SECRET}",
        f"postgresql+psycopg://user:{SECRET}@127.0.0.1:one/db",
        f"http://user:{SECRET}@127.0.0.1:1/",
    ],
)
def test_a_catalog_that_cannot_be_reached_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    kind = "rest" if uri.startswith("http") else "sql"
    configure(monkeypatch, type=kind, uri=uri, warehouse="file:///none")

    with pytest.raises(LakebtError) as caught:
        Lake.open(catalog="prod", create=False)

    assert "catalog 'prod'" in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (
            {"token": SECRET},
            UnauthorizedError(f"NotAuthorizedException: no token {SECRET!r} here"),
        ),
        ({"credential": f"me:{SECRET}"}, ForbiddenError(f"who is me with {SECRET}?")),
        ({}, UnauthorizedError(f"Authorization: Bearer {SECRET} is not known")),
        ({}, ForbiddenError("wrong: eyJhbGciOiJI.eyJzdWIi.s3cretWord")),
        ({}, OSError(f"cannot reach https://store/x?sig=1&token={SECRET}&a=b")),
        (
            {"warehouse": f"s3://key:{SECRET}@bucket/x"},
            OSError(f"no bucket 'key:{SECRET}@bucket': AWS Error NO_SUCH_BUCKET"),
        ),
        (
            {"s3.secret-access-key": SECRET},
            OSError(f"the key {SECRET} does not match"),
        ),
        (
            {"auth": {"basic": {"password": SECRET}}},
            OSError(f"password {SECRET} is wrong"),
        ),
        (
            {"uri": f"postgresql://me:a%40{SECRET}@db/x"},
            OperationalError("", {}, Exception(f'no host "{SECRET}@db"')),
        ),
    ],
)
def test_what_a_server_echoes_is_told_without_it(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], error: Exception
) -> None:
    configure(monkeypatch, **settings)

    assert SECRET not in explain(error)


@pytest.mark.parametrize(
    "text",
    [
        "cannot open /srv/me@work/lake/catalog.db",
        "No such file or directory: 'file:///srv/me@work/lake/x.avro'",
        "disk I/O error",
        "the token of this server is missing or wrong",
    ],
)
def test_what_is_no_secret_stays(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    configure(monkeypatch, uri="sqlite:////srv/me@work/lake/catalog.db", token="")

    assert redacted(text) == text


@pytest.mark.parametrize(
    "address",
    ["postgresql://me:secret@host/lake", "s3://key:secret@bucket/x", "me:secret@host"],
)
def test_an_address_where_a_name_is_meant_is_not_shown(address: str) -> None:
    with pytest.raises(LakebtError, match=r"not by its address: .*__URI") as failed:
        Lake.open(catalog=address)

    assert "secret" not in f"{failed.value} {failed.value!r}".lower()
