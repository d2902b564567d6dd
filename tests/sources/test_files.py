from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pa_parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakebt.errors import (
    InvalidArgumentError,
    InvalidDataError,
    LakebtError,
    UnknownNameError,
)
from lakebt.sources.files import read_file

if TYPE_CHECKING:
    from pathlib import Path

BARS = """date,symbol,open,close,adj_close
2022-09-02,PENN,31.9,31.30,31.30
2022-09-06,NA,,70.5,70.5
"""


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    path = tmp_path / "bars.csv"
    path.write_text(BARS)
    return path


def test_numbers_become_numbers_and_dates_stay_as_written(bars: Path) -> None:
    read = read_file(bars, table="prices")

    assert read.frame["close"].tolist() == [31.30, 70.5]
    assert read.frame["date"].tolist() == ["2022-09-02", "2022-09-06"]
    assert (read.table, read.n_read, read.kept) == ("prices", 2, 2)


def test_only_an_empty_cell_is_null(bars: Path) -> None:
    frame = read_file(bars, table="prices").frame

    assert frame["symbol"].tolist() == ["PENN", "NA"]
    assert frame["open"].isna().tolist() == [False, True]


def test_columns_are_renamed_left_out_and_added(bars: Path) -> None:
    read = read_file(
        bars,
        table="prices",
        columns={"date": "session"},
        constants={"basis": "raw"},
        leave_out=["adj_close"],
    )

    assert list(read.frame.columns) == ["session", "symbol", "open", "close", "basis"]
    assert set(read.frame["basis"]) == {"raw"}
    assert read.left_out == ("adj_close",)
    assert read.summary() == ("prices: 2 rows from 2 read; columns left out: adj_close")


def test_a_renamed_number_is_a_number_too(bars: Path) -> None:
    frame = read_file(
        bars, table="prices", columns={"adj_close": "high"}, leave_out=["open"]
    ).frame

    assert frame["high"].tolist() == [31.30, 70.5]


def test_two_columns_can_swap_their_names(bars: Path) -> None:
    frame = read_file(
        bars, table="prices", columns={"open": "close", "close": "open"}
    ).frame

    assert frame["open"].tolist() == [31.30, 70.5]


