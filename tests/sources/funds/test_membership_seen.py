"""What two reports of a fund show, published: the same whoever names the shares."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import lakebt
from lakebt.sources.funds.issuers import IsharesHoldings
from tests.sources.funds.fund_files import HEADER, ishares_row

if TYPE_CHECKING:
    from pathlib import Path

INSTRUMENTS = pd.DataFrame(
    {
        "instrument_id": ["a", "a", "b", "b", "c", "c"],
        "identifier": [
            *("AAA", "US0378331005", "BRKB", "US0846707026"),
            *("CCC", "US5949181045"),
        ],
        "kind": ["symbol", "isin"] * 3,
        "valid_from": "2000-01-01",
    }
)
BEFORE = ishares_row(weight="50") + ishares_row("BRKB", "BETA", weight="50")
AFTER = ishares_row(weight="50") + ishares_row("CCC", "GAMMA", weight="50")
SECOND = dt.datetime(2023, 4, 10, 13, tzinfo=dt.UTC)


@pytest.mark.parametrize("named", [(False, False), (True, True), (False, True)])
def test_membership_is_seen_where_it_changes_and_nowhere_else(
    named: tuple[bool, bool], tmp_path: Path
) -> None:
    """Also where the fund goes from tickers to ISINs between the two."""
    frames = []
    for rows, day, known, is_named in (
        (BEFORE, "2023-03-24", "2023-03-27T13:00:00Z", named[0]),
        (AFTER, "2023-04-06", SECOND, named[1]),
    ):
        path = tmp_path / f"XIV_{day}.csv"
        path.write_text(f"{HEADER}{rows}", encoding="utf-8")
        found = IsharesHoldings().convert(
            path,
            known_at=known,
            index="SP500",
            instruments=INSTRUMENTS if is_named else None,
        )
        assert found.frame["isin"].str.startswith("TICKER:").all() != is_named
        frames.append(found.frame)
    lake = lakebt.Lake.open(tmp_path / "lake")
    lake.publish(
        {"etf_holdings": pd.concat(frames)}, release="A", as_of="2023-05-01T00:00:01Z"
    )
    view = lake.at("A")

    def shown(symbol: str, side: str) -> dt.datetime | None:
        after = dt.datetime(2023, 4, 1, tzinfo=dt.UTC)
        return view.first_shown(index="SP500", symbol=symbol, side=side, after=after)

    assert shown("CCC", "addition") == SECOND
    assert shown("BRKB", "deletion") == SECOND
    for symbol in ("AAA", "BRKB"):
        assert shown(symbol, "addition") is None
    assert shown("AAA", "deletion") is None
