"""One bad cell makes a whole column text; the error names that cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.errors import InvalidDataError
from lakebt.lake.lake import Lake

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.lake
def test_the_cell_that_is_no_number_is_named(tmp_path: Path) -> None:
    bars = pd.DataFrame(
        {
            "symbol": "A",
            "session": ["2022-09-06", "2022-09-07", "2022-09-08"],
            "open": ["10.20", "10.30", "ten"],
            "high": 11.0,
            "low": 10.0,
            "close": 10.5,
            "basis": "raw",
        }
    )
    lake = Lake.open(tmp_path / "lake")

    with pytest.raises(InvalidDataError, match=r"row 2 has 'ten'"):
        lake.publish({"prices": bars}, release="R1", as_of="2022-10-01T00:00:00Z")
    with pytest.raises(InvalidDataError, match=r"row 0 has '10.20'"):
        lake.publish(
            {"prices": bars.head(2)}, release="R1", as_of="2022-10-01T00:00:00Z"
        )
    assert lake.releases().empty
