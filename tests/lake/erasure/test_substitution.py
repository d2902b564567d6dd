"""Whatever is erased, the keys that lakebt wrote into trials and certificates stay."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import lakebt
from lakebt.analysis.pooling import Aggregate, Weighting
from lakebt.analysis.ratio_error import ErrorMethod
from lakebt.backtest.trades import MISSING
from lakebt.backtest.weights import TradedSide
from lakebt.events.guard import ON_LOOK_AHEAD
from lakebt.events.rules import Anchor
from lakebt.facts import ANNOUNCED_QUALITIES, CAUSES, Side
from lakebt.lake.erasure.certificate import (
    Elsewhere,
    ErasedFile,
    Erasure,
    certificate_of,
)
from lakebt.lake.erasure.certificate_edits import without_values
from lakebt.lake.erasure.kept_names import KeptName
from lakebt.lake.erasure.object_versions import KeptVersions
from lakebt.lake.erasure.proof import Proof, Trace
from lakebt.lake.erasure.substitution import ERASED, Own, Words
from lakebt.lake.tables.schemas import INDEX_CHANGES
from lakebt.lake.tables.trials import (
    JSON,
    NOT_INSTALLED,
    OPEN_KEYS,
    OWN_KEYS,
    OWN_TEXTS,
)
from lakebt.sources.simulated import simulated_market
from lakebt.strategy.backtest import ENGINES as ENGINES_OF_STRATEGIES
from lakebt.strategy.terms import PERIODS, Terms
from lakebt.study.arguments import ENTRIES, EXITS, Arguments
from lakebt.study.engines import ENGINES
from lakebt.values.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Hold:
    def __init__(self, weights: dict[str, float]) -> None:
        self.weights = weights

    def target_weights(self, view: lakebt.View) -> pd.Series:  # noqa: ARG002 - holds
        return pd.Series(self.weights)


OWN = Own(keys=OWN_KEYS, texts=OWN_TEXTS, open_below=OPEN_KEYS)
HELD = "MKT"
AS_OF = dt.datetime(2022, 11, 28, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The JSON of the trials of a study and of a backtest."""
    path: Path = tmp_path_factory.mktemp("tried") / "lake"
    market = simulated_market(seed=1, n_events=2)
    lake = lakebt.Lake.open(path)
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    view = lake.at("R1")
    grid: dict[str, Any] = {"entries": ["AD+1@open"], "exits": ["+1"]}
    where = {"cause": {"!=": "merger"}}
    lakebt.Study(view, index="SIM", where=where, **grid).run()
    changes = view.changes(index="SIM")
    lakebt.Study(view, changes=changes, aggregate="calendar", **grid).run()
    terms: dict[str, Any] = {"start": "2010-04-01", "end": "2010-04-09"}
    lakebt.Backtest(view, Hold({HELD: 1.0}), delisting_return=-0.3, **terms).run()
    trials = lake.trials()
    assert set(trials["kind"]) == {"cell", "result", "backtest"}
    return [
        said if isinstance(said, str) else json.dumps(said)
        for name in JSON
        if name != "snapshots"
        for said in trials[name]
    ]


def keys_of(value: Any) -> Iterator[str]:
    """The keys of some JSON, but for those of somebody's own."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            if key not in OPEN_KEYS:
                yield from keys_of(each)
    if isinstance(value, list):
        for each in value:
            yield from keys_of(each)


def test_every_key_of_lakebts_own_stays_in_trials(written: list[str]) -> None:
    keys = {key for text in written for key in keys_of(json.loads(text))} - {"!="}
    keys |= {*Arguments.names(), *Terms.names()} - {"costs"}
    keys |= {*lakebt.CostModel.TERMS, *INDEX_CHANGES.names}
    keys |= {field.name for field in dataclasses.fields(lakebt.IndexChange)}
    keys |= {f"n_{reason.value}" for reason in Reason}
    assert keys <= OWN_KEYS

    for ticker in sorted(keys):
        words = Words([ticker])
        for text in written:
            now = words.in_json(text, own=OWN)
            assert list(keys_of(json.loads(now))) == list(keys_of(json.loads(text)))


SOMEBODYS = {"change_id", "hedge", "index", "isin", "source", "strategy", "symbol"}
"""Keys below which texts are data, or a person's; and numbers of what is recorded."""

