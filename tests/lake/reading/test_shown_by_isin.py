"""MD follows the ISIN: a ticker left out, or a new one, shows nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from tests.lake.frames import AS_OF, holdings

if TYPE_CHECKING:
    from lakebt.lake import Lake

pytestmark = pytest.mark.lake

KNOWN = ("2022-05-27T20:00:00Z", "2022-08-26T20:00:00Z", "2022-11-28T20:00:00Z")
DATES = ("2022-03-31", "2022-06-30", "2022-09-30")


def recorded(
    lake: Lake, side: str, symbol: str, *reports: dict[str, str | None]
) -> str | None:
    frames = [
        holdings({**report, "US0000000009": "REST"}, date, known, index="IX")
        for report, date, known in zip(reports, DATES, KNOWN, strict=False)
    ]
    change = pd.DataFrame(
        [["IX", symbol, side, "2022-04-15"]],
        columns=["index", "symbol", "side", "announced"],
    )
    lake.publish(
        {"etf_holdings": pd.concat(frames), "index_changes": change},
        release="R1",
        as_of=AS_OF,
    )
    (found,) = lake.at("R1").changes(index="IX")
    return None if found.recorded is None else f"{found.recorded:%Y-%m-%dT%H:%M:%SZ}"


A, B = "US0000000001", "US0000000002"


@pytest.mark.parametrize(
    ("side", "symbol", "reports", "shown"),
    [
        # really gone, really new
        ("deletion", "ALP", ({A: "ALP"}, {}), KNOWN[1]),
        ("addition", "ALP", ({}, {A: "ALP"}), KNOWN[1]),
        # a ticker left out of one filing
        ("deletion", "ALP", ({A: "ALP"}, {A: None}), None),
        ("addition", "ALP", ({A: "ALP"}, {A: None}, {A: "ALP"}), None),
        ("deletion", "ALP", ({A: "ALP"}, {A: None}, {}), KNOWN[2]),
        ("addition", "ALP", ({}, {A: None}, {A: "ALP"}), KNOWN[2]),
        # never named before: nobody can say that it came
        ("addition", "ALP", ({A: None}, {A: "ALP"}), None),
        # renamed, held all along
        ("addition", "NEW", ({A: "OLD"}, {A: "NEW"}), None),
        ("deletion", "OLD", ({A: "OLD"}, {A: "NEW"}), None),
        # another ISIN of the same symbol, and a right beside its share
        ("deletion", "ALP", ({A: "ALP"}, {B: "ALP"}), None),
        ("addition", "ALP", ({A: "ALP"}, {B: "ALP"}), None),
        ("addition", "ALP", ({A: "ALP"}, {A: "ALP", B: "ALP"}), None),
        ("deletion", "ALP", ({A: "ALP", B: "ALP"}, {A: "ALP"}), None),
        ("deletion", "ALP", ({A: "ALP", B: "ALP"}, {}), KNOWN[1]),
    ],
)
def test_a_report_shows_what_came_and_went(
    lake: Lake,
    side: str,
    symbol: str,
    reports: tuple[dict[str, str | None], ...],
    shown: str | None,
) -> None:
    assert recorded(lake, side, symbol, *reports) == shown
