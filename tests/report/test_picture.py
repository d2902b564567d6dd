"""The pictures of figures hold their numbers, where the figures have them."""

from __future__ import annotations

import datetime as dt
import math
import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from plotly import io

import lakebt
from lakebt.report.charts import (
    exposure_figure,
    path_figure,
    ridge_figure,
    rolling_figure,
    surface_figure,
    waterfall_figure,
    years_figure,
)
from lakebt.report.charts.base import base_layout
from lakebt.report.charts.chart import PLOTLY, SVG, Chart, on_any_page
from lakebt.report.charts.picture import picture
from lakebt.report.charts.picture_axes import WIDTH
from lakebt.report.charts.picture_ticks import ticks_of
from lakebt.report.palette import DARK, LIGHT, THEMES, rgb
from lakebt.report.words import MINUS
from lakebt.sources.simulated import simulated_market
from lakebt.study.report import contents as contents_of

pytestmark = pytest.mark.lake

ENTRIES, EXITS = ("AD@close", "AD+1@open", "ED-1@close"), ("+1", "1w", "ED@close")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Result:
    market = simulated_market(seed=5, n_events=8, jump_bps=200)
    lake = lakebt.Lake.open(tmp_path_factory.mktemp("pictures") / "lake")
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    study = lakebt.Study(lake.at("R1"), index="SIM", entries=ENTRIES, exits=EXITS)
    return study.run(record=False)


def drawn(figure: Any) -> ET.Element:
    return ET.fromstring(picture(figure))  # noqa: S314 - our own


def texts(root: ET.Element) -> list[str]:
    return [e.text or "" for e in root.iter() if e.tag.endswith("}text")]


def test_the_surface_has_its_numbers_and_names(result: lakebt.Result) -> None:
    root = drawn(result.plot())
    numbers = [v for v in result.sharpe().to_numpy().ravel() if not math.isnan(v)]

    told = texts(root)

    assert set(ENTRIES) | set(EXITS) <= set(told)
    assert [f"{n:.2f}".replace("-", "\N{MINUS SIGN}") for n in numbers] == [
        text for text in told if re.fullmatch(r"\W?\d+\.\d\d", text)
    ]
    assert any("not yet known" in text for text in told)


@pytest.mark.parametrize("plot", ["plot", "plot_ridge", "plot_years", "plot_paths"])
def test_everything_lies_within_the_picture(result: lakebt.Result, plot: str) -> None:
    root = drawn(getattr(result, plot)())
    height = float(root.attrib["height"])

    for element in root.iter():
        for name, most in (("x", WIDTH), ("cx", WIDTH), ("y", height), ("cy", height)):
            if name in element.attrib:
                assert 0 <= float(element.attrib[name]) <= most
        for place in element.attrib.get("points", "").split():
            x, y = map(float, place.split(","))
            assert 0 <= x <= WIDTH
            assert 0 <= y <= height


def test_points_lie_where_their_values_are(result: lakebt.Result) -> None:
    """Distances in a picture are those of the values, by a straight line."""
    years = result.by_year(entry="AD+1@open", exit="+1")
    root = drawn(result.plot_years(entry="AD+1@open", exit="+1"))
    heights = [float(e.attrib["cy"]) for e in root.iter() if "cy" in e.attrib]
    ticks = {
        float(e.text.replace("\N{MINUS SIGN}", "-").replace(",", "")): float(
            e.attrib["y"]
        )
        for e in root.iter()
        if e.attrib.get("text-anchor") == "end" and e.text
    }
    (low, high) = min(ticks), max(ticks)

    for mean, at in zip(years["mean_bps"], heights, strict=True):
        part = (mean - low) / (high - low)
        expected = ticks[low] + part * (ticks[high] - ticks[low]) - 4
        assert at == pytest.approx(expected, abs=0.3)


def test_markup_in_a_name_is_text() -> None:
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], name="<img src=x>", line={"color": "#000000"}
    )
    axis = {"title": {"text": "a<b"}, "gridcolor": "#eeeeee"}
    margin = {"l": 8, "r": 8, "t": 8, "b": 40}
    figure.update_layout(xaxis=axis, yaxis=axis, margin=margin, height=200)
    figure.update_layout(font={"color": "#000000"}, paper_bgcolor="#ffffff")

    assert "<img" not in picture(figure)
    assert "&lt;img src=x&gt;" in picture(figure)


