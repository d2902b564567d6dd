"""Rows of several sources: all of them, with all that was told of each."""

from __future__ import annotations

import pandas as pd

from lakebt.sources.converted import Converted, together


def part(symbol: str, **told: object) -> Converted:
    frame = pd.DataFrame({"symbol": [symbol]})
    return Converted(table="prices", frame=frame, n_read=3, **told)  # type: ignore[arg-type]


def test_rows_of_several_files_keep_what_was_told_of_each() -> None:
    parts = [
        part("A", dropped={"rows without a close": 2}, left_out=("note",)),
        part("B", dropped={"rows without a close": 1, "empty rows": 1}),
        part("C", read_as=("gzip",), noted=("closes were rounded",), left_out=("x",)),
        part("D", read_as=("gzip",), left_out=("note",)),
    ]

    whole = together(parts)

    assert whole.frame["symbol"].tolist() == ["A", "B", "C", "D"]
    assert whole.frame.index.tolist() == [0, 1, 2, 3]
    assert whole.table == "prices"
    assert whole.n_read == 12
    assert whole.dropped == {"rows without a close": 3, "empty rows": 1}
    assert whole.left_out == ("note", "x")
    assert whole.read_as == ("gzip",)
    assert whole.noted == ("closes were rounded",)
