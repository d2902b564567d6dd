from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.errors import InvalidArgumentError, InvalidDataError
from lakebt.sources.corporate.downloads import Downloads, came_at
from lakebt.sources.corporate.layouts import NO_DAY, NO_SYMBOL, NO_TERMS, ActionTables
from lakebt.sources.formats import read_source

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.sources.converted import Converted


def converted(tmp_path: Path, text: str) -> Converted:
    path = tmp_path / "actions.csv"
    path.write_text(text)
    return ActionTables().convert(path)


def rows(tmp_path: Path, text: str) -> list[dict[str, object]]:
    frame = converted(tmp_path, text).frame.astype(object)
    return [
        {str(name): cell for name, cell in row.items() if not pd.isna(cell)}
        for row in frame.where(frame.notna(), None).to_dict("records")
    ]


def test_our_own_columns_stay_as_they_are(tmp_path: Path) -> None:
    text = (
        "symbol,kind,ex_date,known_at,cash,ratio,other,label\n"
        "RAI,merger,2017-07-25,2017-01-17T12:00:00Z,29.44,0.526,BTI,\n"
        "KFT,spin_off,2012-10-02,,,1/3,KRFT,\n"
    )

    found = converted(tmp_path, text)

    assert found.summary() == "corporate_actions: 2 rows from 2 read"
    assert rows(tmp_path, text) == [
        {
            "symbol": "RAI",
            "kind": "merger",
            "ex_date": "2017-07-25",
            "known_at": "2017-01-17T12:00:00Z",
            "cash": 29.44,
            "ratio": 0.526,
            "other": "BTI",
        },
        {
            "symbol": "KFT",
            "kind": "spin_off",
            "ex_date": "2012-10-02",
            "ratio": 1 / 3,
            "other": "KRFT",
        },
    ]


@pytest.mark.parametrize(
    ("text", "row"),
    [
        (
            "ticker,ex_date,ratio,announced,vendor\nGE,2021-08-02,1:8,2021-06-18,x\n",
            {"kind": "split", "ratio": 0.125, "announced": "2021-06-18"},
        ),
        (
            "symbol,date,amount_usd,pay_date\nGE,2021-08-02,$1.50,2021-08-20\n",
            {"kind": "cash_dividend", "cash": 1.5, "pay_date": "2021-08-20"},
        ),
        (
            "parent,child,ratio,ex_date,record\nGE,GEV,0.25,2021-08-02,2021-07-30\n",
            {
                "kind": "spin_off",
                "other": "GEV",
                "ratio": 0.25,
                "record_date": "2021-07-30",
            },
        ),
        (
            "old,new,ex_date,why\nGE,META,2021-08-02,x\n",
            {"kind": "rename", "other": "META"},
        ),
        (
            "symbol,ex_date,cash_usd,ratio,acquirer\nGE,2021-08-02,100,0.48908178,CHTR\n",
            {"kind": "merger", "cash": 100.0, "ratio": 0.48908178, "other": "CHTR"},
        ),
        (
            "symbol,last_session,next_trade_price\nGE,2021-07-30,0.53\n",
            {"kind": "delisting", "cash": 0.53, "ex_date": dt.date(2021, 8, 2)},
        ),
        (
            "symbol,kind,ex_date,value\nGE,cash_dividend,2021-08-02,0.47\n",
            {"kind": "cash_dividend", "cash": 0.47},
        ),
        (
            "symbol,type,ex_date,value\nGE,Split,2021-08-02,7\n",
            {"kind": "split", "ratio": 7.0},
        ),
    ],
)
def test_layouts_that_people_have(
    tmp_path: Path, text: str, row: dict[str, object]
) -> None:
    common = {"symbol": "GE", "ex_date": "2021-08-02"}

    assert rows(tmp_path, text) == [{**common, **row}]


def test_what_is_dropped_left_out_and_unsure_is_told(tmp_path: Path) -> None:
    text = (
        "symbol,ex_date,ratio,vendor\n"
        "HWM,2016-10-06,0.33333333,a\n,2016-10-06,2,b\nXRX,,2,c\nODP,2020-07-01,,d\n"
    )

    found = converted(tmp_path, text)

    assert found.frame["symbol"].tolist() == ["HWM"]
    assert dict(found.dropped) == {NO_SYMBOL: 1, NO_DAY: 1, NO_TERMS: 1}
    assert found.left_out == ("vendor",)
    assert found.noted == (
        "ratios that seem rounded, and stay so (1): HWM 2016-10-06 0.33333333 for 1/3",
    )
    assert found.summary().endswith(
        "left out: vendor; note: ratios that seem rounded, and stay so (1): HWM "
        "2016-10-06 0.33333333 for 1/3"
    )


