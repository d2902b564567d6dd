"""A view that was opened before its lake changed says what became of its release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.errors import BrokenReleaseError, LakeError
from lakebt.lake import Lake

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.lake.reading.view import View

pytestmark = pytest.mark.lake

AS_OF = "2022-10-03T12:00:00Z"


def bars(**closes: float) -> pd.DataFrame:
    names = ("open", "high", "low", "close")
    return pd.DataFrame(
        [
            {"symbol": s, "session": "2022-09-01", **dict.fromkeys(names, c)}
            for s, c in closes.items()
        ]
    ).assign(basis="raw")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake.open(tmp_path / "lake")
    lake.publish({"prices": bars(ACME=10.0, B=5.0)}, release="R1", as_of=AS_OF)
    return lake


def opened(tmp_path: Path) -> View:
    """A view as another process has it, which read nothing yet."""
    return Lake.open(tmp_path / "lake", create=False).at("R1")


def test_rows_that_were_erased_meanwhile_are_said(lake: Lake, tmp_path: Path) -> None:
    view = opened(tmp_path)
    lake.erase("prices", where={"symbol": "ACME"}, reason="licence", by="Ann")

    with pytest.raises(LakeError, match=r"1 row erased from prices .*: licence .*anew"):
        view.read("prices")

    (left,) = lake.at("R1").read("prices")["symbol"]
    assert left == "B"


def test_a_lake_that_was_moved_meanwhile_is_said(lake: Lake, tmp_path: Path) -> None:
    view = opened(tmp_path)
    lake.move(tmp_path / "elsewhere")

    with pytest.raises(LakeError, match="If it was moved, open it there"):
        view.read("prices")


@pytest.mark.usefixtures("lake")
def test_a_file_that_is_only_gone_is_that(tmp_path: Path) -> None:
    view = opened(tmp_path)
    for file in (tmp_path / "lake").rglob("prices/data/*.parquet"):
        file.unlink()

    with pytest.raises(BrokenReleaseError, match=r"\.parquet is gone"):
        view.read("prices")
