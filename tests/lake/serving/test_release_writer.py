"""A publication through `lakebt serve` is one request, all or nothing, made once."""

from __future__ import annotations

import contextlib
import threading
import warnings
from typing import TYPE_CHECKING, Any
from unittest import mock

import pandas as pd
import pyarrow as pa
import pytest
import requests

from lakebt.errors import (
    AuditError,
    AuditWarning,
    ConflictError,
    InvalidArgumentError,
    LakeError,
    ReleaseExistsError,
)
from lakebt.lake import Lake
from lakebt.lake.publishing import arrow_stream, release_request
from lakebt.lake.publishing.publication import examine
from lakebt.lake.serving import turns
from lakebt.lake.serving.errors import RefusedError
from lakebt.lake.serving.release_writer import Releases
from lakebt.lake.storage import repeated_request
from lakebt.lake.storage.catalog import open_path
from lakebt.lake.storage.remote import PatientRestCatalog
from lakebt.lake.storage.repeated_request import KEY, UnreachedError
from tests.lake.crash import check_whole, tables
from tests.lake.earnings import COLUMNS, calendar, declare
from tests.lake.frames import AS_OF, NOW, bars, clock, q1
from tests.lake.interrupted import Interrupter
from tests.lake.serving.conftest import NEXT, URL, body, error, posts, send

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.lake.remote import Remote
    from tests.lake.serving.conftest import House

pytestmark = pytest.mark.lake


def test_one_request_publishes_and_says_what_it_made(
    house: House, remote: Remote
) -> None:
    there = remote.open()
    house.log.clear()
    mixed = bars(("2022-09-08", "2022-09-09")).sample(frac=1, random_state=1)

    made = there.publish(
        {"prices": mixed, "etf_holdings": q1(fund="Größe")},
        release="R3",
        as_of=AS_OF,
        note="a note",
        labels={"by": "é"},
        files=[{"path": "a.csv", "rows": 2}],
        retain_days=9,
    )

    assert posts(house) == [f"POST /v1/{URL} 200"]
    assert len(house.log) <= 2  # the last answer of before may be logged late
    assert made.is_new
    assert (made.note, made.labels, made.retain_days) == ("a note", {"by": "é"}, 9)
    assert made.files == ({"path": "a.csv", "rows": 2},)
    here = house.lake()
    assert made == here._ledger().get("R3")  # noqa: SLF001
    assert made.committed_at == NOW
    assert here.doctor(deep=True).ok
    assert not there.publish({"prices": mixed, "etf_holdings": q1(fund="Größe")},
                             release="R3", as_of=AS_OF).is_new  # fmt: skip


def test_an_embedded_lake_would_have_made_the_same(
    remote: Remote, tmp_path: Path
) -> None:
    """Digests and rows are those of a lake into which the same was published."""
    own = Lake.open(tmp_path / "own", clock=clock)
    first = {"prices": bars(), "etf_holdings": q1()}
    own.publish(first, release="R1", as_of=AS_OF)
    own.publish({"prices": bars(("2022-09-07",))}, release="R2", as_of=AS_OF)

    one, other = (
        lake.publish(NEXT, release="R3", as_of=AS_OF) for lake in (own, remote.open())
    )

    assert one.digest == other.digest
    pins = [
        [(pin.table, pin.rows, pin.published, pin.digest) for pin in release.tables]
        for release in (one, other)
    ]
    assert pins[0] == pins[1]
    pd.testing.assert_frame_equal(
        own.at("R3").read("prices"), remote.open().at("R3").read("prices")
    )


