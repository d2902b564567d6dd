"""One list of what indexes are called, whatever the source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.errors import InvalidArgumentError
from lakebt.sources.funds.issuers import IsharesHoldings
from lakebt.sources.index_names import index_of, lake_name
from lakebt.sources.membership import Membership
from lakebt.sources.nport import read_nport
from lakebt.sources.rebalances import convert_rebalances
from lakebt.sources.wikipedia import PAGES, Wikipedia
from tests.sources.funds.fund_files import ISHARES
from tests.sources.good_files import GOOD

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = {
    "SP500": ("S&P 500", "s&p500", "S and P 500", "The S&P 500 Index", "SPX", "^GSPC"),
    "SP400": ("S&P 400", "S&P MidCap 400", "S&P Mid-Cap 400 Index", "SP400"),
    "SP600": ("S&P 600", "S&P SmallCap 600", "sp600", " S&P\N{NO-BREAK SPACE}600"),
    "NDX100": ("Nasdaq-100", "NASDAQ 100", "NDX", "Nasdaq 100 Index", "NDX100"),
    "DJIA": ("Dow Jones Industrial Average", "Dow Jones", "The Dow 30", "DJIA", "DJI"),
    "Russell 2000": ("Russell 2000", "Russell-2000 Index", "^RUT"),
    "Russell 1000": ("russell 1000",),
    "Russell 2000 Growth": ("Russell 2000 Growth",),
    "S&P 500 Equal Weight": ("S&P 500 Equal Weight",),
    "S&P 5000": ("S&P 5000",),
    "MY": ("MY",),
    "Dow Chemical": ("Dow Chemical",),
}


@pytest.mark.parametrize("ours", WRITTEN)
def test_an_index_has_one_name_and_another_name_is_kept(ours: str) -> None:
    assert {lake_name(each) for each in WRITTEN[ours]} == {ours}
    assert lake_name(ours) == ours
    assert PAGES.keys() < WRITTEN.keys()


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("List_of_S%26P_600_companies.html", "SP600"),
        ("sp500_members.csv", "SP500"),
        ("Historical_components_of_the_Dow_Jones_Industrial_Average.html", "DJIA"),
        ("DJIA_history.html", "DJIA"),
        ("russell_2000.csv", "Russell 2000"),
        ("n100-2022.csv", "NDX100"),
        ("russell_2000_growth.csv", None),
        ("sp500_equal_weight.csv", None),
        ("adj.csv", None),
        ("window30.csv", None),
        ("x.csv", None),
    ],
)
def test_a_file_s_name_says_the_index_or_nothing_does(
    called: str, name: str | None
) -> None:
    if name is None:
        with pytest.raises(InvalidArgumentError, match="pass index="):
            index_of(None, called=called)
    else:
        assert index_of(None, called=called) == name


def test_all_sources_call_it_alike(tmp_path: Path) -> None:
    pairs = pd.DataFrame(
        {
            "index_name": ["S&P SmallCap 600", "Mine"],
            "announcement_date": "2022-09-02",
            "effective_date": "2022-09-19",
            "added": ["AAA", "BBB"],
            "removed": "-",
        }
    )
    (tmp_path / "page.html").write_text(GOOD["wikipedia"].text)
    (tmp_path / "list.csv").write_text(GOOD["membership"].text)
    (tmp_path / "doc.xml").write_text(GOOD["nport"].text)
    (tmp_path / "XS_holdings.csv").write_text(ISHARES)
    written = "S&P 600"
    known = "2025-10-01T13:00Z"
    found = [
        Wikipedia().convert(tmp_path / "page.html", index=written).frame,
        Membership().convert(tmp_path / "list.csv", index=written).frame,
        read_nport(tmp_path / "doc.xml", known_at=known, index=written).frame,
        IsharesHoldings()
        .convert(tmp_path / "XS_holdings.csv", known_at=known, index=written)
        .frame,
    ]

    assert [frame["index"].unique().tolist() for frame in found] == [["SP600"]] * 4
    assert convert_rebalances(pairs).frame["index"].tolist() == ["SP600", "Mine"]
    named = convert_rebalances(pairs, index_names={"Mine": "SP400"}).frame
    assert named["index"].tolist() == ["SP600", "SP400"]
