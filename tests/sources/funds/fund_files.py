"""Files of funds' holdings of the true shapes, about shares that do not exist."""

from __future__ import annotations

HEADER = (
    "Ticker,Name,Sector,Asset Class,Market Value,Weight (%),Notional Value,Quantity,"
    "Price,Location,Exchange,Currency,FX Rate,Market Currency,Accrual Date\n"
)


def ishares_row(
    ticker: str = "AAA",
    name: str = "ALPHA INC",
    kind: str = "Equity",
    *,
    value: str = "9,010.50",
    weight: str = "90.10",
    balance: str = "1,000.00",
) -> str:
    """One row as iShares writes it."""
    return (
        f'"{ticker}","{name}","Energy","{kind}","{value}","{weight}","{value}",'
        f'"{balance}","9.01","United States","NASDAQ","USD","1.00","USD","-"\n'
    )


CASH_ROW = ishares_row("USD", "USD CASH", "Cash", value="100.00", weight="1.00")
ISHARES_ROWS = (
    ishares_row()
    + ishares_row("BRKB", "BETA CLASS B", value="500.00", weight="5.00", balance="50")
    + ishares_row("XTSLA", "BLK CSH FND", "Money Market", value="200.00", weight="2.00")
    + CASH_ROW
    + ishares_row("-", "GAMMA INC Prvt", value="0.05", weight="0.00")
    + ishares_row("ADRO", "DELTA INC", value="101.00", weight="1.00")
    + ishares_row("ADRO", "DELTA INC CVR", value="20.00", weight="0.20")
    + ishares_row("AAA", "ALPHA INC", value="9.50", weight="0.10", balance="1.00")
    + ishares_row("ESM3", "S&P500 EMINI JUN 23", "Futures", value="0.00", weight="0.00")
)
ISHARES = (
    "\ufeffiShares Example ETF\n"
    'Fund Holdings as of,"Mar 24, 2023"\n'
    'Inception Date,"May 15, 2000"\n'
    'Shares Outstanding,"745,900,000.00"\n'
    'Stock,"-"\nBond,"-"\nCash,"-"\nOther,"-"\n\u00a0\n'
    f"{HEADER}{ISHARES_ROWS}\u00a0\n"
    '"Some words, with commas, in lines.\nAnd ""more"" of them."\n'
)

SPDR_ROWS: list[list[object]] = [
    ["Fund Name:", "Example\u00ae ETF Trust"],
    ["Ticker Symbol:", "XSPY"],
    ["Holdings:", "As of 12-Sep-2025"],
    [],
    [
        *("Name", "Ticker", "Identifier", "SEDOL", "Weight", "Sector"),
        *("Shares Held", "Local Currency"),
    ],
    ["APPLE INC", "AAPL", "037833100", "2046251", 60.5, "-", 1000.0, "USD"],
    ["LINDE PLC", "LIN", "IE000S9YS762", "BNZHB81", 38.5, "-", 20.0, "USD"],
    ["OMEGA INC", "OMG", "-", "1234567", 0.4, "-", 20.0, "USD"],
    ["US DOLLAR", "-", "CASH_USD", "-", 0.5, "-", 9.0, "USD"],
    ["S+P500 EMINI FUT SEP25", "ESU5", "ADI2CW552", "-", 0.1, "-", 9.0, "USD"],
    [],
    ["Past performance is not a reliable indicator of future performance."],
]
SPDR = "".join(",".join(map(str, row)) + "\n" for row in SPDR_ROWS)
"""As a program saves the sheet."""

INVESCO = (
    "Fund Ticker,Security Identifier,Holding Ticker,Shares/Par Value,MarketValue,"
    "Weight,Name,Class of Shares,Sector,Date\n"
    'XQQ,037833100,AAPL   ,"1,000",100000.50,60.50,"Apple Inc",Common Stock,'
    "Information Technology,09/12/2025\n"
    'XQQ,N07059210,ASML,"10",5000,39.00,"ASML Holding NV",American Depository Receipt,'
    "Information Technology,09/12/2025\n"
    "XQQ,CASHUSD00,,9,9,0.30,Cash/Receivables/Payables,Currency,,09/12/2025\n"
    "XQQ,8AMMF0JA0,AGPXX,9,9,0.20,A Liquid Fund,Money Market Fund,,09/12/2025\n"
)

VANGUARD = (
    "Holdings details\nExample Stock ETF (XVT)\n\n"
    "Equity,as of 09/30/2025\n"
    ",SEDOL,HOLDINGS,TICKER,% OF FUNDS*,SECTOR,COUNTRY,"
    "SECURITY DEPOSITORY RECEIPT TYPE,MARKET VALUE*,SHARES\n"
    ',2046251,"Apple Inc.",AAPL  ,60.50%,"Hardware",US,---,'
    '"$30,551,146,000.10","114,000"\n'
    ',2073390,"Beta Inc. Class B",BRK.B ,39.30%,"Banks",US,---,"$500.00","50"\n'
    ',1234567,"Gamma Inc.",--- ,<0.01%,"Energy",US,---,"$0.01","1"\n\n'
    "Short-term reserves,as of 09/30/2025\n"
    ",SEDOL,HOLDINGS,MATURITY DATE,% OF FUNDS*,FACE AMOUNT\n"
    ",---,Example Liquidity Fund,---,0.20%,$100\n\n"
    "*Percentages may not add to 100.\n"
)
VANGUARD_OLD = (
    "Example ETF (XVO)\nas of 06/30/2014\n\nStock holdings\n"
    ",SEDOL,Ticker,Holding name,Shares,Market value,% of fund*,Sector,Country,"
    "Security depository receipt type,\n"
    ',="2046251","AAPL  ","Apple Inc.","1,000","$11,111.10","99.11111","Hardware",'
    '"US  ",---,\n\n'
)
