"""Who a ticker belongs to: the share, and not what is about it."""

from __future__ import annotations

import pytest

from lakebt.sources.nport_shares import Claim, claim_of


def claim(name: str, title: str | None = None) -> Claim:
    title = name if title is None else title
    return claim_of("EC", title, derives=False, units="NS", name=name)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Rights and Issues Investment Trust PLC", None),
        ("Options Media Group Holdings Inc", None),
        ("Options Media Group Holdings Inc", "Options Media Group"),
        ("Options Media Group Holdings Inc", "Common Stock"),
        ("Options Media Group Holdings Inc", ""),
        ("Global Options Group Inc", "COM"),
        ("WARRANTS CORP", "Warrants Corp Class A"),
        ("Escrow Technologies", None),
        ("Human Rights Bank AG", None),
    ],
)
def test_a_company_may_be_called_so(name: str, title: str | None) -> None:
    """Its share has the ticker, unless a plainer one has it."""
    assert claim(name, title) is Claim.OTHER_SHARE


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Acme Corp", "Acme Corp Rights"),
        ("Acme Corp", "Rights Acme Corp"),
        ("Acme Corp", "Warrants"),
        ("Acme Corp Rights", None),
        ("Acme Corp Rights", ""),
        ("Acme Inc CVR Contingent Value Rights exp 12/31/30", None),
        ("OMNIAB INC $12.50 VESTING", "OmniAb Inc escrow"),
        ("Options Media Group Holdings Inc", "Warrants"),
        ("Options Media Group Holdings Inc Warrants", None),
        ("Rights and Issues Trust PLC", "Rights and Issues Trust PLC rights 2026"),
    ],
)
def test_what_is_about_a_share_is_none(name: str, title: str | None) -> None:
    assert claim(name, title) is Claim.NONE


@pytest.mark.parametrize("name", ["Acme Corp", "Wright Co", "Optional Inc", "Rtsco"])
def test_a_share_is_one(name: str) -> None:
    assert claim(name) is Claim.SHARE
