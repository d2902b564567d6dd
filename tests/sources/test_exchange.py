"""Days and instants of a source are the exchange's, and not New York's by habit."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.sources.corporate.yahoo import YahooActions
from lakebt.sources.formats import FORMATS, read_source
from lakebt.sources.membership import Membership
from lakebt.sources.wikipedia import Wikipedia
from lakebt.sources.yahoo_bars import YahooBars
from tests.sources.good_files import GOOD
from tests.sources.test_dow_history import SYMBOLS, WHOLE

if TYPE_CHECKING:
    from pathlib import Path

# The last microsecond of 18 September 2022 where the exchange is, in UTC.
ENDS = {
    "XNYS": "2022-09-19 03:59:59.999999+00:00",
    "XLON": "2022-09-18 22:59:59.999999+00:00",
    "XTKS": "2022-09-18 14:59:59.999999+00:00",
}
STAYS = "ticker,start_date,end_date\nA,2022-01-03,\nB,2022-09-19,\n"


@pytest.mark.parametrize("exchange", ENDS)
def test_a_change_is_known_when_the_exchange_s_day_before_ends(
    exchange: str, tmp_path: Path
) -> None:
    (tmp_path / "SP500.html").write_text(GOOD["wikipedia"].text, encoding="utf-8")
    (tmp_path / "sp500.csv").write_text(STAYS)
    (tmp_path / "DJIA.html").write_text(
        WHOLE.replace("November 8, 2024", "September 19, 2024"), encoding="utf-8"
    )
    for source, path in ((Wikipedia(), "SP500.html"), (Membership(), "sp500.csv")):
        frame = source.convert(tmp_path / path, exchange=exchange).frame
        on_day = frame[frame["effective"] == dt.date(2022, 9, 19)]
        assert {str(each) for each in on_day["known_at"]} == {ENDS[exchange]}
    dow = Wikipedia().convert(
        tmp_path / "DJIA.html", symbols=SYMBOLS, exchange=exchange
    )
    at = ENDS[exchange].replace("2022", "2024")
    assert str(dow.frame["known_at"].max()) == at


@pytest.mark.parametrize(
    ("exchange", "utc"),
    [
        ("XTKS", "2022-09-01T15:00Z"),
        ("XLON", "2022-09-01T23:00Z"),
        ("XNYS", "2022-09-02T04:00Z"),
    ],
)
def test_rows_in_utc_are_of_the_exchange_s_day(
    exchange: str, utc: str, tmp_path: Path
) -> None:
    """As ``yf.download(..., ignore_tz=False)`` returns them: midnights, in UTC."""
    index = pd.DatetimeIndex([utc], name="Date")
    columns = {name: [10.0] for name in ("Open", "High", "Low", "Close", "Adj Close")}
    more = {"Volume": [1.0], "Dividends": [0.5], "Stock Splits": [0.0]}
    frame = pd.DataFrame(columns | more, index=index)
    frame.to_csv(tmp_path / "7203.csv")
    day = [dt.date(2022, 9, 2)]
    for source in (frame, tmp_path / "7203.csv"):
        bars = YahooBars().convert(source, symbol="7203", exchange=exchange).frame
        assert bars["session"].tolist() == day
        told = YahooActions(exchange=exchange).convert(source, symbol="7203").frame
        assert told["ex_date"].tolist() == day
        also = YahooBars().convert(
            source, table="corporate_actions", symbol="7203", exchange=exchange
        )
        assert also.frame["ex_date"].tolist() == day


def test_the_session_after_the_last_is_the_exchange_s() -> None:
    """3 January 2023 was a holiday in Tokyo alone."""
    table = pd.DataFrame({"symbol": ["A"], "last_session": ["2022-12-30"]})
    found = {
        exchange: read_source(
            table, table="corporate_actions", file_format="actions", exchange=exchange
        ).frame["ex_date"][0]
        for exchange in ("XNYS", "XTKS")
    }
    assert {name: str(day) for name, day in found.items()} == {
        "XNYS": "2023-01-03",
        "XTKS": "2023-01-04",
    }


def test_which_sources_ask_for_the_exchange() -> None:
    asking = {name for name, source in FORMATS.items() if source.has_exchange}
    assert asking == {
        *("actions", "edgar", "lean", "membership", "wikipedia", "yahoo", "yfinance")
    }
    # The command has --exchange itself: it is nobody's own option.
    for source in FORMATS.values():
        assert "exchange" not in source.options()
