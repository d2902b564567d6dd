from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from lakebt.report import words
from lakebt.report.terminal import frame_table, reasons_legend, surface_table, written

if TYPE_CHECKING:
    from tests.report.conftest import MakeStudy


def printed(shown: Any, *, colour: bool = False) -> str:
    console = Console(
        width=80,
        file=io.StringIO(),
        force_terminal=colour,
        color_system="truecolor" if colour else None,
    )
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_surface_fits_80_columns_and_marks_its_best_and_empty_cells(
    make_study: MakeStudy,
) -> None:
    lines = printed(surface_table(make_study())).splitlines()

    assert max(map(len, lines)) <= 80
    (late,) = [line for line in lines if line.startswith(" AD@close")]
    assert late.count("·") == 6
    (best,) = [line for line in lines if line.startswith(" AD+1@open")]
    assert "1.36*" in best
    (after,) = [line for line in lines if line.startswith(" ED@close")]
    assert after.count("<") == 1


@pytest.mark.parametrize("n_exits", [6, 12, 40])
def test_ten_long_entries_fit_with_any_number_of_exits(
    make_study: MakeStudy, n_exits: int
) -> None:
    entries = tuple(f"2022-10-{day:02d}@close" for day in range(3, 13))
    exits = tuple(f"ED+{k}@close" for k in range(100, 100 + n_exits))
    table = pd.DataFrame(
        [
            {"entry": entry, "exit": exit_, "sharpe": -11.25, "n_events": 5}
            for entry in entries
            for exit_ in exits
        ]
    )

    study = make_study(entries=entries, exits=exits, table=table, best=None)
    lines = printed(surface_table(study)).splitlines()

    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert text.count("11.25") == 10 * n_exits
    assert "…" not in text
    for exit_ in exits:
        assert exit_.removesuffix("@close") in text


def test_the_surface_is_coloured_by_sign(make_study: MakeStudy) -> None:
    text = printed(surface_table(make_study()), colour=True)

    assert "48;2;90;165;230" in text, "the largest is the end of the scale"
    assert "\x1b[2m" in text, "empty cells are dim"


def test_the_legend_counts_empty_cells_by_reason(make_study: MakeStudy) -> None:
    assert printed(reasons_legend(make_study())).splitlines() == [
        "Each number rests on 25 to 44 events; * is the best.",
        "† fewer than 10 announcement dates: no error can be trusted.",
        "·  6 cells: needs a fact that was not yet known",
        "<  3 cells: the exit does not follow the entry",
    ]


def test_a_frame_is_written_by_the_units_of_its_columns() -> None:
    frame = pd.DataFrame(
        {
            "name": ["Q1_2022", None],
            "as_of": [pd.Timestamp("2022-05-27T17:54:03Z"), pd.NaT],
            "session": pd.to_datetime(["2022-05-27", "2022-05-31"]),
            "rows": [1505, 20],
            "net_bps": [217.6, np.nan],
        }
    )

    lines = printed(frame_table(frame, title="Releases")).splitlines()

    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    for shown in ("Releases", "1,505", "+218", words.NOTHING, "2022-05-31"):
        assert shown in text
    assert "17:54:03 UTC" in text


def test_a_named_index_is_a_column() -> None:
    frame = pd.DataFrame({"n": [1]}, index=pd.Index(["merger"], name="cause"))

    assert "merger" in printed(frame_table(frame))
    assert "0" not in printed(frame_table(frame.reset_index()))


@pytest.mark.parametrize(
    ("value", "name", "shown"),
    [
        (None, "", words.NOTHING),
        (pd.NaT, "", words.NOTHING),
        (float("nan"), "price", words.NOTHING),
        (np.int64(1320), "n", "1,320"),
        (np.float64(-0.001), "price", "0.00"),
        (np.bool_(True), "", "yes"),  # noqa: FBT003 - a cell's value
        (0.0218, "net_return", "+218 bp"),
        ({"regime": "calm"}, "labels", "regime=calm"),
        (pd.Timestamp("2022-05-27T17:54:03"), "", "2022-05-27 17:54:03"),
    ],
)
def test_a_value_is_written_as_people_read_it(
    value: object, name: str, shown: str
) -> None:
    assert written(value, name=name) == shown
