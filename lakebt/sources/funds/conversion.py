"""Reports of funds as rows of ``etf_holdings``, with their `known_at`."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.errors import InvalidArgumentError, InvalidDataError, listed
from lakebt.inputs.places import local_path
from lakebt.instants import new_york_day, parse_date, parse_instant
from lakebt.sources.archives import files_of
from lakebt.sources.converted import Converted
from lakebt.sources.corporate.downloads import LIST, records
from lakebt.sources.funds.file_cells import TABLE, grid_of_frame, read_grid
from lakebt.sources.funds.fund_report import QUANTITIES, read_report
from lakebt.sources.funds.held_identity import PREFIX, identified, identities_of
from lakebt.sources.funds.issuer_layouts import day_in_text
from lakebt.sources.index_names import lake_name
from lakebt.values.text import count

if TYPE_CHECKING:
    import datetime as dt
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from lakebt.sources.funds.fund_report import FundReport
    from lakebt.sources.funds.held_identity import Identities
    from lakebt.sources.funds.issuer_layouts import Layout


NAMELESS = "rows without a ticker or an identifier"
SAME = "rows added to another of the same security"
SMALLER = "rows of a ticker that a larger holding has"
FUTURES = "rows of futures"

_SHARES = frozenset(
    {"", "equity", "common stock", "stock", "reit", "ordinary shares", "adr"}
)
_NO_SHARES = re.compile(
    r"\b(?:cash|currency|money market|futures?|forwards?|fx|swaps?|options?|"
    r"fixed income|bonds?|short-?term|mutual fund|investment compan(?:y|ies)|"
    r"collateral|margins?|treasury|repo|derivatives?)\b",
    re.IGNORECASE,
)
_FUTURE = re.compile(r"\b(?:e-?mini|futures?|fut)\b", re.IGNORECASE)
_IDENTIFIERS = ["ticker", "isin", "cusip", "country"]
_OF_NAME = re.compile(r"([A-Z]{2,6})(?=[_. -])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The arguments of a conversion; see `lakebt.sources.funds.issuers`."""

    layout: Layout
    known_at: str | dt.datetime | None = None
    fund: str | None = None
    index: str | None = None
    date: str | dt.date | None = None
    identities: Identities | None = None
    symbols: Mapping[str, str] = field(default_factory=dict)


def convert_files(
    source: str | os.PathLike[str] | pd.DataFrame,
    *,
    layout: Layout,
    known_at: str | dt.datetime | None,
    fund: str | None,
    index: str | None,
    date: str | dt.date | None,
    instruments: str | os.PathLike[str] | pd.DataFrame | None,
    symbols: Mapping[str, str] | None,
) -> Converted:
    """Return a file, a folder of files, or a frame as rows of ``etf_holdings``.

    Raises
    ------
    InvalidDataError
        If a file is none of the layout, or cut off.
    InvalidArgumentError
        If nothing tells the fund, the day, or since when it was known.
    """
    request = Asked(
        layout=layout,
        known_at=known_at,
        fund=fund,
        index=index,
        date=date,
        identities=identities_of(instruments),
        symbols=symbols or {},
    )
    work = _Conversion(request)
    if isinstance(source, pd.DataFrame):
        work.add(read_report(grid_of_frame(source), layout), None)
        return work.result()
    path = local_path(source, what="file", cure="fetch it, and name the copy")
    files = [
        each
        for each in files_of(path, table=TABLE, also=(".json",))
        if each.name != LIST
    ]
    if not files:
        problem = f"{path} holds no holdings: name the folder of fetch()."
        raise InvalidDataError(TABLE, problem)
    if date is not None and len(files) > 1:
        msg = f"date={date!r} is said of {len(files)} files: name one, or omit it"
        raise InvalidArgumentError(msg)
    for file in files:
        work.add(read_report(read_grid(file, what=layout.what), layout), file)
    return work.result()


