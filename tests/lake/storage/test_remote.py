"""Catalogs behind a network: what their configuration may not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lakebt.errors import LakeError
from lakebt.lake import Lake
from tests.lake.frames import clock

if TYPE_CHECKING:
    from pathlib import Path


def configure(monkeypatch: pytest.MonkeyPatch, folder: Path, warehouse: str) -> None:
    told = {"type": "sql", "uri": f"sqlite:///{folder / 'catalog.db'}"}
    monkeypatch.setattr(
        "pyiceberg.catalog._ENV_CONFIG.get_catalog_config",
        lambda _: {**told, "warehouse": warehouse},
    )


@pytest.mark.parametrize("scheme", ["s3", "s3a", "gs", "abfs"])
def test_a_warehouse_that_holds_a_key_is_refused_without_showing_it(
    scheme: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configure(monkeypatch, tmp_path, f"{scheme}://AKIA:hidden@bucket/lake")

    with pytest.raises(LakeError) as raised:
        Lake.open(catalog="prod", clock=clock)

    said = str(raised.value)
    assert f"configure {scheme}://bucket/lake" in said
    assert "hidden" not in said
    assert "AKIA" not in said


def test_a_warehouse_that_names_a_place_alone_is_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configure(monkeypatch, tmp_path, f"file://{tmp_path}/a@b")

    assert Lake.open(catalog="prod", clock=clock).releases().empty
