"""Data files of trials that others made are committed as they are, each trial once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from lakebt.errors import InvalidArgumentError, UnknownNameError
from lakebt.lake import Lake
from lakebt.lake.api.trials import TrialStore
from lakebt.lake.trials import record as recording
from lakebt.lake.trials.finished_file import FinishedFile, layout, pack
from tests.lake.crash import orphans, raw_tables
from tests.lake.frames import clock
from tests.lake.trial_rows import batch, hex_of, trial

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd

pytestmark = pytest.mark.lake


@pytest.fixture
def store(lake: Lake) -> TrialStore:
    return TrialStore(lake._storage, exchange="XNYS", clock=clock)  # noqa: SLF001 - its own


def files_of(path: Path) -> dict[str, bytes]:
    """Return the content of each data file of the trials."""
    there = path.rglob("trials/data/*.parquet")
    return {file.name: file.read_bytes() for file in there}


def data_file(path: Path) -> Any:
    """Return what is said of the one data file of the trials."""
    with raw_tables(path) as raw:
        (task,) = raw["trials"].scan().plan_files()
    return task.file


def record(
    store: TrialStore,
    *files: Iterable[int],
    rows: Iterable[int] = (),
    **columns: Any,
) -> int:
    """Record files of some trials, and rows of others, in one commit."""
    laid_out = store.layout()
    contents = [pack(batch(numbers, **columns), laid_out) for numbers in files]
    frames = [batch(rows)] if rows else []
    return store.record_batch(frames, contents, laid_out)


def numbers(frame: pd.DataFrame) -> list[int]:
    return sorted(frame["n_returns"])


def test_a_file_is_committed_as_it_was_made_and_read_like_any_other(
    store: TrialStore, lake: Lake, path: Path, tmp_path: Path
) -> None:
    content = pack(batch(range(5)), store.layout())
    plain = Lake.open(tmp_path / "plain", clock=clock)
    plain.record(batch(range(8)))

    new = store.record_batch([batch([5, 6, 7])], [content], store.layout())

    assert new == 8
    assert content in files_of(path).values()
    assert len(files_of(path)) == 2
    assert lake.trials().equals(plain.trials())
    assert lake.doctor().ok
    # What was written here need not be read again.
    assert record(store, range(4, 9)) == 1
    assert numbers(lake.trials()) == list(range(9))


def test_its_statistics_are_those_of_a_file_that_is_written_here(
    path: Path, tmp_path: Path, store: TrialStore
) -> None:
    plain = Lake.open(tmp_path / "plain", clock=clock)
    plain.record(batch(range(5)))
    record(store, range(5))

    ours, theirs = map(data_file, (path, tmp_path / "plain"))
    told = (
        *("record_count", "file_size_in_bytes", "lower_bounds", "upper_bounds"),
        *("null_value_counts", "value_counts", "column_sizes", "split_offsets"),
    )
    for name in told:
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.lower_bounds
    assert list(files_of(path).values()) == list(files_of(tmp_path / "plain").values())


@pytest.mark.parametrize(
    ("asked", "n_new"),
    [
        (([range(3), range(3)], []), 3),  # twice the same
        (([range(3)], [2, 3]), 4),
        (([range(3), range(2, 6), range(20, 22)], [5, 6]), 9),
        (([range(10, 13)], []), 2),  # one was recorded before
        (([range(10, 13), range(3)], [12]), 5),
        (([[10]], [10]), 0),
    ],
)
def test_what_comes_twice_is_recorded_once(
    asked: tuple[list[Iterable[int]], list[int]],
    n_new: int,
    store: TrialStore,
    lake: Lake,
    path: Path,
) -> None:
    files, rows = asked
    lake.record(batch([10]))

    assert record(store, *files, rows=rows) == n_new

    expected = {10, *rows, *(number for file in files for number in file)}
    assert numbers(lake.trials()) == sorted(expected)
    assert not orphans(path)
    assert lake.doctor().ok


def test_a_trial_with_other_numbers_is_refused_and_leaves_nothing(
    store: TrialStore, lake: Lake, path: Path
) -> None:
    lake.record(batch([1]))
    before = files_of(path)

    with pytest.raises(InvalidArgumentError, match=r"was recorded on .* other numbers"):
        record(store, range(3), range(4, 6), digest=hex_of("other"))

    assert files_of(path) == before
    assert numbers(lake.trials()) == [1]


def test_who_records_the_same_in_between_is_not_recorded_over(
    store: TrialStore, lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Lake.open(path, clock=clock)
    really = FinishedFile.placed

    def placed(self: FinishedFile, table: Any) -> Any:
        file = really(self, table)
        other.record(batch([2]))  # of which the second time nothing is new
        return file

    with monkeypatch.context() as patch:
        patch.setattr(FinishedFile, "placed", placed)
        assert record(store, range(4), range(6, 8)) == 5

    assert numbers(lake.trials()) == [0, 1, 2, 3, 6, 7]
    assert not orphans(path)


def test_without_room_for_the_second_file_the_first_does_not_stay(
    store: TrialStore, lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, calls = FinishedFile.placed, []

    def placed(self: FinishedFile, table: Any) -> Any:
        calls.append(self)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return really(self, table)

    with monkeypatch.context() as patch:
        patch.setattr(FinishedFile, "placed", placed)
        with pytest.raises(Exception, match="No space left"):
            record(store, range(2), range(2, 4), rows=[9])

    assert not files_of(path)
    assert record(store, range(2), range(2, 4), rows=[9]) == 5
    assert lake.doctor().ok


def test_of_a_table_that_got_a_column_since_the_rows_are_written_anew(
    store: TrialStore, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid_out = store.layout()
    content = pack(batch(range(3)), laid_out)
    monkeypatch.setattr(FinishedFile, "fits", lambda _self, _table: False)
    wrote = []
    really: Any = vars(recording)["write_files"]

    def write_files(*asked: Any) -> Any:
        wrote.append(asked)
        return really(*asked)

    monkeypatch.setattr(recording, "write_files", write_files)
    assert store.record_batch([], [content], laid_out) == 3
    assert len(wrote) == 1
    assert numbers(lake.trials()) == [0, 1, 2]


def test_a_torn_file_is_not_taken(store: TrialStore, lake: Lake) -> None:
    content = bytearray(pack(batch(range(300)), store.layout()))
    ids = pq.read_metadata(pa.BufferReader(bytes(content))).row_group(0).column(0)
    content[ids.data_page_offset + ids.total_compressed_size // 2] ^= 1

    with pytest.raises((OSError, pa.ArrowInvalid)):
        store.record_batch([], [bytes(content)], store.layout())

    assert len(lake.trials()) == 0


def test_what_cannot_be_recorded_is_not_packed(lake: Lake) -> None:
    laid_out = layout(lake._storage)  # noqa: SLF001 - its own

    with pytest.raises(InvalidArgumentError, match="'kind' must be one of"):
        pack(batch([1], kind="guess"), laid_out)
    with pytest.raises(UnknownNameError, match="profit"):
        pack(batch([1], profit=1.0), laid_out)
    assert (
        FinishedFile(pack(batch([1, 1]), laid_out), laid_out).rows.to_pylist()[0][
            "trial_id"
        ]
        == trial(1)["trial_id"]
    )
