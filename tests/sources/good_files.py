"""A small file of the true shape for each format, to be spoilt."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from tests.sources.corporate.test_edgar import SUSPENDED
from tests.sources.corporate.test_edgar import submission as form_8k
from tests.sources.corporate.test_lean import FACTORS
from tests.sources.funds.fund_files import INVESCO, ISHARES, SPDR, VANGUARD
from tests.sources.test_csv_folder import YAHOO
from tests.sources.test_membership import STAYS
from tests.sources.test_nport import document, holding
from tests.sources.test_wikipedia import HEAD, ROWS, page


@dataclass(frozen=True)
class Good:
    """A file that its format reads.

    Attributes
    ----------
    name, text
        Of the file.
    table
        What it fills.
    options
        What `convert` needs for it.
    """

    name: str
    text: str
    table: str
    options: dict[str, str] = field(default_factory=dict)


_KNOWN = {"known_at": "2025-10-01T13:00:00+00:00"}
_PRICES = (
    "symbol,session,open,high,low,close,volume,basis\n"
    "AAA,2022-09-01,10.0,11.0,9.0,10.5,1000,raw\n"
    "AAA,2022-09-02,10.5,11.5,9.5,11.0,2000,raw\n"
    "BBB,2022-09-02,20.5,21.5,19.5,21.0,2000,raw\n"
)
_PAIRS = (
    "index_name,announcement_date,effective_date,added,removed\n"
    "S&P 500,2022-09-02,2022-09-19,CSGP,PVH\n"
    "S&P 500,2022-09-02,2022-09-19,INVH,PENN\n"
)
_ACTIONS = (
    "ticker,kind,ex_date,cash,ratio,acquirer,announced\n"
    "OLDCO,cash_and_stock_merger,2023-03-07,65.82,1.0584,NEWCO,2022-07-31\n"
    "NEWCO,split,2023-06-09,,7:1,,\nNEWCO,dividend,2023-06-12,0.25,,,\n"
)
_CHART = {
    "chart": {
        "result": [
            {
                "meta": {"symbol": "AAA", "exchangeTimezoneName": "America/New_York"},
                "timestamp": [1662039000, 1662125400],
                "events": {
                    "dividends": {"1662039000": {"amount": 0.5, "date": 1662039000}}
                },
                "indicators": {
                    "quote": [{"close": [10.5, 11.0]}],
                    "adjclose": [{"adjclose": [10.5, 11.0]}],
                },
            }
        ],
        "error": None,
    }
}
_YFINANCE = (
    "Price,Close,High,Low,Open,Volume,Adj Close\n"
    "Ticker,PVH,PVH,PVH,PVH,PVH,PVH\nDate,,,,,,\n"
    "2022-09-01,10.5,11.0,9.0,10.0,1000,10.1\n"
    "2022-09-02,11.0,11.5,9.5,10.5,2000,10.6\n"
)

GOOD = {
    "ours": Good("ours.csv", _PRICES, "prices"),
    "rebalances": Good("pairs.csv", _PAIRS, "index_changes"),
    "prices": Good("bars.csv", _PRICES.replace("session", "date"), "prices"),
    "nport": Good("doc.xml", document(holding()), "etf_holdings", _KNOWN),
    "ishares": Good("XIV_holdings.csv", ISHARES, "etf_holdings", _KNOWN),
    "spdr": Good("spdr.csv", SPDR, "etf_holdings", _KNOWN),
    "invesco": Good("invesco.csv", INVESCO, "etf_holdings", _KNOWN),
    "vanguard": Good("vanguard.csv", VANGUARD, "etf_holdings", _KNOWN),
    "actions": Good("actions.csv", _ACTIONS, "corporate_actions"),
    "lean": Good("new.csv", FACTORS, "corporate_actions"),
    "yahoo": Good("AAA.json", json.dumps(_CHART), "corporate_actions"),
    "edgar": Good(
        "SNI_0000000001-18-000001.txt",
        form_8k(f"each share the right to receive $90.00 in cash. {SUSPENDED}"),
        "corporate_actions",
    ),
    "yfinance": Good("all.csv", _YFINANCE, "prices"),
    "csv-folder": Good("PVH.csv", YAHOO, "prices", {"basis": "split_adjusted"}),
    "wikipedia": Good(
        "SP500.html", page(HEAD + ROWS), "index_changes", {"index": "SP500"}
    ),
    "membership": Good("stays.csv", STAYS, "index_changes", {"index": "SP500"}),
}
"""By format; a format that is added has one here."""
