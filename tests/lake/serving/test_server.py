"""`lakebt serve` as a process: how it starts, whom it lets in, and how it ends."""

from __future__ import annotations

import concurrent.futures
import os
import re
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import OAuthError, UnauthorizedError
from typer.testing import CliRunner

from lakebt.cli import app
from lakebt.lake import Lake
from lakebt.values.command_lines import install_extra
from tests.forked import python
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.serving.conftest import error
from tests.servers import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers import Served

pytestmark = [pytest.mark.lake, pytest.mark.slow]


EVERYWHERE = "0.0.0.0"  # noqa: S104 - where nothing is bound in the end
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("served") / "lake"
    lake = Lake.open(made, clock=clock)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    return made


@pytest.fixture(scope="module")
def server(path: Path) -> Iterator[Served]:
    with served(path, path.parent) as made:
        yield made


def test_it_says_where_it_is_and_how_to_connect_and_not_the_token(
    server: Served, path: Path
) -> None:
    said = "".join(server.said)

    assert said.startswith(f"Serving lake {path} at http://127.0.0.1:")
    assert f'uri="{server.address}", token=TOKEN)' in said
    assert f"spark.sql.catalog.lake.uri {server.address}" in said
    assert server.token not in said


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer wrong", "Basic {token}", "{token}", "Bearer {token}x"],
)
def test_nobody_comes_in_without_the_token(server: Served, header: str | None) -> None:
    said = header and header.replace("{token}", server.token)
    answer = requests.get(
        f"{server.address}/v1/namespaces",
        headers={} if said is None else {"Authorization": said},
        timeout=60,
    )

    assert error(answer)[:2] == (401, "NotAuthorizedException")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_token_opens(server: Served, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {server.token}"}
    assert server.ask("GET", "namespaces", headers=headers).status_code == 200


def test_pyiceberg_comes_in_by_token_and_by_credential(server: Served) -> None:
    endpoint = f"{server.address}/v1/oauth/tokens"
    by: dict[str, Any]
    for by in (
        {"token": server.token},
        {"credential": f"me:{server.token}", "oauth2-server-uri": endpoint},
        {
            "auth": {
                "type": "oauth2",
                "oauth2": {
                    "client_id": "me",
                    "client_secret": server.token,
                    "token_url": endpoint,
                },
            }
        },
    ):
        client = RestCatalog("lake", uri=server.address, **by)
        assert ("quant", "prices") in client.list_tables("quant")
    with pytest.raises(UnauthorizedError, match="token of this server is missing"):
        RestCatalog("lake", uri=server.address, token="other" * 4)
    wrong = {"credential": "me:other", "oauth2-server-uri": endpoint}
    with pytest.raises(OAuthError, match="invalid_client"):
        RestCatalog("lake", uri=server.address, **wrong)


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("grant_type=client_credentials&client_secret={token}", 200),
        (
            f"grant_type={EXCHANGE}&subject_token={{token}}",
            200,
        ),
        ("grant_type=client_credentials&client_secret=x", 401),
        ("grant_type=client_credentials", 401),
        ("grant_type=password&password={token}", 400),
        ("", 400),
        ("\u00e9", 400),
        ("&".join(["a=b"] * 99), 400),
    ],
)
def test_a_credential_is_exchanged_for_the_token(
    server: Served, form: str, status: int
) -> None:
    answer = requests.post(
        f"{server.address}/v1/oauth/tokens",
        data=form.replace("{token}", server.token).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        timeout=60,
    )

    assert answer.status_code == status
    if status == 200:
        assert answer.json()["access_token"] == server.token
    else:
        assert server.token not in answer.text


def test_the_log_has_a_line_for_each_request_and_no_secret(server: Served) -> None:
    server.ask("GET", "namespaces?parent=hidden1", headers={"X-Key": "hidden2"})
    body = {"namespace": ["x"], "properties": {"password": "hidden3"}}
    server.ask("POST", "namespaces", json=body)
    server.ask("GET", "namespaces/a%0Ab")
    until = time.monotonic() + 10  # the line is written after the answer
    while "/a%0Ab" not in (whole := server.log.read_text(encoding="utf-8")):
        assert time.monotonic() < until
        time.sleep(0.01)
    lines = whole.splitlines()[-3:]

    shape = r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00 127\.0\.0\.1 (\w+) (/\S+) (\d+) \d+\.\d ms"
    seen = [re.fullmatch(shape, line) for line in lines]
    assert [each and each.groups() for each in seen] == [
        ("GET", "/v1/namespaces", "404"),
        ("POST", "/v1/namespaces", "200"),
        ("GET", "/v1/namespaces/a%0Ab", "400"),
    ]
    assert "hidden" not in whole
    assert server.token not in whole


