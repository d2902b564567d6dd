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


@pytest.mark.slow
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


IGNORED = (
    *((0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160)),
    *((0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E)),
    *((0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
    *((0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A)),
    *((0xE0000, 0xE0FFF), (0xFDD0, 0xFDEF), (0xFFFE, 0xFFFF), (0xE000, 0xE0FF)),
)
"""Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt, what it says is
no character, and some that anybody may use."""


def test_all_that_unicode_says_is_not_shown_is_unseen() -> None:
    for first, last in IGNORED:
        for code in {first, (first + last) // 2, last}:
            assert trimmed(f"{chr(code)}AAA{chr(code)}") == "AAA", hex(code)
            assert unseen_inside(f"A{chr(code)}A") == chr(code), hex(code)


@pytest.mark.parametrize(
    "nothing",
    [
        *("(null)", "[None]", "<NA>", "N/A*", "#N/A N/A", "#VALUE!", "#DIV/0!", "n\\a"),
        *("Not Available", "not applicable", "NO CUSIP", "MISSING", "N/D", "0.0"),
        *("00000000-0", "-nan", "undefined"),
    ],
)
def test_what_programs_and_people_write_for_nothing(nothing: str) -> None:
    assert is_placeholder(nothing)
    assert is_no_isin(nothing)


@pytest.mark.parametrize(
    "name", ["NA", "NAN", "TBA", "MISS", "NAT", "INF", "A*", "0700"]
)
def test_a_ticker_is_a_name(name: str) -> None:
    assert not is_placeholder(name)
