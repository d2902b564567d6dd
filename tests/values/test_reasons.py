from __future__ import annotations

import dataclasses
from itertools import pairwise

import pytest

from lakebt.values.reasons import REASONS, TEXTS, TOO_FEW, Reason, order_of, text_of

IN_THE_DESIGN = [
    "no_anchor",
    "no_session",
    "look_ahead",
    "exit_before_entry",
    "no_price",
    "one_sided",
    "ruined",
]
SINCE = ["no_volume", "too_large", "no_borrow"]
"""Codes are in digests of results, so that new ones come last."""


def test_the_order_is_the_one_of_the_design() -> None:
    assert [str(reason) for reason in REASONS] == IN_THE_DESIGN + SINCE
    assert [reason.code for reason in REASONS] == list(range(1, 11))
    assert list(TEXTS) == [*IN_THE_DESIGN, *SINCE, TOO_FEW]


@pytest.mark.parametrize("reason", REASONS)
def test_a_code_stands_for_its_reason(reason: Reason) -> None:
    assert Reason.of_code(reason.code) is reason


@pytest.mark.parametrize("reason", [*IN_THE_DESIGN, *SINCE, TOO_FEW])
def test_every_reason_is_written_in_every_way(reason: str) -> None:
    for name, text in dataclasses.asdict(TEXTS[reason]).items():
        assert text, (reason, name)


def test_no_two_reasons_look_the_same() -> None:
    for name in ("counted", "label", "meaning", "mark"):
        assert len({getattr(text, name) for text in TEXTS.values()}) == len(TEXTS)
    hatches = [TEXTS[reason].hatch for reason in IN_THE_DESIGN]
    assert len(set(hatches)) == len(IN_THE_DESIGN)
    assert {TEXTS[reason].hatch for reason in SINCE} == {TEXTS["no_price"].hatch}


def test_an_unknown_reason_is_shown_as_it_is_and_last() -> None:
    assert text_of("quarantined").label == "quarantined"
    orders = [order_of(reason) for reason in (*IN_THE_DESIGN, TOO_FEW, "quarantined")]
    assert all(one < other for one, other in pairwise(orders))
