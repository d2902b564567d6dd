"""A panel on disk is believed only if it is whole, ours, and the one asked for."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lakebt.errors import InvalidArgumentError
from lakebt.lake.storage import panel_cache as disk
from lakebt.lake.storage.panel_cache import LEAST_BYTES, DiskCache
from tests.conftest import ROOT
from tests.forked import python

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakebt._typing import FloatPanel

KEY = {"table": "t", "snapshot": 1, "column": "close"}
OTHER = {**KEY, "snapshot": 2}
ABOUT = {"symbols": ["AAA", "BBB"]}

HERE = (
    "import sys; from pathlib import Path; "
    "from tests.lake.storage import test_panel_cache as t; "
)
"""How a program of another process begins. An interpreter of its own, from the root."""


def values(seed: float = 0.0) -> FloatPanel:
    """Just enough to be kept, and no number of it twice."""
    return seed + np.arange(LEAST_BYTES // 8, dtype=np.float64).reshape(-1, 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "panels"


@pytest.fixture
def cache(folder: Path) -> DiskCache:
    return DiskCache(folder)


def the_file(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def held(cache: DiskCache, key: Any = KEY) -> FloatPanel | None:
    kept = cache.load(key)
    return None if kept is None else kept.values


@pytest.mark.slow
def test_what_is_kept_is_found_by_another_process(
    cache: DiskCache, folder: Path
) -> None:
    panel = values()
    panel[3, 1] = np.nan
    cache.keep(KEY, panel, ABOUT)

    program = (
        "sys.stdout.buffer.write(t.held(t.DiskCache(Path(sys.argv[1]))).tobytes())"
    )
    there = subprocess.run(
        [*python(), "-c", HERE + program, str(folder)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    found = np.frombuffer(there.stdout).reshape(panel.shape)

    np.testing.assert_array_equal(found, panel)
    kept = cache.load(KEY)
    assert kept is not None
    assert kept.about == ABOUT
    assert cache.load(OTHER) is None


def test_a_reader_may_write_into_his_panel(cache: DiskCache, folder: Path) -> None:
    cache.keep(KEY, values(), ABOUT)
    before = the_file(folder).read_bytes()

    mine, theirs = held(cache), held(cache)
    assert mine is not None
    assert theirs is not None
    mine[:] = -1.0

    np.testing.assert_array_equal(theirs, values())
    np.testing.assert_array_equal(held(cache), values())
    np.testing.assert_array_equal(held(DiskCache(folder)), values())
    assert the_file(folder).read_bytes() == before


def flipped(place: float) -> Callable[[Path], None]:
    def spoil(file: Path) -> None:
        content = bytearray(file.read_bytes())
        content[int(place * (len(content) - 1))] ^= 0x10
        file.write_bytes(content)

    return spoil


def cut(size: int) -> Callable[[Path], None]:
    def spoil(file: Path) -> None:
        os.truncate(file, size)

    return spoil


def longer(file: Path) -> None:
    with file.open("ab") as target:
        target.write(b"\0" * 8)


def foreign(file: Path) -> None:
    file.write_bytes(b"PK\3\4" * 100_000)


def linked(file: Path) -> None:
    real = file.with_name("elsewhere")
    file.rename(real)
    file.symlink_to(real)


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


def writable_by_others(file: Path) -> None:
    file.chmod(0o622)


SPOILT = {
    "first byte": flipped(0.0),
    "checksum": flipped(12 / LEAST_BYTES),
    "header": flipped(60 / LEAST_BYTES),
    "middle": flipped(0.5),
    "last byte": flipped(1.0),
    "empty": cut(0),
    "half a head": cut(20),
    "head only": cut(40),
    "data cut": cut(LEAST_BYTES),
    "longer": longer,
    "foreign": foreign,
    "symlink": linked,
    "folder": a_folder,
    "pipe": a_pipe,
    "writable by others": writable_by_others,
}


@pytest.mark.parametrize("is_known", [False, True], ids=["first use", "seen before"])
@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_a_spoilt_file_is_not_believed_and_made_again(
    cache: DiskCache, folder: Path, spoil: Callable[[Path], None], *, is_known: bool
) -> None:
    cache.keep(KEY, values(), ABOUT)
    file = the_file(folder)
    if is_known:
        assert held(cache) is not None

    spoil(file)

    assert cache.load(KEY) is None
    if spoil is not a_folder:  # which nothing can be renamed to
        cache.keep(KEY, values(), ABOUT)
        np.testing.assert_array_equal(held(cache), values())
        assert stat.S_ISREG(file.lstat().st_mode)


def test_a_change_that_hides_its_traces_is_noticed(
    cache: DiskCache, folder: Path
) -> None:
    """Same size and time of modification: the time of the change itself is not his."""
    cache.keep(KEY, values(), ABOUT)
    assert held(cache) is not None
    file = the_file(folder)
    before = file.stat()
    with file.open("r+b") as target:
        target.seek(-8, os.SEEK_END)
        target.write(b"\0" * 8)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert cache.load(KEY) is None


def test_files_that_changed_places_are_not_believed(
    cache: DiskCache, folder: Path
) -> None:
    cache.keep(KEY, values(), ABOUT)
    one = the_file(folder)
    cache.keep(OTHER, values(1.0), ABOUT)
    (other,) = set(folder.iterdir()) - {one}
    assert held(cache) is not None

    aside = folder / "aside"
    one.rename(aside)
    other.rename(one)
    aside.rename(other)

    assert cache.load(KEY) is None
    assert cache.load(OTHER) is None


def test_a_file_of_another_owner_is_not_believed(
    cache: DiskCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.keep(KEY, values(), ABOUT)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)

    assert cache.load(KEY) is None


def test_a_file_of_another_format_is_not_believed(
    cache: DiskCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.keep(KEY, values(), ABOUT)
    monkeypatch.setattr(disk, "FORMAT", disk.FORMAT + 1)

    assert cache.load(KEY) is None


def test_only_the_owner_can_read_what_is_kept(cache: DiskCache, folder: Path) -> None:
    old = os.umask(0)
    try:
        cache.keep(KEY, values(), ABOUT)
    finally:
        os.umask(old)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(the_file(folder).stat().st_mode) == 0o600


def test_no_name_or_key_is_part_of_a_path(cache: DiskCache, folder: Path) -> None:
    key = {**KEY, "symbols": ["../../x", "/etc/passwd", "a\0b", "\ud800"]}
    cache.keep(key, values(), ABOUT)

    assert held(cache, key) is not None
    assert the_file(folder).name.removesuffix(".panel").isalnum()


def test_a_folder_others_may_write_to_is_not_used(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    cache = DiskCache(folder)
    cache.keep(KEY, values(), ABOUT)

    assert list(folder.iterdir()) == []

    folder.chmod(0o700)
    cache.keep(KEY, values(), ABOUT)
    assert held(cache) is not None
    folder.chmod(0o770)
    assert cache.load(KEY) is None


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "panels", Path("/proc/nothing/here")):
        cache = DiskCache(folder)
        cache.keep(KEY, values(), ABOUT)
        assert cache.load(KEY) is None


def test_a_full_disk_is_done_without(cache: DiskCache, folder: Path) -> None:
    """The kernel refuses to write further, as it does where there is no room."""
    cache.keep(OTHER, values(1.0), ABOUT)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LEAST_BYTES // 2, hard))
    try:
        cache.keep(KEY, values(), ABOUT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert cache.load(KEY) is None
    np.testing.assert_array_equal(held(cache, OTHER), values(1.0))
    assert len(list(folder.iterdir())) == 1  # nothing half-written stays


def test_what_was_opened_last_stays(folder: Path) -> None:
    size = LEAST_BYTES + 4096
    cache = DiskCache(folder, limit=3 * size)
    for number in range(3):
        cache.keep({"n": number}, values(number), ABOUT)
        os.utime(newest_of(folder), (number, number))
    assert held(cache, {"n": 0}) is not None

    cache.keep({"n": 3}, values(3), ABOUT)

    found = [held(DiskCache(folder), {"n": number}) is not None for number in range(4)]
    assert found == [True, False, True, True]
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 3 * size


def newest_of(folder: Path) -> Path:
    return max(folder.iterdir(), key=lambda file: file.stat().st_mtime_ns)


def test_a_mapped_panel_outlives_its_file(folder: Path) -> None:
    cache = DiskCache(folder, limit=LEAST_BYTES + 4096)
    cache.keep(KEY, values(), ABOUT)
    mapped = held(cache)

    cache.keep(OTHER, values(1.0), ABOUT)

    assert cache.load(KEY) is None
    np.testing.assert_array_equal(mapped, values())


def test_what_the_killed_left_goes_and_other_files_stay(folder: Path) -> None:
    cache = DiskCache(folder, limit=LEAST_BYTES + 4096)
    folder.mkdir(parents=True, mode=0o700)
    left, notes = folder / ".tmpab_12cd.part", folder / "notes.txt"
    for file in (left, notes):
        file.write_bytes(b"x" * 8192)
        os.utime(file, (1, 1))

    cache.keep(KEY, values(), ABOUT)

    assert not left.exists()
    assert notes.exists()
    assert held(cache) is not None


@pytest.mark.parametrize(
    ("panel", "limit"),
    [(values()[:-1], 2**30), (values(), LEAST_BYTES - 1), (values(), 0)],
    ids=["too small", "too large", "no room at all"],
)
def test_what_is_not_worth_it_is_not_kept(
    folder: Path, panel: FloatPanel, limit: int
) -> None:
    DiskCache(folder, limit).keep(KEY, panel, ABOUT)

    assert not folder.exists()


def test_the_environment_says_where(tmp_path: Path) -> None:
    def where(**environment: str) -> Path | None:
        cache = DiskCache.of({"HOME": str(tmp_path), **environment})
        cache.keep(KEY, values(), ABOUT)
        found = list(tmp_path.rglob("*.panel"))
        for file in found:
            file.unlink()
        return found[0].parent.relative_to(tmp_path) if found else None

    own, xdg = str(tmp_path / "own"), str(tmp_path / "xdg")
    assert where() == Path(".cache/lakebt/panels")
    assert where(XDG_CACHE_HOME=xdg) == Path("xdg/lakebt/panels")
    assert where(XDG_CACHE_HOME="relative") == Path(".cache/lakebt/panels")
    assert where(XDG_CACHE_HOME=xdg, LAKEBT_CACHE=own) == Path("own/panels")
    assert where(LAKEBT_CACHE="off") is None
    assert where(LAKEBT_CACHE=own, LAKEBT_CACHE_BYTES="1000") is None
    assert where(HOME="") is None


@pytest.mark.parametrize("size", ["2GB", "-1", "1.5", "٣"])
def test_a_size_that_is_no_number_is_an_error(size: str) -> None:
    match = f"LAKEBT_CACHE_BYTES must be a whole number of bytes, was '{size}'"
    with pytest.raises(InvalidArgumentError, match=match):
        DiskCache.of({"LAKEBT_CACHE_BYTES": size})


def _use(folder: Path, seed: int) -> int:
    """Keep and load panels that crowd each other out; return how many were wrong."""
    cache = DiskCache(folder, limit=3 * LEAST_BYTES)
    rng = np.random.default_rng(seed)
    wrong = 0
    for number in rng.integers(0, 6, 60):
        found = held(cache, {"n": int(number)})
        if found is None:
            cache.keep({"n": int(number)}, values(number), ABOUT)
        else:
            wrong += not np.array_equal(found, values(number))
    return wrong


@pytest.mark.slow
def test_several_processes_use_one_cache(folder: Path) -> None:
    program = HERE + "print(t._use(Path(sys.argv[1]), int(sys.argv[2])))"
    # Programs, and not a pool: one that dies is an error, and not waited for.
    processes = [
        subprocess.Popen(
            [*python(), "-c", program, str(folder), str(seed)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in range(4)
    ]
    wrong = [process.communicate()[0].strip() for process in processes]

    assert wrong == ["0", "0", "0", "0"]
    left = [file.name for file in folder.iterdir()]
    assert all(name.endswith(".panel") for name in left)
    assert 1 <= len(left) <= 3
