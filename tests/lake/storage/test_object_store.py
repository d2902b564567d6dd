"""A lake in an object store: what is added to its settings, and what can go wrong."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import secrets
import shutil
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.exceptions as boto  # type: ignore[import-untyped]
import pyarrow.fs as pafs
import pytest
import requests
from pyiceberg.exceptions import OAuthError

import lakebt
from lakebt.errors import LakebtError, LakeError
from lakebt.lake import Lake
from lakebt.lake.committing import fold
from lakebt.lake.storage import fingerprint, panel_cache
from lakebt.lake.storage import remote as distant
from lakebt.lake.storage.kept_files import CONTENTS
from lakebt.lake.storage.manifests import MOST_MANIFESTS
from lakebt.lake.storage.object_store import defaults
from lakebt.lake.storage.remote_failures import refused
from lakebt.lake.storage.scan_plan import manifests_in
from lakebt.sources.simulated import simulated_market
from lakebt.values.command_lines import install_extra
from tests.behaviour.places import place_of
from tests.conftest import CACHE, ROOT
from tests.lake.crash import expected, found, publish
from tests.lake.frames import AS_OF, bars, q1
from tests.lake.remote import Remote
from tests.lake.trial_rows import batch
from tests.nightly import IS_NIGHTLY
from tests.servers import Aws, Seaweed, Wire, free_port, seaweedfs, wire
from tests.servers.seaweed import BUCKET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyiceberg.manifest import ManifestFile

pytestmark = [pytest.mark.lake, pytest.mark.slow]

OURS = "lakebt.lake.storage.object_store.ObjectStoreIO"


@pytest.fixture(scope="session")
def store(seaweed_server: Seaweed) -> Seaweed:
    return seaweed_server


@pytest.fixture
def line(store: Seaweed) -> Iterator[Wire]:
    """The wire between a lake and its store."""
    with wire(store.endpoint) as laid:
        yield laid


@pytest.fixture
def unmade(
    store: Seaweed, line: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Remote:
    """A SQLite catalog whose tables will lie in the store."""
    return configured(monkeypatch, store, line, tmp_path)


def configured(
    monkeypatch: pytest.MonkeyPatch,
    store: Seaweed,
    line: Wire,
    folder: Path,
    warehouse: str = "",
) -> Remote:
    for name, value in store.keys.items():
        monkeypatch.setenv(name, value)
    made = Remote(folder)
    properties = {
        "uri": f"sqlite:///{folder}/catalog.db",
        "warehouse": warehouse or f"s3://{BUCKET}/{secrets.token_hex(4)}",
        "s3.endpoint": line.address,
    }
    made.configure(monkeypatch, **properties)
    return made


@pytest.fixture(scope="module")
def original(
    store: Seaweed, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """What `begun` is: its catalog, and where its files are."""
    folder = tmp_path_factory.mktemp("begun")
    with pytest.MonkeyPatch.context() as patch, wire(store.endpoint) as line:
        made = configured(patch, store, line, folder)
        publish(made.open(create=True), 1)
        return folder / "catalog.db", os.environ["PYICEBERG_CATALOG__PROD__WAREHOUSE"]


@pytest.fixture
def begun(
    store: Seaweed,
    line: Wire,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    original: tuple[Path, str],
) -> Remote:
    """A lake with R1 of `tests.lake.crash`.

    Its catalog is a copy, so that nothing names what others left beside its files.
    """
    catalog, warehouse = original
    shutil.copy(catalog, tmp_path)
    made = configured(monkeypatch, store, line, tmp_path, warehouse)
    made.configure(monkeypatch, **{"s3.region": "us-east-1"})
    return made


@pytest.fixture
def remote(unmade: Remote, monkeypatch: pytest.MonkeyPatch) -> Remote:
    unmade.open(create=True)
    # So that other programs, which tests stand for, do not ask Amazon for it.
    unmade.configure(monkeypatch, **{"s3.region": "us-east-1"})
    return unmade


@pytest.fixture
def served(
    store: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Remote, Wire]]:
    """A lake in SeaweedFS's own catalog, and the wire to that."""
    for name, value in store.keys.items():
        monkeypatch.setenv(name, value)
    made = Remote(tmp_path)
    with wire(store.catalog) as laid:
        properties = {
            "type": "rest",
            "uri": laid.address,
            "credential": f"{store.key_id}:{store.secret}",
            "oauth2-server-uri": f"{laid.address}/v1/oauth/tokens",
            "warehouse": store.table_bucket(),
            "s3.endpoint": store.endpoint,
            "s3.region": "us-east-1",
        }
        made.configure(monkeypatch, **properties)
        made.open(create=True)
        yield made, laid


