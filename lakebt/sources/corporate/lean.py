"""LEAN's factor and map files: splits and dividends from factors, renames from tickers.

A **factor file** has a line per day after whose close something happened:
``yyyymmdd,price_factor,split_factor,reference_price``, ascending, up to a last line
whose factors are 1. The reference price is the raw close of that day. With the line
after it, a line tells a split of ``split_factor after / split_factor`` and a dividend
of ``reference_price x (1 - price_factor / price_factor after)`` [1]_, both effective at
the next session.

A **map file** has a line per ticker, with the last day it was used:
``yyyymmdd,ticker[,exchange]``; the first line is the first day of the first ticker.

What is lost in such files, and told:

- Factors have seven decimals: 0.1428572 is 1/7. Ratios become the fraction of small
  numbers that they stand for (`lakebt.sources.corporate.share_ratios.meant`); one that
  stands for none is left out.
- Spin-offs are dividends in them, of the value of the child.
- How a listing ended is not in them, only when.

References
----------
.. [1] QuantConnect, LEAN, ``Common/Data/Auxiliary/CorporateFactorRow.cs``.
"""

from __future__ import annotations

import datetime as dt
import itertools
import operator
from collections import Counter
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Literal

from lakebt.errors import InvalidArgumentError
from lakebt.inputs.places import local_path
from lakebt.sessions import Sessions
from lakebt.sources.corporate.action_rows import TABLE, ActionRow, converted, named
from lakebt.sources.corporate.downloads import Downloads, check_name
from lakebt.sources.corporate.lean_files import (
    FACTORS,
    MAPS,
    Factors,
    files_in,
    read_factors,
    read_tickers,
)
from lakebt.sources.corporate.share_ratios import meant
from lakebt.sources.source import Source

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lakebt.sources.converted import Converted


WHERE = "https://raw.githubusercontent.com/QuantConnect/Lean/{ref}/Data/equity/usa"
"""Where LEAN keeps the files of its examples; see the terms in the readme there."""

LARGE = 0.04
"""From which part of the close on a dividend is named, as perhaps a spin-off."""

NO_REFERENCE = "dividends without a reference price, which give no amount"
NO_FRACTION = "splits whose ratio is no fraction of small numbers"
TOO_SMALL = "dividends that are less than half the last decimal kept"
RISING = "price factors that exceed the next one, which no dividend does"
LEFT_OUT = "lines of infinite, rounded or zero factors, which LEAN leaves out, too"
NO_TERMS = "endings without terms, because a map file has none"
OUTSIDE = "actions outside the calendar of sessions"
SAME_NAME = "changes of ticker, because every row has the name of its file"

