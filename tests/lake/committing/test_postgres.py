"""Publishing through a catalog in Postgres: one transaction there, as in SQLite."""

from __future__ import annotations

import signal
import subprocess
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import sqlalchemy as sa

from lakebt.errors import LakebtError, LakeError
from lakebt.lake import Lake
from lakebt.lake.committing import sql
from lakebt.lake.storage import failures
from tests.forked import python
from tests.lake import publishers
from tests.lake.crash import MOMENTS, die_publishing, expected, found, publish
from tests.lake.frames import AS_OF, q1
from tests.lake.remote import Remote
from tests.nightly import times
from tests.servers import Postgres, free_port

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.lake


@pytest.fixture(scope="session")
def server(postgres_server: Postgres) -> Postgres:
    return postgres_server


@pytest.fixture
def uri(server: Postgres) -> str:
    return server.uri(server.database())


def configured(
    monkeypatch: pytest.MonkeyPatch, server: Postgres, folder: Path
) -> Remote:
    """Return a lake in a database of its own that nothing was written to."""
    made, uri = Remote(folder), server.uri(server.database())
    made.configure(monkeypatch, uri=uri, warehouse=f"file://{folder}/warehouse")
    return made


@pytest.fixture
def remote(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remote:
    made = Remote(tmp_path)
    made.configure(monkeypatch, uri=uri, warehouse=f"file://{tmp_path}/warehouse")
    made.open(create=True)
    return made


def plain(uri: str) -> str:
    """Return the address as psycopg itself has it."""
    return uri.replace("+psycopg", "")


def test_an_empty_database_is_no_lake_and_stays_empty(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = configured(monkeypatch, server, tmp_path)

    for _ in range(2):  # the first look has not made anything
        with pytest.raises(LakeError, match="'prod' is not a lake: its database has"):
            empty.open()

    assert empty.open(create=True).releases().empty
    assert empty.open().releases().empty


def test_several_processes_may_make_a_lake_at_once(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(monkeypatch, server, tmp_path)
    program = "import lakebt; print(len(lakebt.Lake.open(catalog='prod').releases()))"
    runs = [
        subprocess.Popen(
            [*python(), "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]

    assert [run.communicate() for run in runs] == [("0\n", "")] * 3


def test_who_comes_second_to_an_empty_database_is_not_refused(
    server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Postgres refuses a table that another one makes at the same instant."""
    for number in range(times(2, 8)):
        configured(monkeypatch, server, tmp_path / str(number))
        at_once = threading.Barrier(6)

        def opened(_: int, at_once: threading.Barrier = at_once) -> int:
            at_once.wait()
            return len(Lake.open(catalog="prod").releases())

        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(opened, range(6))) == [0] * 6


# ----------------------------------------------------------- publishers that are killed


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_publisher_killed_at_any_moment_leaves_old_or_new(
    remote: Remote, moment: str
) -> None:
    publish(remote.open(), 1)
    die_publishing(moment, catalog="prod")

    remote.check_whole([1, 2] if moment == "tidy" else [1])
    publish(remote.open(), 2)
    publish(remote.open(), 3)
    remote.check_whole([1, 2, 3])


# ------------------------------------------------------------- several publishers


@pytest.mark.slow
@pytest.mark.usefixtures("remote")
def test_concurrent_publishers_lose_nothing_where_transactions_are_serializable(
    uri: str,
) -> None:
    """The database sacrifices some. `tests.behaviour` has those of other databases."""
    with psycopg.connect(plain(uri), autocommit=True) as connection:
        name = connection.info.dbname
        setting = "set default_transaction_isolation = 'serializable'"
        connection.execute(f"alter database {name} {setting}".encode())

    releases = times(3, 6)

    publishers.run(None, publishers=4, releases=releases)

    every = range(1, 4 * releases + 1)
    publishers.check(None, publishers=4, releases=releases, read=every)


def hold(uri: str) -> Any:
    """Take the lock that publishers take their turns with, as another program."""
    connection = psycopg.connect(plain(uri))
    connection.execute(
        "select * from iceberg_tables where table_name = 'releases' for update"
    )
    return connection


def test_a_lock_that_is_never_given_free_is_one_clear_line(
    remote: Remote, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(remote.open(), 1)
    monkeypatch.setattr(failures, "LOCK_SECONDS", 0.1)

    with (
        hold(uri),
        pytest.raises(LakeError, match="'prod' is locked: another program holds its"),
    ):
        publish(remote.open(), 2)

    publish(remote.open(), 2)
    remote.check_whole([1, 2])


def test_a_publisher_waits_while_others_get_something_done(
    remote: Remote, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(remote.open(), 1)
    monkeypatch.setattr(failures, "LOCK_SECONDS", 0.1)
    really, ours = sql.turn, threading.get_ident()
    lake = remote.open()
    busy: list[Any] = []

    def turn(catalog: Any) -> Any:
        if threading.get_ident() == ours and not busy:
            # Somebody publishes while the next one has the lock already.
            monkeypatch.setattr(sql, "turn", really)
            publish(remote.open(), 2)
            monkeypatch.setattr(sql, "turn", turn)
            busy.append(hold(uri))
        elif busy:
            busy[-1].close()
        return really(catalog)

    monkeypatch.setattr(sql, "turn", turn)
    publish(lake, 3)

    assert busy
    remote.check_whole([1, 2, 3])


@pytest.mark.parametrize(
    "error", [psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure]
)
def test_a_transaction_that_was_sacrificed_is_tried_again(
    remote: Remote, error: type[psycopg.Error], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(remote.open(), 1)
    failed: list[bool] = []
    really = sql.swap

    def swap(*arguments: Any) -> None:
        really(*arguments)
        if len(failed) < 3:
            failed.append(True)
            raise sa.exc.OperationalError("update", {}, error())

    monkeypatch.setattr(sql, "swap", swap)
    publish(remote.open(), 2)

    assert len(failed) == 3
    remote.check_whole([1, 2])


# --------------------------------------------------------- a server that goes away


def test_a_server_that_stops_in_the_middle_tears_nothing(
    remote: Remote, server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = remote.open()
    publish(lake, 1)
    really = sql.swap

    def swap(*arguments: Any) -> None:
        really(*arguments)
        monkeypatch.setattr(sql, "swap", really)
        server.stop(signal.SIGQUIT)

    monkeypatch.setattr(sql, "swap", swap)
    with pytest.raises(LakeError, match="catalog 'prod' cannot be used: ") as caught:
        publish(lake, 2)
    assert "\n" not in str(caught.value)
    with pytest.raises(LakeError, match="catalog 'prod' cannot be used: "):
        lake.releases()

    server.start()
    assert found(lake, 1) == expected(1)  # the lake that was open goes on
    remote.check_whole([1])
    publish(lake, 2)
    remote.check_whole([1, 2])


def test_connections_that_a_restart_cut_are_not_noticed(
    remote: Remote, server: Postgres
) -> None:
    lake = remote.open()
    publish(lake, 1)

    server.stop()
    server.start()

    publish(lake, 2)
    remote.check_whole([1, 2])


# ------------------------------------------------------------------------- passwords


def breakages(uri: str, server: Postgres) -> dict[str, str]:
    """Return addresses that hold the password and do not work, by what is wrong."""
    database = uri.rpartition("/")[2]
    return {
        "password": uri.replace(server.password, f"{server.password}X"),
        "database": uri.replace(database, "nowhere"),
        "port": uri.replace(str(server.port), str(free_port())),
        "text for a port": uri.replace(str(server.port), "port"),
        "driver": uri.replace("+psycopg", "+nothing"),
        "dialect": uri.replace("postgresql+psycopg", "postgrest"),
        "option": f"{uri}?nonsense={server.password}",
        "user": uri.replace("lakebt:", "somebody:"),
    }


def told(error: BaseException) -> str:
    """Return everything that a traceback, a log or a pickle would show of an error."""
    return "".join([*traceback.format_exception(error), repr(error), repr(error.args)])


def test_no_error_shows_the_password(
    remote: Remote,
    uri: str,
    server: Postgres,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    for what, broken in breakages(uri, server).items():
        remote.configure(monkeypatch, uri=broken)

        with pytest.raises(LakebtError, match="catalog 'prod'") as caught:
            remote.open()

        assert "\n" not in str(caught.value), what
        assert server.password not in told(caught.value), what
    assert server.password not in caplog.text


def test_the_password_is_written_nowhere(
    remote: Remote, server: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    lake: Lake = remote.open()
    publish(lake, 1)
    lake.publish({"etf_holdings": q1(fund="F9")}, release="R9", as_of=AS_OF)

    view = lake.at("R9")
    shown = [repr(lake), lake._repr_html_(), repr(view), str(view.provenance())]
    assert server.password not in "".join([*shown, caplog.text])
    files = [file for file in remote.folder.rglob("*") if file.is_file()]
    assert files
    assert not [file for file in files if server.password.encode() in file.read_bytes()]
