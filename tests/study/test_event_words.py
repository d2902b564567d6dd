"""What an event study says of its own figures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lakebt.analysis.event_study.event_returns import EstimationData, WindowData
from lakebt.analysis.event_study.models import Model, fit
from lakebt.analysis.event_study.tests import Row
from lakebt.study.event_words import of_intercept, of_two_answers

MARKET = np.array([0.01, -0.01, 0.02, -0.02])


def of_model(model: Model) -> str:
    """Two changes with intercepts of 10 and 30 bp, that reach two closes and one."""
    estimation = EstimationData(
        stock=np.concatenate([0.001 + MARKET, 0.003 + 2.0 * MARKET]),
        market=np.tile(MARKET, 2),
        session=np.tile(np.arange(4), 2),
        place=np.tile(np.arange(4), 2),
        start=np.array([0, 4, 8]),
    )
    window = WindowData(
        stock=np.zeros(4),
        market=np.zeros(4),
        session=np.array([10, 11, 12, 13]),
        start=np.array([0, 2, 4]),
        is_close=np.array([True, True, True, False]),
    )
    return of_intercept(fit(estimation, model), window)


def test_the_intercept_and_what_it_alone_makes() -> None:
    # (10 * 2 + 30 * 1) / 2 = 25 bp, taken off.
    said = (
        "The mean intercept is +20.0 bp a session, which alone makes a mean CAR of "
        "-25.0 bp."
    )

    assert of_model(Model.MARKET) == said
    assert of_model(Model.CONSTANT_MEAN) == said
    assert of_model(Model.MARKET_ADJUSTED) == ""


def rows(**given: tuple[float, float]) -> list[Row]:
    """The four tests that answer, from a statistic and a p-value of each."""
    every = {
        "sign flips": given["money"],
        "block flips": given.get("blocks", given["money"]),
        "sign flips of SCAR": given["typical"],
        "adjusted BMP": given.get("adjusted", given["typical"]),
    }
    return [
        Row(
            name=name,
            question="",
            n=9,
            n_dates=9,
            estimate=0.001,
            low=math.nan,
            high=math.nan,
            statistic=statistic,
            degrees=8.0,
            p=p,
        )
        for name, (statistic, p) in every.items()
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"money": (0.3, 0.8), "typical": (-3.0, 0.003)}, "fell (adjusted BMP t -3"),
        ({"money": (3.0, 0.01), "typical": (-3.0, 0.003)}, "money was made (+10.0"),
        ({"money": (-3.0, 0.01), "typical": (0.1, 0.9)}, "not move beyond chance"),
        ({"money": (3.0, 0.01), "typical": (0.1, 0.9)}, "(+10.0 bp, sign flips p 0.0"),
        ({"money": (0.1, 0.9), "typical": (5.0, 1e-5)}, "rose (adjusted BMP t +5.00"),
        # What one of two tests does not show is no answer of yes.
        (
            {"money": (3.0, 0.01), "blocks": (3.0, 0.2), "typical": (3.0, 0.003)},
            "no money was made or lost beyond chance",
        ),
    ],
)  # fmt: skip
def test_two_answers_are_told(given: dict[str, tuple[float, float]], said: str) -> None:
    assert said in of_two_answers(rows(**given))


@pytest.mark.parametrize(
    "given",
    [
        {"money": (3.0, 0.01), "typical": (4.0, 0.003)},
        {"money": (0.3, 0.7), "typical": (-0.3, 0.8)},
        {"money": (0.3, 0.7), "typical": (3.0, 0.01), "adjusted": (1.0, 0.3)},
        {"money": (math.nan, math.nan), "typical": (4.0, 0.003)},
    ],
)
def test_one_answer_is_not(given: dict[str, tuple[float, float]]) -> None:
    assert of_two_answers(rows(**given)) == ""


def test_without_a_model_there_is_nothing_to_compare() -> None:
    assert of_two_answers(rows(money=(3.0, 0.01), typical=(0.1, 0.9))[:2]) == ""
