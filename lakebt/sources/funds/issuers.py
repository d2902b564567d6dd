"""The sources: iShares, State Street's SPDR funds, Invesco, Vanguard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lakebt.errors import InvalidArgumentError, InvalidDataError, LakeError
from lakebt.sources.corporate.downloads import Downloads, check_kind, check_name
from lakebt.sources.funds.conversion import convert_files
from lakebt.sources.funds.file_cells import TABLE
from lakebt.sources.funds.issuer_layouts import INVESCO, ISHARES, SPDR, VANGUARD
from lakebt.sources.source import Source
from lakebt.sources.text_files import check_head

if TYPE_CHECKING:
    import datetime as dt
    import os
    from collections.abc import Mapping

    import pandas as pd

    from lakebt.sources.converted import Converted
    from lakebt.sources.funds.issuer_layouts import Layout


PRODUCTS = {
    "IBB": "239699/ishares-nasdaq-biotechnology-etf",
    "IVV": "239726/ishares-core-sp-500-etf",
    "IWM": "239710/ishares-russell-2000-etf",
    "IWV": "239714/ishares-russell-3000-etf",
}
"""Where the pages of some of iShares' funds are: the number and the name in them."""

_ISHARES = (
    "https://www.ishares.com/us/products/{product}/1467271812596.ajax"
    "?fileType=csv&fileName={fund}_holdings&dataType=fund"
)
_SPDR = (
    "https://www.ssga.com/library-content/products/fund-data/etfs/us/"
    "holdings-daily-us-en-{fund}.xlsx"
)
_INVESCO_PAGE = (
    "https://dng-api.invesco.com/cache/v1/accounts/en_US/shareclasses/{cusip}/holdings"
    "/fund?idType=cusip&productType=ETF"
)
_INVESCO = (
    "https://www.invesco.com/us/financial-products/etfs/holdings/main/holdings/0"
    "?audienceType=Investor&action=download&ticker={fund}"
)


class FundHoldings(Source):
    """One issuer's holdings files as a source of ``etf_holdings``."""

    __slots__ = ()

    table = TABLE
    reads: tuple[str, ...] = (".csv", ".xlsx")
    is_whole = True
    layout: ClassVar[Layout]

    def convert(
        self,
        source: str | os.PathLike[str] | pd.DataFrame,
        *,
        known_at: str | dt.datetime | None = None,
        fund: str | None = None,
        index: str | None = None,
        date: str | dt.date | None = None,
        instruments: str | os.PathLike[str] | pd.DataFrame | None = None,
        symbols: Mapping[str, str] | None = None,
    ) -> Converted:
        """Return the holdings of a fund as rows of ``etf_holdings``.

        Parameters
        ----------
        source
            A file as the issuer publishes it, a folder or a pattern of them, or a frame
            of its rows, as pandas reads them.
        known_at
            The instant since when the file could be read, with a zone: of its download.
            By default it is what `downloads.csv` beside the file says of it, which
            `fetch` writes, and which made by hand needs the columns ``file`` and
            ``at``. The day in the file is no substitute: it is earlier.
        fund
            What to call the fund, in every report the same. By default its ticker, as
            the file or, of iShares, its name says: ``IVV_holdings.csv``.
        index
            The index the fund tracks. Without it no membership is seen in the reports.
        date
            The day the holdings were held, where neither the file nor its name says it.
        instruments
            Rows of ``instruments``, as a frame or a file: they give the ISIN of a
            ticker on the day, and the spelling that the prices have.
        symbols
            Symbol by ticker or ISIN, where the prices have another.

        Returns
        -------
        Converted
            A row for each security: fund, date, isin, symbol, name, balance (shares),
            value_usd, weight_pct, known_at, and index if it was given; NaN where the
            file has no number. `isin` is the file's ISIN, or that of its CUSIP, or of
            `instruments`; else ``TICKER:XYZ``, which is never equal to an ISIN. Rows of
            cash, of futures and of what has no name are dropped, and counted.

        Raises
        ------
        InvalidDataError
            If a file is of another layout, cut off, no text, or too large.
        InvalidArgumentError
            If nothing tells the fund, the day, or since when the file was known.
        """
        return convert_files(
            source,
            layout=self.layout,
            known_at=known_at,
            fund=fund,
            index=index,
            date=date,
            instruments=instruments,
            symbols=symbols,
        )

    def _keep(
        self,
        address: str,
        folder: str | os.PathLike[str],
        *,
        fund: str,
        end: str,
        downloads: Downloads,
    ) -> Path:
        """Download one file, and keep it under a name of its own.

        Raises
        ------
        LakeError
            If the answer is a page, or nothing.
        """
        answer = downloads.ask(address)
        at = downloads.clock()
        name = f"{fund}_{at:%Y%m%dT%H%M%SZ}{end}"
        try:
            check_kind(answer, name, where=fund)
            if end == ".csv":
                check_head(
                    answer[:4096], Path(fund), table=TABLE, what=self.layout.what
                )
        except (InvalidDataError, LakeError):
            msg = (
                f"the answer for {fund} is not {self.layout.what}: download it by "
                f"hand, and pass known_at"
            )
            raise LakeError(msg) from None
        source = downloads.address(address).partition("?")[0]
        return downloads.keep_bytes(answer, folder, name=name, source=source)


