"""Numbers with their thousands parted, as other countries and tools write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lakebt.sources.files import read_file

if TYPE_CHECKING:
    from pathlib import Path

GROUPED = ("thousands separators",)
BOTH = ("semicolons", "thousands separators", "decimal commas")


@pytest.mark.parametrize(
    ("delimiter", "close", "volume", "read_as"),
    [
        (",", '"1,234.50"', '"1,234,567"', GROUPED),
        (",", "1 234.50", "1 234 567", GROUPED),
        (",", "1\u00a0234.50", "1\u202f234\u202f567", GROUPED),
        (",", "1'234.50", "1\u2019234\u2019567", GROUPED),
        (";", "1 234,50", "1 234 567", BOTH),
        (";", "1'234,50", "1'234'567", BOTH),
        (";", "1.234,50", "1.234.567", ("semicolons", "decimal commas")),
        (",", "1234.50", "1234567", ()),
    ],
)
def test_thousands_are_recognised_and_told(
    tmp_path: Path, delimiter: str, close: str, volume: str, read_as: tuple[str, ...]
) -> None:
    path = tmp_path / "bars.csv"
    lines = (("symbol", "close", "volume"), ("AAA", close, volume), ("BBB", "7", ""))
    path.write_text("\n".join(delimiter.join(line) for line in lines), "utf-8")

    found = read_file(path, table="prices")

    assert found.frame["close"].tolist() == [1234.5, 7.0]
    assert found.frame["volume"].tolist()[0] == 1_234_567.0
    assert found.read_as == read_as


@pytest.mark.parametrize("text", ["1,234", "12,34.5", "1 23", "1,234.5.6", "1 234 5"])
def test_what_leaves_a_doubt_stays_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(f'symbol,volume\nAAA,"{text}"\nBBB,1\n')

    assert read_file(path, table="prices").frame["volume"].tolist() == [text, "1"]


@pytest.mark.parametrize(("decimal", "value"), [(".", 1234.0), (",", 1.234)])
def test_the_option_takes_the_doubt(tmp_path: Path, decimal: str, value: float) -> None:
    path = tmp_path / "bars.csv"
    path.write_text('symbol,volume\nAAA,"1,234"\nBBB,1\n')

    found = read_file(path, table="prices", decimal=decimal)

    assert found.frame["volume"].tolist() == [value, 1.0]