def test_a_number_with_text_in_it_is_left_for_the_lake_to_name(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("symbol,close\nPENN,31.30\nPVH,n/a\n")

    assert read_file(path, table="prices").frame["close"].tolist() == ["31.30", "n/a"]


def test_flags_become_true_and_false(tmp_path: Path) -> None:
    path = tmp_path / "changes.csv"
    path.write_text("symbol,retracted\nPENN,true\nPVH,false\n")

    assert read_file(path, table="x").frame["retracted"].tolist() == [True, False]


def test_every_digit_of_a_number_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("close\n0.1\n31948.881789137382\n1e-7\n")

    assert read_file(path, table="prices").frame["close"].tolist() == [
        0.1,
        31948.881789137382,
        1e-7,
    ]


def test_identifiers_that_look_like_numbers_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "holdings.csv"
    path.write_text("fund,isin\n0042,000012345678\n")

    frame = read_file(path, table="etf_holdings").frame

    assert frame.iloc[0].tolist() == ["0042", "000012345678"]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(b"\xef\xbb\xbfsymbol,close\nPENN,1\n")

    frame = read_file(path, table="prices").frame

    assert list(frame.columns) == ["symbol", "close"]
    assert frame["symbol"].tolist() == ["PENN"]


def test_parquet_keeps_its_types_and_an_index_is_a_column(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    day = dt.date(2022, 9, 2)
    known_at = pd.Timestamp("2022-09-02T20:00:00Z")
    frame = pd.DataFrame({"session": [day], "known_at": [known_at], "close": [1.5]})
    frame.set_index("session").to_parquet(path)

    read = read_file(path, table="prices").frame

    assert read["session"].tolist() == [day]
    assert read["known_at"].tolist() == [known_at]
    assert read["close"].tolist() == [1.5]


@pytest.mark.slow
@given(
    cells=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), min_size=1),
        min_size=1,
        max_size=5,
    )
)
def test_text_comes_back_as_it_went(
    cells: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("files") / "names.csv"
    frame = pd.DataFrame({"isin": "x", "name": cells})
    frame.to_csv(path, index=False, encoding="utf-8")

    assert read_file(path, table="etf_holdings").frame["name"].tolist() == cells


def refuse(error: type[LakebtError], *parts: str, **arguments: object) -> None:
    """Read, and expect an error with all of `parts` in its one line."""
    with pytest.raises(error, match=re.escape(parts[0])) as caught:
        read_file(table="prices", **arguments)  # type: ignore[arg-type]
    message = str(caught.value)
    assert all(part in message for part in parts), message
    assert "\n" not in message


def test_missing_file(tmp_path: Path) -> None:
    refuse(
        InvalidDataError,
        f"file {tmp_path / 'no.csv'} does not exist: check the path.",
        path=tmp_path / "no.csv",
    )


def test_directory(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").mkdir()

    refuse(
        InvalidDataError,
        "bars.csv is empty: check the path",
        path=tmp_path / "bars.csv",
    )


@pytest.mark.parametrize("name", ["bars.xls", "bars", "bars.ods.gz"])
def test_unknown_suffix(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(BARS)

    refuse(
        InvalidDataError,
        f"{name} is neither .csv nor .parquet: rename it, or convert it",
        path=tmp_path / name,
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "bars.csv cannot be read as CSV: it is empty."),
        (b"symbol,close\nPENN\n", "Expected 2 columns, got 1"),
        (b"symbol,close\nPENN,1,2\n", "Expected 2 columns, got 3"),
        (b"symbol\nPE\0NN\n", "NUL"),
    ],
)
def test_broken_csv(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(content)

    refuse(InvalidDataError, why, f"file {path} cannot be read as CSV", path=path)


def test_broken_parquet(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    path.write_text(BARS)

    refuse(InvalidDataError, f"file {path} cannot be read as Parquet: ", path=path)


def test_truncated_parquet(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    pa_parquet.write_table(pa.table({"close": [1.0, 2.0]}), path)
    path.write_bytes(path.read_bytes()[:-20])

    refuse(InvalidDataError, f"file {path} cannot be read as Parquet: ", path=path)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_file_without_rows(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bars.{suffix}"
    if suffix == "csv":
        path.write_text("symbol,close\n")
    else:
        pa_parquet.write_table(pa.table({"close": pa.array([], pa.float64())}), path)

    refuse(InvalidDataError, f"file {path} has columns but no rows.", path=path)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("close,close", "column 2 has the name 'close', as another has: name it."),
        ("close,", "column 2 has no name: name it."),
    ],
)
def test_columns_that_cannot_be_told_apart(
    tmp_path: Path, header: str, why: str
) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(f"{header}\n1,2\n")

    refuse(InvalidDataError, why, path=path)


@pytest.mark.parametrize("where", ["columns", "leave_out"])
def test_mapping_names_a_column_that_is_not_in_the_file(bars: Path, where: str) -> None:
    mapping: object = {"dat": "session"} if where == "columns" else ["dat"]

    refuse(
        UnknownNameError,
        "unknown column of bars.csv 'dat'. Did you mean 'date'?",
        "Known: date, symbol, open, close, adj_close.",
        path=bars,
        **{where: mapping},
    )


def test_two_columns_of_one_name(bars: Path) -> None:
    refuse(
        InvalidArgumentError,
        "columns 'close' and 'adj_close' of bars.csv would both be called 'close': "
        "leave one of them out",
        path=bars,
        columns={"adj_close": "close"},
    )


def test_column_both_renamed_and_left_out(bars: Path) -> None:
    refuse(
        InvalidArgumentError,
        "column 'open' of bars.csv is both renamed and left out: choose one",
        path=bars,
        columns={"open": "high"},
        leave_out=["open"],
    )


def test_constant_over_a_column(bars: Path) -> None:
    refuse(
        InvalidArgumentError,
        "the constant close=1.0 would overwrite a column of bars.csv",
        path=bars,
        constants={"close": 1.0},
    )
