from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.errors import InvalidDataError
from lakebt.sources.files import read_file
from lakebt.sources.rebalances import NO_DATE, NO_LEG, NO_QUALITY, TWICE
from lakebt.sources.rebalances import convert_rebalances as convert

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.sources.converted import Converted


def pair(**columns: object) -> dict[str, object]:
    return {
        "index_name": "S&P 500",
        "announcement_date": "2022-09-02",
        "effective_date": "2022-09-19",
        "added": "CSGP",
        "removed": "PVH",
        "added_px": "CSGP",
        "removed_px": "PVH",
        "reason_class": "discretionary",
        "announcement_quality": "exact",
        "announcement_source": "release",
        **columns,
    }


def converted(*rows: dict[str, object]) -> Converted:
    return convert(pd.DataFrame(list(rows)))


def symbols(*rows: dict[str, object]) -> list[str]:
    return converted(*rows).frame["symbol"].tolist()


def test_a_pair_is_an_addition_and_a_deletion() -> None:
    found = converted(pair())

    common = ["2022-09-02", "2022-09-19", "discretionary", "exact", "release"]
    assert list(found.frame.columns) == [
        *("index", "symbol", "side", "announced", "effective"),
        *("cause", "announced_quality", "source"),
    ]
    assert found.frame.to_numpy().tolist() == [
        ["SP500", "CSGP", "addition", *common],
        ["SP500", "PVH", "deletion", *common],
    ]
    assert (found.n_read, found.kept, dict(found.dropped)) == (1, 2, {})


def test_a_single_leg_is_one_row() -> None:
    found = converted(pair(removed="", removed_px=""), pair(added=None, added_px=None))

    assert found.frame[["symbol", "side"]].to_numpy().tolist() == [
        ["CSGP", "addition"],
        ["PVH", "deletion"],
    ]


@pytest.mark.parametrize(
    ("name", "index"),
    [("S&P 500", "SP500"), ("Nasdaq-100", "NDX100"), ("FTSE100", "FTSE100")],
)
def test_index_names(name: str, index: str) -> None:
    assert set(converted(pair(index_name=name)).frame["index"]) == {index}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("merger_acquisition", "merger"),
        ("spinoff", "spin_off"),
        ("cascade", "cascade"),
        ("failure", "failure"),
        ("", None),
    ],
)
def test_causes(theirs: str, ours: str | None) -> None:
    found = converted(pair(reason_class=theirs)).frame["cause"]

    assert found.tolist() == [ours, ours]


def test_a_row_without_an_announcement_date_is_dropped_and_counted() -> None:
    found = converted(
        pair(),
        pair(announcement_date="", announcement_quality="none"),
        pair(announcement_date=None),
        pair(announcement_quality="none"),
        pair(added="", removed="", added_px="", removed_px=""),
    )

    assert found.kept == 2
    assert dict(found.dropped) == {NO_DATE: 2, NO_QUALITY: 1, NO_LEG: 1}
    assert found.summary().startswith(
        "index_changes: 2 rows from 5 read; dropped: 2 rows without an announcement "
        "date, so that no known_at can be derived, 1 row"
    )


def test_a_leg_told_twice_is_one_change() -> None:
    found = converted(pair(), pair(added="INVH", added_px="INVH"))

    assert found.frame["symbol"].tolist() == ["CSGP", "PVH", "INVH"]
    assert dict(found.dropped) == {TWICE: 1}


def test_the_symbol_is_the_one_of_the_prices() -> None:
    assert symbols(pair(added="FB", added_px="META")) == ["META", "PVH"]


def test_without_prices_the_symbol_is_the_ticker_of_the_day() -> None:
    assert symbols(pair(removed="TIF", removed_px="")) == ["CSGP", "TIF"]


def test_a_ticker_that_another_company_uses_joins_no_prices() -> None:
    gone = pair(
        announcement_date="2013-10-21",
        effective_date="2013-10-29",
        removed="DELL",
        removed_px="",
    )
    later = pair(added="DELL", added_px="DELL")

    assert symbols(gone, later) == ["CSGP", "DELL-201310", "DELL", "PVH"]


def test_columns_that_are_only_nice_to_have_may_be_missing() -> None:
    row = pair()
    for name in ("added_px", "removed_px", "reason_class", "announcement_quality"):
        del row[name]

    frame = converted(row).frame

    assert frame["symbol"].tolist() == ["CSGP", "PVH"]
    assert frame["cause"].isna().all()


