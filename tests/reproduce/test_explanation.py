"""What moved a number between two trials, one thing at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import lakebt
from lakebt.reproduce.explanation import explain
from lakebt.study.scope import Scope
from lakebt.study.trials import cell_ids
from lakebt.values.keys import content_key
from tests.sweep.conftest import fill

if TYPE_CHECKING:
    import pandas as pd

pytestmark = pytest.mark.lake

RULE: dict[str, Any] = {"index": "SIM", "entries": ["AD+1@open"], "exits": ["1w"]}
CHARGED = lakebt.CostModel(commission_bps=2.0, borrow_bps_per_year=300.0)


def cell_ids_of(result: lakebt.Result) -> list[tuple[str, str, str]]:
    asked = result.arguments
    return cell_ids(asked.plain(), asked.costs, result.traded.origin)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> lakebt.Lake:
    return fill(tmp_path_factory.mktemp("explain") / "lake")


def run(
    lake: lakebt.Lake, release: str = "R1", engine: str = "event", **asked: Any
) -> tuple[str, float]:
    """Run one cell, and return its id and its Sharpe ratio."""
    study = lakebt.Study(lake.at(release), **{**RULE, **asked})
    result = study.run(engine=engine)
    ((_, _, trial),) = cell_ids(
        study.arguments.plain(), study.arguments.costs, result.traded.origin
    )
    return trial, float(result.table()["sharpe"].iloc[0])


def moved(steps: pd.DataFrame) -> dict[str, float]:
    return dict(zip(steps["what"], steps["sharpe_moved"], strict=True))


def test_each_thing_that_differs_is_a_step_and_they_add_up(lake: lakebt.Lake) -> None:
    one, first = run(lake)
    other, last = run(lake, "R2", exits=["2w"], aggregate="calendar", costs=CHARGED)

    found = explain(lake, one, other)

    names = found.steps["what"].tolist()
    assert names[:2] == ["start", "data"]
    assert set(names[2:]) == {
        *("aggregate", "exits", "commission_bps", "borrow_bps_per_year"),
    }
    assert found.steps["sharpe"].iloc[0] == first
    assert found.steps["sharpe"].iloc[-1] == pytest.approx(last, rel=1e-12)
    total = found.steps["sharpe_moved"].iloc[1:].sum()
    assert total == pytest.approx(last - first, rel=1e-9)


def test_a_step_is_what_a_study_of_its_own_finds(lake: lakebt.Lake) -> None:
    one, first = run(lake)
    other, last = run(lake, "R2", hedge="MKT", side="additions")
    _, with_data = run(lake, "R2")
    _, with_hedge = run(lake, "R2", hedge="MKT")

    steps = explain(lake, one, other).steps

    by_name = moved(steps)
    assert by_name["data"] == pytest.approx(with_data - first)
    assert by_name["hedge"] == pytest.approx(with_hedge - with_data)
    assert by_name["side"] == pytest.approx(last - with_hedge)
    assert abs(by_name["data"]) > 1e-6


def test_the_facts_that_differ_are_counted(lake: lakebt.Lake) -> None:
    one, other = run(lake)[0], run(lake, "R2")[0]

    found = explain(lake, one, other)

    assert found.rows.to_dict("records") == [
        {"table": "prices", "added": 0, "removed": 0, "changed": 1}
    ]
    (changed,) = found.diffs["prices"].changed.to_dict("records")
    assert changed["close_after"] == pytest.approx(changed["close_before"] * 1.05)
    assert "prices: 0 keys added, 0 removed, 1 changed" in str(found)
    assert "data R1 → R2" in str(found)
    assert "<table" in found._repr_html_()


def test_an_earlier_instant_is_other_data(lake: lakebt.Lake) -> None:
    view = lake.at("R1")
    earlier = view.as_of(
        Scope(view, lakebt.Study(view, **RULE).arguments).changes()[-1].known_at
    )
    study = lakebt.Study(earlier, **RULE)
    result = study.run()

    found = explain(lake, run(lake)[0], result.id)

    (step,) = found.steps[found.steps["what"] == "data"].to_dict("records")
    assert earlier.instant.isoformat() in step["after"]
    assert set(found.rows["table"]) >= {"prices", "etf_holdings"}


def test_engines_move_nothing_that_can_be_seen(lake: lakebt.Lake) -> None:
    found = explain(lake, run(lake)[0], run(lake, engine="vectorbt")[0])

    assert found.steps["what"].tolist() == ["start", "engine"]
    assert abs(moved(found.steps)["engine"]) < 1e-9


def test_the_same_trial_differs_in_nothing(lake: lakebt.Lake) -> None:
    one, ratio = run(lake)

    found = explain(lake, one, one)

    assert str(found) == f"Sharpe {ratio:.4f} → {ratio:.4f}: nothing differs."


def test_older_code_takes_what_is_left(lake: lakebt.Lake) -> None:
    one, ratio = run(lake)
    row = lake.trials(where={"trial_id": one})
    old = content_key("older code")
    lake.record(
        row.assign(trial_id=old, sharpe=ratio - 0.5, code_version="0.0.1+00000000")
    )

    found = explain(lake, old, one)

    assert found.steps["what"].tolist() == ["start", "code"]
    assert moved(found.steps)["code"] == pytest.approx(0.5)
    assert found.steps["before"].iloc[1] == "0.0.1+00000000"


def test_a_cell_that_is_empty_has_no_difference(lake: lakebt.Lake) -> None:
    one, _ = run(lake)
    other, ratio = run(lake, entries=["AD@close"])

    found = explain(lake, one, other)

    assert np.isnan(ratio)
    assert np.isnan(found.steps["sharpe"].iloc[-1])
    assert found.steps["n_events"].iloc[-1] == 0


def test_an_unknown_trial_is_told(lake: lakebt.Lake) -> None:
    with pytest.raises(ValueError, match="there is no trial 'abcdef'"):
        explain(lake, run(lake)[0], "abcdef")
