"""Tables of corporate actions in common layouts.

The layout is recognised by its columns, after those in `SYNONYMS` have become lakebt's:

======================  ==============================================================
columns beside ex_date  what a row is
======================  ==============================================================
kind                    what `KINDS_BY_NAME` says; a ``value`` is its cash, or ratio
parent, child, ratio    a spin-off
old, new                a rename
acquirer                a merger, for cash, shares of the acquirer, or both
amount, dividend        a cash dividend
ratio                   a split
last_session            a delisting: gone from the session after it
======================  ==============================================================

Ratios are new shares per old one, and may be fractions: ``1/3``, ``3:2``, ``1-for-10``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from lakebt.errors import InvalidDataError, listed
from lakebt.instants import parse_date
from lakebt.sessions import Sessions
from lakebt.sources.converted import Converted
from lakebt.sources.corporate.action_rows import TABLE, named
from lakebt.sources.corporate.cell_values import READ, given, numbers_of
from lakebt.sources.corporate.downloads import Downloads
from lakebt.sources.corporate.share_ratios import meant
from lakebt.sources.files import read_file

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping


SYNONYMS: Mapping[str, str] = {
    "ticker": "symbol",
    "exDate": "ex_date",
    "ex-date": "ex_date",
    "date": "ex_date",
    "type": "kind",
    "action": "kind",
    "amount_usd": "cash",
    "amount": "cash",
    "dividend": "cash",
    "cash_amount": "cash",
    "cash_usd": "cash",
    "split_ratio": "ratio",
    "record": "record_date",
    "payment_date": "pay_date",
    "distribution_date": "pay_date",
    "declaration_date": "announced",
    "declared": "announced",
    "known_on": "announced",
    "parent": "symbol",
    "old": "symbol",
    "acquirer": "other",
    "child": "other",
    "new": "other",
    "next_trade_price": "cash",
    "action_label": "label",
}
"""lakebt's column, by what others call it."""

KINDS_BY_NAME: Mapping[str, str] = {
    **{
        kind: kind
        for kind in (
            *("split", "cash_dividend", "spin_off", "rename", "merger", "delisting"),
        )
    },
    "stock_split": "split",
    "reverse_split": "split",
    "stock_dividend": "split",
    "dividend": "cash_dividend",
    "cash": "cash_dividend",
    "spinoff": "spin_off",
    "spin-off": "spin_off",
    "symbol_change": "rename",
    "ticker_change": "rename",
    "cash_merger": "merger",
    "stock_merger": "merger",
    "cash_and_stock_merger": "merger",
    "acquisition": "merger",
    "delisted": "delisting",
}
"""lakebt's word for a kind, by the table's."""

COLUMNS = (
    *("action_id", "symbol", "kind", "ex_date", "known_at", "announced", "cash"),
    *("ratio", "other", "currency", "record_date", "pay_date", "label", "source"),
    "retracted",
)
"""Those of the lake's table, in the order of the frame."""

NO_SYMBOL = "rows without a symbol"
NO_DAY = "rows without an ex_date"
NO_TERMS = "rows without the cash or ratio that their kind needs"

_NEXT_TO = 1e-5
"""How far a ratio may lie from a fraction to seem one that was rounded, relatively."""

