"""Erasing where the tables lie in a store, and where it is refused."""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
from typing import TYPE_CHECKING, Any

import boto3  # type: ignore[import-untyped]
import pytest

from lakebt.errors import InvalidArgumentError
from lakebt.lake.storage.catalog import open_path
from tests.forked import python
from tests.lake.erasure.looking import found
from tests.lake.erasure.test_erase import GONE, LONGER
from tests.lake.frames import AS_OF, bars, changes
from tests.lake.remote import Remote
from tests.lake.trial_rows import batch
from tests.servers import Aws, Postgres, RestCatalogs, Seaweed, serving
from tests.servers.seaweed import BUCKET, REGION

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.lake.erasure.certificate import Erasure

pytestmark = [pytest.mark.lake, pytest.mark.slow]


def configured(
    folder: Path, monkeypatch: pytest.MonkeyPatch, keys: dict[str, str], **told: str
) -> Remote:
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    made = Remote(folder)
    made.configure(monkeypatch, **told)
    return made


def fill(remote: Remote) -> None:
    """Two releases with the subject, a note and a trial of it; another file of it."""
    lake = remote.open(create=True)
    tables = {
        "prices": bars(symbols=("AAA", GONE, LONGER)),
        "index_changes": changes(symbol=["NEW", "OLD"]),
    }
    lake.publish(tables, release="R1", as_of=AS_OF, note=f"{GONE} and {LONGER}")
    rows = {"prices": bars(days=("2022-09-07",), symbols=("AAA", GONE))}
    lake.publish(rows, release="R2", as_of=AS_OF)
    lake.record(batch([1, 2]).assign(study=f"on {GONE}"))
    table = remote.table("prices")
    (task, *_) = table.scan().plan_files()
    name = f"{table.location()}/data/0123456789abcdef-left.parquet"
    with table.io.new_input(task.file.file_path).open() as source:
        content = source.read()
    with table.io.new_output(name).create() as target:
        target.write(content)


def erase(remote: Remote) -> Erasure:
    return remote.open().erase("prices", where={"symbol": GONE}, reason="a wish")


def symbols(remote: Remote) -> list[int]:
    """How many rows of the subject, and of others, each release has."""
    read = [remote.open().at(name).read("prices")["symbol"] for name in ("R1", "R2")]
    return [n for each in read for n in ((each == GONE).sum(), (each != GONE).sum())]


class Bucket:
    """The objects of a lake, as any other program sees them."""

    def __init__(self, endpoint: str, keys: dict[str, str], bucket: str) -> None:
        self.client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        )
        self.bucket = bucket

    def names(self, folder: str) -> set[str]:
        """Those of all objects below a folder."""
        pages = self.client.get_paginator("list_objects_v2")
        said = pages.paginate(Bucket=self.bucket, Prefix=f"{folder}/")
        names = (each["Key"] for page in said for each in page.get("Contents", ()))
        return {name for name in names if not name.endswith("/")}  # Arrow's folders

    def downloaded(self, folder: str, to: Path) -> Path:
        """Copy all objects below a folder to one on the disk."""
        for name in self.names(folder):
            place = to / name
            place.parent.mkdir(parents=True, exist_ok=True)
            body = self.client.get_object(Bucket=self.bucket, Key=name)["Body"]
            place.write_bytes(body.read())
        return to


@pytest.fixture
def place(
    seaweed_server: Seaweed,
    postgres_server: Postgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Remote, Bucket, str]:
    """A lake with a catalog in Postgres and tables in SeaweedFS, and its folder.

    The process used boto3 before, with the keys of another store.
    """
    for name in seaweed_server.keys:
        monkeypatch.setenv(name, "another")
    boto3.client("s3", region_name=REGION)
    folder = secrets.token_hex(4)
    remote = configured(
        tmp_path,
        monkeypatch,
        seaweed_server.keys,
        uri=postgres_server.uri(postgres_server.database()),
        warehouse=f"s3://{BUCKET}/{folder}",
        **{"s3.endpoint": seaweed_server.endpoint, "s3.region": REGION},
    )
    fill(remote)
    bucket = Bucket(seaweed_server.endpoint, seaweed_server.keys, BUCKET)
    return remote, bucket, folder


def test_nothing_of_it_is_in_any_object(
    place: tuple[Remote, Bucket, str], tmp_path: Path
) -> None:
    remote, bucket, folder = place
    there = bucket.downloaded(folder, tmp_path / "before")
    assert found(there, [GONE], tmp_path / "seen")

    done = erase(remote)

    assert (done.n_rows, dict(done.rows)) == (4, {"R1": 3, "R2": 4})
    assert done.proof is not None
    assert done.proof.ok, done.proof
    assert done.versions is not None
    assert (done.versions.is_known, done.versions.n_versions) == (True, 0)
    after = bucket.downloaded(folder, tmp_path / "after")
    assert found(after, [GONE], tmp_path / "bytes", but=[LONGER]) == []
    assert symbols(remote) == [0, 6, 0, 7]
    lake = remote.open()
    assert lake.releases()["note"][0] == f"[erased] and {LONGER}"
    assert set(lake.trials()["study"]) == {"on [erased]"}
    assert lake.erasures()["is_proved"].tolist() == [True]
    (certificate,) = [n for n in bucket.names(folder) if "/erasures/" in n]
    assert certificate.endswith(f"/erasures/{done.id}.json")
    assert not [n for n in bucket.names(folder) if "/erasure-" in n]
    assert lake.doctor(deep=True).ok


