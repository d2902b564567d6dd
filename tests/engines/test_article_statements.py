"""The article's statements, run by Spark, build the table that a view shows.

The article keeps one table up to date: it marks every row as expired and merges the new
report into it. lakebt keeps both reports and derives the status when it is asked. Both
must come to the same, row by row.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd
import pyarrow as pa
import pytest

from lakebt.lake import Lake
from lakebt.sources.sample import sample_releases
from lakebt.sources.simulated import simulated_market
from notebooks.article import queries
from tests.conftest import shared_file
from tests.engines.engine import Spark, iceberg, in_order
from tests.lake.frames import Q1_KNOWN, Q3_KNOWN, holdings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.slow, pytest.mark.lake]

CREATE = """
CREATE TABLE glue_catalog.quant.etf_holdings
USING iceberg OPTIONS ('format-version'='2')
LOCATION 's3://substitute_your_bucket/etf_holdings/'
AS SELECT * FROM 2022Q1
"""
TAG_Q1 = "ALTER TABLE glue_catalog.quant.etf_holdings CREATE TAG Q1_2022"
UPDATE = "UPDATE glue_catalog.quant.etf_holdings SET status = 'expired'"
MERGE = """
MERGE INTO glue_catalog.quant.etf_holdings t
USING (SELECT * FROM 2022Q3) s
ON t.isin = s.isin
WHEN MATCHED THEN
    UPDATE SET t.acceptanceTime = s.acceptanceTime,
               t.date = s.date,
               t.balance = s.balance,
               t.valUsd = s.valUsd,
               t.pctVal = s.pctVal,
               t.status = "unchanged"
WHEN NOT MATCHED THEN INSERT *
"""
TAG_Q3 = "ALTER TABLE glue_catalog.quant.etf_holdings CREATE TAG Q3_2022"
ENTERED = """
SELECT symbol, isin, acceptanceTime, date
FROM glue_catalog.quant.etf_holdings
AS OF 'Q3_2022' EXCEPT
SELECT symbol, isin, acceptanceTime, date
FROM glue_catalog.quant.etf_holdings
AS OF 'Q1_2022'
"""
LEFT = """
SELECT symbol, isin, acceptanceTime, date
FROM glue_catalog.quant.etf_holdings
AS OF 'Q1_2022' EXCEPT
SELECT symbol, isin, acceptanceTime, date
FROM glue_catalog.quant.etf_holdings
AS OF 'Q3_2022'
"""

WORDS = {
    "known_at": "acceptanceTime",
    "value_usd": "valUsd",
    "weight_pct": "pctVal",
    "date": "date",
    "symbol": "symbol",
    "isin": "isin",
    "balance": "balance",
}
"""The article's names of our columns."""

TYPES: dict[str, pa.DataType] = {
    "symbol": pa.string(),
    "isin": pa.string(),
    "date": pa.date32(),
    "acceptanceTime": pa.timestamp("us", tz="UTC"),
    "balance": pa.float64(),
    "valUsd": pa.float64(),
    "pctVal": pa.float64(),
    "status": pa.string(),
}

Reports: TypeAlias = tuple[pd.DataFrame, pd.DataFrame]


def as_loaded(report: pd.DataFrame) -> pa.Table:
    """A report as the article has it before it is merged: every row is new."""
    given = report.reindex(columns=list(WORDS)).rename(columns=WORDS)
    given["date"] = pd.to_datetime(given["date"]).dt.date
    given["acceptanceTime"] = pd.to_datetime(given["acceptanceTime"], utc=True)
    new = given.assign(status="new")
    return pa.Table.from_pandas(new, schema=pa.schema(TYPES), preserve_index=False)


class Article:
    """The article's table in Spark, in the catalog of a lake with the same reports."""

    def __init__(self, shared: SparkSession, folder: Path, reports: Reports) -> None:
        self.path = folder / "lake"
        self.lake = Lake.open(self.path)
        self.spark = Spark(shared, self.path)
        self.bucket = (folder / "bucket").as_uri()
        for quarter, report in zip(("Q1", "Q3"), reports, strict=True):
            self.lake.publish(
                {"etf_holdings": report},
                release=f"{quarter}_2022",
                as_of=pd.to_datetime(report["known_at"], utc=True).max(),
            )
            loaded = self.spark.session.createDataFrame(as_loaded(report))
            loaded.createOrReplaceTempView(f"2022{quarter}")
        self.spark.run("CREATE NAMESPACE lake.article")
        for statement in (CREATE, TAG_Q1, UPDATE, MERGE, TAG_Q3):
            self.run(statement)
        self.tagged = {tag: self._rows_at(tag) for tag in ("Q1_2022", "Q3_2022")}
        """The article's table at each tag."""

    def run(self, statement: str) -> list[dict[str, Any]]:
        """Run a statement of the article, with its catalog and bucket changed."""
        here = statement.replace("glue_catalog.quant", "lake.article")
        return self.spark.rows(here.replace("s3://substitute_your_bucket", self.bucket))

    def _rows_at(self, tag: str) -> list[dict[str, Any]]:
        return self.run(
            f"SELECT * FROM glue_catalog.quant.etf_holdings VERSION AS OF '{tag}'"
        )

    def viewed(self, release: str) -> list[dict[str, Any]]:
        """Return what a view shows of our holdings, in the article's words."""
        rows = self.lake.at(release).arrow("etf_holdings").select([*WORDS, "status"])
        named = rows.rename_columns([*WORDS.values(), "status"])
        return in_order(named.select(list(TYPES)))