_FOREVER = dt.date(2050, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanActions(Source):
    """LEAN's factor and map files as a source of corporate actions.

    Attributes
    ----------
    names
        What the symbols are: ``"day"``, the ticker of the day, from the map files, with
        a month behind it where it is used again later, ``QQQ-200411``; or ``"file"``,
        the name of the file throughout, as where a vendor's prices have all history
        under one ticker. There are no renames then.
    decimals
        To how many decimals of a dollar dividends are rounded: cents, as LEAN pays
        them. 4 keeps those of fractions of a cent, as far as the factors have them.
    exchange
        Whose sessions count.
    """

    names: Literal["day", "file"] = "day"
    decimals: int = 2
    exchange: str = "XNYS"

    name = "lean"
    table = TABLE
    about = "LEAN's factor and map files: a folder, or one file"
    reads = (".csv",)
    is_whole = True

    def fetch(
        self,
        folder: str | os.PathLike[str],
        *,
        symbols: Iterable[str],
        ref: str = "master",
        base_url: str | None = None,
        contact: str | None = None,
        downloads: Downloads | None = None,
    ) -> None:
        """Download LEAN's example files, and keep them as they came.

        Parameters
        ----------
        folder
            Where to: ``factor_files`` and ``map_files`` in it, each with a
            ``downloads.csv`` that says when each file came.
        symbols
            As LEAN names its files: ``aapl``, ``twx.1``.
        ref
            The branch, tag or commit of LEAN's repository.
        base_url
            The address of a mirror with the same paths, to use instead.
        contact
            Your e-mail address or web page, which is sent to the server.
        downloads
            How to ask; for tests.

        Raises
        ------
        InvalidArgumentError
            If a symbol or `ref` cannot be part of an address.
        LakeError
            If nothing comes.
        """
        asking = (downloads or Downloads()).made_with(
            base_url=base_url, contact=contact
        )
        check_name(ref, what="ref")
        place = local_path(folder, what="folder", cure="name a folder of this machine")
        for symbol in symbols:
            check_name(symbol, what="symbol")
            for kind in (FACTORS, MAPS):
                name = f"{symbol.lower()}.csv"
                asking.keep(
                    f"{WHERE.format(ref=ref)}/{kind}/{name}", place / kind, name=name
                )

    def convert(self, source: str | os.PathLike[str]) -> Converted:
        """Return factor and map files as rows of ``corporate_actions``.

        Parameters
        ----------
        source
            A folder with ``factor_files`` and ``map_files`` in it, as LEAN has it; a
            folder of one kind; or one file. The other kind is looked for beside it.

        Returns
        -------
        Converted
            Splits, cash dividends and renames; `known_at` is left to the lake. A
            dividend or split belongs to the ticker of the close before it.

        Raises
        ------
        InvalidDataError
            If a file is cut off or of another kind, or nothing is in it.
        InvalidArgumentError
            If `names` or `decimals` is none of those there are.
        """
        if self.names not in {"day", "file"}:
            msg = f"names must be 'day' or 'file', was {self.names!r}"
            raise InvalidArgumentError(msg)
        if not 0 <= self.decimals <= 6:
            msg = f"decimals must be from 0 to 6, was {self.decimals!r}"
            raise InvalidArgumentError(msg)
        path = local_path(source, what="file", cure="fetch it, and name the copy")
        factors, maps = files_in(path)
        work = _Conversion(self.names, self.decimals, Sessions.of(self.exchange))
        tickers = {name: read_tickers(each) for name, each in maps.items()}
        n_lines = {name: len(used) for name, used in tickers.items()}
        if self.names == "day":
            tickers = work.told_apart(tickers)
        rows: list[ActionRow] = []
        n_read = 0
        for name, each in factors.items():
            lines, n_left_out = read_factors(each)
            work.dropped[LEFT_OUT] += n_left_out
            n_read += len(lines) + n_left_out
            rows += work.of_factors(name, lines, tickers.get(name, []), each.name)
        # The maps of other instruments are read only where no factor file is asked for.
        for name in maps if not factors else maps.keys() & factors.keys():
            n_read += n_lines[name]
            rows += work.of_map(name, tickers[name], maps[name].name)
        return converted(rows, n_read=n_read, dropped=work.dropped, noted=work.notes())


@dataclass(frozen=True, slots=True)
class _Conversion:
    """One conversion: how, and what it counts and names."""

    names: str
    decimals: int
    sessions: Sessions
    dropped: Counter[str] = field(default_factory=Counter)
    snapped: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    rounded: list[str] = field(default_factory=list)
    large: list[str] = field(default_factory=list)
    unmapped: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)

    def of_factors(
        self,
        name: str,
        lines: Sequence[Factors],
        tickers: Sequence[tuple[dt.date, str]],
        file: str,
    ) -> Iterator[ActionRow]:
        """Yield the splits and dividends between the lines of a factor file."""
        used = tickers if self.names == "day" else ()
        if self.names == "day" and not tickers:
            self.unmapped.append(name)
        for line, after in itertools.pairwise(lines):
            n_actions = (line.price != after.price) + (line.split != after.split)
            ex_date = self.session_after(line.day)
            if not n_actions or ex_date is None:
                self.dropped[OUTSIDE] += n_actions
                continue
            symbol = next((each for last, each in used if last >= line.day), name)
            case = f"{symbol} {ex_date}"
            amounts = {
                "cash_dividend": (self.cash(line, after, case), None),
                "split": (None, self.ratio(line, after, case)),
            }
            for kind, (cash, ratio) in amounts.items():
                if (cash, ratio) != (None, None):
                    yield ActionRow(
                        symbol=symbol,
                        kind=kind,
                        ex_date=ex_date,
                        cash=cash,
                        ratio=ratio,
                        source=f"LEAN {file}",
                    )

    def cash(self, line: Factors, after: Factors, case: str) -> float | None:
        """Return the dividend between two lines, None if there is none to be had."""
        if line.price == after.price:
            return None
        part = 1 - line.price / after.price
        whole = line.reference * part
        cash = whole.quantize(Decimal(1).scaleb(-self.decimals), rounding=ROUND_HALF_UP)
        if part < 0 or not cash:
            reason = TOO_SMALL if line.reference else NO_REFERENCE
            self.dropped[RISING if part < 0 else reason] += 1
            return None
        # Each factor is off by up to half of its seventh decimal.
        unsure = line.reference * Decimal("1e-7") / after.price + Decimal("1e-5")
        if abs(cash - whole) > unsure:
            self.rounded.append(f"{case} {whole:.4f}")
        if part > LARGE:
            self.large.append(f"{case} {cash}")
        return float(cash)

    def ratio(self, line: Factors, after: Factors, case: str) -> float | None:
        """Return the ratio of the split between two lines, None without one."""
        if line.split == after.split:
            return None
        stored = float(after.split / line.split)
        fraction = meant(stored)
        if fraction is None:
            self.dropped[NO_FRACTION] += 1
            self.refused.append(f"{case} {stored:.6g}")
            return None
        if float(fraction) != stored:
            self.snapped.append(f"{case} {stored:.8g} is {fraction}")
        return float(fraction)

    def of_map(
        self, name: str, used: Sequence[tuple[dt.date, str]], file: str
    ) -> Iterator[ActionRow]:
        """Yield the renames between the lines of a map file."""
        for (last, old), (_, new) in itertools.pairwise(used):
            ex_date = self.session_after(last)
            if old == new:
                continue
            if self.names == "file" or ex_date is None:
                self.dropped[SAME_NAME if self.names == "file" else OUTSIDE] += 1
                continue
            yield ActionRow(
                symbol=old,
                kind="rename",
                ex_date=ex_date,
                other=new,
                source=f"LEAN {file}",
            )
        last, ticker = used[-1]
        if last < _FOREVER:
            self.dropped[NO_TERMS] += 1
            self.ended.append(f"{ticker if self.names == 'day' else name} {last}")

    def told_apart(
        self, tickers: Mapping[str, Sequence[tuple[dt.date, str]]]
    ) -> dict[str, list[tuple[dt.date, str]]]:
        """Return the tickers of each instrument; one that is used again is renamed.

        The earlier use gets the month of its last day, ``QQQ-200411``: it joins no
        prices of what has the ticker now.
        """
        uses = {
            name: [
                (max(last for last, _ in lines), ticker)
                for ticker, lines in itertools.groupby(used, key=operator.itemgetter(1))
            ]
            for name, used in tickers.items()
        }
        final: dict[str, dt.date] = {}
        for last, ticker in itertools.chain.from_iterable(uses.values()):
            final[ticker] = max(last, final.get(ticker, last))
        apart = {}
        for name, ends in uses.items():
            named_so = []
            for last, ticker in ends:
                is_final = last == final[ticker]
                symbol = ticker if is_final else f"{ticker}-{last:%Y%m}"
                named_so.append((last, symbol))
                self.reused.extend([] if is_final else [symbol])
            apart[name] = [(tickers[name][0][0], named_so[0][1]), *named_so]
        return apart

    def session_after(self, day: dt.date) -> dt.date | None:
        """Return the session after a day, None if the calendar does not have it."""
        after = day + dt.timedelta(days=1)
        if not (self.sessions.covers(day) and self.sessions.covers(after)):
            return None
        return self.sessions.date(self.sessions.on_or_after(after))

    def notes(self) -> tuple[str, ...]:
        """Return what the rows that are kept have lost."""
        more = f"dividends of more than {self.decimals} decimals, rounded"
        return (
            *named("ratios that became fractions", self.snapped),
            *named("splits not believed", self.refused),
            *named(more, self.rounded),
            *named("dividends above 4 % of the close, perhaps spin-offs", self.large),
            *named("no map file, so the file's name is the symbol", self.unmapped),
            *named("tickers used again later, so called after the month", self.reused),
            *named("endings whose terms are to be published apart", self.ended),
        )
