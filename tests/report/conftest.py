"""A made-up study, from a seed: no real symbol, no real price."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
import pytest

from lakebt.analysis.path import PathLeg, event_path
from lakebt.prices.history import PriceHistory
from lakebt.report.contents import RunContents, StudyContents
from lakebt.report.html import write_run_report, write_study_report
from lakebt.sessions import Sessions
from tests.report import browser
from tests.report.panels import overlapping_events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium import webdriver

    from lakebt import View

ENTRIES = ("AD@close", "AD+1@open", "AD+1@close", "ED-1@close", "ED@close", "MD+1@open")
EXITS = ("+1", "1w", "2w", "4w", "ED-1@close", "ED+10@close")
BEST = ("AD+1@open", "ED-1@close")
N_EVENTS = 60


class MakeStudy(Protocol):
    def __call__(self, **changed: Any) -> StudyContents: ...


class MakeRun(Protocol):
    def __call__(self, **changed: Any) -> RunContents: ...


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why events of a cell did not run, and how many."""

    reason: str
    n: int
    first: int = 0
    fact: str = ""
    known_at: str | None = None
    needed_by: str | None = None


LATE = Cause(
    reason="look_ahead",
    n=N_EVENTS,
    fact="SIM07 deletion announced",
    known_at="2014-03-08T04:59:59.999999Z",
    needed_by="2014-03-07T20:50:00Z",
)
UNPRICED = Cause(reason="no_price", n=7, fact="SIM31 has no bar on 2015-06-08")


def causes(entry: str, exit_: str) -> list[Cause]:
    if entry == "AD@close":
        return [LATE]
    if exit_ == "ED-1@close" and entry.startswith(("ED", "MD")):
        return [Cause(reason="exit_before_entry", n=N_EVENTS)]
    if entry.startswith("MD"):
        return [
            Cause(reason="no_anchor", n=31, fact="no report shows SIM12"),
            replace(UNPRICED, n=4, first=31),
        ]
    return [UNPRICED, Cause(reason="one_sided", n=9, first=7, fact="no deletion")]