def test_a_number_that_is_none_stays_for_the_lake_to_name(tmp_path: Path) -> None:
    found = converted(tmp_path, "symbol,ex_date,ratio\nGE,2021-08-02,seven\n")

    assert found.frame["ratio"].tolist() == ["seven"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("symbol,ex_date\nGE,2021-08-02\n", "what the rows are is not told: add a"),
        ("ex_date,ratio\n2021-08-02,2\n", "needs column 'symbol'; there are 'ex_date'"),
        ("symbol,ratio\nGE,2\n", "needs column 'ex_date'"),
        (
            "symbol,kind,ex_date,cash\nGE,dividnd,2021-08-02,2\n",
            "row 0: kind 'dividnd' is none of split, cash_dividend",
        ),
        (
            "symbol,ticker,ex_date,ratio\nGE,GE,2021-08-02,2\n",
            "columns 'symbol' and 'ticker' both mean 'symbol': leave one",
        ),
        ("symbol,ex_date,ratio\nGE,,2\n", "no row has a symbol, an ex_date"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(InvalidDataError, match=why):
        converted(tmp_path, text)


def test_a_symbol_that_the_file_lacks_is_a_constant(tmp_path: Path) -> None:
    path = tmp_path / "spy.csv"
    path.write_text("ex_date,amount_usd,ours\n2009-03-20,0.5614,x\n")

    found = read_source(
        path,
        table="corporate_actions",
        file_format="actions",
        constants={"symbol": "SPY"},
    )

    assert found.frame.to_dict("records") == [
        {
            "symbol": "SPY",
            "kind": "cash_dividend",
            "ex_date": "2009-03-20",
            "cash": 0.5614,
        }
    ]
    assert found.left_out == ("ours",)


REAL = {
    "splits": (127, 0, {"split"}),
    "dividends": (11_954, 469, {"cash_dividend"}),
    "mergers": (49, 0, {"merger"}),
    "spin_offs": (26, 0, {"spin_off"}),
    "renames": (36, 0, {"rename"}),
    "delistings": (5, 0, {"delisting"}),
    "lean_actions": (854, 0, {"cash_dividend", "split"}),
}


@pytest.mark.parametrize("name", REAL)
def test_real_tables(realdata: Path, name: str) -> None:
    n_rows, n_dropped, kinds = REAL[name]

    found = ActionTables().convert(realdata / "actions" / f"{name}.csv")

    assert (found.n_read, found.kept) == (n_rows, n_rows - n_dropped)
    assert sum(found.dropped.values()) == n_dropped
    assert set(found.frame["kind"]) == kinds


# --- what comes from the network ------------------------------------------------------


AT = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def recorded(answers: dict[str, bytes]) -> Downloads:
    return Downloads(get=answers.__getitem__, clock=lambda: AT)


def test_an_answer_is_kept_as_it_came_with_its_instant(tmp_path: Path) -> None:
    url = "https://example.org/splits.csv?key=secret"
    content = b"symbol,ex_date,ratio\r\nGE,2021-08-02,1:8\r\n"
    source = ActionTables()

    source.fetch(tmp_path / "new", url=url, downloads=recorded({url: content}))

    assert (tmp_path / "new" / "actions.csv").read_bytes() == content
    listed = (tmp_path / "new" / "downloads.csv").read_text()
    assert listed.splitlines()[0] == "file,source,at,bytes,sha256"
    assert "actions.csv,https://example.org/splits.csv,2026-01-02T03:04:05" in listed
    assert "secret" not in listed
    assert came_at(tmp_path / "new") == {"actions.csv": AT.isoformat()}
    assert source.convert(tmp_path / "new" / "actions.csv").kept == 1


@pytest.mark.parametrize("name", ["../x.csv", "a/b", "", ".x", "a\n", "x" * 200])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="file name"):
        Downloads().keep_bytes(b"", tmp_path, name=name, source="x")
    assert list(tmp_path.iterdir()) == []
