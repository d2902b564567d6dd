"""A served lake shows its branches, and lets no client change them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pyiceberg.exceptions import ForbiddenError

from lakebt.errors import LakebtError
from tests.lake.frames import AS_OF, bars
from tests.lake.remote import Remote

if TYPE_CHECKING:
    from tests.lake.serving.conftest import House

pytestmark = pytest.mark.lake


def test_a_branch_is_read_through_a_server_and_not_written(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch = house.lake().branch("cleaned", at="R1")
    branch.publish({"prices": bars(symbols=("MINE",))}, release="A", as_of=AS_OF)
    remote = Remote(house.path, is_ours=True)
    remote.configure(monkeypatch, type="rest", uri=house.address)
    served = remote.open()

    assert "MINE" in set(served.at("cleaned.A").read("prices")["symbol"])
    rows = house.table().scan().use_ref("cleaned").to_arrow()
    assert "MINE" in rows.column("symbol").to_pylist()

    tables = {"prices": bars(symbols=("X",))}
    with pytest.raises(LakebtError):
        served.branch("other", at="R1")
    with pytest.raises(LakebtError):
        served.publish(tables, release="cleaned.B", as_of=AS_OF)
    with pytest.raises(LakebtError):
        served.drop_branch("cleaned")
    prices, ledger = house.table(), house.table("quant.releases")
    with pytest.raises(ForbiddenError):
        prices.manage_snapshots().remove_tag("cleaned.A").commit()
    with pytest.raises(ForbiddenError):
        prices.manage_snapshots().remove_branch("cleaned").commit()
    with pytest.raises(ForbiddenError):
        ledger.manage_snapshots().remove_branch("cleaned").commit()
    with pytest.raises(ForbiddenError):
        prices.append(rows.slice(0, 1), branch="cleaned")
    assert house.lake().doctor().ok
    served.publish(tables, release="R3", as_of=AS_OF)  # main as ever
    assert house.lake().doctor().ok
    branch.publish({"prices": bars(symbols=("Y",))}, release="B", as_of=AS_OF)
    assert house.lake().doctor().ok