# --------------------------------------------------------------------------- settings


def test_what_is_configured_is_kept_and_what_is_not_is_added() -> None:
    patient = {"s3.connect-timeout": "5", "s3.request-timeout": "5"}
    own = {"warehouse": "s3://b/lake", "s3.endpoint": "http://store:9000"}
    ours = {"py-io-impl": OURS, **patient}

    assert defaults(own, {}) == {**ours, "s3.region": "us-east-1"}
    assert defaults(own, {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "x"}) == {
        **ours,
        "s3.region": "eu-west-1",
    }
    assert defaults(own, {"AWS_DEFAULT_REGION": "x"})["s3.region"] == "x"
    said = {
        **own,
        "s3.region": "here",
        "s3.connect-timeout": "60",
        "py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO",
    }
    assert defaults(said, {}) == {"s3.request-timeout": "5"}
    assert "s3.region" not in defaults({**own, "client.region": "here"}, {})


def test_amazon_itself_knows_where_its_buckets_are() -> None:
    amazon = {"warehouse": "s3://b/lake"}

    assert "s3.region" not in defaults(amazon, {"AWS_REGION": "eu-west-1"})
    elsewhere = {"AWS_ENDPOINT_URL": "http://store:9000"}
    assert defaults(amazon, elsewhere)["s3.region"] == "us-east-1"
    assert "s3.connect-timeout" in defaults({"type": "glue"}, {})


@pytest.mark.parametrize(
    "configured",
    [
        {},
        {"warehouse": "file:///lake"},
        {"warehouse": "gs://b/lake"},
        {"type": "rest", "uri": "http://catalog", "warehouse": "prod"},
    ],
    ids=str,
)
def test_nothing_is_added_where_no_store_speaks_s3(configured: dict[str, str]) -> None:
    assert defaults(configured, {"AWS_REGION": "eu-west-1"}) == {}


def test_no_region_has_to_be_configured(
    unmade: Remote, caplog: pytest.LogCaptureFixture
) -> None:
    unmade.open(create=True)

    assert "resolve region" not in caplog.text
    publish(unmade.open(), 1)
    assert found(unmade.open(), 1) == expected(1)


def test_a_small_file_is_sent_in_one_request(remote: Remote, line: Wire) -> None:
    lake = remote.open()
    line.counted()

    publish(lake, 1)

    assert set(line.counted()) == {"PUT", "GET", "HEAD"}