_DYING = """
import os, sys
from lakebt.lake import Lake
from lakebt.lake.storage import erasure_note
from tests.lake.frames import clock

really = getattr(erasure_note, sys.argv[1])

def die(*arguments):
    if sys.argv[1] == "leave":
        really(*arguments)
    os._exit(9)

setattr(erasure_note, sys.argv[1], die)
lake = Lake.open(catalog="prod", create=False, clock=clock)
lake.erase("prices", where={"symbol": "GONECO"}, reason="a wish")
"""


@pytest.mark.parametrize("step", ["leave", "finish"])
def test_killed_before_and_after_the_instant(
    place: tuple[Remote, Bucket, str], tmp_path: Path, step: str
) -> None:
    remote, bucket, folder = place
    before = bucket.names(folder)
    died = subprocess.run([*python(), "-c", _DYING, step], check=False)
    assert died.returncode == 9
    (note,) = [name for name in bucket.names(folder) if "/erasure-" in name]

    assert symbols(remote) == ([3, 6, 4, 7] if step == "leave" else [0, 6, 0, 7])

    assert note not in bucket.names(folder)
    if step == "leave":
        gone = {name for name in before if name.endswith("-left.parquet")}
        assert bucket.names(folder) == before - gone
    else:
        assert remote.open().erasures()["is_proved"].tolist() == [False]
    # Erased now, or proved now.
    assert erase(remote).proof.ok  # type: ignore[union-attr]
    assert remote.open().erasures()["is_proved"].tolist() == [True]
    after = bucket.downloaded(folder, tmp_path / "after")
    assert found(after, [GONE], tmp_path / "bytes", but=[LONGER]) == []
    assert remote.open().doctor(deep=True).ok


def test_a_bucket_that_keeps_versions_is_told(
    aws_server: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = aws_server.reset()
    remote = configured(
        tmp_path,
        monkeypatch,
        aws_server.keys,
        uri=f"sqlite:///{tmp_path}/catalog.db",
        warehouse=f"s3://{name}/lake",
        **{"s3.endpoint": aws_server.endpoint, "s3.region": REGION},
    )
    bucket = Bucket(aws_server.endpoint, aws_server.keys, name)
    bucket.client.put_bucket_versioning(
        Bucket=name, VersioningConfiguration={"Status": "Enabled"}
    )
    fill(remote)
    (old, *_) = remote.table("prices").scan().plan_files()

    done = erase(remote)

    assert done.proof is not None
    assert done.proof.ok, done.proof
    assert done.versions is not None
    kept = dict(done.versions.some)
    assert old.file.file_path in kept
    assert done.versions.n_versions == len(kept) > 1
    assert "delete them with `aws s3api delete-object --version-id`" in str(done)
    (certificate,) = [n for n in bucket.names("lake") if "/erasures/" in n]
    body = bucket.client.get_object(Bucket=name, Key=certificate)["Body"]
    said = json.loads(body.read())["versions"]
    assert said["number"] == len(kept)
    assert [old.file.file_path, kept[old.file.file_path]] in said["some"]


@pytest.mark.parametrize("kind", ["iceberg", "lakebt", "glue"])
def test_where_tables_change_one_after_the_other_it_is_refused(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        keys: dict[str, str] = {}
        told: dict[str, Any] = {"type": "rest"}
        if kind == "glue":
            account: Aws = request.getfixturevalue("aws_server")
            keys = account.keys
            told = {"type": "glue", "glue.endpoint": account.endpoint}
            told |= {"warehouse": f"s3://{account.reset()}/lake"}
            told |= {"s3.endpoint": account.endpoint, "s3.region": REGION}
        elif kind == "lakebt":
            serves = serving(open_path(tmp_path / "lake", create=True))
            told["uri"] = stack.enter_context(serves)[0]
        else:
            servers: RestCatalogs = request.getfixturevalue("rest_servers")
            told["uri"] = stack.enter_context(servers.serve(tmp_path))
        remote = configured(tmp_path, patch, keys, **told)
        lake = remote.open(create=True)
        rows = {"prices": bars(symbols=("AAA", GONE))}
        lake.publish(rows, release="R1", as_of=AS_OF)

        with pytest.raises(
            InvalidArgumentError,
            match=r"one table after the other, .* erase where .* or lakebt export it",
        ):
            lake.erase("prices", where={"symbol": GONE}, reason="a wish")

        assert GONE in lake.at("R1").read("prices")["symbol"].tolist()
        assert lake.erasures().empty