WORDS: dict[str, tuple[str, ...]] = {
    "aggregate": tuple(Aggregate),
    "announced_quality": ANNOUNCED_QUALITIES,
    "cause": CAUSES,
    "engine": tuple({*ENGINES, *ENGINES_OF_STRATEGIES}),
    "entry": (*ENTRIES, "AD@open", "2022-10-03@open", *map(str, Anchor)),
    "exit": (*EXITS, "ED@close", "+12@open", "2022-10-03"),
    "fill": ("open", "close"),
    "missing": MISSING,
    "on_look_ahead": ON_LOOK_AHEAD,
    "rebalance": tuple(PERIODS),
    "se_method": tuple(ErrorMethod),
    "side": (*Side, *TradedSide),
    "vectorbt": (NOT_INSTALLED, "1.2.0"),
    "weighting": tuple(Weighting),
}


def test_lakebts_own_words_are_those_there_are() -> None:
    for place, words in WORDS.items():
        assert [word for word in words if not OWN.has(place, word)] == []
    assert not OWN.has("side", "AAA")
    assert not OWN.has("entry", "AAA")


def texts_of(value: Any, below: str = "") -> Iterator[tuple[str, str]]:
    """The texts of some JSON, each with the key that it stands below."""
    if isinstance(value, str):
        yield below, value
    if isinstance(value, dict):
        for key, each in value.items():
            if key not in OPEN_KEYS:
                yield from texts_of(each, OWN.place(key, below))
    if isinstance(value, list):
        for each in value:
            yield from texts_of(each, below)


def test_lakebts_own_texts_stay_where_they_stand(written: list[str]) -> None:
    own = {
        (below, text)
        for told in written
        for below, text in texts_of(json.loads(told))
        if below not in SOMEBODYS and not re.fullmatch("[0-9a-f]{32}", text)
    }
    assert {"entry", "cause", "machine", "min_lead", "start"} <= {b for b, _ in own}
    assert [each for each in own if not OWN.has(*each)] == []

    tickers = {part for _, text in own for part in (text, *re.split(r"\W+", text))}
    for ticker in sorted(tickers - {""}):
        words = Words([ticker])
        for below, text in own:
            somebodys = {below: text, "hedge": ticker, "where": {"symbol": [ticker]}}
            now = json.loads(words.in_json(json.dumps(somebodys), own=OWN))
            erased = {"hedge": ERASED, "where": {"symbol": [ERASED]}}
            assert now == {below: text, **erased}, (ticker, below)


@pytest.mark.parametrize("ticker", ["side", HELD])
def test_keys_that_are_data_go_and_values_do(written: list[str], ticker: str) -> None:
    rule = next(text for text in written if '"parameters"' in text)
    said = json.loads(rule)
    said["parameters"] = {"weights": {ticker: 1.0}}
    said[HELD] = {"side": ticker}

    now = Words([ticker]).in_json(json.dumps(said), own=OWN)

    assert json.loads(now)["parameters"] == {"weights": {ERASED: 1.0}}
    kept = HELD if ticker == "side" else ERASED
    assert json.loads(now)[kept] == {"side": ERASED}


def test_every_key_of_a_certificate_stays() -> None:
    file = ErasedFile(
        path="prices/data/1.parquet", sha256="0" * 64, n_bytes=1, n_rows=1
    )
    erasure = Erasure(
        id="0" * 16,
        table="prices",
        columns=("symbol",),
        reason="the licence ended",
        by="Ann",
        at=AS_OF,
        n_rows=1,
        rows={"R1": 1},
        n_data_files=1,
        before=(file,),
        after=(file,),
        n_values=1,
        elsewhere=(
            Elsewhere(table="index_changes", column="symbol", n_rows=1, command=""),
        ),
        names=(KeptName(kind="release", name="R-AAA", cure=""),),
        proof=Proof(traces=(Trace("a", "raw bytes", 0),), unread=(("b", "cut"),)),
        versions=KeptVersions(is_known=True),
    )
    certificate = certificate_of(erasure, words=Words(["AAA"]), version="0.1.0")
    keys = set(keys_of(certificate)) - set(certificate["rows_by_release"])
    assert {"rows_by_release", "proof", "values", "path"} <= keys

    for ticker in sorted(keys):
        now = without_values(certificate, Words([ticker]))
        said = set(keys_of(now)) - set(now["rows_by_release"])
        assert said == keys
