"""Records of manifests are read and written as they were, whoever wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lakebt.lake import Lake
from lakebt.lake.storage.avro_records import Records
from lakebt.lake.storage.failures import DamagedFileError
from tests.lake.frames import AS_OF, bars
from tests.lake.other_engines import foreign_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.lake


def test_what_is_written_is_what_was_read(path: Path) -> None:
    Lake.open(path).publish({"prices": bars()}, release="R1", as_of=AS_OF)
    with foreign_table(path, "prices") as table:
        table.append(table.scan().to_arrow())

    files = [file.read_bytes() for file in path.rglob("*.avro")]

    assert len(files) >= 6  # lists and manifests, of lakebt and of pyiceberg
    for content in files:
        records = Records(content)
        again = Records(records.written())
        assert records.rows
        assert again.rows == records.rows
        again.rows.clear()
        assert Records(again.written()).rows == []


@pytest.mark.parametrize("spoil", [lambda c: c[:-1], lambda c: c[4:], lambda c: c + c])
def test_what_is_no_such_file_is_an_error(
    path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    Lake.open(path).publish({"prices": bars()}, release="R1", as_of=AS_OF)
    content = next(path.rglob("*-m0.avro")).read_bytes()

    with pytest.raises(DamagedFileError):
        Records(spoil(content))
