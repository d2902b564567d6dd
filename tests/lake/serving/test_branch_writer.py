"""Branches through `lakebt serve`: each deed is one request, as of an embedded lake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lakebt.errors import (
    AuditError,
    AuditWarning,
    ConflictError,
    ForeignCommitError,
    InvalidArgumentError,
    LakebtError,
    LakeError,
    ReleaseEndedError,
    UnknownNameError,
)
from lakebt.lake import Lake
from lakebt.lake.publishing import release_request
from lakebt.lake.serving.gate import TokenFile
from lakebt.lake.serving.token_file import Grant, digest_of, write
from lakebt.lake.storage.catalog import open_path
from lakebt.lake.storage.remote import PatientRestCatalog
from lakebt.lake.storage.repeated_request import KEY
from tests.lake.earnings import calendar, declare
from tests.lake.frames import AS_OF, NOW, bars, clock
from tests.lake.other_engines import foreign_table
from tests.lake.remote import Remote
from tests.lake.serving.conftest import body, error, posts, send
from tests.servers import serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lakebt.lake.committing.ledger import Release
    from tests.lake.original import Original
    from tests.lake.serving.conftest import House

pytestmark = pytest.mark.lake

MINE = {"prices": bars(symbols=("MINE",))}
URL = "lakebt/branches/cleaned"


def symbols(lake: Lake, release: str) -> set[str]:
    return set(lake.at(release).read("prices")["symbol"])


@pytest.mark.slow
def test_a_branch_lives_and_ends_through_a_server(house: House, remote: Remote) -> None:
    there, here = remote.open(), house.lake()
    house.log.clear()

    cleaned = there.branch("cleaned", at="R1")
    made = cleaned.publish(MINE, release="A", as_of=AS_OF)
    there.publish({"prices": bars(symbols=("TOO",))}, release="cleaned.B", as_of=AS_OF)
    rebased = there.rebase("cleaned", at="R2")
    adopted = there.adopt("cleaned", release="R3", note="done", labels={"by": "é"})

    assert posts(house) == [
        f"POST /v1/{path} 200"
        for path in (
            f"{URL}/make",
            *["lakebt/releases"] * 2,
            f"{URL}/rebase",
            f"{URL}/adopt",
        )
    ]
    assert (made.name, made.is_new) == ("cleaned.A", True)
    assert rebased == here.branch("cleaned")._ledger().get("cleaned.R2")  # noqa: SLF001
    assert adopted == here._ledger().get("R3")  # noqa: SLF001
    assert (adopted.note, adopted.labels["by"]) == ("done", "é")
    assert {"MINE", "TOO"} <= symbols(there, "R3") & symbols(there, "cleaned.R2")
    assert "TOO" not in symbols(there, "cleaned.A")
    assert "MINE" not in symbols(there, "R2")
    assert here.doctor(deep=True).ok

    foreseen = there.drop_branch("cleaned", dry_run=True)
    gone = there.drop_branch("cleaned", because="adopted")
    names = ["cleaned.R1", "cleaned.A", "cleaned.B", "cleaned.R2"]
    assert [each.name for each in gone.ended] == names
    assert [each.name for each in foreseen.ended] == names
    assert gone.n_files == foreseen.n_files > 0
    assert posts(house)[-1] == f"POST /v1/{URL}/drop 200"
    with pytest.raises(ReleaseEndedError, match="adopted"):
        there.at("cleaned.A")
    assert symbols(there, "R3") >= {"MINE"}
    assert here.doctor(deep=True).ok


@pytest.mark.slow
def test_errors_and_warnings_of_branches_are_those_of_any_lake(
    house: House, remote: Remote
) -> None:
    here, there = house.lake(), remote.open()
    there.branch("cleaned", at="R1")
    late, later = (f"2022-09-{day}T12:00:00Z" for day in (20, 21))
    mine = {"prices": bars(("2022-09-06",), volume=7, known_at=late)}
    mains = {"prices": bars(("2022-09-06",), volume=8, known_at=later)}

    wrong: list[tuple[type[Exception], Callable[[Lake], Any]]] = [
        (InvalidArgumentError, lambda lake: lake.branch("R1", at="R1")),
        (InvalidArgumentError, lambda lake: lake.branch("cleaned", at="R2")),
        (UnknownNameError, lambda lake: lake.branch("other", at="R9")),
        (UnknownNameError, lambda lake: lake.rebase("nobody", at="R2")),
        (UnknownNameError, lambda lake: lake.rebase("../..", at="R2")),
        (InvalidArgumentError, lambda lake: lake.adopt("cleaned", release="R9")),
        (
            InvalidArgumentError,
            lambda lake: lake.publish(MINE, release="nobody.A", as_of=AS_OF),
        ),
        (
            AuditError,
            lambda lake: lake.publish(
                {"prices": bars(close=-1.0)}, release="cleaned.A", as_of=AS_OF
            ),
        ),
        (InvalidArgumentError, lambda lake: lake.drop_branch("cleaned", because=" ")),
    ]
    clash: list[tuple[type[Exception], Callable[[Lake], Any]]] = [
        (ConflictError, lambda lake: lake.rebase("cleaned", at="R3")),
        (ConflictError, lambda lake: lake.adopt("cleaned", release="R4")),
        (InvalidArgumentError, lambda lake: lake.adopt("cleaned", release="3")),
    ]

    def check(cases: list[tuple[type[Exception], Callable[[Lake], Any]]]) -> None:
        for kind, do in cases:
            said = []
            for lake in (here, there):
                with pytest.raises(kind) as failed:
                    do(lake)
                said.append(str(failed.value).replace("catalog 'prod'", "LAKE"))
            assert said[0].replace(f"lake {house.path}", "LAKE") == said[1]

    check(wrong)
    there.publish(mine, release="cleaned.A", as_of=AS_OF)
    there.publish(mains, release="R3", as_of=AS_OF)
    check(clash)
    assert list(here.releases()["name"]) == ["R1", "R2", "R3"]
    assert there.rebase("cleaned", at="R3", accept=True).is_new
    assert not there.rebase("cleaned", at="R3").is_new
    assert here.doctor().ok


@pytest.mark.slow
def test_what_an_audit_finds_on_a_branch_is_warned_of_before(
    house: House, remote: Remote
) -> None:
    there = remote.open()
    there.branch("cleaned", at="R1")
    leap = {"prices": bars(("2022-09-08",), close=99.0, high=99.5)}

    deeds: list[Callable[[], Release]] = [
        lambda: there.publish(leap, release="cleaned.A", as_of=AS_OF),
        lambda: there.rebase("cleaned", at="R2"),
        lambda: there.adopt("cleaned", release="R3"),
    ]
    for do in deeds:
        with pytest.warns(AuditWarning, match="jumps") as warned:
            assert do().is_new
        assert len(warned) == 1
    answers = [line.rpartition(" ")[2] for line in posts(house)[-6:]]
    assert answers == ["422", "200"] * 3


def test_a_branch_that_others_wrote_to_is_told_of_as_anywhere(
    house: House, remote: Remote
) -> None:
    there = remote.open()
    there.branch("cleaned", at="R1")
    with foreign_table(house.path, "prices") as table:
        table.append(table.scan().to_arrow().slice(0, 1), branch="cleaned")

    for lake in (there, house.lake()):
        with pytest.raises(ForeignCommitError, match="prices"):
            lake.publish(MINE, release="cleaned.A", as_of=AS_OF)


def test_a_table_that_was_declared_meanwhile_is_found_on_a_branch(
    house: House, remote: Remote
) -> None:
    there = remote.open()
    there.branch("cleaned", at="R1")
    there.tables()
    declare(house.lake())

    made = there.publish({"earnings": calendar()}, release="cleaned.A", as_of=AS_OF)

    assert made.published == ("earnings",)


def test_a_deed_that_is_asked_for_twice_is_done_once(house: House) -> None:
    now = {"now": NOW.isoformat()}

    def ask(deed: str, key: str, **told: Any) -> Any:
        return house.ask("POST", f"{URL}/{deed}", json=now | told, headers={KEY: key})

    first, again, other = (ask("make", key, at="R1") for key in ("k", "k", "l"))
    assert first.content == again.content
    made = [release_request.release_in(each.content) for each in (first, other)]
    assert [each.name for each in made] == ["cleaned.R1"] * 2
    drops = [ask("drop", key) for key in ("m", "m", "n")]
    assert [each.status_code for each in drops] == [200] * 3
    assert drops[0].content == drops[1].content != drops[2].content
    assert house.lake().doctor().ok


@pytest.mark.parametrize(
    ("deed", "told", "status"),
    [
        ("make", {}, 400),
        ("make", {"at": 1}, 400),
        ("make", {"at": "R1", "now": "yesterday"}, 400),
        ("make", {"at": "R9"}, 400),
        ("make", {"at": "cleaned.R1"}, 400),
        ("rebase", {"at": "R1", "accept": "yes"}, 400),
        ("rebase", {"at": "R1"}, 400),
        ("adopt", {"release": "R3", "labels": {"a": 1}}, 400),
        ("adopt", {"release": "R1"}, 400),
        ("drop", {"because": 3}, 400),
        ("drop", {}, 400),
        ("merge", {}, 404),
    ],
)
def test_what_is_no_deed_is_refused_and_changes_nothing(
    house: House, deed: str, told: dict[str, Any], status: int
) -> None:
    answer = house.ask("POST", f"{URL}/{deed}", json={"now": NOW.isoformat()} | told)

    assert error(answer)[0] == status
    assert house.lake().branches().empty
    assert house.lake().doctor().ok


def test_no_release_of_main_gets_the_name_of_one_of_a_branch(house: House) -> None:
    content = body(house.lake(), release="R3").replace(b'"R3"', b'"a.R"')

    assert error(send(house, content.replace(b'"a.R"', b'"a.B"')))[0] == 400
    assert list(house.lake().releases()["name"]) == ["R1", "R2"]


@pytest.mark.slow
def test_tokens_go_as_far_on_branches_as_on_main(
    two_releases: Original, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who publishes makes branches and adopts them; who administers drops them."""
    path, file = two_releases.restored(), tmp_path / "tokens"
    secrets = {scope: f"{scope}-0123456789abcdef" for scope in ("read", "publish")}
    grants = [
        Grant(name=scope, scope=scope, expires=None, digest=digest_of(secret))
        for scope, secret in {**secrets, "admin": "admin-0123456789abcdef"}.items()
    ]
    write(file, grants)
    tokens = TokenFile(file, log=lambda _: None)
    with serving(open_path(path, create=False), token=tokens) as (address, _):

        def lake(scope: str) -> Lake:
            made = Remote(path, is_ours=True)
            token = f"{scope}-0123456789abcdef"
            made.configure(monkeypatch, type="rest", uri=address, token=token)
            return made.open()

        reader, publisher, admin = map(lake, ("read", "publish", "admin"))
        with pytest.raises(LakeError, match="has the scope read, and this needs"):
            reader.branch("cleaned", at="R1")
        publisher.branch("cleaned", at="R1").publish(MINE, release="A", as_of=AS_OF)
        with pytest.raises(LakeError, match="has the scope read, and this needs"):
            reader.publish(
                {"prices": bars(symbols=("X",))}, release="cleaned.B", as_of=AS_OF
            )
        publisher.rebase("cleaned", at="R2")
        publisher.adopt("cleaned", release="R3")
        with pytest.raises(LakeError, match="the scope publish, and this needs the sc"):
            publisher.drop_branch("cleaned")
        assert len(admin.drop_branch("cleaned").ended) == 3
    assert Lake.open(path, clock=clock).doctor().ok


