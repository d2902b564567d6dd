"""A file has many spellings and one place; what is needed in any of them stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakebt.lake.storage.reach import place, unneeded
from tests.lake.other_engines import SPELLINGS, spelled


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_a_path_is_one_place(tmp_path: Path, spelling: str) -> None:
    folder = tmp_path / "quant" / "metadata"
    folder.mkdir(parents=True)
    (folder / "a.avro").touch()
    (folder / "b.avro").touch()

    where = place(spelled(f"file://{folder}/a.avro", spelling))

    assert Path(where).samefile(folder / "a.avro")
    assert where == place(f"{folder}/a.avro") != place(f"{folder}/b.avro")


def test_a_link_leads_to_the_place_of_its_target(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    assert place(f"{tmp_path}/link/a") == place(f"{tmp_path}/real/a")


def test_what_is_kept_or_lies_elsewhere_is_not_unneeded() -> None:
    kept = ["s3://b/t/data/1"]
    going = ["s3a://b/t//data/1", "s3://b/t/data/2", "s3://b/other/3", "s3://b/tt/4"]

    assert unneeded(going, kept, folder="s3://b/t") == ["s3://b/t/data/2"]
