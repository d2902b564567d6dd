"""Who reads a lake through a server sees what was erased from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.lake.storage.catalog import open_path
from lakebt.lake.storage.erasure_files import ErasureFiles
from tests.lake.erasure.test_erase import GONE, erase, make, opened
from tests.lake.remote import Remote
from tests.servers import serving

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake


def test_certificates_and_what_releases_lost_are_read_through_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lake"
    make(path)
    (done,) = erase(opened(path), "prices", by="Ann")
    said = f"3 rows erased from prices on {done.at:%Y-%m-%d}: {done.reason}"
    with serving(open_path(path, create=False)) as (uri, _):
        remote = Remote(tmp_path)
        remote.configure(monkeypatch, type="rest", uri=uri)
        lake = remote.open()

        erasures = lake.erasures()
        view = lake.at("R1")
        marks = lake.releases()["redactions"].iloc[0]
        told = view.provenance()["redactions"]
        text = view._repr_html_() + str(view)
        copied = lake.export(tmp_path / "copy")

    pd.testing.assert_frame_equal(erasures, opened(path).erasures())
    assert (erasures["by"][0], erasures["is_proved"][0]) == ("Ann", True)
    assert [mark["certificate"] for mark in marks] == [done.id]
    assert told[0]["rows"] == {"prices": 3}
    assert GONE not in text
    assert "redacted" in text
    assert said in text
    assert copied.releases == ("R1", "R2", "R3")
    assert opened(tmp_path / "copy").erasures()["id"].tolist() == [done.id]


def test_whatever_catalog_a_lake_is_opened_by_its_certificates_are_the_same(
    tmp_path: Path,
) -> None:
    make(tmp_path / "lake")
    storage = open_path(tmp_path / "lake", create=False)

    beside = ErasureFiles.beside(storage.loaded()["releases"])

    assert beside.root == storage.erasures.root == (tmp_path / "lake").resolve()
