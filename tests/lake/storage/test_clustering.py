"""Prices clustered by symbol: the same rows, of which readers leave out more."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from lakebt.errors import InvalidArgumentError, LakeError, UnknownNameError
from lakebt.lake import Lake
from lakebt.lake.committing import fold as folding
from lakebt.lake.storage import datafiles
from lakebt.lake.storage.catalog import open_path
from lakebt.sessions import Sessions
from tests.lake.frames import AS_OF, clock
from tests.lake.remote import Remote
from tests.servers import serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.lake

N_SYMBOLS, N_SESSIONS, GROUP = 16, 600, 256
SYMBOLS = [f"S{number:02d}" for number in range(N_SYMBOLS)]


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """Bars of some symbols, from early in 2020 to 2022: two periods."""
    days = Sessions.of("XNYS").days
    first = int(np.searchsorted(days, np.datetime64("2020-03-02")))
    used = pd.DatetimeIndex(days[first : first + N_SESSIONS]).date
    close = 10.0 + np.arange(N_SESSIONS * N_SYMBOLS) % 97
    return pd.DataFrame(
        {
            "symbol": np.tile(SYMBOLS, N_SESSIONS),
            "session": np.repeat(used, N_SYMBOLS),
            **dict.fromkeys(("open", "high", "low", "close"), close),
            "volume": 1e6,
            "basis": "raw",
        }
    )


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datafiles, "GROUP_ROWS", GROUP)
    monkeypatch.setattr(datafiles, "_GROUP_ROWS", 16 * GROUP)


def filled(path: Path, bars: pd.DataFrame, *, by: str | None) -> Lake:
    lake = Lake.open(path, clock=clock)
    if by is not None:
        lake.cluster_prices(by=by)
    lake.publish({"prices": bars}, release="R1", as_of=AS_OF)
    return lake


def read(path: Path, may_hold: Callable[[Any, Any], bool]) -> tuple[int, int]:
    """Return how many rows lie in row groups that a reader cannot leave out."""
    needed = every = 0
    for file in path.rglob("prices/data/*.parquet"):
        footer = pq.read_metadata(file)
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            symbol, session = (group.column(n).statistics for n in (0, 1))
            every += group.num_rows
            needed += group.num_rows * may_hold(symbol, session)
    return needed, every


def has_symbol(name: str) -> Callable[[Any, Any], bool]:
    return lambda symbol, _session: symbol.min <= name <= symbol.max


def has_session(day: object) -> Callable[[Any, Any], bool]:
    return lambda _symbol, session: session.min <= day <= session.max


@pytest.mark.slow
def test_what_is_read_is_the_same_and_most_is_left_out(
    tmp_path: Path, bars: pd.DataFrame
) -> None:
    plain = filled(tmp_path / "plain", bars, by=None)
    other = filled(tmp_path / "other", bars, by="symbol")

    for lake in (plain, other):
        lake.publish({"prices": corrected(bars)}, release="R2", as_of=AS_OF)
    ours, theirs = plain.releases(), other.releases()
    assert ours["rows"].tolist() == theirs["rows"].tolist()
    for name in ("R1", "R2"):
        one, two = plain.at(name), other.at(name)
        assert one.provenance()["digests"] == two.provenance()["digests"]
        pd.testing.assert_frame_equal(one.read("prices"), two.read("prices"))
        where = {"symbol": ["S03", "S11"]}
        pd.testing.assert_frame_equal(
            one.read("prices", where=where), two.read("prices", where=where)
        )
        pd.testing.assert_frame_equal(
            one.panel("close", symbols=SYMBOLS), two.panel("close", symbols=SYMBOLS)
        )
    assert other.doctor().ok

    # Of one symbol two groups, one of each period; of a session those of its period.
    needed, every = read(tmp_path / "other", has_symbol("S03"))
    assert needed <= every / 4
    assert read(tmp_path / "plain", has_symbol("S03"))[0] == every
    day = bars["session"].iloc[-1]
    needed, _ = read(tmp_path / "other", has_session(day))
    assert needed <= every / 2


def corrected(bars: pd.DataFrame) -> pd.DataFrame:
    """Return corrections of every fifth bar."""
    some = bars.iloc[::5].copy()
    some["close"] = some["open"]
    some["volume"] = 2e6
    some["known_at"] = pd.Timestamp("2022-12-30T21:30:00Z")
    return some


@pytest.mark.slow
def test_a_fold_is_clustered_and_what_lies_by_session_stays_until_then(
    tmp_path: Path, bars: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "LIMIT", 8)
    lake = Lake.open(tmp_path, clock=clock)
    cuts = np.linspace(0, len(bars), 10).astype(int)
    parts = [bars.iloc[a:b] for a, b in itertools.pairwise(cuts)]
    for number, part in enumerate(parts[:8]):
        lake.publish({"prices": part}, release=f"R{number}", as_of=AS_OF)
    before = read(tmp_path, has_symbol("S03"))

    lake.cluster_prices(by="symbol")
    assert read(tmp_path, has_symbol("S03")) == before
    lake.publish({"prices": parts[8]}, release="R8", as_of=AS_OF)

    (fold,) = (
        file
        for file in tmp_path.rglob("prices/data/*.parquet")
        if pq.read_metadata(file).num_rows > len(bars) / 2
    )
    assert pq.read_metadata(fold).num_row_groups > 16
    symbols = pq.read_table(fold, columns=["symbol"])["symbol"].to_pylist()
    assert symbols[: len(symbols) // 32] == ["S00"] * (len(symbols) // 32)
    whole = lake.at("R8").panel("close", symbols=SYMBOLS)
    expected = bars.pivot_table(index="session", columns="symbol", values="close")
    np.testing.assert_array_equal(whole.to_numpy(), expected.to_numpy())


@pytest.mark.slow
def test_the_choice_is_undone_and_another_refused(
    tmp_path: Path, bars: pd.DataFrame
) -> None:
    filled(tmp_path / "plain", bars, by="session")
    lake = filled(tmp_path / "lake", bars.iloc[:160], by="symbol")
    lake.cluster_prices(by="session")
    lake.cluster_prices(by="session")
    lake.publish({"prices": bars.iloc[160:]}, release="R2", as_of=AS_OF)

    groups = [
        pq.read_metadata(file).num_row_groups
        for file in tmp_path.rglob("prices/data/*.parquet")
    ]
    assert max(groups) == 3  # of 4,096 rows

    with pytest.raises(UnknownNameError, match=r"'close'.*session, symbol"):
        lake.cluster_prices(by="close")
    branch = lake.branch("tried", at="R2")
    with pytest.raises(InvalidArgumentError, match="branch"):
        branch.cluster_prices(by="symbol")


def test_what_is_erased_leaves_a_clustered_file_as_it_lay(
    tmp_path: Path, bars: pd.DataFrame
) -> None:
    lake = filled(tmp_path, bars, by="symbol")
    needed, every = read(tmp_path, has_symbol("S03"))

    lake.erase("prices", where={"symbol": "S07"}, reason="its licence ended")

    left = every - N_SESSIONS
    now, rows = read(tmp_path, has_symbol("S03"))
    assert rows == left
    assert now <= needed + GROUP  # groups are cut elsewhere
    (file,) = tmp_path.rglob("prices/data/*.parquet")
    assert pq.read_metadata(file).row_group(0).num_rows == GROUP


def test_a_served_lake_is_told_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Lake.open(tmp_path, clock=clock)
    with serving(open_path(tmp_path, create=False)) as (address, _):
        remote = Remote(tmp_path, is_ours=True)
        remote.configure(monkeypatch, type="rest", uri=address)
        lake = remote.open()
        assert lake.cluster_prices(by="symbol", dry_run=True).before == "session"
        with pytest.raises(LakeError, match="run `lakebt cluster symbol` where the"):
            lake.cluster_prices(by="symbol")
        Lake.open(tmp_path, clock=clock).cluster_prices(by="symbol")
        done = str(remote.open().cluster_prices(by="symbol"))
    assert done == "New files of prices lie by symbol: there was nothing to do."
