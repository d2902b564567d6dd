"""While something is erased, others publish, read, and keep panels."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from lakebt.errors import LakeError
from lakebt.lake import Lake
from lakebt.lake.committing import fold
from lakebt.lake.committing.sql import OneTransaction
from lakebt.lake.erasure.draft import Draft
from lakebt.lake.storage.panel_cache import DiskCache
from tests.lake.erasure.looking import found
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.trial_rows import batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.lake

GONE = "GONECO"


def make(path: Path) -> Lake:
    lake = Lake.open(path, clock=clock)
    for day in ("01", "02", "03"):
        rows = bars(days=(f"2022-11-{day}",), symbols=("AAA", GONE))
        lake.publish({"prices": rows}, release=f"D{day}", as_of=AS_OF)
    return lake


def erase(path: Path) -> None:
    lake = Lake.open(path, create=False, clock=clock)
    lake.erase("prices", where={"symbol": GONE}, reason="a test")


@contextmanager
def before_a_turn(do: Callable[[], None]) -> Iterator[None]:
    """Do something once, when a publisher has written all and waits for its turn."""
    turn, waiting = OneTransaction.turn, [do]

    def waited(self: Any) -> Any:
        if waiting:
            waiting.pop()()
        return turn(self)

    with mock.patch.object(OneTransaction, "turn", waited):
        yield


@pytest.mark.slow
@pytest.mark.parametrize("limit", [64, 3])
def test_who_publishes_and_folds_meanwhile_brings_nothing_back(
    path: Path, tmp_path: Path, limit: int
) -> None:
    lake = make(path)
    rows = {"prices": bars(days=("2022-11-04",), symbols=("AAA", "BBB"))}

    with mock.patch.object(fold, "LIMIT", limit), before_a_turn(lambda: erase(path)):
        lake.publish(rows, release="D04", as_of=AS_OF)

    read = lake.at("D04").read("prices")
    assert sorted(read["symbol"]) == ["AAA"] * 4 + ["BBB"]
    assert found(path, [GONE], tmp_path / "bytes") == []
    assert Lake.open(path, create=False, clock=clock).doctor(deep=True).ok


@pytest.mark.slow
def test_who_was_about_to_publish_it_is_told(path: Path) -> None:
    lake = make(path)
    rows = {"prices": bars(days=("2022-11-04",), symbols=("AAA", GONE))}

    with (
        before_a_turn(lambda: erase(path)),
        pytest.raises(LakeError, match="was removed before it could be committed"),
    ):
        lake.publish(rows, release="D04", as_of=AS_OF)

    assert Lake.open(path, create=False, clock=clock).doctor(deep=True).ok
    lake.publish(rows, release="D04", as_of=AS_OF)
    assert lake.at("D04").read("prices")["symbol"].tolist().count(GONE) == 1


@pytest.mark.slow
def test_who_publishes_before_the_turn_of_an_erasure_is_not_lost(path: Path) -> None:
    lake, other = make(path), Lake.open(path, create=False, clock=clock)
    rows = {"prices": bars(days=("2022-11-04",), symbols=("AAA", GONE))}
    have, done = Draft.have, list[Any]()

    def slow(self: Draft) -> None:
        have(self)
        if not done:
            done.append(other.publish(rows, release="D04", as_of=AS_OF))

    with mock.patch.object(Draft, "have", slow):
        lake.erase("prices", where={"symbol": GONE}, reason="a test")

    read = lake.at("D04").read("prices")
    assert read["symbol"].tolist() == ["AAA"] * 4
    assert lake.doctor(deep=True).ok
    assert len(lake.erasures()) == 1


@pytest.mark.slow
def test_who_records_meanwhile_loses_no_trial(path: Path) -> None:
    lake, other = make(path), Lake.open(path, create=False, clock=clock)
    lake.record(batch([1]).assign(study=GONE))
    have, done = Draft.have, list[int]()

    def slow(self: Draft) -> None:
        have(self)
        if not done:
            done.append(other.record(batch([2]).assign(study=GONE)))

    with mock.patch.object(Draft, "have", slow):
        lake.erase("prices", where={"symbol": GONE}, reason="a test")

    assert done == [1]
    trials = Lake.open(path, create=False, clock=clock).trials()
    assert trials["study"].tolist() == ["[erased]", "[erased]"]
    assert lake.doctor(deep=True).ok


def test_panels_of_the_table_go_and_others_stay(path: Path, tmp_path: Path) -> None:
    lake = make(path)
    uuid = lake._ledger().releases[-1].pin("prices").uuid  # type: ignore[union-attr]  # noqa: SLF001
    cache = DiskCache.of({"LAKEBT_CACHE": str(tmp_path / "cache")})
    values = np.zeros((256, 256))
    for table in (uuid, "another"):
        cache.keep({"table": table, "symbols": [GONE]}, values, {})

    with mock.patch.dict("os.environ", {"LAKEBT_CACHE": str(tmp_path / "cache")}):
        erase(path)

    assert cache.load({"table": uuid, "symbols": [GONE]}) is None
    kept = cache.load({"table": "another", "symbols": [GONE]})
    assert kept is not None
    pd.testing.assert_frame_equal(pd.DataFrame(kept.values), pd.DataFrame(values))