def sample() -> Reports:
    """What the article prints: nothing that both reports hold."""
    first, second = (release.tables["etf_holdings"] for release in sample_releases())
    return first, second


def by_hand() -> Reports:
    """One leaves, one enters, one stays, and so does one that has no symbol."""
    first = {"US0000000001": "OLD", "US0000000002": "BOTH", "US0000000009": None}
    second = {"US0000000002": "BOTH", "US0000000003": "NEW", "US0000000009": None}
    return (
        holdings(first, "2022-03-31", Q1_KNOWN, balance=[1, 2, 3], value_usd=[4, 5, 6]),
        holdings(second, "2022-09-30", Q3_KNOWN, balance=2.5, value_usd=[7, 8, 9]),
    )


def simulated() -> Reports:
    """The first and the last report of a simulated fund."""
    reports = simulated_market(seed=3, n_events=6).etf_holdings
    first, second = (
        reports[reports["date"] == date]
        for date in (reports["date"].min(), reports["date"].max())
    )
    return first, second


def real() -> Reports:
    """A real fund at the article's two quarters; its rows have tickers, not ISINs."""
    weights = shared_file("realdata", "holdings", "VOO_sec_nport_quarterly_weights.csv")
    rows = pd.read_csv(weights, keep_default_na=False)
    reports = []
    for date, known_at in (("2022-03-31", Q1_KNOWN), ("2022-09-30", Q3_KNOWN)):
        held = rows[rows["date"] == date]
        named = {ticker: ticker for ticker in held["ticker"]}
        percent = 100 * held["weight"].to_numpy()
        reports.append(holdings(named, date, known_at, fund="VOO", weight_pct=percent))
    return reports[0], reports[1]


@pytest.fixture(scope="module")
def printed(
    shared_spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Article:
    """The table of what the article prints."""
    return Article(shared_spark, tmp_path_factory.mktemp("printed"), sample())


def check(article: Article, first: pd.DataFrame, second: pd.DataFrame) -> None:
    """Check that the merged table is what a view shows."""
    assert article.tagged["Q1_2022"] == article.viewed("Q1_2022")
    assert article.tagged["Q3_2022"] == article.viewed("Q3_2022")
    both = set(first["isin"]) & set(second["isin"])
    counts = Counter(row["status"] for row in article.tagged["Q3_2022"])
    assert counts == Counter(
        new=len(second) - len(both),
        unchanged=len(both),
        expired=len(first) - len(both),
    )
    table = iceberg(article.path, "article.etf_holdings")
    for tag in ("Q1_2022", "Q3_2022"):
        assert in_order(table.scan().use_ref(tag).to_arrow()) == article.tagged[tag]


def test_the_merged_table_of_what_is_printed_is_what_a_view_shows(
    printed: Article,
) -> None:
    check(printed, *sample())


@pytest.mark.parametrize("reports", [by_hand, simulated, real])
def test_the_merged_table_is_what_a_view_shows(
    shared_spark: SparkSession, tmp_path: Path, reports: Callable[[], Reports]
) -> None:
    first, second = reports()
    check(Article(shared_spark, tmp_path, (first, second)), first, second)


def test_the_merge_keeps_the_old_symbol_of_what_was_renamed(
    shared_spark: SparkSession, tmp_path: Path
) -> None:
    """The one difference: the article's statement does not set the symbol."""
    first, second = by_hand()
    second["symbol"] = second["symbol"].replace("BOTH", "RENAMED")
    article = Article(shared_spark, tmp_path, (first, second))

    theirs, ours = article.tagged["Q3_2022"], article.viewed("Q3_2022")

    assert {row["symbol"] for row in theirs} == {"OLD", "BOTH", "NEW", None}
    assert {row["symbol"] for row in ours} == {"OLD", "RENAMED", "NEW", None}
    for row in theirs:
        row["symbol"] = "RENAMED" if row["symbol"] == "BOTH" else row["symbol"]
    assert sorted(theirs, key=repr) == ours


def test_the_two_differences_are_what_the_notebook_says(printed: Article) -> None:
    """AS OF is not SQL; as VERSION AS OF the second of them finds nothing."""
    lake = printed.lake
    asked = queries(lake.at("Q1_2022"), lake.at("Q3_2022"), fund="SPY").to_numpy()

    for statement, told, by_isin in zip((ENTERED, LEFT), *asked, strict=True):
        with pytest.raises(Exception, match="PARSE_SYNTAX_ERROR"):
            printed.run(statement)
        corrected = statement.replace("AS OF", "VERSION AS OF")
        assert len(printed.run(corrected)) == told
        held = re.sub(r"('\w+')", r"\1 WHERE status <> 'expired'", corrected)
        isins = held.replace("symbol, isin, acceptanceTime, date", "isin")
        assert len(printed.run(isins)) == by_isin


def test_the_statements_are_the_articles() -> None:
    """Word for word, with straight quotes."""
    printed = shared_file("article.txt").read_text(encoding="utf-8")
    words = " ".join(printed.translate({0x2018: "'", 0x2019: "'"}).split())

    for statement in (CREATE, TAG_Q1, UPDATE, MERGE, TAG_Q3, ENTERED, LEFT):
        assert " ".join(statement.split()) in words