def test_a_body_that_is_too_large_is_not_read(server: Served) -> None:
    headers = {"Content-Length": str(10**12), "Content-Type": "application/json"}
    answer = server.ask("POST", "namespaces", data=b"", headers=headers)
    assert error(answer)[0] == 413

    chunks = (b" " * 1_000_000 for _ in range(40))
    headers = {"Content-Type": "application/json"}
    answer = server.ask("POST", "namespaces", data=chunks, headers=headers)
    assert answer.status_code in {400, 413}


def test_a_server_to_read_from_changes_nothing(path: Path, tmp_path: Path) -> None:
    with served(path, tmp_path, "--read-only") as server:
        client = server.client()
        assert len(client.load_table("quant.prices").scan().to_arrow()) == 6
        body = {"namespace": ["x"]}
        status, kind, message = error(server.ask("POST", "namespaces", json=body))
        assert (status, kind) == (403, "ForbiddenException")
        assert "started with --read-only" in message
        told = server.ask("GET", "config").json()["endpoints"]
        assert not [each for each in told if each.startswith("DELETE")]
        assert "to read only" in server.said[0]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to_and_finishes_what_runs(
    path: Path, tmp_path: Path, how: signal.Signals
) -> None:
    with (
        served(path, tmp_path) as server,
        concurrent.futures.ThreadPoolExecutor(8) as pool,
    ):
        body = {"updates": [{"action": "set-properties", "updates": {"n": how.name}}]}
        place = "namespaces/quant/tables/prices"
        asked = [pool.submit(server.ask, "POST", place, json=body) for _ in range(8)]
        while "POST" not in server.log.read_text(encoding="utf-8"):
            time.sleep(0.005)
        said = server.stop(how)

        assert server.process.returncode == 0
        assert said == "Ended; nothing was running any more.\n"
        answered = [
            each.result().status_code for each in asked if each.exception() is None
        ]
        assert set(answered) == {200}
        assert "Traceback" not in server.log.read_text(encoding="utf-8")


def test_without_a_token_only_this_machine_comes_in(path: Path) -> None:
    command = [*python(), "-m", "lakebt", "serve", "--lake", str(path)]
    with subprocess.Popen(
        [*command, "--port", "0", "--no-auth"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split(" at ")[1].strip()
        port = address.rpartition(":")[2]
        asked = {
            host: requests.get(
                f"{address}/v1/namespaces", headers={"Host": host}, timeout=60
            ).status_code
            for host in ("localhost", f"127.0.0.1:{port}", "[::1]:1", "evil.example")
        }
        process.terminate()
        assert process.wait(timeout=60) == 0

    assert list(asked.values()) == [200, 200, 200, 403]


def run(*words: str, token: str | None = None) -> Any:
    environment = {"LAKEBT_TOKEN": token}
    return CliRunner().invoke(app, ["serve", *words], env=environment)


GOOD = "t" * 16


@pytest.mark.parametrize(
    ("words", "token", "why"),
    [
        ((), None, "who may use the lake at 127.0.0.1? Give a token by"),
        (("--no-auth",), GOOD, "--no-auth, and a token"),
        (("--no-auth", "--host", EVERYWHERE), None, "--host 0.0.0.0 is reached from"),
        (("--host", EVERYWHERE), None, "who may use the lake at 0.0.0.0?"),
        ((), "short", "must have at least 16 characters, has 5"),
        ((), "t" * 15 + "é", "must consist of ASCII letters"),
        (("--token-file", "none"), None, "--token-file none cannot be read: No such"),
        (("--port", "99999"), GOOD, "--port must be between 0 and 65535, was 99999"),
        (("--lake", "none"), GOOD, "none does not exist: publish into it first"),
    ],
)
def test_what_cannot_be_served_is_one_line(
    path: Path,
    tmp_path: Path,
    *,
    words: tuple[str, ...],
    token: str | None,
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    lake = () if "--lake" in words else ("--lake", str(path))

    done = run(*words, *lake, token=token)

    assert done.exit_code == 1
    assert why in done.stderr
    assert done.stderr.count("\n") == 1
    assert token is None or token not in done.output


def test_a_token_that_others_can_read_is_refused(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(GOOD, encoding="utf-8")
    file.chmod(0o640)

    done = run("--lake", str(path), "--token-file", str(file))

    assert done.exit_code == 1
    assert f"can be read by others: chmod 600 {file}" in done.stderr


def test_a_port_that_is_taken_is_one_line(path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--lake", str(path), "--port", str(port), token=GOOD)

    assert done.exit_code == 1
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in" in done.stderr


def test_without_fastapi_the_cure_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    done = run("--lake", str(path), token=GOOD)

    assert done.exit_code == 1
    cure = install_extra("serve")
    assert done.stderr.endswith(f"fastapi is not installed: {cure}\n")
    assert os.environ.get("LAKEBT_TOKEN") is None