@dataclass(slots=True)
class _Conversion:
    """Reports, as they are added, and what is to be told of them."""

    asked: Asked
    frames: list[pd.DataFrame] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    noted: list[str] = field(default_factory=list)
    read_as: list[str] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)
    listed: dict[Path, dict[str, dict[str, str]]] = field(default_factory=dict)
    from_names: list[str] = field(default_factory=list)
    read: int = 0

    def add(self, report: FundReport, file: Path | None) -> None:
        """Add one report."""
        date = self._date(report, file)
        known = self._known(report, file, date)
        rows = report.rows
        self.read += len(rows) + sum(report.dropped.values())
        self.dropped.update(report.dropped)
        self.read_as += report.grid.read_as
        for fund, own in rows.groupby(self._fund(report, file), sort=False):
            frame = self._shares(own, date)
            frame.insert(0, "fund", fund)
            frame.insert(1, "date", date)
            frame["known_at"] = known
            if self.asked.index is not None:
                frame["index"] = lake_name(self.asked.index)
            self.frames.append(frame)

    def result(self) -> Converted:
        """Return all rows.

        Raises
        ------
        InvalidDataError
            If there are none, or a fund has two files of one day.
        """
        frame = pd.concat(self.frames, ignore_index=True)
        if frame.empty:
            problem = f"no row of the {count(self.read, 'row')} read is a share."
            raise InvalidDataError(TABLE, f"{problem} Check which file it is.")
        key = ["fund", "date", "isin", "known_at"]
        if (twice := frame[frame.duplicated(key)]).shape[0]:
            fund, date = twice.iloc[0][["fund", "date"]]
            problem = f"two files of {fund} are of {date}, known at one instant: "
            raise InvalidDataError(TABLE, f"{problem}leave one out.")
        if self.from_names:
            days = listed(self.from_names)
            self.noted.append(f"days from the files' names: {days}")
        unknown = int(frame["isin"].str.startswith(PREFIX).sum())
        if unknown:
            had = (
                "no instruments know it"
                if self.asked.identities
                else "pass instruments"
            )
            self.noted.append(
                f"{unknown:,} of {len(frame):,} holdings have {PREFIX}XYZ for an "
                f"identifier: {had}"
            )
        return Converted(
            table=TABLE,
            frame=frame,
            n_read=self.read,
            dropped=dict(self.dropped),
            read_as=tuple(dict.fromkeys(self.read_as)),
            noted=tuple(dict.fromkeys(self.noted)),
        )

    def _date(self, report: FundReport, file: Path | None) -> dt.date:
        """Return the day of a report: as given, as the file says, or as its name does.

        Raises
        ------
        InvalidArgumentError
            If nothing tells it, or two differ.
        """
        name = report.grid.name
        date = report.date
        if self.asked.date is not None:
            given = parse_date(self.asked.date, what="date")
            if date is not None and parse_date(date, what=name) != given:
                msg = f"date={given} is not the day in {name}, {date}: omit it"
                raise InvalidArgumentError(msg)
            return given
        if date is None and file is not None and (day := day_in_text(file.name)):
            self.from_names.append(day)
            date = day
        if date is None:
            msg = f"{name} does not say of which day it is: pass date"
            raise InvalidArgumentError(msg)
        return parse_date(date, what=f"the day in {name}")

    def _known(
        self, report: FundReport, file: Path | None, date: dt.date
    ) -> dt.datetime:
        """Return since when a report was known: as given, or as its download is noted.

        Raises
        ------
        InvalidArgumentError
            If nothing tells it, or it lies before the report's day.
        InvalidDataError
            If the file is not what was downloaded.
        """
        name = report.grid.name
        value = self.asked.known_at
        if value is None and file is not None:
            if file.parent not in self.listed:
                self.listed[file.parent] = records(file.parent)
            record = self.listed[file.parent].get(file.name, {})
            value = record.get("at")
            digest = record.get("sha256")
            if digest and digest != hashlib.sha256(file.read_bytes()).hexdigest():
                problem = (
                    f"file {file} is not what {LIST} says was downloaded: pass "
                    f"known_at, or fetch it again."
                )
                raise InvalidDataError(TABLE, problem)
        if value is None:
            msg = (
                f"{name} does not say when it could be read: pass known_at, the "
                f"instant of its download, or keep {LIST} (file, at) beside it"
            )
            raise InvalidArgumentError(msg)
        known = parse_instant(value, what=f"known_at of {name}")
        if new_york_day(known) < date:
            msg = (
                f"known_at {known.isoformat()} precedes {date}, the day in {name}: "
                f"pass the instant of the download"
            )
            raise InvalidArgumentError(msg)
        return known

    def _fund(self, report: FundReport, file: Path | None) -> pd.Series:
        """Return the fund of each row.

        Raises
        ------
        InvalidArgumentError
            If nothing tells it, or one fund would have two names.
        """
        own = report.rows["fund"]
        if self.asked.fund is not None:
            if len(set(own)) > 1:
                msg = f"{report.grid.name} holds {len(set(own))} funds: omit fund"
                raise InvalidArgumentError(msg)
            return pd.Series(self.asked.fund, own.index)
        if own.ne("").all():
            return own
        fund = report.fund
        if fund is None and file is not None and (match := _OF_NAME.match(file.name)):
            fund = match[1]
            self.noted.append(f"the fund {fund} is from the file's name")
        fund = fund or (report.title if file is not None else None)
        if not fund:
            msg = f"{report.grid.name} does not say which fund it is of: pass fund"
            raise InvalidArgumentError(msg)
        if report.title and self.named.setdefault(report.title, fund) != fund:
            msg = (
                f"{report.grid.name} is of {report.title!r}, called {fund} here and "
                f"{self.named[report.title]} in another file: pass fund"
            )
            raise InvalidArgumentError(msg)
        return pd.Series(fund, own.index)

    def _shares(self, rows: pd.DataFrame, date: dt.date) -> pd.DataFrame:
        """Return the rows that are shares, one for each security."""
        kinds = rows["kind"].str.casefold()
        is_share = kinds.isin(_SHARES) | ~rows["kind"].str.contains(_NO_SHARES)
        is_listed = ~rows["sedol"].isin({"", "-", "--", "---"}) | kinds.ne("")
        is_future = is_share & ~is_listed & rows["name"].str.contains(_FUTURE)
        for kind, number in rows.loc[~is_share, "kind"].value_counts().items():
            self.dropped[f"rows of class {kind}"] += int(number)
        self.dropped[FUTURES] += int(is_future.sum())
        rows = rows[is_share & ~is_future]
        who = [
            identified(
                ticker=ticker,
                isin=isin,
                cusip=cusip,
                country=country,
                day=date,
                identities=self.asked.identities,
            )
            for ticker, isin, cusip, country in rows[_IDENTIFIERS].to_numpy().tolist()
        ]
        named = pd.DataFrame(who, rows.index, ["isin", "symbol"], dtype=object)
        return self._one_each(rows.assign(isin=named["isin"], symbol=named["symbol"]))

    def _one_each(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return one row per security: lots added, the larger of two."""
        is_named = rows["isin"].notna()
        self.dropped[NAMELESS] += int((~is_named).sum())
        rows = rows[is_named]
        lots = rows.groupby(["isin", "name"], sort=False)
        sums = lots[list(QUANTITIES)].sum(min_count=1)
        sums.insert(0, "symbol", lots["symbol"].first())
        self.dropped[SAME] += len(rows) - len(sums)
        one = sums.reset_index()
        size = one["value_usd"].fillna(one["weight_pct"]).fillna(one["balance"])
        largest = size.fillna(0).groupby(one["isin"], sort=False).idxmax()
        self.dropped[SMALLER] += len(one) - len(largest)
        one = one.loc[largest.sort_values()].reset_index(drop=True)
        one["symbol"] = [
            self.asked.symbols.get(isin, self.asked.symbols.get(symbol, symbol))
            for isin, symbol in zip(one["isin"], one["symbol"], strict=True)
        ]
        return one[["isin", "symbol", "name", *QUANTITIES]]
