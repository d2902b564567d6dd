from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakebt.errors import InvalidArgumentError, InvalidDataError
from lakebt.sources.effective_changes import RENAMES, UNANNOUNCED
from lakebt.sources.membership import FIRST, OF_REVISIONS, Membership

if TYPE_CHECKING:
    from pathlib import Path

LISTS = """date,tickers
2022-06-08,"FB,PENN,PVH"
2022-06-09,"META,PENN,PVH"
2022-09-19,"CSGP,INVH,META"
"""
LONG = """effective_date,ticker
2022-06-08,FB
2022-06-08,PENN
2022-06-08,PVH
2022-06-09,META
2022-06-09,PENN
2022-06-09,PVH
2022-09-19,CSGP
2022-09-19,INVH
2022-09-19,META
"""
STAYS = """ticker,start_date,end_date
CSGP,2022-09-19,
FB,2022-06-08,2022-06-09
INVH,2022-09-19,
META,2022-06-09,
PENN,2022-06-08,2022-09-19
PVH,2022-06-08,2022-09-19
"""
LAST_DAYS = STAYS.replace(",2022-06-09\n", ",2022-06-08\n").replace(
    ",2022-09-19\n", ",2022-09-18\n"
)
PAIRS = """date,add,remove
2022-06-09,"META","FB"
2022-09-19,"INVH,CSGP","PENN,PVH"
"""
OF_PYTHON = """date,added_tickers,removed_tickers
2022-06-09,['META'],['FB']
2022-09-19,"['INVH', 'CSGP']","['PENN', 'PVH']"
"""
ACTIONS = """date,action,ticker,name,reason
2022-06-09,removed,FB,,rename → META: Facebook renamed.
2022-06-09,added,META,,rename ← FB: Facebook renamed.
2022-09-19,added,CSGP,CoStar,Market capitalization change.
2022-09-19,added,INVH,,
2022-09-19,removed,PENN,,
2022-09-19,removed,PVH,,
2022-10-03,removed,AAI,,"derived from wiki revision diff (rev 1 @ 2022-10-03)"
"""
YEARS = """# members and changes
year: 2022
tickers_on_Jan_1:
  - FB
  - PENN  # a casino
changes:
  '2022-06-09':
    difference:
      - FB
    union:
      - META
  "2022-09-19":
    union: [CSGP, 'INVH']
    difference: [PENN, PVH]
"""
INSTRUMENTS = """instrument_id,identifier,valid_from,kind
I1,META,2022-06-09,symbol
I1,FB,2012-05-18,symbol
I1,US30303M1027,2012-05-18,isin
I2,PVH,1995-01-03,symbol
"""
CHANGES = [
    ("CSGP", "addition", dt.date(2022, 9, 19)),
    ("INVH", "addition", dt.date(2022, 9, 19)),
    ("PENN", "deletion", dt.date(2022, 9, 19)),
    ("PVH", "deletion", dt.date(2022, 9, 19)),
]


def told(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    shown = frame[["symbol", "side", "effective"]]
    return sorted(shown.itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("file", "text", "options"),
    [
        ("sp500.csv", LISTS, {}),
        ("sp500.csv", LONG, {}),
        ("sp500.csv", STAYS, {}),
        ("sp500.csv", LAST_DAYS, {"ends_are_last_days": True}),
        ("sp500_changes.csv", PAIRS, {}),
        ("sp500.csv", OF_PYTHON, {}),
        ("sp500_changes.csv", ACTIONS, {}),
        ("sp500-ticker-changes-2022.yaml", YEARS, {}),
    ],
)
def test_each_layout_is_the_same_changes_without_the_rename(
    file: str, text: str, options: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / file).write_text(text, encoding="utf-8")

    found = Membership().convert(tmp_path / file, renames={"FB": "META"}, **options)

    assert told(found.frame) == CHANGES
    assert set(found.frame["index"]) == {"SP500"}
    assert found.dropped[RENAMES] == 2
    assert UNANNOUNCED in found.noted
    assert str(found.frame["known_at"].iloc[0]) == "2022-09-19 03:59:59.999999+00:00"


def test_without_renames_a_new_ticker_is_told_to_be_two_changes(tmp_path: Path) -> None:
    (tmp_path / "sp500.csv").write_text(LISTS)

    found = Membership().convert(tmp_path / "sp500.csv")

    assert {("FB", "deletion"), ("META", "addition")} <= {
        each[:2] for each in told(found.frame)
    }
    assert found.dropped == {FIRST: 3}
    assert "no renames are given" in found.summary()


@pytest.mark.parametrize(
    "text",
    [
        "date,old_ticker,new_ticker,reason\n2022-06-09,FB,META,x\n",
        INSTRUMENTS,
        "symbol,kind,ex_date,other\nFB,rename,2022-06-09,META\nPVH,merger,2022-09-19,CSGP\n",
    ],
)
def test_renames_are_read_from_a_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "sp500.csv").write_text(LISTS)
    (tmp_path / "acts.csv").write_text(text)

    found = Membership().convert(tmp_path / "sp500.csv", actions=tmp_path / "acts.csv")

    assert told(found.frame) == CHANGES


def test_frames_may_have_days_in_the_index_and_lists_in_cells() -> None:
    days = pd.DatetimeIndex(["2022-06-08", "2022-09-19", "2022-09-20"], name="date")
    lists = pd.DataFrame(
        {"tickers": [["BRK.B", "PVH"], {"BRK.B", "CSGP"}, pd.NA]}, index=days
    )

    found = Membership().convert(lists, index="SP500")

    assert [each[:2] for each in told(found.frame)] == [
        ("CSGP", "addition"),
        ("PVH", "deletion"),
    ]
    assert "1 row without a ticker" in found.summary()