@pytest.mark.parametrize("catalog", ["sqlite", "seaweedfs", "glue"])
def test_the_settings_of_the_page_are_enough(
    request: pytest.FixtureRequest,
    store: Seaweed,
    tmp_path: Path,
    catalog: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = (ROOT / "docs" / "object-store.md").read_text(encoding="utf-8")
    text = page.split(f"```text {catalog}.env\n")[1].split("```")[0]
    here = {
        "/data/lake": str(tmp_path),
        "s3://warehouse/lake": f"s3://{BUCKET}/{secrets.token_hex(4)}",
        "http://store:8333": store.endpoint,
        "http://catalog:8181": store.catalog,
        "KEY:SECRET": f"{store.key_id}:{store.secret}",
        "s3://analytics": store.table_bucket(),
    }
    for written, real in here.items():
        text = text.replace(written, real)
    if catalog == "glue":
        account: Aws = request.getfixturevalue("aws_server")
        account.reset()  # the page names one database, and so did another test
        addresses = {"GLUE": account.endpoint, "S3": store.endpoint}
        for what, address in addresses.items():
            text += f"PYICEBERG_CATALOG__PROD__{what}__ENDPOINT={address}\n"
    for name, value in store.keys.items():
        monkeypatch.setenv(name, value)
    for setting in text.split():
        monkeypatch.setenv(*setting.split("=", maxsplit=1))
    remote = Remote(tmp_path)
    remote.configure(monkeypatch)

    publish(remote.open(create=True), 1)

    assert found(remote.open(), 1) == expected(1)


def test_a_publish_costs_as_many_requests_as_the_page_says(
    remote: Remote, line: Wire
) -> None:
    """Of one table: as many for the tenth release as for the third, but for tidying."""
    lake = remote.open()
    costs = []
    days = [f"2022-09-{day:02}" for day in (1, 2, 6, 7, 8, 9, 12, 13, 14, 15, 16)]

    def publish_on(day: str) -> dict[str, int]:
        line.counted()
        lake.publish({"prices": bars((day,))}, release=f"D{day[-2:]}", as_of=AS_OF)
        return line.counted()

    costs = [publish_on(day) for day in days[:-1]]
    page = (ROOT / "docs" / "object-store.md").read_text(encoding="utf-8")
    row = page.split("\n| 1 | ")[1].split(" |")[0]
    told = dict(zip(("HEAD", "GET", "PUT"), map(int, row.split(", ")), strict=False))
    assert costs[1] == told
    totals = [sum(cost.values()) for cost in costs]
    assert set(totals[1:8]) == {totals[1]}
    assert max(totals) <= 45  # the metadata and the ledger's pages that nobody needs go
    # A new process: what it has not seen, it asks for once.
    CONTENTS.clear()
    fingerprint._COMPARED.clear()  # noqa: SLF001 - as in a new process
    fresh = publish_on(days[-1])
    # Of the pages of the ledger that stay, none is read to know which files go.
    assert sum(fresh.values()) <= totals[-1] + 4 * len(days) + 12
    counts = lake.at(f"D{days[-1][-2:]}").read("prices").groupby("session").size()
    assert list(counts) == [len(bars((days[0],)))] * len(days)
    assert len(_manifests(remote)) <= MOST_MANIFESTS + 1


def test_a_new_process_asks_for_a_bounded_number_of_files(
    remote: Remote, line: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many were published, for few are left at the head."""
    monkeypatch.setattr(fold, "LIMIT_IN_STORE", 4)
    days = [f"2022-09-{day:02}" for day in (1, 2, 6, 7, 8, 9, 12, 13, 14)]
    asked = []
    for number, day in enumerate(days):
        CONTENTS.clear()
        fingerprint._COMPARED.clear()  # noqa: SLF001 - as in a new process
        line.requests.clear()
        rows = {"prices": bars((day,))}
        remote.open().publish(rows, release=f"D{number}", as_of=AS_OF)
        asked.append(
            {path for method, path in line.requests if "/prices/data/" in path}
        )
        files = list(remote.table("prices").scan().plan_files())
        assert len(files) <= 4

    # Those at the head, the one that is new, and one that is folded.
    assert max(map(len, asked)) <= 4 + 1 + 1
    read = remote.open().at("D8").read("prices")
    assert read["session"].nunique() == len(days)


def _manifests(remote: Remote) -> list[ManifestFile]:
    table = remote.table("prices")
    head = table.metadata.current_snapshot()
    assert head is not None
    return manifests_in(table.io, head.manifest_list)


def test_what_a_store_lost_is_noticed_by_the_doctor_though_it_was_kept(
    remote: Remote,
) -> None:
    lake = remote.open()
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    assert lake.doctor().ok
    table = remote.table("prices")
    table.io.delete(_manifests(remote)[0].manifest_path)

    assert not lake.doctor().ok


# ---------------------------------------------------------------- what cannot be used


def told(error: BaseException) -> str:
    """Return everything that a traceback, a log or a pickle would show of an error."""
    return "".join([*traceback.format_exception(error), repr(error), repr(error.args)])


REFUSED = "bucket 'warehouse' refuses access. Check the credentials that the usual"
DEAF = r"the object store of bucket 'warehouse' does not answer \("


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("secret", REFUSED),
        ("key", REFUSED),
        ("bucket", "there is no bucket 'nowhere'. Make it, or correct the catalog's"),
        ("port", rf"{DEAF}could not connect to server\). Check that it runs"),
        ("host", rf"{DEAF}could not resolve hostname\). Check that it runs"),
    ],
)
def test_what_is_wrong_is_one_clear_line_without_a_key(
    unmade: Remote,
    store: Seaweed,
    what: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secret, key = store.secret, store.key_id
    if what == "secret":
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret := f"{secret}X")
    elif what == "key":
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key := f"{key}X")
    elif what == "bucket":
        unmade.configure(monkeypatch, warehouse="s3://nowhere/lake")
    else:
        host = "nowhere.invalid" if what == "host" else "127.0.0.1"
        endpoint = f"http://{host}:{free_port()}"
        unmade.configure(monkeypatch, **{"s3.endpoint": endpoint})

    with pytest.raises(LakeError, match=f"catalog 'prod' cannot be used: {words}") as e:
        unmade.open(create=True)

    assert "\n" not in str(e.value)
    for hidden in (secret, key):
        assert hidden not in told(e.value)


def test_a_lake_that_was_refused_once_is_none_the_worse(
    begun: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = begun.open()
    with monkeypatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", "another")
        with pytest.raises(LakeError, match=REFUSED):
            begun.open()

    publish(lake, 2)
    begun.check_whole([1, 2])


def test_a_catalog_that_refuses_or_is_not_there_is_one_clear_line(
    served: tuple[Remote, Wire], store: Seaweed, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote, laid = served
    monkeypatch.setattr(distant, "STARTING_SECONDS", 0.0)
    gone = f"http://127.0.0.1:{free_port()}"
    nowhere = {"uri": gone, "oauth2-server-uri": f"{gone}/v1/oauth/tokens"}
    cases: list[tuple[dict[str, str], str]] = [
        ({"credential": f"{store.key_id}:{store.secret}X"}, "Check its credential"),
        (nowhere, r"nobody answers at 127\.0\.0\.1:\d+ \(connection refused\)"),
    ]
    for wrong, words in cases:
        remote.configure(monkeypatch, **wrong)
        with pytest.raises(LakeError, match=f"cannot be used: .*{words}") as caught:
            remote.open()
        assert "\n" not in str(caught.value)
        assert store.secret not in told(caught.value)
    assert laid.requests


def test_glue_without_its_library_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Remote(tmp_path).configure(monkeypatch, type="glue", warehouse="s3://b/lake")
    monkeypatch.setitem(sys.modules, "botocore.session", None)

    cure = re.escape(f"'prod' needs boto3: {install_extra('glue')}")
    with pytest.raises(LakeError, match=cure):
        Lake.open(catalog="prod")


def test_glue_is_asked_once_what_its_database_is(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with place_of("glue", request=request, folder=tmp_path) as place:
        storage, asked = place.storage(), list[str]()
        glue: Any = storage.catalog
        glue.glue.meta.events.register(
            "before-call.glue", lambda model, **_: asked.append(model.name)
        )

        place.lake(storage).publish({"prices": bars()}, release="R1", as_of=AS_OF)

        assert asked.count("UpdateTable") == 4  # each after a look at the database
        assert asked.count("GetDatabase") == 1


def client_error(code: str) -> boto.ClientError:
    said = {"Error": {"Code": code, "Message": "Credential=AKIASECRET/20220101/x"}}
    return boto.ClientError(said, "GetTable")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (client_error("UnrecognizedClientException"), "AWS refuses access (Unrecogni"),
        (client_error("ExpiredTokenException"), "AWS refuses access (ExpiredTokenExc"),
        (client_error("ThrottlingException"), "not do what is asked (ThrottlingExcep"),
        (boto.NoCredentialsError(), "the usual chain finds no credentials (AWS_ACC"),
        (boto.NoRegionError(), "it has no region. Set AWS_DEFAULT_REGION, or its glu"),
        (boto.ProfileNotFound(profile="p"), "The config profile (p) could not be fou"),
        (
            boto.ReadTimeoutError(endpoint_url="http://glue/"),
            "nobody answers at http://glue/ (no answer in time). Check",
        ),
        (
            requests.exceptions.ChunkedEncodingError("broken"),
            None,
        ),
        (
            requests.ConnectionError("Connection aborted."),
            "nobody answers at its server (the connection was cut). Check",
        ),
        (OAuthError("invalid_client\nmore"), "invalid_client. Check its credential or"),
        (OSError("When reading: AWS Error SLOW_DOWN during"), "(SLOW_DOWN). Try again"),
        (
            OSError("in bucket 'b': AWS Error UNKNOWN (HTTP status 301) during Head"),
            "bucket 'b' is in another region. Set s3.region to",
        ),
        (OSError("AWS Error EXPIRED_TOKEN during Get"), "its bucket refuses access."),
        (ValueError("AWS is fine"), None),
    ],
    ids=repr,
)
def test_what_others_raise_is_said_in_one_line(
    error: Exception, words: str | None
) -> None:
    said = refused(error)

    if words is None:
        assert said is None
    else:
        assert said is not None
        assert said.startswith("cannot be used: ")
        assert words in said
        assert "\n" not in said
        assert "AKIA" not in said


# -------------------------------------------------------------------- who says nothing


@contextlib.contextmanager
def silent(line: Wire) -> Iterator[None]:
    """Keep what is asked, so that a store accepts connections, and says nothing."""
    goes_on = threading.Event()
    line.cut_at = lambda *_: not goes_on.wait()
    try:
        yield
    finally:
        goes_on.set()
        line.mend()


def test_a_store_that_says_nothing_is_given_up(
    remote: Remote, line: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(remote.open(), 1)
    remote.configure(monkeypatch, **{"s3.request-timeout": "1"})
    lake = remote.open()

    with silent(line), pytest.raises(LakeError, match=rf"{DEAF}timeout was reached\)"):
        publish(lake, 2)

    publish(lake, 2)
    remote.check_whole([1, 2])


def test_a_catalog_that_says_nothing_is_given_up(
    served: tuple[Remote, Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distant, "ANSWER_SECONDS", 0.5)
    remote, line = served
    lake = remote.open()

    with silent(line):
        with pytest.raises(LakeError, match=r"nobody answers at .*no answer in time"):
            publish(lake, 1)
        with pytest.raises(LakeError, match=r"nobody answers at .*no answer in time"):
            remote.open()

    publish(lake, 1)
    remote.check_whole([1])


# ------------------------------------------------------- connections that are cut


MOMENTS: dict[str, Callable[[str], bool]] = {
    "the first data file": lambda path: "/data/" in path,
    "the last data file": lambda path: "/index_changes/data/" in path,
    "a manifest": lambda path: "-m0.avro" in path,
    "a manifest list": lambda path: "/snap-" in path,
    "the ledger's page": lambda path: "/releases/data/" in path,
    "the first metadata": lambda path: path.endswith(".metadata.json"),
    "the ledger's metadata": lambda path: (
        "/releases/metadata/0" in path and path.endswith(".metadata.json")
    ),
}
"""Of a publication: when each of its kinds of file is sent."""


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_connection_that_is_cut_tears_nothing(
    begun: Remote, line: Wire, moment: str
) -> None:
    lake = begun.open()

    line.cut_at = lambda method, path: method == "PUT" and MOMENTS[moment](path)
    with pytest.raises(LakeError, match=DEAF) as caught:
        publish(lake, 2)
    assert "\n" not in str(caught.value)

    line.mend()
    begun.check_whole([1])
    go_on(lake, begun, first=list(MOMENTS).index(moment) % 2)


@pytest.mark.parametrize("step", range(8))
def test_a_connection_to_the_catalog_that_is_cut_leaves_old_or_new(
    served: tuple[Remote, Wire], step: int
) -> None:
    """Each of the changes that `stepwise` makes of three tables and its ledger."""
    remote, laid = served
    lake = remote.open()
    publish(lake, 1)
    sent: list[str] = []

    def is_now(method: str, path: str) -> bool:
        if method == "POST" and "/tables/" in path:
            sent.append(path)
        return len(sent) > step

    laid.cut_at = is_now
    with pytest.raises(LakeError, match=r"nobody answers|did not say whether") as e:
        publish(lake, 2)
    assert "\n" not in str(e.value)

    laid.mend()
    there = list(remote.open().releases()["name"])
    assert there == (["R1"] if step < 4 else ["R1", "R2"])
    for number, _ in enumerate(there, start=1):
        assert found(remote.open(), number) == expected(number)
    go_on(lake, remote, first=step % 2)


def go_on(lake: Lake, remote: Remote, *, first: int) -> None:
    """Publish R2 after all by a new process, or by who was cut; each night R3, too.

    Parameters
    ----------
    lake
        Of who was cut.
    remote
    first
        0 for the new process, or 1.
    """
    publish(lake if first else remote.open(), 2)
    if IS_NIGHTLY:
        publish(remote.open() if first else lake, 3)
    remote.check_whole([1, 2, 3] if IS_NIGHTLY else [1, 2])


def test_a_store_that_dies_in_the_middle_and_comes_back_has_old_or_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with seaweedfs() as mortal, wire(mortal.endpoint) as laid:
        remote = configured(monkeypatch, mortal, laid, tmp_path)
        remote.configure(monkeypatch, **{"s3.region": "us-east-1"})
        lake = remote.open(create=True)
        publish(lake, 1)

        def dies(method: str, path: str) -> bool:
            if method == "PUT" and "/releases/data/" in path:
                mortal.stop(signal.SIGKILL)
            return False

        laid.cut_at = dies
        with pytest.raises(LakeError, match=DEAF):
            publish(lake, 2)

        laid.mend()
        mortal.start()
        remote.check_whole([1])
        publish(lake, 2)
        remote.check_whole([1, 2])


def test_what_was_sent_in_vain_is_found_and_removed(remote: Remote, line: Wire) -> None:
    lake = remote.open()
    publish(lake, 1)
    line.cut_at = lambda _, path: "/releases/data/" in path
    with pytest.raises(LakeError, match=DEAF):
        publish(lake, 2)
    line.mend()
    publish(lake, 3)

    def later() -> dt.datetime:
        return dt.datetime(2100, 1, 1, tzinfo=dt.UTC)

    keeper = Lake(remote.storage(), exchange="XNYS", clock=later)
    left = keeper.doctor()
    assert {finding.code for finding in left} == {"orphan_files"}
    assert {finding.table for finding in left} >= {"prices", "etf_holdings"}
    keeper.remove_orphans()

    assert keeper.doctor().ok
    assert list(remote.open().releases()["name"]) == ["R1", "R3"]
    assert {row[0] for row in found(lake, 3)["etf_holdings"]} == {"F1", "F3"}


# ----------------------------------------------------------------------------- secrets


def stored(store: Seaweed, warehouse: str) -> Iterator[tuple[str, bytes]]:
    """Give every object of a lake in the store, with its name."""
    files, place = store.files(), warehouse.removeprefix("s3://")
    for info in files.get_file_info(pafs.FileSelector(place, recursive=True)):
        if info.type is pafs.FileType.File:
            with files.open_input_file(info.path) as file:
                yield info.path, file.read()


def test_no_credential_is_written_or_shown_anywhere(
    remote: Remote,
    store: Seaweed,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(panel_cache, "LEAST_BYTES", 0)
    caplog.set_level("DEBUG")
    caplog.set_level("WARNING", logger="numba")  # which tells of every instruction
    market = simulated_market(seed=3, n_events=4, n_members=2)
    lake = remote.open()
    lake.publish({"etf_holdings": q1()}, release="R0", as_of=AS_OF, note="a note")
    lake.publish(
        {"prices": market.prices, "index_changes": market.index_changes},
        release="R1",
        as_of=market.as_of,
    )
    lake.record(batch(range(3)))
    view = remote.open().at("R1")
    view.panel("close", symbols=sorted(set(market.prices["symbol"])))
    study = lakebt.Study(view, index="SIM", entries=["AD+1@open"], exits=["+1"])
    result = study.run()
    result.report(tmp_path / "report.html")
    trials = lake.trials()

    shown = [
        *(repr(lake), lake._repr_html_(), repr(view), str(view.provenance())),
        *(repr(lake.doctor()), lake.releases().to_csv(), trials.to_csv()),
        *(result.table().to_csv(), repr(vars(study)), caplog.text),
    ]
    here = [
        (str(path), path.read_bytes())
        for folder in (tmp_path, Path(CACHE))
        for path in folder.rglob("*")
        if path.is_file()
    ]
    there = list(stored(store, os.environ["PYICEBERG_CATALOG__PROD__WAREHOUSE"]))
    assert len(trials) >= 3
    assert any(name.endswith(".panel") for name, _ in here)
    assert len(there) > 20
    for hidden in (store.secret, store.key_id):
        assert hidden not in "".join(shown)
        assert not [name for name, text in [*here, *there] if hidden.encode() in text]


def test_credentials_come_from_a_profile_too(
    begun: Remote, store: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual chain is that of the AWS libraries, not the environment alone."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    file = tmp_path / "credentials"
    file.write_text(
        f"[lake]\naws_access_key_id = {store.key_id}\n"
        f"aws_secret_access_key = {store.secret}\n"
    )
    with pytest.raises(LakebtError, match="refuses access"):
        begun.open()

    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "lake")

    publish(begun.open(), 2)
    begun.check_whole([1, 2])
