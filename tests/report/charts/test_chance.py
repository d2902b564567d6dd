"""Figures of what chance would have made, and of paths, as pictures with numbers."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lakebt.errors import InvalidArgumentError
from lakebt.report.charts import (
    caar_figure,
    claims_figure,
    left_out_figure,
    null_figure,
    sharpe_figure,
)
from lakebt.report.charts.picture import picture
from lakebt.report.charts.picture_axes import WIDTH

NAN = float("nan")


def texts(figure: Any) -> list[str]:
    """Return the texts of a picture, in which everything lies."""
    root = ET.fromstring(picture(figure))  # noqa: S314 - our own
    height = float(root.attrib["height"])
    for element in root.iter():
        for name, most in (("x", WIDTH), ("cx", WIDTH), ("y", height), ("cy", height)):
            if name in element.attrib:
                assert 0 <= float(element.attrib[name]) <= most, element.attrib
    return [e.text or "" for e in root.iter() if e.tag.endswith("}text")]


def rules(*, claimed: bool) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "entry": ["AD@close", "AD@close", "AD+1@open", "AD+1@open"],
            "exit": ["+1", "1w", "+1", "1w"],
            "mean_bps": [NAN, NAN, 81.0, -12.0],
            "p_family": [NAN, NAN, 0.004, 0.8],
            "p_family_flips": [NAN, NAN, 0.003, NAN],
            "claimed": [False, False, claimed, False],
            "n_events": [0, 0, 30, 31],
        }
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_only_what_is_claimed_has_a_colour(theme: Any) -> None:
    some = claims_figure(rules(claimed=True), alpha=0.05, theme=theme)
    none = claims_figure(rules(claimed=False), alpha=0.05, theme=theme)

    assert some.data[0].z == ([None, None], [81.0, None])
    assert len(some.layout.shapes) == 1
    assert not none.layout.shapes
    assert all(value is None for row in none.data[0].z for value in row)
    assert {"+81", "\N{MINUS SIGN}12"} <= set(texts(some))
    assert any("1 of 2 rules claimed at 5 % for all" in text for text in texts(some))
    assert any("none of 2 rules claimed" in text for text in texts(none))
    told = some.data[1].customdata[0]
    assert "p among 2 rules: 0.004 (blocks drawn), 0.003 (flipped)" in told


def test_the_best_stands_in_what_chance_makes_of_it() -> None:
    null = np.random.default_rng(0).standard_normal(500)
    figure = null_figure(
        null, observed=3.5, critical=1.7, rule="ED-1@close to +1", n_rules=20
    )

    assert sum(figure.data[0].y) == pytest.approx(1.0)
    at = {shape.x0 for shape in figure.layout.shapes}
    assert at == {3.5, 1.7}
    low, high = figure.layout.xaxis.range
    assert low < null.min() < 3.5 < high
    told = texts(figure)
    assert "ED-1@close to +1: 3.50" in told
    assert "needed: 1.70" in told
    assert any("best score of 20 rules, 500 draws" in text for text in told)


def test_without_a_verdict_there_is_no_distribution() -> None:
    with pytest.raises(InvalidArgumentError, match="too few blocks"):
        null_figure(np.zeros(0), observed=1.0, critical=NAN, rule="", n_rules=1)
    alike = null_figure(np.ones(9), observed=1.0, critical=NAN, rule="a", n_rules=1)
    assert len(alike.layout.shapes) == 1


def test_sharpe_ratios_stand_with_their_intervals_lowest_first() -> None:
    table = pd.DataFrame(
        {
            "entry": ["A", "A", "B"],
            "exit": ["+1", "1w", "+1"],
            "sharpe": [0.8, NAN, -0.2],
            "sharpe_low": [0.1, NAN, NAN],
            "sharpe_high": [1.5, NAN, NAN],
            "n_events": [5, 0, 1],
            "n_dates": [5, 0, 1],
        }
    )
    figure = sharpe_figure(table)

    assert list(figure.data[0].y) == [-0.2, 0.8]
    assert figure.data[0].error_y.array[1] == pytest.approx(0.7)
    assert "0.10 to 1.50" in figure.data[0].text[1]
    assert {"A to +1", "B to +1"} <= set(texts(figure))
    with pytest.raises(InvalidArgumentError, match="every rule is empty"):
        sharpe_figure(table.iloc[1:2])


def path(side: str = "additions") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "side": side,
            "session": [-1, 0, 1, 2],
            "caar_bps": [0.0, 10.0, 200.0, 180.0],
            "low_bps": [NAN, -5.0, 150.0, 120.0],
            "high_bps": [NAN, 25.0, 250.0, 240.0],
            "n": 9,
            "n_dates": 8,
        }
    )


def test_a_path_has_its_band_and_the_lines_that_lie_in_it() -> None:
    both = pd.concat([path(), path("deletions")])
    figure = caar_figure(both, anchor="AD", lines={"AD": 0, "ED": 9}, market="SPY")

    band, line = figure.data[:2]
    assert list(band.x) == [0, 1, 2, 2, 1, 0]
    assert list(band.y) == [25.0, 250.0, 240.0, 120.0, 150.0, -5.0]
    assert list(line.y) == [0.0, 10.0, 200.0, 180.0]
    assert "AD+1: +200 bp<br>95 % +150 to +250, n = 9 on 8 dates" in line.text
    assert [note.text for note in figure.layout.annotations] == ["<b>AD</b>"]
    told = texts(figure)
    assert {"AD", "additions", "deletions"} <= set(told)
    assert not any(re.search("ED", text) for text in told)
    with pytest.raises(InvalidArgumentError, match="no path to draw"):
        caar_figure(path().iloc[:0], anchor="AD", lines={}, market="SPY")


def test_dates_left_out_stand_from_the_lowest_mean_to_the_highest() -> None:
    left = pd.DataFrame(
        {
            "date": pd.to_datetime(["2020-01-02", "2020-02-03", "2020-03-04"]),
            "mean_bps": [30.0, -20.0, 10.0],
            "low_bps": [0.0, -40.0, NAN],
            "high_bps": [60.0, 0.0, NAN],
            "n_changes": [2, 2, 2],
        }
    )
    figure = left_out_figure(left, mean_bps=8.0, rule=("A", "B"))

    assert list(figure.data[0].y) == [-20.0, 10.0, 30.0]
    assert figure.layout.shapes[0].y0 == 8.0
    told = texts(figure)
    assert "without 2020-02-03: \N{MINUS SIGN}20 bp" in told
    assert "without 2020-01-02: +30 bp" in told
    with pytest.raises(InvalidArgumentError, match="2 dates to leave out, and needs 3"):
        left_out_figure(left.iloc[:2], mean_bps=8.0, rule=("A", "B"))
