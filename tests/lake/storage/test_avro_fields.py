"""Fields of an Avro file are replaced, and every other byte stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import read_manifest_list

from lakebt.lake.storage.avro_fields import replaced
from lakebt.lake.storage.failures import DamagedFileError
from tests.lake.kept import unpacked

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    lake = unpacked("layout-1", tmp_path_factory.mktemp("avro"))
    return sorted(lake.rglob("*.avro"))


def test_without_a_change_a_file_stays_as_it_was(manifests: list[Path]) -> None:
    for file in manifests:
        content = file.read_bytes()
        assert replaced(content, (), lambda _: {}) == content


def test_what_is_replaced_is_what_others_read(
    manifests: list[Path], tmp_path: Path
) -> None:
    (file, *_) = (each for each in manifests if each.name.startswith("snap-"))
    names = ("manifest_path", "manifest_length")
    given: dict[str, str | int] = {
        "manifest_path": "file:///Ünï/" + "x" * 300,
        "manifest_length": 2**40,
    }
    changed = tmp_path / "changed.avro"

    changed.write_bytes(replaced(file.read_bytes(), names, lambda _: given))

    io = PyArrowFileIO()
    before = list(read_manifest_list(io.new_input(str(file))))
    after = list(read_manifest_list(io.new_input(str(changed))))
    assert [[m.manifest_path, m.manifest_length] for m in after] == [
        list(given.values()) for _ in before
    ]
    for old, new in zip(before, after, strict=True):
        assert old._data[2:] == new._data[2:]  # noqa: SLF001


def test_a_file_that_was_cut_or_changed_is_damaged(manifests: list[Path]) -> None:
    content = manifests[0].read_bytes()
    for wrong in (b"", b"Obj", content[:-1], content[:40], b"PAR1" + content[4:]):
        with pytest.raises(DamagedFileError):
            replaced(wrong, ("manifest_path",), lambda _: {})
