"""A served lake shows its branches, and no commit of a client changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pyiceberg.exceptions import ForbiddenError

from lakebt.errors import LakeError
from tests.lake.frames import AS_OF, bars
from tests.lake.other_engines import foreign_table
from tests.lake.remote import Remote
from tests.lake.serving.conftest import error

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyiceberg.table import Table

    from tests.lake.serving.conftest import House

pytestmark = pytest.mark.lake


def _ref(name: str, to: int, kind: str = "tag") -> dict[str, object]:
    told = {"action": "set-snapshot-ref", "ref-name": name, "type": kind}
    return {**told, "snapshot-id": to}


@pytest.mark.slow
def test_no_commit_of_a_client_breaks_a_branch(house: House) -> None:
    branch = house.lake().branch("cleaned", at="R1")
    branch.publish({"prices": bars(symbols=("MINE",))}, release="A", as_of=AS_OF)
    rows = house.table().scan().use_ref("cleaned").to_arrow()
    assert "MINE" in rows.column("symbol").to_pylist()
    refs = house.table().metadata.refs
    main, own = refs["main"].snapshot_id, refs["cleaned"].snapshot_id
    prices, ledger = house.table(), house.table("quant.releases")
    of_ledger = ledger.metadata.refs["cleaned"].snapshot_id

    tripping: list[Callable[[], object]] = [
        prices.manage_snapshots().remove_tag("cleaned.A").commit,
        prices.manage_snapshots().remove_branch("cleaned").commit,
        ledger.manage_snapshots().remove_branch("cleaned").commit,
        lambda: prices.append(rows.slice(0, 1), branch="cleaned"),
        lambda: ledger.append(ledger.scan().to_arrow(), branch="cleaned"),
    ]
    for do in tripping:
        with pytest.raises(ForbiddenError):
            do()
    for update, table in (
        (_ref("cleaned", main, "branch"), "prices"),
        (_ref("cleaned", own), "prices"),  # a tag in the branch's place
        ({"action": "remove-snapshots", "snapshot-ids": [own]}, "prices"),
        (_ref("cleaned.A", main), "prices"),
        (_ref("cleaned.A", own) | {"max-ref-age-ms": 1}, "prices"),
        (_ref("cleaned.lakebt-unfinished", own), "prices"),
        (_ref(f"cleaned.lakebt-staged-1-{main}", main), "prices"),
        (_ref("cleaned", ledger.metadata.current_snapshot_id or 0, "branch"), "rel"),
        (_ref("other", of_ledger, "branch"), "rel"),
    ):
        name = "releases" if table == "rel" else table
        answer = house.commit(update, table=f"quant/tables/{name}")
        status, kind, said = error(answer)
        assert (status, kind) == (403, "ForbiddenException")
        assert "written by lakebt" in said or "release 'cleaned.A'" in said
    assert house.lake().doctor().ok
    branch.publish({"prices": bars(symbols=("Y",))}, release="B", as_of=AS_OF)
    assert house.lake().doctor().ok


@pytest.mark.slow
def test_what_another_program_did_to_a_branch_is_undone_where_the_lake_lies(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.lake().branch("cleaned", at="R1")
    with foreign_table(house.path, "prices") as table:
        table.append(table.scan().to_arrow().slice(0, 1), branch="cleaned")
    remote = Remote(tmp_path)
    remote.configure(monkeypatch, type="rest", uri=house.address)

    with pytest.raises(LakeError, match=r"--roll-back, where the lake itself lies"):
        remote.open().branch("cleaned").roll_back("prices")

    assert house.lake().branch("cleaned").roll_back("prices").done
    assert house.lake().doctor().ok
    assert remote.open().branch("cleaned").roll_back("prices").done == ()


def test_beside_a_branch_clients_do_what_they_always_could(house: House) -> None:
    branch = house.lake().branch("cleaned", at="R1")
    branch.publish({"prices": bars(symbols=("MINE",))}, release="A", as_of=AS_OF)
    prices: Table = house.table()
    own = prices.metadata.refs["cleaned"].snapshot_id

    for update in (
        _ref("theirs", own),
        _ref("work", own, "branch"),
        _ref("cleaned-too", own),
        {"action": "remove-snapshot-ref", "ref-name": "theirs"},
        {"action": "set-properties", "updates": {"comment": "seen"}},
    ):
        assert house.commit(update).status_code == 200
    branch.publish({"prices": bars(symbols=("Y",))}, release="B", as_of=AS_OF)
    assert house.lake().at("cleaned.B").read("prices")["symbol"].isin(["Y"]).any()