class IsharesHoldings(FundHoldings):
    """Holdings as iShares publishes them in CSV.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> text = '''iShares Example ETF
    ... Fund Holdings as of,"Mar 24, 2023"
    ...
    ... Ticker,Name,Sector,Asset Class,Market Value,Weight (%),Shares
    ... "AAA","ALPHA INC","Energy","Equity","1,000.50","99.50","10.00"
    ... "USD","USD CASH","Cash and/or Derivatives","Cash","5.00","0.50","5.00"
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "XMPL_holdings.csv")
    ...     _ = path.write_text(text)
    ...     found = IsharesHoldings().convert(path, known_at="2023-03-27T14:00Z")
    >>> found.frame[["fund", "date", "isin", "balance"]].values.tolist()
    [['XMPL', datetime.date(2023, 3, 24), 'TICKER:AAA', 10.0]]
    >>> found.dropped["rows of class Cash"]
    1
    """

    __slots__ = ()
    name = "ishares"
    about = "what a fund of iShares holds, as it is published"
    layout = ISHARES

    def fetch(
        self,
        folder: str | os.PathLike[str],
        *,
        fund: str,
        product: str | None = None,
        base_url: str | None = None,
        contact: str | None = None,
        downloads: Downloads | None = None,
    ) -> Path:
        """Download the holdings of a fund of today, and keep the answer as it came.

        Parameters
        ----------
        folder
            Where to; it is made. `downloads.csv` in it says when each file came.
        fund
            The ticker.
        product
            Of funds that `PRODUCTS` lacks: the number and the name in the address of
            the fund's page, ``239726/ishares-core-sp-500-etf``.
        base_url
            The address of a mirror with the same paths, to use instead.
        contact
            Your e-mail address or web page, which is sent to the server.
        downloads
            How to keep; for tests.

        Raises
        ------
        InvalidArgumentError
            If the fund is not known, or the ticker is none.
        LakeError
            If the answer is no holdings file.
        """
        check_name(fund, what="fund")
        chosen = product or PRODUCTS.get(fund.upper())
        if chosen is None:
            msg = (
                f"fund {fund!r}: pass product, the number and the name in the address "
                f"of its page, as {PRODUCTS['IVV']}"
            )
            raise InvalidArgumentError(msg)
        for part in chosen.split("/"):
            check_name(part, what="product")
        address = _ISHARES.format(product=chosen, fund=fund.upper())
        asking = (downloads or Downloads()).made_with(
            base_url=base_url, contact=contact
        )
        return self._keep(
            address, folder, fund=fund.upper(), end=".csv", downloads=asking
        )


class SpdrHoldings(FundHoldings):
    """Holdings as State Street publishes them of its SPDR funds, in Excel."""

    __slots__ = ()
    name = "spdr"
    about = "what a SPDR fund holds, as State Street publishes it"
    layout = SPDR

    def fetch(
        self,
        folder: str | os.PathLike[str],
        *,
        fund: str,
        base_url: str | None = None,
        contact: str | None = None,
        downloads: Downloads | None = None,
    ) -> Path:
        """Download the holdings of a fund of today, and keep the answer as it came.

        Parameters
        ----------
        folder
            Where to; it is made. `downloads.csv` in it says when each file came.
        fund
            The ticker.
        base_url
            The address of a mirror with the same paths, to use instead.
        contact
            Your e-mail address or web page, which is sent to the server.
        downloads
            How to keep; for tests.

        Raises
        ------
        InvalidArgumentError
            If the ticker is none.
        LakeError
            If the answer is no holdings file.
        """
        check_name(fund, what="fund")
        address = _SPDR.format(fund=fund.lower())
        asking = (downloads or Downloads()).made_with(
            base_url=base_url, contact=contact
        )
        return self._keep(
            address, folder, fund=fund.upper(), end=".xlsx", downloads=asking
        )


class InvescoHoldings(FundHoldings):
    """Holdings as Invesco publishes them: in CSV, or in JSON as its page asks for."""

    __slots__ = ()
    name = "invesco"
    about = "what a fund of Invesco holds, as it is published"
    reads = (".csv", ".xlsx", ".json")
    layout = INVESCO

    def fetch(
        self,
        folder: str | os.PathLike[str],
        *,
        fund: str,
        cusip: str | None = None,
        base_url: str | None = None,
        contact: str | None = None,
        downloads: Downloads | None = None,
    ) -> Path:
        """Download the holdings of a fund of today, and keep the answer as it came.

        Parameters
        ----------
        folder
            Where to; it is made. `downloads.csv` in it says when each file came.
        fund
            The ticker.
        cusip
            The fund's CUSIP: then what its page asks for is fetched, in JSON.
        base_url
            The address of a mirror with the same paths, to use instead.
        contact
            Your e-mail address or web page, which is sent to the server.
        downloads
            How to keep; for tests.

        Raises
        ------
        InvalidArgumentError
            If the ticker is none.
        LakeError
            If the answer is no holdings file.
        """
        check_name(fund, what="fund")
        address, end = _INVESCO.format(fund=fund.upper()), ".csv"
        if cusip is not None:
            check_name(cusip, what="cusip")
            address, end = _INVESCO_PAGE.format(cusip=cusip.upper()), ".json"
        asking = (downloads or Downloads()).made_with(
            base_url=base_url, contact=contact
        )
        return self._keep(address, folder, fund=fund.upper(), end=end, downloads=asking)


class VanguardHoldings(FundHoldings):
    """Holdings as Vanguard publishes them in CSV, or JSON. No address of them lasts."""

    __slots__ = ()
    name = "vanguard"
    about = "what a fund of Vanguard holds, as it is published"
    reads = (".csv", ".xlsx", ".json")
    layout = VANGUARD
