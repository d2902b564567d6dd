from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakebt.values.identifiers import (
    is_no_isin,
    is_placeholder,
    isin_of_cusip,
    names_several,
    trimmed,
    unseen_inside,
)

UNSEEN = ["\u00a0", "\t", "\n", "\r", "\u200b", "\ufeff", "\u2060", "\u00ad", "\u2009"]
UNSEEN += ["\u3000", "\u2028", "\x00", "\x1f", "\u200e", "\u202e", "\ufe0f", "\u3164"]


@pytest.mark.parametrize("character", UNSEEN)
def test_what_nobody_sees_is_taken_off_and_found_inside(character: str) -> None:
    assert trimmed(f"{character}BRK.B {character}") == "BRK.B"
    assert unseen_inside(f"BRK{character}B") == character


@given(st.text(max_size=8))
def test_a_trimmed_name_begins_and_ends_with_what_is_seen(text: str) -> None:
    name = trimmed(text)

    assert name in text
    assert trimmed(name) == name
    for end in (name[:1], name[-1:]):
        assert not end.isspace()
        assert not end or unicodedata.category(end) not in {"Cc", "Cf", "Zs"}


@pytest.mark.parametrize("name", ["S&P 500", "BRK B", "München", "株式", "A", "T"])
def test_a_name_that_is_seen_stays(name: str) -> None:
    assert (trimmed(name), unseen_inside(name)) == (name, "")
    assert not is_placeholder(name)


@pytest.mark.parametrize(
    "text",
    ["-", "--", "n/a", "N/A", "#N/A", "none", "None", "NULL", "nan", "000000000"],
)
def test_what_is_written_for_nothing_is_no_name(text: str) -> None:
    assert is_placeholder(text)
    assert is_no_isin(text)


@pytest.mark.parametrize("text", ["US0000000000", "XXXXXXXXXXXX", "999999999", "NA"])
def test_what_is_written_for_no_number_is_none(text: str) -> None:
    assert is_no_isin(text)


@pytest.mark.parametrize("ticker", ["NA", "NAN", "TRUE", "A", "000001", "X"])
def test_a_ticker_that_looks_like_nothing_is_one(ticker: str) -> None:
    assert not is_placeholder(ticker)


@pytest.mark.parametrize(
    ("cusip", "country", "isin"),
    [
        ("037833100", "US", "US0378331005"),  # Apple
        ("594918104", "US", "US5949181045"),  # Microsoft
        ("01609W102", "CN", "US01609W1027"),  # Alibaba's ADR
        ("136375102", "CA", "CA1363751027"),  # Canadian National
        ("G0176J109", "IE", None),  # Allegion: IE00BFRT3W74
        ("037833101", "US", None),
        ("000000000", "US", None),
    ],
)
def test_a_cusip_determines_an_isin_of_us_and_canada(
    cusip: str, country: str, isin: str | None
) -> None:
    assert isin_of_cusip(cusip, country) == isin


@pytest.mark.parametrize(
    "cell",
    ["GOOG, GOOGL", "GOOG;GOOGL", "FOX|FOXA", "FOX/FOXA", "BRK.A / BRK.B", "A\nB"],
)
def test_several_tickers_in_a_cell_are_found(cell: str) -> None:
    assert names_several(cell, listed=True)


@pytest.mark.parametrize("cell", ["BRK/B", "BRK B", "BAC PRL", "VOD LN", "AT&T", "T"])
def test_one_ticker_is_one(cell: str) -> None:
    assert not names_several(cell, listed=True)


def test_a_pair_of_currencies_is_one_price() -> None:
    assert not names_several("EUR/USD", listed=False)