def test_a_rename_is_one_only_near_its_day() -> None:
    lists = pd.DataFrame(
        {
            "date": ["2020-01-02", "2020-02-03", "2021-02-01"],
            "tickers": ["A,B", "A", "A,C"],
        }
    )

    found = Membership().convert(lists, index="X", renames={"B": "C"})

    assert [each[:2] for each in told(found.frame)] == [
        ("B", "deletion"),
        ("C", "addition"),
    ]


def test_days_of_a_pages_revision_are_no_days_of_changes(tmp_path: Path) -> None:
    (tmp_path / "sp400_changes.csv").write_text(ACTIONS, encoding="utf-8")

    found = Membership().convert(tmp_path / "sp400_changes.csv")

    assert found.dropped == {RENAMES: 2, OF_REVISIONS: 1}
    assert found.frame.set_index("symbol").loc["CSGP", "cause"] == "discretionary"


def test_years_in_a_folder_are_one_history(tmp_path: Path) -> None:
    (tmp_path / "n100-ticker-changes-2022.yaml").write_text(YEARS)
    (tmp_path / "n100-ticker-changes-2023.yaml").write_text(
        "year: 2023\ntickers_on_Jan_1: [META]\nchanges:\n  2023-06-07:\n"
        "    union: [ON]\n    difference: [NO]\n"
    )

    found = Membership().convert(tmp_path, index="NDX100", symbols={"ON": "ON.X"})

    assert {("NO", "deletion"), ("ON.X", "addition")} <= {
        each[:2] for each in told(found.frame)
    }


@pytest.mark.parametrize(
    ("name", "text", "error", "why"),
    [
        ("x.csv", LISTS, InvalidArgumentError, "does not say of which index"),
        ("sp500.csv", "a,b\n1,2\n", InvalidDataError, "which is not a list of members"),
        ("sp500.csv", "", InvalidDataError, "is empty: fetch it again"),
        ("sp500.csv", "date,tickers\n", InvalidDataError, "has no rows: fetch it"),
        ("sp500.csv", "<html></html>", InvalidDataError, "is a page of HTML"),
        ("sp500.csv", "a,b\n1,2,3\n4,5,6,7,8\n", InvalidDataError, "cannot be read as"),
        (
            "sp500.csv",
            'date,tickers\n2022-09-19,"A,B"\n',
            InvalidDataError,
            "has no change of SP500",
        ),
        (
            "sp500.csv",
            ACTIONS.replace("added", "kept"),
            InvalidDataError,
            "action 'kept' is neither added nor removed",
        ),
        ("sp500.yaml", "a: b\n", InvalidDataError, "has neither tickers_on_Jan_1"),
        (
            "sp500.yaml",
            "changes:\n  soon:\n    union: [A]\n",
            InvalidDataError,
            "'soon' is not a day: write it as",
        ),
    ],
)
def test_a_wrong_file_is_one_line(
    name: str, text: str, error: type[Exception], why: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")

    with pytest.raises(error, match=re.escape(why)) as caught:
        Membership().convert(tmp_path / name)

    assert "\n" not in str(caught.value)


@given(
    st.lists(
        st.frozensets(st.sampled_from("ABCDEFG"), min_size=1), min_size=2, max_size=6
    )
)
@settings(max_examples=40, deadline=None)
def test_changes_lead_from_the_first_list_to_each_other(
    lists: list[frozenset[str]],
) -> None:
    days = [dt.date(2022, 1, 3) + dt.timedelta(days=7 * n) for n in range(len(lists))]
    frame = pd.DataFrame(
        {"date": map(str, days), "tickers": [",".join(sorted(e)) for e in lists]}
    )
    if len(set(lists)) == 1:
        with pytest.raises(InvalidDataError, match="has no change"):
            Membership().convert(frame, index="X")
        return

    found = Membership().convert(frame, index="X").frame

    members = set(lists[0])
    for day, expected in zip(days, lists, strict=True):
        of_day = found[found["effective"] == day]
        members |= set(of_day.loc[of_day["side"] == "addition", "symbol"])
        members -= set(of_day.loc[of_day["side"] == "deletion", "symbol"])
        assert members == expected


def test_a_column_of_days_has_one_order(tmp_path: Path) -> None:
    """05/12/2022 is the fifth of December where another day is 25/12/2022."""
    path = tmp_path / "sp500.csv"
    path.write_text("date,add,remove\n05/12/2022,AAA,BBB\n25/11/2022,CCC,DDD\n")
    found = Membership().convert(path)
    assert {str(day) for day in found.frame["effective"]} == {
        "2022-12-05",
        "2022-11-25",
    }
    assert found.dropped == {}

    path.write_text(
        "ticker,start_date,end_date\nA,01/02/2022,\nB,03/04/2022,13/05/2022\n"
    )
    found = Membership().convert(path)
    assert {str(day) for day in found.frame["effective"]} == {
        "2022-04-03",
        "2022-05-13",
    }

    path.write_text("date,add,remove\n05/13/2022,AAA,BBB\n25/11/2022,CCC,DDD\n")
    with pytest.raises(InvalidDataError, match="'05/13/2022' has the month first, and"):
        Membership().convert(path)