_MARKS = (
    ("child", "spin_off"),
    ("new", "rename"),
    ("acquirer", "merger"),
    ("last_session", "delisting"),
)
"""Columns that tell what the rows of a table are, before it is asked for amounts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionTables:
    """A CSV, Excel or Parquet file of corporate actions in a common layout.

    Attributes
    ----------
    exchange
        Whose sessions count: a row with a ``last_session`` alone ends the one after.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     {
    ...         "ticker": ["AAPL", "GE"],
    ...         "ex_date": ["2014-06-09", "2021-08-02"],
    ...         "ratio": ["7", "1:8"],
    ...     }
    ... )
    >>> found = ActionTables().convert(table)
    >>> found.frame[["symbol", "kind", "ratio"]].to_numpy().tolist()
    [['AAPL', 'split', 7.0], ['GE', 'split', 0.125]]
    """

    exchange: str = "XNYS"

    def fetch(
        self,
        folder: str | os.PathLike[str],
        *,
        url: str,
        name: str = "actions.csv",
        contact: str | None = None,
        downloads: Downloads | None = None,
    ) -> None:
        """Download a table, and keep it as it came.

        Parameters
        ----------
        folder
            Where to; it is made. `downloads.csv` in it says when each file came.
        url
            Where from: https.
        name
            What to call the file.
        contact
            Your e-mail address or web page, which is sent to the server.
        downloads
            How to ask; for tests.

        Raises
        ------
        LakeError
            If nothing comes.
        """
        asking = (downloads or Downloads()).made_with(contact=contact)
        asking.keep(url, folder, name=name)

    def convert(self, source: str | os.PathLike[str] | pd.DataFrame) -> Converted:
        """Return a table as rows of ``corporate_actions``.

        Parameters
        ----------
        source
            A file, as `lakebt.sources.files.read_file` takes it, or its rows. Columns
            without a place are left out, and listed.

        Returns
        -------
        Converted
            A row per row, in the file's order. Numbers that are none stay as they are
            written: the lake names them.

        Raises
        ------
        InvalidDataError
            If the columns are those of no layout, two mean the same, or a kind is none
            of `KINDS_BY_NAME`.
        """
        if isinstance(source, pd.DataFrame):
            return _of_frame(source, self.exchange)
        table = read_file(source, table=TABLE, numbers=())
        return _of_frame(table.frame, self.exchange, read_as=table.read_as)


def _of_frame(
    frame: pd.DataFrame, exchange: str, *, read_as: tuple[str, ...] = ()
) -> Converted:
    """Return the rows of a table of some layout.

    Raises
    ------
    InvalidDataError
        If no row has a symbol and a day.
    """
    plain = {name: str(name).strip() for name in frame.columns}
    ours = {name: SYNONYMS.get(text, text) for name, text in plain.items()}
    kept = {name: column for name, column in ours.items() if column in COLUMNS}
    _check_names(kept)
    out = frame[list(kept)].rename(columns=kept)
    _fill_kind(out, frame, set(plain.values()))
    noted = []
    if "kind" in kept.values() and "value" in plain.values():
        _fill_value(out, frame["value"])
        kept["value"] = "value"
    if "ex_date" not in out.columns and "last_session" in frame.columns:
        out["ex_date"] = _sessions_after(frame["last_session"], exchange)
        kept["last_session"] = "ex_date"
        noted.append("ex_date is the session after last_session")
    _check_needed(out, frame)
    for name, read in READ.items():
        if name in out.columns:
            out[name] = numbers_of(out[name].map(read))
    if "ratio" in out.columns:
        out["ratio"] = out["ratio"].where(out["kind"] != "rename", None)
        noted += named("ratios that seem rounded, and stay so", _rounded(out))
    has_symbol, has_day = out["symbol"].notna(), out["ex_date"].map(given)
    has_terms = _has_terms(out)
    usable = out[has_symbol & has_day & has_terms]
    if usable.empty:
        problem = "no row has a symbol, an ex_date and terms: check the columns."
        raise InvalidDataError(TABLE, problem)
    names = [name for name in COLUMNS if name in usable.columns]
    dropped = {
        NO_SYMBOL: int((~has_symbol).sum()),
        NO_DAY: int((has_symbol & ~has_day).sum()),
        NO_TERMS: int((has_symbol & has_day & ~has_terms).sum()),
    }
    return Converted(
        table=TABLE,
        frame=usable[
            [name for name in names if usable[name].map(given).any()]
        ].reset_index(drop=True),
        n_read=len(frame),
        dropped={why: number for why, number in dropped.items() if number},
        left_out=tuple(str(name) for name in frame.columns if name not in kept),
        read_as=read_as,
        noted=tuple(noted),
    )


def _check_needed(out: pd.DataFrame, frame: pd.DataFrame) -> None:
    """Check that there is what every row needs.

    Raises
    ------
    InvalidDataError
        If there is not.
    """
    for needed in ("symbol", "ex_date"):
        if needed not in out.columns:
            problem = (
                f"a table of corporate actions needs column {needed!r}; there are "
                f"{listed(frame.columns, is_quoted=True)}. Rename the one that is "
                f"meant."
            )
            raise InvalidDataError(TABLE, problem)


def _has_terms(out: pd.DataFrame) -> pd.Series:
    """Whether each row has the amount that its kind cannot do without."""
    nothing = pd.Series(data=False, index=out.index)
    cash = out["cash"].map(given) if "cash" in out.columns else nothing
    ratio = out["ratio"].map(given) if "ratio" in out.columns else nothing
    kind = out["kind"]
    return (
        kind.isin(("rename", "delisting"))
        | (kind.eq("cash_dividend") & cash)
        | (kind.isin(("split", "spin_off")) & ratio)
        | (kind.eq("merger") & (cash | ratio))
    )


def _rounded(out: pd.DataFrame) -> list[str]:
    """Return the ratios of splits and spin-offs that a fraction lies next to."""
    cases = []
    of_shares = out[out["kind"].isin(("split", "spin_off"))]
    for row in of_shares.to_dict("records"):
        ratio = row["ratio"]
        fraction = meant(ratio) if isinstance(ratio, float) else None
        if fraction and 0 < abs(float(fraction) / ratio - 1) < _NEXT_TO:
            cases.append(
                f"{row['symbol']} {row['ex_date']} {ratio:.10g} for {fraction}"
            )
    return cases


def _check_names(kept: Mapping[str, str]) -> None:
    """Check that no two columns of a table mean the same.

    Raises
    ------
    InvalidDataError
        If two do.
    """
    first: dict[str, str] = {}
    for theirs, ours in kept.items():
        if ours in first:
            problem = (
                f"columns {first[ours]!r} and {theirs!r} both mean {ours!r}: leave one "
                f"of them out."
            )
            raise InvalidDataError(TABLE, problem)
        first[ours] = theirs


def _fill_kind(out: pd.DataFrame, frame: pd.DataFrame, names: set[str]) -> None:
    """Write what each row is, as the columns tell it.

    Raises
    ------
    InvalidDataError
        If they do not, or a word for it is unknown.
    """
    if "kind" in out.columns:
        words = out["kind"].map(READ["kind"])
        kinds = words.map(lambda word: KINDS_BY_NAME.get(str(word).casefold()))
        if kinds.isna().any():
            row = int(kinds.isna().to_numpy().argmax())
            problem = (
                f"row {row}: kind {words.iloc[row]!r} is none of "
                f"{', '.join(KINDS_BY_NAME)}."
            )
            raise InvalidDataError(TABLE, problem)
        out["kind"] = kinds
        return
    by_amount = (("cash", "cash_dividend"), ("ratio", "split"))
    marks = [kind for name, kind in _MARKS if name in names]
    marks += [kind for name, kind in by_amount if name in out.columns]
    if not marks or "other" in names:
        problem = (
            f"what the rows are is not told: add a column kind. There are "
            f"{listed(frame.columns, is_quoted=True)}."
        )
        raise InvalidDataError(TABLE, problem)
    out["kind"] = marks[0]


def _fill_value(out: pd.DataFrame, values: pd.Series) -> None:
    """Write the one number of a long table where its kind has it."""
    for name, kinds in (("cash", ("cash_dividend",)), ("ratio", ("split", "spin_off"))):
        amounts = values.where(out["kind"].isin(kinds)).astype(object)
        has = amounts.map(given)
        old = out[name] if name in out.columns else pd.Series(None, out.index, object)
        out[name] = amounts.where(has, old)


def _sessions_after(days: pd.Series, exchange: str) -> pd.Series:
    """Return the session after each day; empty where there is no day."""
    sessions = Sessions.of(exchange)

    def after(day: object) -> object:
        if not given(day):
            return None
        last = sessions.on_or_before(parse_date(day, what="last_session"))
        return sessions.date(last + 1)

    return days.map(after)
