from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from lakebt.report import words

MINUS = "\N{MINUS SIGN}"


def test_a_negative_number_has_a_printed_minus() -> None:
    assert words.sharpe(-1.2) == f"{MINUS}1.20"
    assert words.bps(-4.91) == f"{MINUS}4.9"


def test_what_rounds_to_zero_has_no_sign() -> None:
    assert words.sharpe(-0.004) == "0.00"
    assert words.bps(-0.04) == "0"


@pytest.mark.parametrize("write", [words.sharpe, words.bps, words.cost_bps])
def test_a_missing_number_is_a_dash(write: object) -> None:
    assert callable(write)
    assert write(float("nan")) == words.NOTHING


def test_a_missing_error_is_said_to_be_missing() -> None:
    assert words.error(float("nan")) == "± ?"


@pytest.mark.parametrize(
    ("value", "written"), [(9.94, "+9.9"), (9.96, "+10"), (1234.5, "+1,234")]
)
def test_small_returns_have_a_decimal(value: float, written: str) -> None:
    assert words.bps(value) == written


@pytest.mark.parametrize("missing", [None, pd.NaT, float("nan"), "2022-11-28"])
def test_what_is_no_instant_is_a_dash(missing: object) -> None:
    assert words.instant(missing) == words.NOTHING


def test_an_instant_without_a_zone_is_utc() -> None:
    assert words.instant(dt.datetime(2022, 11, 28, 20, 50, 55)) == (  # noqa: DTZ001
        "2022-11-28 15:50:55 New York"
    )