def test_dates_of_a_parquet_file_are_read_too() -> None:
    days = {"announcement_date": "2022-09-02", "effective_date": "2022-09-19"}
    frame = pd.DataFrame([pair(), pair(added="INVH", removed="", removed_px="")])
    typed = frame.assign(**{name: pd.Timestamp(day) for name, day in days.items()})
    typed.loc[1, "announcement_date"] = pd.NaT

    found = convert(typed)

    assert found.frame["announced"].tolist() == ["2022-09-02", "2022-09-02"]
    assert found.frame["effective"].tolist() == ["2022-09-19", "2022-09-19"]
    assert dict(found.dropped) == {NO_DATE: 1}


def test_other_columns_are_listed() -> None:
    found = converted(pair(note="x", wiki_effective_date="y"))

    assert found.left_out == ("note", "wiki_effective_date")


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        (
            "reason_class",
            "magic",
            "row 1: reason_class 'magic' is none of discretionary",
        ),
        (
            "announcement_quality",
            "rumour",
            "row 1: announcement_quality 'rumour' is none of exact, derived, news",
        ),
    ],
)
def test_words_without_a_meaning(column: str, value: str, why: str) -> None:
    with pytest.raises(InvalidDataError, match=f"index_changes: {why}"):
        converted(pair(), pair(**{column: value}))


def test_missing_column() -> None:
    with pytest.raises(InvalidDataError, match=r"needs column 'removed'; there are"):
        convert(pd.DataFrame([pair()]).drop(columns="removed"))


@pytest.fixture(scope="module")
def real(realdata: Path) -> Converted:
    return convert(read_file(realdata / "events.csv", table="index_changes").frame)


def test_the_real_events_lose_69_rows_and_say_so(real: Converted) -> None:
    assert real.n_read == 345
    assert dict(real.dropped) == {NO_DATE: 69}
    assert real.kept == 519
    assert not real.frame.duplicated(["index", "symbol", "side", "announced"]).any()


def test_the_real_additions_with_prices(real: Converted, realdata: Path) -> None:
    priced = set(pd.read_parquet(realdata / "prices.parquet")["symbol"])
    frame = real.frame
    exact = frame["announced_quality"].isin(["exact", "derived"])
    found = frame[(frame["side"] == "addition") & exact & frame["symbol"].isin(priced)]

    assert len(found) == 242
    assert found["announced"].nunique() == 175


def test_the_articles_changes_are_among_the_real_ones(real: Converted) -> None:
    frame = real.frame
    found = frame[(frame["announced"] == "2022-09-02") & (frame["index"] == "SP500")]

    assert dict(zip(found["symbol"], found["side"], strict=True)) == {
        "PENN": "deletion",
        "PVH": "deletion",
        "INVH": "addition",
        "CSGP": "addition",
    }
    assert set(found["effective"]) == {"2022-09-19"}
    assert set(found["cause"]) == {"discretionary"}
    assert set(found["announced_quality"]) == {"exact"}


def test_no_real_change_joins_prices_that_began_after_it(
    real: Converted, realdata: Path
) -> None:
    bars = pd.read_parquet(realdata / "prices.parquet", columns=["date", "symbol"])
    began = bars.groupby("symbol")["date"].min().rename("began")
    joined = real.frame.join(began, on="symbol", how="inner")

    assert len(joined) == 429
    assert (pd.to_datetime(joined["effective"]) >= joined["began"]).all()
    renamed = real.frame["symbol"][real.frame["symbol"].str.contains(r"-\d{6}$")]
    assert sorted(renamed) == ["AGN-201503", "CEG-201203", "DELL-201310", "SNDK-201605"]


def test_a_list_in_a_cell_is_a_leg_each() -> None:
    table = pd.DataFrame(
        {
            "index_name": ["S&P 500"],
            "announcement_date": ["2022-09-02"],
            "effective_date": ["2022-09-19"],
            "added": ["CSGP, INVH"],
            "removed": ["PENN; PVH"],
            "removed_px": ["PENN;PVH-X"],
        }
    )

    found = convert(table)

    assert found.frame[["symbol", "side"]].to_numpy().tolist() == [
        ["CSGP", "addition"],
        ["INVH", "addition"],
        ["PENN", "deletion"],
        ["PVH-X", "deletion"],
    ]
    with pytest.raises(InvalidDataError, match="are not as many: give each ticker its"):
        convert(table.assign(removed_px="PENN"))
    with pytest.raises(InvalidDataError, match=r"'GOOG / GOOGL' names several"):
        convert(table.assign(added="GOOG / GOOGL"))
