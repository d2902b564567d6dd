"""Tokens of a server: what each may do, until when; a file of them may change."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
import requests
from pyiceberg.catalog.rest import RestCatalog

from lakebt.errors import InvalidArgumentError, LakeError
from lakebt.lake.serving import gate, token_file
from lakebt.lake.serving.errors import UnauthorizedError
from lakebt.lake.serving.gate import TokenFile
from lakebt.lake.serving.token_file import Grant, digest_of
from lakebt.lake.storage.catalog import open_path
from tests.lake.frames import AS_OF, NOW, bars
from tests.lake.remote import Remote
from tests.lake.serving.conftest import error
from tests.servers import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lake.original import Original

pytestmark = pytest.mark.lake

DAY = dt.timedelta(days=1)


def secret(name: str) -> str:
    return f"the-secret-of-{name}-{'x' * 20}"


def grants(**scopes: str) -> list[Grant]:
    return [
        Grant(name=n, scope=s, expires=NOW + DAY, digest=digest_of(secret(n)))
        for n, s in scopes.items()
    ]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "tokens"
    over = Grant(name="over", scope="admin", expires=NOW, digest=digest_of(secret("o")))
    people = grants(reader="read", writer="publish", boss="admin")
    token_file.write(made, [*people, over])
    return made


@pytest.fixture
def served(two_releases: Original, file: Path) -> Iterator[tuple[Path, str, list[str]]]:
    path = two_releases.restored()
    told: list[str] = []
    tokens = TokenFile(file, log=told.append)
    with serving(open_path(path, create=False), token=tokens) as (address, log):
        yield path, address, log
        assert not [line for line in (*log, *told) if "the-secret" in line]


def ask(
    address: str, name: str, method: str = "GET", path: str = "namespaces", **more: Any
) -> requests.Response:
    headers = {"Authorization": f"Bearer {secret(name)}"}
    url = f"{address}/v1/{path}"
    return requests.request(method, url, headers=headers, timeout=60, **more)


def test_each_scope_may_what_those_before_it_may(
    served: tuple[Path, str, list[str]],
) -> None:
    _, address, _ = served
    made = {"namespace": ["mine"]}
    rename = {
        "source": {"namespace": ["mine"], "name": "a"},
        "destination": {"namespace": ["mine"], "name": "b"},
    }
    asked: list[tuple[str, str, str, dict[str, Any]]] = [
        ("read", "GET", "namespaces", {}),
        ("read", "POST", "namespaces/quant/tables/prices/metrics", {"json": {}}),
        ("read", "GET", "namespaces/quant/tables/prices%40R1", {}),
        ("read", "POST", "namespaces/quant/tables/prices%40R1/metrics", {"json": {}}),
        ("publish", "POST", "namespaces/quant/tables/prices%40R1", {"json": {}}),
        ("admin", "DELETE", "namespaces/quant/tables/prices%40R1", {}),
        ("publish", "POST", "namespaces", {"json": made}),
        ("publish", "POST", "transactions/commit", {"json": {"table-changes": []}}),
        ("publish", "POST", "namespaces/quant/tables/metrics", {"json": {}}),
        ("admin", "POST", "namespaces/mine/properties", {"json": {}}),
        ("admin", "POST", "namespaces/mine/register", {"json": {}}),
        ("admin", "POST", "tables/rename", {"json": rename}),
        ("admin", "DELETE", "namespaces/quant/tables/nothing", {}),
    ]
    people = {"reader": "read", "writer": "publish", "boss": "admin"}
    for needs, method, path, more in asked:
        for name, scope in people.items():
            answer = ask(address, name, method, path, **more)
            may = token_file.SCOPES.index(scope) >= token_file.SCOPES.index(needs)
            told = "" if answer.status_code in {200, 204} else answer.text
            assert ("has the scope" in told) is not may, (path, name, told)
            if not may:
                why = f"has the scope {scope}, and this needs the scope {needs}"
                refused = (403, "ForbiddenException", f"the token '{name}' {why}")
                assert error(answer) == refused
    assert error(ask(address, "nobody"))[:2] == (401, "NotAuthorizedException")


def test_a_token_ends_at_its_instant_by_the_clock_that_is_given(file: Path) -> None:
    now = [NOW - DAY]
    held = gate.Gate(TokenFile(file, log=print), now=lambda: now[0])
    bearer = f"Bearer {secret('o')}"
    assert held.admit(bearer, scope="admin").name == "over"
    now[0] = NOW - dt.timedelta(microseconds=1)
    assert held.admit(bearer, scope="read").name == "over"
    now[0] = NOW
    with pytest.raises(UnauthorizedError, match="expired at 2023-06-01 12:00"):
        held.admit(bearer, scope="read")
    for wrong in (None, "", "Bearer", "Bearer ", f"Basic {secret('o')}", secret("o")):
        with pytest.raises(UnauthorizedError, match="missing or wrong"):
            held.admit(wrong, scope="read")


def test_a_credential_is_exchanged_for_itself_until_it_is_over(
    served: tuple[Path, str, list[str]],
) -> None:
    _, address, _ = served
    url = f"{address}/v1/oauth/tokens"
    client = RestCatalog(
        "lake",
        uri=address,
        credential=f"me:{secret('reader')}",
        **{"oauth2-server-uri": url},
    )
    assert ("quant", "prices") in client.list_tables("quant")
    form = {"grant_type": "client_credentials", "client_secret": secret("reader")}
    assert requests.post(url, data=form, timeout=60).json()["expires_in"] == 86_400
    form["client_secret"] = secret("o")
    assert requests.post(url, data=form, timeout=60).status_code == 401


def test_a_file_that_changes_is_read_again_and_one_that_is_wrong_opens_nothing(
    served: tuple[Path, str, list[str]], file: Path
) -> None:
    _, address, _ = served
    assert ask(address, "reader").status_code == 200
    assert ask(address, "new").status_code == 401

    token_file.write(file, grants(new="read"))
    assert ask(address, "new").status_code == 200
    assert ask(address, "reader").status_code == 401
    file.chmod(0o644)
    assert ask(address, "new").status_code == 401
    file.chmod(0o600)
    assert ask(address, "new").status_code == 200
    file.write_text("new read never sha256:cut\n", encoding="utf-8")
    assert ask(address, "new").status_code == 401
    file.unlink()
    assert ask(address, "new").status_code == 401
    token_file.write(file, grants(new="read"))
    assert ask(address, "new").status_code == 200


def test_who_publishes_does_not_end_releases(
    served: tuple[Path, str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, address, _ = served
    remote = Remote(path, is_ours=True)
    told = {"type": "rest", "uri": address}
    day = {"prices": bars(("2022-09-08",))}

    remote.configure(monkeypatch, **told, token=secret("reader"))
    with pytest.raises(LakeError, match="needs the scope publish"):
        remote.open().publish(day, release="R3", as_of=AS_OF)
    remote.configure(monkeypatch, **told, token=secret("writer"))
    remote.open().publish(day, release="R3", as_of=AS_OF)
    with pytest.raises(LakeError, match="to end a release needs the scope admin"):
        remote.open().drop("R1", because="a test")
    remote.configure(monkeypatch, **told, token=secret("boss"))
    remote.open().drop("R1", because="a test")
    assert list(remote.open().releases()["name"]) == ["R2", "R3"]


@pytest.mark.parametrize(
    "text",
    [
        "a read never",
        "a write never sha256:" + "0" * 64,
        "a read tomorrow sha256:" + "0" * 64,
        "a read 2023-06-01 sha256:" + "0" * 64,
        "a read never sha1:" + "0" * 64,
        "1a read never sha256:" + "0" * 64,
        ("a read never sha256:" + "0" * 64 + "\n") * 2,
        "a-secret-that-somebody-pasted",
    ],
)
def test_a_line_that_is_none_is_refused_and_not_shown(file: Path, text: str) -> None:
    file.write_text(f"# a remark\n\n{text}\n", encoding="utf-8")

    with pytest.raises(InvalidArgumentError, match=r"line [34], is not NAME") as failed:
        token_file.read(file, what="--tokens")

    assert "pasted" not in str(failed.value)
