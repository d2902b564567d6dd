"""What is no text, no list or no number is one line, wherever it is given."""

from __future__ import annotations

import decimal
import functools
import inspect
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.errors import InvalidArgumentError, LakebtError
from lakebt.inputs.checks import check_positive
from lakebt.lake import Lake
from tests.lake.frames import AS_OF, bars, changes, clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HALF = "\ud800"
"""Half of a character, as a file in a wrong encoding gives: nothing can write it."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake.open(tmp_path_factory.mktemp("checks") / "lake", clock=clock)
    tables = {"prices": bars(), "index_changes": changes()}
    lake.publish(tables, release="R1", as_of=AS_OF)
    return lake


@pytest.mark.parametrize("is_decision", [False, True])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *(("changes", {"index": index}) for index in (0, None, ["SP500"], HALF)),
        *(("vintages", {"table": "index_changes", "key": key}) for key in (0, HALF)),
        *(("read", {"table": "prices", "columns": c}) for c in (-1, [pd.NA], {"a": 1})),
        *(("arrow", {"table": "prices", "columns": c}) for c in (-1, [["close"]])),
        *(("panel", {"column": "close", "symbols": s}) for s in (0, [["AAA"]], [None])),
    ],
)
def test_a_view_says_in_one_line_what_it_cannot_be_asked(
    lake: Lake, name: str, arguments: dict[str, Any], *, is_decision: bool
) -> None:
    view = lake.at("R1")
    asked = view.for_decision(view.instant) if is_decision else view

    with pytest.raises(LakebtError) as failed:
        getattr(asked, name)(**arguments)
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize(
    "columns", [pd.Index(["symbol", "close"]), np.array(["symbol", "close"])]
)
def test_columns_may_be_those_of_a_frame(lake: Lake, columns: Any) -> None:
    view = lake.at("R1")

    assert list(view.read("prices", columns=columns)) == ["symbol", "close"]
    assert view.arrow("prices", columns=columns).column_names == ["symbol", "close"]


@pytest.mark.parametrize("hours", [None, "24", float("inf"), 2**70, 1e12, True, 0.5])
def test_orphans_are_of_an_age(lake: Lake, hours: Any) -> None:
    with pytest.raises(LakebtError, match=r"^older_than_hours must be "):
        lake.remove_orphans(older_than_hours=hours)
    assert lake.remove_orphans(older_than_hours=24).done == ()


@pytest.mark.parametrize("labels", ["a", 1, ["a"]])
def test_labels_are_a_mapping(lake: Lake, labels: Any) -> None:
    with pytest.raises(LakebtError, match=r"^labels must map text"):
        lake.releases(labels)


@pytest.mark.parametrize(
    "told", [{"note": HALF}, {"labels": {HALF: "a"}}, {"labels": {"a": HALF}}]
)
def test_what_cannot_be_written_is_not_published(lake: Lake, told: Any) -> None:
    with pytest.raises(LakebtError, match=r"must (be|map) text"):
        lake.publish({"prices": bars()}, release="R2", as_of=AS_OF, **told)
    with pytest.raises(LakebtError, match=r"^because must say why"):
        lake.drop("R1", because=HALF)


@pytest.mark.parametrize("value", [None, "1", 0, -1, True, float("nan"), 10**400, 1j])
@pytest.mark.parametrize("name", ["gross", "max_gross", "capital_usd", "max_weight"])
def test_a_number_is_a_number(lake: Lake, name: str, value: Any) -> None:
    with pytest.raises(LakebtError, match=rf"^{name} must be a finite number > 0, was"):
        lakebt.Study(lake.at("R1"), index="SP500", **{name: value})


@pytest.mark.parametrize("value", [1, np.float32(2), np.int8(3), decimal.Decimal(4)])
def test_numbers_of_any_kind_are_taken(value: Any) -> None:
    check_positive("gross", value)


@pytest.mark.parametrize("value", [None, 1, {"AD+1@open": 1}, b"AD+1@open"])
@pytest.mark.parametrize("name", ["entries", "exits"])
def test_rules_are_a_list(lake: Lake, name: str, value: Any) -> None:
    with pytest.raises(LakebtError, match=rf"^{name} must be a list, was "):
        lakebt.Study(lake.at("R1"), index="SP500", **{name: value})


NOT_OFFERED = {"View.price_history", "CostModel.impact_at"}
"""What lakebt asks itself, many times."""


def methods() -> dict[str, Callable[..., Any]]:
    """Return the public methods of public classes, by their names."""
    found = {}
    for name in lakebt.__all__:
        kind = getattr(lakebt, name)
        if not inspect.isclass(kind):
            continue
        for attribute, method in inspect.getmembers(kind, callable):
            is_python = inspect.isfunction(method) or inspect.ismethod(method)
            told = f"{name}.{attribute}"
            if is_python and attribute[0] != "_" and told not in NOT_OFFERED:
                found[told] = method
    return found


def parameters(method: Callable[..., Any]) -> dict[str, str]:
    """Return the arguments of a method, and what each is annotated to be."""
    every = inspect.signature(method).parameters.values()
    return {each.name: str(each.annotation) for each in every}


def is_switch(annotation: str) -> bool:
    return annotation.partition(" | ")[0] == "bool"


SWITCHES = {
    name
    for method in methods().values()
    for name, annotation in parameters(method).items()
    if is_switch(annotation)
}

REFUSED: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(sorted(SWITCHES), (None, "no", 0)),
    "progress": (True, "bar", 3),
    "clock": (None, "12:00", AS_OF),
}
"""What these arguments cannot be, wherever there is one of them."""


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_before_anything_is_looked_at(name: str) -> None:
    asked = {
        told: method
        for told, method in methods().items()
        if (annotation := parameters(method).get(name)) is not None
        and (name not in SWITCHES or is_switch(annotation))
    }
    assert asked

    for told, method in asked.items():
        assert "InvalidArgumentError" in (method.__doc__ or ""), told
        wanted = inspect.signature(method).parameters.values()
        given = {each.name: "x" for each in wanted if each.default is each.empty}
        if "self" in given:  # there is no lake, and no study, to look at
            owner = getattr(lakebt, told.partition(".")[0])
            given["self"] = object.__new__(owner)
        if told == "Lake.open":
            given["path"] = "x"
        for value in REFUSED[name]:
            with pytest.raises(InvalidArgumentError, match=f"^{name} must be") as error:
                method(**{**given, name: value})
            assert repr(value) in str(error.value), told


def test_a_bad_clock_makes_no_lake(lake: Lake, tmp_path: Path) -> None:
    lake.export(tmp_path / "export")
    clock: Any = "12:00"

    for make in (Lake.open, functools.partial(Lake.import_, tmp_path / "export")):
        with pytest.raises(InvalidArgumentError, match="clock must be a function"):
            make(tmp_path / "new", clock=clock)

    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("days", [0, 1.5, True, 10**6, 10**30])
def test_how_long_a_release_is_kept_can_be_counted(lake: Lake, days: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^retain_days must be"):
        lake.publish({"prices": bars()}, release="R9", as_of=AS_OF, retain_days=days)


def test_what_is_written_in_lines_is_refused_in_one(lake: Lake) -> None:
    frame: Any = pd.DataFrame({"a": [1, 2]})

    for refused in (
        lambda: lake.at(frame),
        lambda: lake.drop("R1", because=frame),
        lambda: lake.branch(frame, at="R1"),
        lambda: lake.count_trials(study=frame),
        lambda: lake.trial_ids(study=frame),
        lambda: lake.roll_back(frame),
        lambda: lake.adopt(frame, release="R9"),
    ):
        with pytest.raises(LakebtError) as error:
            refused()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", [0, ["x"], [["x"]], {"a": 1}, float("nan"), pd.NaT])
def test_what_is_no_name_is_refused_by_whoever_is_given_it(
    lake: Lake, wrong: Any
) -> None:
    for refused in (
        lambda: lake.count_trials(study=wrong),
        lambda: lake.trial_ids(study=wrong),
        lambda: lake.trials(columns=wrong),
        lambda: lake.roll_back(wrong),
        lambda: lake.adopt(wrong, release="R9"),
        lambda: lake.declare("mine", key=[wrong], columns={"a": "text"}),
    ):
        with pytest.raises(LakebtError):
            refused()