def test_rows_are_examined_again_if_their_table_is_another_by_its_turn(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.open(path, clock=clock)
    declare(lake)
    releases = Releases(open_path(path, create=False), lost=lambda: None)
    seen: list[str] = []

    def counted(*rows: Any, **arguments: Any) -> Any:
        seen.append(arguments["release"])
        return examine(*rows, **arguments)

    monkeypatch.setattr("lakebt.lake.serving.release_writer.examine", counted)
    for release, period in (("Q3", "2022Q3"), ("clean.A", "2022Q4"), ("Q4", "2022Q4")):
        content = body(lake, {"earnings": calendar(period=period)}, release)
        read = releases.read(content)
        if release == "Q4":
            declare(lake, columns={**COLUMNS, "place": "text?"})
        releases.publish(read, key=release)
        if release == "Q3":
            lake.branch("clean", at="Q3")

    assert seen == ["Q3", "clean.A", "Q4", "Q4"]
    assert len(lake.at("clean.A").read("earnings")) == 4
    assert len(lake.at("Q4").read("earnings")) == 4
    assert "place" in lake.at("Q4").read("earnings")


def test_a_request_that_is_repeated_is_the_same_release(house: House) -> None:
    content = body(house.lake())

    first, again, other = (
        send(house, content, **{KEY: key}) for key in ("k", "k", "l")
    )

    assert [a.status_code for a in (first, again, other)] == [200] * 3
    made = [release_request.release_in(a.content) for a in (first, again, other)]
    assert made[0] == made[1] == made[2]
    assert [each.is_new for each in made] == [True, True, False]
    assert list(house.lake().releases()["name"]) == ["R1", "R2", "R3"]


def test_an_answer_that_is_lost_is_asked_for_again(
    house: House, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, post, lost = remote.open(), PatientRestCatalog.post, list[Any]()

    def losing(catalog: PatientRestCatalog, *arguments: Any) -> Any:
        answer = post(catalog, *arguments)
        if not lost:
            lost.append(answer)
            raise requests.ConnectionError
        return answer

    monkeypatch.setattr(PatientRestCatalog, "post", losing)
    made = there.publish(NEXT, release="R3", as_of=AS_OF)

    assert made.is_new  # by this call, though not by its last request
    assert lost[0].status == 200
    assert house.lake().doctor().ok


def test_a_server_that_is_started_again_is_waited_for(
    house: House, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that stays away is told of, with what is not known by then."""
    there, post = remote.open(), PatientRestCatalog.post
    away: list[Exception] = [requests.ConnectionError(), *[UnreachedError()] * 2]

    def ending(catalog: PatientRestCatalog, *arguments: Any) -> Any:
        if away:
            raise away.pop(0)
        return post(catalog, *arguments)

    monkeypatch.setattr(PatientRestCatalog, "post", ending)
    assert there.publish(NEXT, release="R3", as_of=AS_OF).is_new

    away += [requests.ConnectionError(), *[UnreachedError()] * 9]
    monkeypatch.setattr(repeated_request, "ABSENCE_SECONDS", 0.2)
    with pytest.raises(LakeError, match=r"'R4'.* whether it is there is not known"):
        there.publish({"prices": bars(("2022-09-09",))}, release="R4", as_of=AS_OF)
    assert list(house.lake().releases()["name"]) == ["R1", "R2", "R3"]


@pytest.mark.slow
def test_errors_and_warnings_are_those_of_any_lake(
    house: House, remote: Remote
) -> None:
    here, there = house.lake(), remote.open()
    leap = {"prices": bars(("2022-09-08",), close=99.0, high=99.5)}
    wrong = {"prices": bars(("2022-09-07",), volume=7)}  # the lake has others
    for kind, frames, release in (
        (AuditError, wrong, "R3"),
        (ReleaseExistsError, NEXT, "r1"),
        (AuditError, {"prices": bars(close=-1.0)}, "R3"),
    ):
        told = []
        for lake in (here, there):
            with pytest.raises(kind) as failed:
                lake.publish(frames, release=release, as_of=AS_OF)
            told.append(str(failed.value))
        assert told[0] == told[1]
    assert list(here.releases()["name"]) == ["R1", "R2"]

    with warnings.catch_warnings():
        warnings.simplefilter("error", AuditWarning)
        with pytest.raises(AuditWarning, match="jumps"):
            there.publish(leap, release="R3", as_of=AS_OF)
    assert list(here.releases()["name"]) == ["R1", "R2"]  # before anything is written
    with pytest.warns(AuditWarning, match="jumps") as warned:
        assert there.publish(leap, release="R3", as_of=AS_OF).is_new
    assert len(warned) == 1
    assert posts(house)[-2:] == [f"POST /v1/{URL} 422", f"POST /v1/{URL} 200"]


def test_a_table_that_was_declared_meanwhile_is_found(
    house: House, remote: Remote
) -> None:
    there = remote.open()
    declare(house.lake())

    made = there.publish({"earnings": calendar()}, release="R3", as_of=AS_OF)

    assert made.published == ("earnings",)
    assert posts(house) == [f"POST /v1/{URL} 200"]


@pytest.mark.parametrize("why", ["old server", "too large", "read only"])
def test_what_a_server_does_not_take_goes_the_other_way(
    house: House,
    remote: Remote,
    monkeypatch: pytest.MonkeyPatch,
    why: str,
) -> None:
    there = remote.open()
    properties = there._storage.catalog.properties  # noqa: SLF001
    if why == "old server":
        del properties[release_request.OFFERED]
    elif why == "too large":
        properties[release_request.LARGEST] = "1000"
    else:
        refused = mock.Mock(status=403, content=b"", retry_seconds=None)
        monkeypatch.setattr(PatientRestCatalog, "post", lambda *_: refused)

    assert there.publish(NEXT, release="R3", as_of=AS_OF).is_new

    assert f"POST /v1/{URL} 200" not in posts(house)
    assert house.lake().doctor().ok


def test_who_is_sent_away_comes_again_and_not_for_ever(
    house: House, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = remote.open()
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(turns, "MOST_WAITING", 0)
    answer = send(house, b"")
    assert error(answer)[:2] == (503, "ServiceUnavailableException")
    assert answer.headers["Retry-After"] == "1"
    monkeypatch.setattr(repeated_request, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(ConflictError, match="too many publish into"):
        there.publish(NEXT, release="R3", as_of=AS_OF)
    assert list(house.lake().releases()["name"]) == ["R1", "R2"]

    monkeypatch.setattr(repeated_request, "PATIENCE_SECONDS", 60.0)
    timer = threading.Timer(0.1, monkeypatch.setattr, (turns, "MOST_WAITING", 64))
    timer.start()
    assert there.publish(NEXT, release="R3", as_of=AS_OF).is_new
    timer.join()


def _cut(content: bytes) -> bytes:
    return content[:-9]


def _longer(content: bytes) -> bytes:
    return content + b"x"


def _said(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new)

    return change


@pytest.mark.parametrize("codec", ["lz4", "zstd", None])
@pytest.mark.parametrize("is_coded", [True, False])
def test_rows_that_would_become_larger_are_not_unpacked(
    codec: Any, *, is_coded: bool
) -> None:
    texts = pa.array(["x" * 1000] * 1000)
    rows = pa.table({"a": texts.dictionary_encode() if is_coded else texts})
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=codec)
    with pa.ipc.new_stream(sink, rows.schema, options=options) as stream:
        stream.write_table(rows)
    content = memoryview(sink.getvalue())

    if codec is None:
        assert arrow_stream.read(content).equals(rows)
        return
    with pytest.raises(arrow_stream.CompressedError):
        arrow_stream.read(content)
    with pytest.raises(InvalidArgumentError, match="it is compressed"):
        release_request.release_in(bytes(content))


@pytest.mark.parametrize(
    ("spoil", "status"),
    [
        (_cut, 400),
        (_longer, 400),
        (lambda _: b"", 400),
        (lambda _: b"\xff" * 8, 400),
        (_said(b'"R3"', b'"3R"'), 400),
        (_said(b'"R3"', b'"R1"'), 409),
        (_said(b'"prices"', b'"../../"'), 400),
        (_said(b'"prices"', b'"trials"'), 400),
        (_said(b'"digest": "', b'"digest":"x'), 412),
        (_said(b'"2023-06', b'"2021-06'), 400),  # as_of is ahead of that clock
        (_said(b'"told": []', b'"told": {}'), 400),
        (_said(b'"fail_on": []', b'"fail_on": 10'), 400),
        (_said(b"raw", b"RAW"), 422),  # in the rows: no basis there is
        (_said(b"raw", b"\xff\xffw"), 400),
    ],
)
def test_what_is_no_publication_is_refused_and_changes_nothing(
    house: House, spoil: Callable[[bytes], bytes], status: int
) -> None:
    answer = send(house, spoil(body(house.lake())))

    assert error(answer)[0] == status
    assert list(house.lake().releases()["name"]) == ["R1", "R2"]
    assert house.lake().doctor().ok


def test_a_body_of_another_kind_or_size_is_not_read(house: House) -> None:
    wrong = {"Content-Type": "application/json"}
    assert house.ask("POST", URL, data=b"{}", headers=wrong).status_code == 415
    large = {"Content-Length": str(2**26 + 1), "Content-Type": release_request.KIND}
    with contextlib.suppress(requests.ConnectionError):
        assert house.ask("POST", URL, data=b"", headers=large).status_code == 413


@pytest.mark.slow
def test_a_server_that_ends_anywhere_made_all_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the request that is repeated then is the release that is wanted."""
    path = tmp_path / "lake"
    lake = Lake.open(path, clock=clock)
    monkeypatch.setattr("lakebt.lake.committing.retry.time.sleep", lambda _: None)

    def serve(content: bytes) -> bytes:
        storage = open_path(path, create=False)
        releases = Releases(storage, lost=lambda: None)
        return releases.publish(releases.read(content), key="k")

    serve(body(lake, tables(1), "R1"))
    count = Interrupter()
    count.run(lambda: serve(body(lake, tables(2), "R2")))
    number = 2
    for step in range(1, 5):
        content = body(lake, tables(number + 1), f"R{number + 1}")
        ended = Interrupter(at=count.count * step // 5)
        is_done = True
        with contextlib.suppress(RefusedError):
            is_done = ended.run(lambda made=content: serve(made))  # type: ignore[misc]
        there = list(lake.releases()["name"])
        assert there in (
            [f"R{n}" for n in range(1, m + 1)] for m in (number, number + 1)
        )
        check_whole(path, len(there))
        assert not is_done or len(there) == number + 1
        made = release_request.release_in(serve(content))
        assert made.name == f"R{number + 1}"
        number += 1
    check_whole(path, number, read=[number])
