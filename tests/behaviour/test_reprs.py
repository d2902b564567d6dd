"""What people meet tells itself in one to five lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import lakebt
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake


class Market:
    """Holds the market."""

    def target_weights(self, view: lakebt.View) -> pd.Series:
        """Return the market's weight."""
        del view
        return pd.Series({"MKT": 1.0})


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One of each thing that people meet."""
    folder: Path = tmp_path_factory.mktemp("reprs")
    market = simulated_market(seed=1, n_events=3)
    lake = lakebt.Lake.open(folder / "lake")
    release = lake.publish(
        market.tables,
        release="R1",
        as_of=market.as_of,
        note="<b>first</b>",
        labels={"regime": "calm"},
    )
    view = lake.at("R1")
    study = lakebt.Study(view, index="SIM")
    result = study.run()
    backtest = lakebt.Backtest(view, Market, start="2010-02-01", end="2010-03-31")
    run = backtest.run()
    sweep = lakebt.Sweep(view, index="SIM")
    return {
        "a market": market,
        "a lake": lake,
        "a release": release,
        "a view": view,
        "a study": study,
        "a plan": study.plan(),
        "a result": result,
        "what is in it": result.traded,
        "a backtest": backtest,
        "a run": run,
        "what is in that": run.traded,
        "a sweep": sweep,
        "its result": sweep.run(),
        "a diff": lake.diff("prices", "R1", "R1"),
        "a change": view.changes(index="SIM")[0],
        "costs": lakebt.CostModel(),
        "terms": backtest.terms,
        "a diagnosis": lake.doctor(),
    }


def test_everything_tells_itself_in_few_lines(met: dict[str, Any]) -> None:
    for name, thing in met.items():
        lines = repr(thing).splitlines()

        assert 1 <= len(lines) <= 5, name
        assert max(map(len, lines)) < 500, name
        assert not re.search(r" at 0x[0-9a-f]+>", repr(thing)), name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "a backtest",
            (
                "Backtest(Market, release 'R1', 2010-02-01 to 2010-03-31: "
                "2 decisions, monthly at the open, audited=False)"
            ),
        ),
        ("a sweep", "Sweep(1 study, 20 cells, 'R1')"),
        ("its result", "SweepResult(20 cells, 0 run now)"),
    ],
)
def test_what_is_told(met: dict[str, Any], name: str, told: str) -> None:
    assert repr(met[name]) == told


def test_a_plan_says_how_much_of_it_can_be_tried(met: dict[str, Any]) -> None:
    early = lakebt.Study(
        met["a view"], index="SIM", entries=["AD+1@open", "AD-1@open"], exits=["+1"]
    )
    plan = early.plan()
    empty = sum(cell.empty is not None for cell in plan)

    assert isinstance(plan, tuple)
    assert repr(plan) == (
        f"Plan(6 cells of 3 events: {6 - empty} can be tried, {empty} look_ahead)"
    )
    assert empty == 3


def test_notebooks_show_them_and_no_markup_of_others(met: dict[str, Any]) -> None:
    for name in ("a release", "a plan", "a backtest", "a sweep", "its result"):
        assert "<p>" in met[name]._repr_html_(), name
    assert "&lt;b&gt;first&lt;/b&gt;" in met["a release"]._repr_html_()
    assert "regime calm" in repr(met["a release"])


def test_letters_keep_the_colour_that_a_notebook_gives_them(
    met: dict[str, Any],
) -> None:
    """It may be black on white, or white on black: no red is readable on both."""
    shown = {name: each for name, each in met.items() if hasattr(each, "_repr_html_")}

    assert len(shown) > 5
    for name, each in shown.items():
        assert not re.search(r"(?<!-)color:\s*(#|rgb)", each._repr_html_()), name


def test_the_package_shows_public_names_only() -> None:
    assert dir(lakebt) == sorted(lakebt.__all__)


def test_help_names_the_columns_of_orders(met: dict[str, Any]) -> None:
    for method, table in (
        (lakebt.Result.orders, met["a result"].orders()),
        (lakebt.Run.orders, met["a run"].orders()),
    ):
        assert all(f"``{name}``" in str(method.__doc__) for name in table.columns)


def test_a_repr_obeys_no_word_of_others(met: dict[str, Any], tmp_path: Path) -> None:
    wild = "a\x1b[2J\u202eb\x9bc"
    strange = type(wild, (Market,), {"__module__": __name__})
    view = met["a view"]
    lake = lakebt.Lake.open(tmp_path / "a\u202eb")
    tables = {"prices": simulated_market(seed=1, n_events=1).prices}
    release = lake.publish(
        tables, release="R1", as_of=view.cutoff, note=wild, labels={"k": wild}
    )
    backtest = lakebt.Backtest(view, strange(), start="2010-02-01", end="2010-03-31")
    told = [
        *(repr(each) for each in (release, lake, backtest, lake.doctor())),
        str(lake.doctor()),
        str(lake.drop("R1", because=wild)),
    ]

    for each in told:
        assert each.replace("\n", "").isprintable(), each
