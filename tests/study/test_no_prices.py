"""A release without prices, as the sample is: clear errors, no surprises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import lakebt
from lakebt.errors import InvalidArgumentError, UnknownNameError, UntradeableError
from lakebt.sources.sample import sample_releases

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake


@pytest.fixture
def view(tmp_path: Path) -> lakebt.View:
    lake = lakebt.Lake.open(tmp_path / "lake")
    for sample in sample_releases():
        lake.publish(dict(sample.tables), release=sample.name, as_of=sample.as_of)
    return lake.at("Q3_2022")


def test_a_study_without_prices_is_untradeable(view: lakebt.View) -> None:
    study = lakebt.Study(view, index="SP500", entries=["AD+1@open"], exits=["+1"])

    with pytest.raises(UntradeableError, match="1 no_price"):
        study.run()


def test_a_hedge_without_prices_is_named(view: lakebt.View) -> None:
    study = lakebt.Study(
        view, index="SP500", entries=["AD+1@open"], exits=["+1"], hedge="SPY"
    )

    with pytest.raises(InvalidArgumentError, match="hedge 'SPY' has no prices"):
        study.run()


def test_a_panel_of_nothing_is_empty_and_of_a_stranger_an_error(
    view: lakebt.View,
) -> None:
    assert view.panel("close").empty
    assert view.panel("close", symbols=["PENN"]).empty
    with pytest.raises(UnknownNameError, match="unknown symbol 'NOPE'"):
        view.panel("close", symbols=["NOPE"])