@pytest.mark.parametrize("why", ["old server", "too large"])
def test_what_a_server_does_not_take_of_a_branch_is_told(
    house: House, remote: Remote, why: str
) -> None:
    there = remote.open()
    there.branch("cleaned", at="R1")
    properties = there._storage.catalog.properties  # noqa: SLF001
    if why == "old server":
        del properties[release_request.BRANCHES]
        match = "each time by one request"
    else:
        properties[release_request.LARGEST] = "1000"
        match = "takes rows of pandas or Arrow, 1,000 bytes at once"

    with pytest.raises(LakebtError, match=match):
        there.publish(MINE, release="cleaned.A", as_of=AS_OF)

    assert list(house.lake().branches()["newest"]) == ["cleaned.R1"]
    assert house.lake().doctor().ok
    there.publish(MINE, release="R3", as_of=AS_OF)  # main as ever


@pytest.mark.slow
def test_an_answer_that_is_lost_makes_no_second_release(
    house: House, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, post, lost = remote.open(), PatientRestCatalog.post, list[str]()

    def losing(catalog: PatientRestCatalog, path: str, *others: Any) -> Any:
        answer = post(catalog, path, *others)
        if path not in lost:
            lost.append(path)
            raise ConnectionResetError
        return answer

    monkeypatch.setattr(PatientRestCatalog, "post", losing)
    cleaned = there.branch("cleaned", at="R1")
    assert cleaned.publish(MINE, release="A", as_of=AS_OF).is_new
    assert there.rebase("cleaned", at="R2").is_new
    assert there.adopt("cleaned", release="R3").is_new
    assert len(there.drop_branch("cleaned").ended) == 3
    assert len(lost) == 5
    assert list(house.lake().releases()["name"]) == ["R1", "R2", "R3"]
    assert house.lake().doctor().ok