def event_day(number: int) -> dt.date:
    return dt.date(2014, 3, 7) + dt.timedelta(days=63 * (number - number % 3) // 3)


def event_id(number: int) -> str:
    return f"SIM100:{event_day(number)}:{number:02d}"


def refused_rows() -> pd.DataFrame:
    rows = [
        {
            "event_id": event_id(number),
            "entry": entry,
            "exit": exit_,
            "reason": cause.reason,
            "fact": cause.fact,
            "known_at": cause.known_at,
            "needed_by": cause.needed_by,
        }
        for entry in ENTRIES
        for exit_ in EXITS
        for cause in causes(entry, exit_)
        for number in range(cause.first, cause.first + cause.n)
    ]
    frame = pd.DataFrame(rows)
    for column in ("known_at", "needed_by"):
        frame[column] = pd.to_datetime(frame[column], utc=True, format="ISO8601")
    return frame


def empty_rows(refused: pd.DataFrame) -> pd.DataFrame:
    """Count refused rows by rule and reason, with the first of each as its example."""
    keys = ["entry", "exit", "reason"]
    counted = refused.assign(
        n_events=refused.groupby(keys)["event_id"].transform("size")
    )
    return counted.drop_duplicates(keys).drop(columns="event_id")


def left_out_rows(
    refused: pd.DataFrame, best: tuple[str, str] | None
) -> dict[str, Any]:
    """Return what a report of `best` needs of the refused rows."""
    if best is not None:
        entry, exit_ = best
        refused = refused[(refused["entry"] == entry) & (refused["exit"] == exit_)]
    rows = refused.drop_duplicates(["event_id", "reason"])
    counts = rows["reason"].value_counts(sort=False)
    return {
        "refused": rows,
        "n_refused": {str(reason): int(n) for reason, n in counts.items()},
    }


def year_rows(rng: np.random.Generator) -> pd.DataFrame:
    years = np.arange(2014, 2018)
    return pd.DataFrame(
        {
            "year": years,
            "n_events": [12, 12, 11, 9],
            "n_dates": [4, 4, 4, 3],
            "mean_bps": [61.2, 90.4, 83.1, -4.2],
            "se_bps": [20.0, 31.5, 27.7, float("nan")],
            "sharpe": 1.0 + 0.3 * rng.normal(size=len(years)),
            "sharpe_se": 0.8,
        }
    )


def table_rows(rng: np.random.Generator) -> pd.DataFrame:
    level = {"AD+1@open": 0.9, "AD+1@close": 0.6, "ED-1@close": -0.5, "ED@close": -0.8}
    rows = []
    for entry in ENTRIES:
        for exit_ in EXITS:
            why = causes(entry, exit_)
            left_out = sum(cause.n for cause in why)
            late = sum(cause.n for cause in why if cause.reason == "look_ahead")
            n = N_EVENTS - left_out
            gross = 60.0 * level.get(entry, 0.1) + rng.normal(0, 15)
            costs = (4.0, 8.0, 2.2)
            sharpe = level.get(entry, 0.1) + rng.normal(0, 0.25)
            if (entry, exit_) == BEST:
                sharpe, gross = 1.36, 88.0
            empty = n == 0
            rows.append(
                {
                    "entry": entry,
                    "exit": exit_,
                    "sharpe": np.nan if empty else sharpe,
                    "sharpe_se": np.nan if empty else 0.45 + 0.1 * rng.random(),
                    "n_returns": 0 if empty else 11 * n,
                    "n_events": n,
                    "n_dates": -(-n // 3),
                    "n_refused": late,
                    "n_untradeable": left_out - late,
                    "gross_bps": np.nan if empty else gross,
                    "commission_bps": np.nan if empty else costs[0],
                    "spread_bps": np.nan if empty else costs[1],
                    "borrow_bps": np.nan if empty else costs[2],
                    "net_bps": np.nan if empty else gross - sum(costs),
                }
            )
    return pd.DataFrame(rows)


def simulated_path(rng: np.random.Generator) -> pd.DataFrame:
    """A jump over the night of AD, a drift to ED, and half of it back."""
    sessions = Sessions.of("XNYS")
    legs, rows = [], []
    symbols = [f"SIM{number:02d}" for number in range(2 * N_EVENTS)]
    days = {event_day(number) for number in range(N_EVENTS)}
    first = sessions.on_or_before(min(days)) - 12
    last = sessions.on_or_before(max(days)) + 50
    market = 100.0 * np.exp(np.cumsum(rng.normal(3e-4, 0.009, last - first + 1)))
    for code, symbol in enumerate(symbols):
        number, side = divmod(code, 2)
        announced = sessions.on_or_before(event_day(number))
        effective = announced + int(rng.integers(5, 12))
        legs.append(
            PathLeg(
                event_id=event_id(number),
                symbol=symbol,
                side="deletion" if side else "addition",
                announced=announced,
                effective=effective,
                date=event_day(number),
                recorded=effective + int(rng.integers(8, 18)),
            )
        )
        sign = -0.7 if side else 1.0
        level = 40.0
        for session in range(announced - 12, effective + 24):
            night = 0.035 * sign * (session == announced + 1)
            drift = 0.0022 * sign if announced < session < effective else 0.0
            drift -= 0.0016 * sign * (effective <= session < effective + 12)
            step = market[session - first] / market[session - first - 1] - 1
            opened = level * (1 + night + rng.normal(0, 0.004))
            level = opened * (1 + step + drift + rng.normal(0, 0.014))
            rows.append((code, session, opened, level))
    rows += [
        (len(symbols), first + i, float(price), float(price))
        for i, price in enumerate(market)
    ]
    columns = list(zip(*rows, strict=True))
    history = PriceHistory(
        symbols=(*symbols, "SIMX"),
        sessions=sessions,
        symbol=np.array(columns[0], dtype=np.int64),
        session=np.array(columns[1], dtype=np.int64),
        known_at=np.zeros(len(rows), dtype=np.int64),
        open=np.array(columns[2]),
        close=np.array(columns[3]),
        retracted=np.zeros(len(rows), dtype=bool),
    )
    return event_path(legs, history, market="SIMX")


def equity_of(rng: np.random.Generator, n: int, *, start: str) -> pd.Series[float]:
    days = Sessions.of("XNYS").days
    first = int(days.searchsorted(np.datetime64(start)))
    returns = rng.normal(6e-4, 0.007, n - 1)
    values = np.concatenate([[1.0], np.cumprod(1 + returns)])
    return pd.Series(values, index=pd.DatetimeIndex(days[first : first + n]))


@pytest.fixture(scope="session")
def driver(
    chromium: str, chromedriver: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[webdriver.Chrome]:
    driver = browser.start(chromium, chromedriver, tmp_path_factory.mktemp("profile"))
    driver.get("about:blank")
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def page(driver: webdriver.Chrome) -> browser.Page:
    return browser.Page(driver)


@pytest.fixture(scope="session")
def overlapping(tmp_path_factory: pytest.TempPathFactory) -> View:
    """A release of overlapping events, with missing bars and corrections."""
    return overlapping_events(tmp_path_factory.mktemp("overlapping") / "lake")


@pytest.fixture(scope="session")
def sample_study() -> StudyContents:
    rng = np.random.default_rng(20)
    return StudyContents(
        index="SIM100",
        entries=ENTRIES,
        exits=EXITS,
        table=table_rows(rng),
        empty=empty_rows(refused_rows()),
        **left_out_rows(refused_rows(), BEST),
        best=BEST,
        equity=equity_of(rng, 880, start="2014-03-10"),
        years=year_rows(np.random.default_rng(22)),
        path=simulated_path(rng),
        left_out=(
            "44 of 60 events run; 9 one-sided, 7 without prices; "
            "hedge='SIMX' would run 53"
        ),
        first=event_day(0),
        last=event_day(N_EVENTS - 1),
        n_events=N_EVENTS,
        aggregate="pooled",
        definition=(
            "Sharpe: mean / standard deviation (ddof 1) of daily net returns while "
            "invested, x sqrt(252), no risk-free rate taken off; standard error by "
            "leaving out one announcement date at a time."
        ),
        banners=(),
        provenance={
            "Release": "SIM_2017",
            "As of": "2017-12-29T21:00:00+00:00",
            "Snapshot of index_changes": "5218369104725500012",
            "Snapshot of prices": "3308914857120033871",
            "Digest of prices": "sha256:" + "9f3c0a77" * 8,
            "Rules": "side both, gross 1, hedge none, missing exclude, min_lead 10min",
            "Costs": "commission 1 bp, half spread 2 bp, borrow 50 bp per year",
            "Prices": "raw",
            "Versions": "lakebt 0.1.0, vectorbt 1.2.0, numpy 2.4, pandas 3.1",
        },
        command=(
            "lakebt study --release SIM_2017 --index SIM100 "
            "--entries AD+1@open,ED-1@close --exits +1,1w,2w,4w,ED-1@close "
            "--commission-bps 1 --half-spread-bps 2 --borrow-bps-per-year 50"
        ),
        market="SIMX",
    )


@pytest.fixture(scope="session")
def make_study(sample_study: StudyContents) -> MakeStudy:
    """The sample, with some of its values changed; `refused` are those of all rules."""

    def make(**changed: Any) -> StudyContents:
        if {"refused", "best"} & set(changed):
            rows = changed.pop("refused", refused_rows())
            best = changed.get("best", BEST)
            changed = {
                "empty": empty_rows(rows),
                **left_out_rows(rows, best),
                **changed,
            }
        return replace(sample_study, **changed)

    return make


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    rng = np.random.default_rng(21)
    equity = equity_of(rng, 600, start="2015-01-02")
    decisions = equity.index[::21]
    weights = pd.DataFrame(
        rng.normal(0, 0.05, (len(decisions), 30)).round(2),
        index=decisions,
        columns=[f"SIM{number:02d}" for number in range(30)],
    )
    sample = RunContents(
        title="Momentum",
        sharpe=0.61,
        sharpe_se=0.64,
        n_returns=599,
        equity=equity,
        weights=weights,
        costs={"commission_bps": 12.5, "spread_bps": 25.0, "borrow_bps": 61.3},
        definition="Sharpe: mean / standard deviation (ddof 1) of daily net returns.",
        banners=("Not audited: the strategy was not rerun with the future removed.",),
        provenance={"Release": "SIM_2017", "As of": "2017-12-29T21:00:00+00:00"},
        command="lakebt backtest momentum.py:Momentum --release SIM_2017",
    )

    def make(**changed: Any) -> RunContents:
        return replace(sample, **changed)

    return make


@pytest.fixture(scope="session")
def study_report(
    make_study: MakeStudy, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The page of the sample, which tests turn to."""
    study = make_study(banners=("Facts supplied by the caller.",))
    return write_study_report(study, tmp_path_factory.mktemp("study") / "study.html")


@pytest.fixture(scope="session")
def run_report(make_run: MakeRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a backtest, which tests turn to."""
    return write_run_report(make_run(), tmp_path_factory.mktemp("run") / "run.html")