def test_a_notebook_gets_the_figure_and_the_picture(
    result: lakebt.Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(io.renderers, "default", "plotly_mimetype")
    figure = result.plot_paths()

    bundle = figure._repr_mimebundle_()

    assert isinstance(figure, Chart)
    assert isinstance(figure, go.Figure)
    assert set(bundle) == {PLOTLY, SVG}
    assert bundle[PLOTLY]["config"]["displayModeBar"] is False  # it lay over buttons


def test_a_live_figure_has_the_page_it_is_on_behind_it() -> None:
    light, dark = Chart(), Chart()
    for figure, theme in ((light, LIGHT), (dark, DARK)):
        figure.add_scatter(x=[0, 1], y=[0, 1], line={"color": theme.ink})
        figure.update_layout(base_layout(theme, height=200))

    live, asked = (on_any_page(one.to_plotly_json()) for one in (light, dark))

    layout = live["layout"]
    assert layout["paper_bgcolor"] == layout["plot_bgcolor"] == "rgba(0,0,0,0)"
    assert layout["hoverlabel"]["bgcolor"] == LIGHT.paper
    assert layout["hoverlabel"]["font"]["color"] == LIGHT.ink  # on a paper of its own
    # Contrast of letters and lines with pages of Jupyter: 3 is what WCAG asks of both.
    for colour in (layout["font"]["color"], live["data"][0]["line"]["color"]):
        assert all(contrast(colour, page) > 3.0 for page in ("#ffffff", "#111111"))
    assert asked["layout"]["paper_bgcolor"] == DARK.paper
    assert light.layout.paper_bgcolor == LIGHT.paper  # the figure itself, in a report


def contrast(one: str, two: str) -> float:
    """Return the ratio of two colours' luminances, as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = [part / 255 for part in rgb(colour)]
        linear = [
            p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


def test_all_figures_of_a_study_are_charts(result: lakebt.Result) -> None:
    contents = contents_of(result.traded)
    years = result.by_year(entry="AD+1@open", exit="+1")

    for theme in ("light", "dark"):
        for figure in (
            surface_figure(contents, theme=theme),
            ridge_figure(contents, theme=theme),
            path_figure(contents, theme=theme),
            years_figure(years, rule=("AD+1@open", "+1"), theme=theme),
        ):
            assert isinstance(figure, Chart)
            assert ET.fromstring(picture(figure)).tag.endswith("svg")  # noqa: S314


# --- along days -----------------------------------------------------------------------


class Halves:
    """Half in each of two symbols; from the third decision on, a short beside it."""

    def target_weights(self, view: lakebt.View) -> pd.Series:
        names = view.symbols()[:3]
        weights = [0.5, 0.5] if len(view.panel("close")) < 60 else [0.4, 0.4, -0.2]
        return pd.Series(weights, index=names[: len(weights)])


@pytest.fixture(scope="module")
def sheets(result: lakebt.Result) -> dict[str, lakebt.TearSheet]:
    view = result.view
    days = view.panel("close").index
    run = lakebt.Backtest(
        view, Halves(), start=days[20].date(), end=days[-2].date()
    ).run(record=False)
    entry, exit_ = "AD+1@open", "+1"
    study = result.tear_sheet(entry=entry, exit=exit_, benchmark="MKT")
    return {"run": run.tear_sheet(), "study": study}


def lines(root: ET.Element, colour: str) -> list[list[tuple[float, ...]]]:
    """The lines of a colour, as points."""
    return [
        [tuple(map(float, place.split(","))) for place in e.attrib["points"].split()]
        for e in root.iter()
        if e.tag.endswith("}polyline") and e.attrib["stroke"] == colour
    ]


@pytest.mark.parametrize("of", ["run", "study"])
def test_every_figure_of_a_tear_sheet_lies_within_its_picture(
    sheets: dict[str, lakebt.TearSheet], of: str
) -> None:
    figures = sheets[of].plots() | {"log": sheets[of].plot_equity(log=True)}

    for name, figure in figures.items():
        assert isinstance(figure, Chart), name
        root = drawn(figure)
        assert name != "months" or "percent, net" in texts(root)
        height = float(root.attrib["height"])
        assert "nan" not in picture(figure)
        for element in root.iter():
            for place in element.attrib.get("points", "").split():
                x, y = map(float, place.split(","))
                assert 0 <= x <= WIDTH, name
                assert 0 <= y <= height, name


def off_the_line(values: Any, places: Any) -> float:
    """How far places are from a straight line of their values, at most."""
    return float(
        np.abs(np.polyval(np.polyfit(values, places, 1), values) - places).max()
    )


def test_equity_and_drawdown_lie_where_their_values_are(
    sheets: dict[str, lakebt.TearSheet],
) -> None:
    """Days across by a straight line; up by one of the values, or of their logs."""
    sheet = sheets["run"]
    curves = sheet.curves()
    ordinals = np.array([day.toordinal() for day in curves.index])
    blue, orange = THEMES["light"].addition, THEMES["light"].deletion

    for figure, of in (
        (sheet.plot_equity(), lambda v: v),
        (sheet.plot_equity(log=True), np.log),
    ):
        root = drawn(figure)
        ((equity,), (drawdown,)) = lines(root, blue), lines(root, orange)
        for points, values in (
            (equity, of(curves["equity"].to_numpy())),
            (drawdown, curves["drawdown"].to_numpy()),
        ):
            x, y = np.array(points).T
            assert (
                np.abs(np.polyval(np.polyfit(ordinals, x, 1), ordinals) - x).max() < 1
            )
            assert np.abs(np.polyval(np.polyfit(values, y, 1), values) - y).max() < 0.2
            assert np.polyfit(values, y, 1)[0] < 0  # upwards


def test_a_line_is_broken_where_there_is_no_value_and_days_are_named() -> None:
    days = pd.date_range("2019-11-15", "2021-03-15", freq="D")
    curves = pd.DataFrame({"rolling_sharpe": 1.0, "rolling_volatility": 0.1}, days)
    curves.iloc[100:150] = math.nan
    curves.iloc[:20] = math.nan
    nothing = drawn(rolling_figure(curves * math.nan, sessions=126))

    root = drawn(rolling_figure(curves, sessions=126))
    told = texts(root)

    assert [len(e) for e in lines(root, THEMES["light"].addition)] == [
        80,
        len(days) - 150,
    ]
    assert [t for t in told if re.fullmatch(r"\d{4}-\d\d", t)] == [
        *("2020-01", "2020-04", "2020-07", "2020-10", "2021-01")
    ]
    assert "5%" in told
    assert "fewer than 126 sessions that vary" in texts(nothing)
    assert not any("%" in text for text in texts(nothing))  # of nothing


def test_a_step_keeps_its_height_until_the_next_day() -> None:
    days = pd.to_datetime(["2022-09-01", "2022-09-06", "2022-09-07"])
    root = drawn(exposure_figure(pd.Series([1.0, 2.0, 0.0], index=days)))

    ((first, second, third, fourth, fifth),) = lines(root, THEMES["light"].addition)

    assert first[1] == second[1] > third[1] == fourth[1]
    assert (second[0], fourth[0]) == (third[0], fifth[0])
    assert second[0] - first[0] == pytest.approx(5 * (fourth[0] - third[0]), abs=0.5)
    assert "2022-09-01" in texts(root)


def test_the_way_to_net_has_its_steps(result: lakebt.Result) -> None:
    contents = contents_of(result.traded)
    root = drawn(waterfall_figure(contents))

    told = texts(root)

    assert told.count("gross") == told.count("net") == told.count("borrow") == 1
    boxes = [e for e in root.iter() if e.tag.endswith("}rect")]
    assert len(boxes) == 1 + 5
    assert boxes[1].attrib["fill"] == boxes[-1].attrib["fill"]  # what is no step
    assert float(boxes[1].attrib["height"]) == float(boxes[-1].attrib["height"]) > 0


@pytest.mark.parametrize(
    ("look", "between", "told"),
    [
        ({"type": "date"}, ("2020-01-01", "2029-06-30"), "2020 2022 2024 2026 2028"),
        ({"type": "date"}, ("1990-06-01", "2029-06-30"), "2000 2010 2020"),
        ({"type": "date"}, ("2022-09-01", "2022-09-01"), "2022-09-01 2022-09-02"),
        ({"type": "log"}, (0.0, 2.5), "1 2 5 10 20 50 100 200"),
        ({"type": "log"}, (-1.0, -0.5), "0.1 0.15 0.2 0.25 0.3"),
        ({"tickformat": ".0%"}, (-0.5, 0.1), "-50% -40% -30% -20% -10% 0% 10%"),
        ({"tickformat": ".1~%"}, (0.0, 0.002), "0.00% 0.05% 0.10% 0.15% 0.20%"),
        ({}, (-1.0, 1.0), "-1.0 -0.5 0.0 0.5 1.0"),
    ],
)
def test_marks_of_an_axis(
    look: dict[str, Any], between: tuple[Any, Any], told: str
) -> None:
    if look.get("type") == "date":
        first, last = (float(dt.date.fromisoformat(d).toordinal()) for d in between)
        between = first, max(last, first + 1)

    marks = [*ticks_of(look, between)]

    assert " ".join(text.replace(MINUS, "-") for _, text in marks) == told
    assert all(between[0] <= at <= between[1] + 1e-9 for at, _ in marks)
