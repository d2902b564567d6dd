"""What a server counts, and what it logs: numbers and routes, no name and no secret."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import requests

from lakebt.lake.serving.metrics import Metrics
from lakebt.lake.serving.middleware import Middleware
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.remote import Remote

if TYPE_CHECKING:
    from tests.lake.serving.conftest import House

pytestmark = pytest.mark.lake


def test_requests_commits_and_lost_races_are_counted_by_route(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = Remote(house.path, is_ours=True)
    remote.configure(monkeypatch, type="rest", uri=house.address)
    remote.open().publish({"prices": bars(("2022-09-08",))}, release="R3", as_of=AS_OF)
    assert house.ask("GET", "namespaces/secret-name").status_code == 404
    late = {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": 1}
    assert house.commit(required=(late,)).status_code == 409

    answer = requests.get(f"{house.address}/metrics", timeout=60)

    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    post, get = 'method="POST",route="/v1', 'method="GET",route="/v1'
    space = "/namespaces/{namespace}"
    assert f'lakebt_requests_total{{{post}/lakebt/releases",status="200"}} 1' in lines
    assert f'lakebt_requests_total{{{get}{space}",status="404"}} 1' in lines
    assert "lakebt_lost_races_total 1" in lines
    assert "lakebt_requests_running 1" in lines  # this one
    assert "lakebt_writes_waiting 0" in lines
    assert "secret-name" not in answer.text
    for line in lines:  # the grammar of the format
        assert re.fullmatch(
            r'# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"\n]*"(,\w+="[^"\n]*")*\})? [\d.]+',
            line,
        )


def test_a_histogram_adds_up() -> None:
    counts = Metrics()
    for seconds in (0.001, 0.005, 0.006, 99.0):
        counts.begin()
        counts.end("BREW", 'a"b\\', 200, seconds)

    lines = counts.text().splitlines()

    route = r'route="a\"b\\"'
    assert f'lakebt_requests_total{{method="other",{route},status="200"}} 4' in lines
    told = [line for line in lines if "_bucket" in line]
    assert [int(line.split()[-1]) for line in told] == [2, 3, 3, 3, 3, 3, 3, 4]
    assert told[-1].startswith(f'lakebt_request_seconds_bucket{{{route},le="+Inf"}}')
    assert f"lakebt_request_seconds_sum{{{route}}} 99.012000" in lines


def test_a_line_of_json_is_one_line_whatever_is_asked() -> None:
    told: list[str] = []

    async def inner(*_: Any) -> None:
        pass

    made = Middleware(inner, gate=None, clock=clock, log=told.append, in_json=True)
    scope = {
        "type": "http",
        "method": "GET",
        "path": '/v1/a"\n',
        "raw_path": b'/v1/a"\n\xff\x1b[0m?token=secret',
        "headers": [(b"host", b"localhost"), (b"authorization", b"Bearer secret")],
    }
    asyncio.run(made(scope, None, None))

    (line,) = told
    assert "\n" not in line
    assert "secret" not in line
    said = json.loads(line)
    assert said["path"] == '/v1/a"?\\xff?[0m'
    assert (said["method"], said["status"], said["who"]) == ("GET", 500, None)
