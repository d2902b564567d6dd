"""The article's experiment, and what its corrections do.

The expected numbers are typed from an independent run of the article's own code on the
same prices.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import lakebt
from notebooks import article

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.lake]

# "*": the exit falls on a Saturday and never fires.
PUBLISHED = {
    "AD": ["0.43*", "1.63", "-1.51", "0.79", "2.26", "2.28"],
    "ED": ["1.29", "0.03*", "2.97", "2.63", "1.96", "1.63"],
    "MD": ["-4.37"] * 6,
}
STEPS = list(article.corrections())


@pytest.fixture(scope="module")
def real(
    realdata: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[lakebt.Lake, article.Episode]:
    return article.build_lake(tmp_path_factory.mktemp("real") / "lake", data=realdata)


@pytest.fixture(scope="module")
def simulated(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[lakebt.Lake, article.Episode]:
    return article.build_lake(tmp_path_factory.mktemp("sim") / "lake", data=None)


def surface(episode: article.Episode, step: str) -> Any:
    """Return the cells of a step. Pandas' types of `.loc` take mypy a second each."""
    return article.cells(episode, article.corrections()[step]).set_index(
        ["signal", "exit_after"]
    )


def test_the_experiment_as_published_is_reproduced(
    real: tuple[lakebt.Lake, article.Episode],
) -> None:
    cells = surface(real[1], "as published")

    assert len(real[1].closes) == 87
    for signal, ratios in PUBLISHED.items():
        row = cells.loc[signal]
        assert [f"{ratio:.2f}" for ratio in row["sharpe"]] == [
            ratio.removesuffix("*") for ratio in ratios
        ]
        if signal != "MD":
            starred = [ratio.endswith("*") for ratio in ratios]
            assert list(~row["fired"]) == starred
            assert list(row["n_orders"]) == [4 if star else 8 for star in starred]


def test_at_forty_times_leverage_the_account_is_lost_and_never_closes(
    real: tuple[lakebt.Lake, article.Episode],
) -> None:
    late = surface(real[1], "as published").loc["MD"]

    assert late["lost"].all()
    assert set(late["n_orders"]) == {4}


def test_the_example_of_the_article_has_its_sharpe_ratio_and_orders(
    real: tuple[lakebt.Lake, article.Episode],
) -> None:
    portfolio = article.backtest(
        real[1], article.ANNOUNCED, dt.date(2022, 10, 31), article.PUBLISHED
    )
    orders = portfolio.orders.records_arr

    assert round(article.sharpe(portfolio, article.PUBLISHED), 4) == 1.5426
    assert float(portfolio.sharpe_ratio()) == pytest.approx(
        article.sharpe(portfolio, article.PUBLISHED), abs=1e-12
    )
    assert [f"{size:.6f}" for size in orders["size"][:4]] == [
        *("31948.881789", "18321.729571", "27419.797094", "14106.361969"),
    ]
    assert list(orders["price"]) == [
        31.66,
        55.15,
        38.2,
        75.0,
        83.7,
        31.94,
        52.95,
        34.09,
    ]


def test_the_year_changes_every_number_by_one_factor(
    simulated: tuple[lakebt.Lake, article.Episode],
) -> None:
    before, after = (
        surface(simulated[1], step)["sharpe"].to_numpy() for step in STEPS[1:3]
    )

    np.testing.assert_allclose(after, before * math.sqrt(252 / 365), rtol=1e-12)


def test_moving_saturday_exits_changes_no_other_cell(
    simulated: tuple[lakebt.Lake, article.Episode],
) -> None:
    before, after = (surface(simulated[1], step) for step in STEPS[3:5])
    fired = before["fired"]

    assert set(before.index[~fired]) == {("AD", "1 d"), ("ED", "5 d"), ("MD", "1 d")}
    np.testing.assert_allclose(
        after.loc[fired, "sharpe"], before.loc[fired, "sharpe"], rtol=1e-12
    )
    assert (after.loc[~fired, "n_orders"] == 8).all()
    assert len(set(after["sharpe"].loc[[("ED", "5 d"), ("ED", "1 w")]])) == 1


def test_the_last_correction_leaves_out_what_nobody_knew(
    simulated: tuple[lakebt.Lake, article.Episode],
) -> None:
    ratios = surface(simulated[1], STEPS[5])["sharpe"]

    assert ratios.loc["MD"].isna().all()
    assert ratios.drop("MD").notna().all()


@pytest.mark.parametrize("prices", ["simulated", "real"])
def test_corrected_it_is_what_a_study_says(
    prices: str, request: pytest.FixtureRequest
) -> None:
    lake, episode = request.getfixturevalue(prices)
    corrected = surface(episode, STEPS[5])["sharpe"]
    sessions = episode.closes.index
    for signal in ("AD", "ED"):
        exits = []
        for days in article.HOLDING_DAYS.values():
            left = pd.Timestamp(article.SIGNALS[signal] + dt.timedelta(days=days))
            filled = sessions[sessions.searchsorted(left) + 1]
            exits.append(f"{filled.date()}@open")
        result = lakebt.Study(
            lake.at(episode.release),
            index=episode.index,
            entries=[f"{signal}+1@open"],
            exits=list(dict.fromkeys(exits)),
        ).run()
        said = result.sharpe().loc[f"{signal}+1@open", exits]

        np.testing.assert_allclose(corrected[signal], said, rtol=1e-9)


def test_the_printed_queries_give_other_rows_than_the_article_shows(
    simulated: tuple[lakebt.Lake, article.Episode],
) -> None:
    lake, _ = simulated
    asked = article.queries(lake.at("Q1_2022"), lake.at("Q3_2022"), fund="SPY")
    diff = lake.diff("etf_holdings", "Q1_2022", "Q3_2022")

    assert asked.to_numpy().tolist() == [[9, 0], [9, 10]]
    assert (len(diff.added), len(diff.removed), len(diff.reidentified)) == (8, 9, 1)
    assert set(diff.reidentified["symbol"]) == {"J"}


def test_no_real_ticker_gets_an_invented_price(
    simulated: tuple[lakebt.Lake, article.Episode],
) -> None:
    lake, episode = simulated
    known = lake.at("SIMULATED").panel("close").columns

    assert episode.symbols == ("DEL0001", "DEL0002", "ADD0001", "ADD0002")
    assert all(symbol[:3] in {"ADD", "DEL", "MEM", "MKT"} for symbol in known)


def test_marks_say_what_is_wrong_with_a_cell(
    real: tuple[lakebt.Lake, article.Episode],
) -> None:
    printed: Any = article.corrected(real[1])

    assert list(printed.loc["as published"].loc["AD"])[:2] == ["0.43 * †", "1.63"]
    assert list(printed.loc[STEPS[1]].loc["AD"])[:2] == ["-2.72 *", "1.26"]
    assert list(printed.loc[STEPS[5]].loc["MD"]) == ["·"] * 6


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        ({}, "1.5 ± 0.5"),
        ({"n_dates": 9}, "1.5 ± 0.5 †"),
        ({"n_dates": 1, "sharpe_se": math.nan}, "1.5 ± ? †"),
        ({"n_dates": 0, "sharpe": math.nan, "sharpe_se": math.nan}, "·"),
        ({"n_refused": 2}, "refused"),
    ],
)
def test_a_cell_says_how_far_its_error_can_be_trusted(
    row: dict[str, float], shown: str
) -> None:
    plain = {"sharpe": 1.5, "sharpe_se": 0.5, "n_dates": 10, "n_refused": 0}

    assert article.told(pd.Series(plain | row)) == shown
