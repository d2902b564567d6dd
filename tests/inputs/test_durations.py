"""A duration says its unit, wherever it is given."""

from __future__ import annotations

import datetime as dt
import inspect
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakebt
from lakebt.events.clock import lead_text, parse_lead
from lakebt.inputs.durations import parse_duration
from lakebt.strategy.terms import Terms
from lakebt.study.arguments import Arguments

MINUTES = {"10min": 10, "1h30min": 90, "1 h 30 min": 90, "00:10:00": 10, "PT1H": 60}

NO_UNIT = [
    *("10", " 10 ", "+10", "10.5", "1e3", "0", "1h 30", "10min5", "10 20min", "-10"),
    *(10, 10.0, 0, np.int64(10), np.float64(10), np.timedelta64(10)),
]
NO_DURATION = [
    *("", " ", "soon", "min", "10M", "1y", "10 parsecs", "NaT", "nan", "10min later"),
    *(
        "P",
        "PT",
        "0:10",
        "1_0min",
        "\u0661\u0660min",
        "10\x00min",
        "--10min",
        "1e2min",
        "inf",
    ),
    *(None, True, float("nan"), pd.NaT, np.timedelta64("NaT"), [10], dt.time(0, 10)),
    np.timedelta64(10**18, "W"),
]


@pytest.mark.parametrize(("text", "minutes"), MINUTES.items())
def test_text_with_units_is_a_duration(text: str, minutes: int) -> None:
    assert parse_duration(text, what="lead") == dt.timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "value",
    [
        dt.timedelta(minutes=10),
        pd.Timedelta(minutes=10),
        np.timedelta64(10, "m"),
        pd.offsets.Minute(10),
    ],
)
def test_what_has_a_unit_of_its_own_is_a_duration(value: object) -> None:
    read = parse_duration(value, what="lead")

    assert (read, type(read)) == (dt.timedelta(minutes=10), dt.timedelta)


@pytest.mark.parametrize("value", NO_UNIT, ids=repr)
def test_a_number_without_a_unit_is_refused(value: object) -> None:
    with pytest.raises(lakebt.LakebtError, match=r"^lead .* (has no unit|not a dur)"):
        parse_duration(value, what="lead")


@pytest.mark.parametrize("value", NO_DURATION, ids=repr)
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(lakebt.LakebtError, match=r"^lead .* is not a duration: write"):
        parse_duration(value, what="lead")


@pytest.mark.parametrize("value", ["10ns", pd.Timedelta("10ns"), "0.0000001s"])
def test_nothing_is_rounded_to_no_time_at_all(value: object) -> None:
    with pytest.raises(lakebt.LakebtError, match="finer than a microsecond"):
        parse_duration(value, what="lead")


@given(st.integers(0, 10**8), st.sampled_from(["us", "ms", "s", "min", "h"]))
def test_pandas_reads_the_same_duration(number: int, unit: str) -> None:
    text = f"{number / 1000}{unit}"
    if "e" in text:
        return
    expected = pd.Timedelta(text).to_pytimedelta()
    if not expected and number:
        return

    assert parse_duration(text, what="lead") == expected


@given(st.timedeltas(dt.timedelta(0), dt.timedelta(days=30)))
def test_a_lead_that_is_written_is_read_back(lead: dt.timedelta) -> None:
    assert parse_lead(lead_text(lead)) == lead


# --- wherever one is given ------------------------------------------------------------


def durations(function: Any) -> set[str]:
    """Arguments that take a duration, by their annotation."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name for p in parameters if "timedelta" in str(p.annotation)}


def test_every_duration_is_one_of_those_tried_here() -> None:
    public = [getattr(lakebt, name) for name in lakebt.__all__]
    methods = [
        method
        for thing in public
        if inspect.isclass(thing)
        for _, method in inspect.getmembers(thing, callable)
        if str(getattr(method, "__module__", "")).startswith("lakebt")
    ]
    takers = [t for t in (*public, *methods) if callable(t) and inspect.isroutine(t)]

    found = set().union(*(durations(taker) for taker in takers))

    assert found == {"min_lead"}


@pytest.mark.parametrize("value", [10, "10", 0])
def test_a_study_a_strategy_and_their_sweeps_refuse_it(value: Any) -> None:
    told = f"min_lead {value!r} has no unit"
    with pytest.raises(lakebt.LakebtError, match=told):
        Arguments.parse(index="SIM", min_lead=value)
    with pytest.raises(lakebt.LakebtError, match=told):
        Terms.parse(start="2010-01-04", end="2010-02-01", min_lead=value)
