"""One fact is one leg: a change under two keys is refused, across releases too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from lakebt.errors import AuditError, AuditWarning
from tests.lake.frames import AS_OF, changes

if TYPE_CHECKING:
    from lakebt.lake import Lake

pytestmark = pytest.mark.lake


def change(change_id: str, **values: object) -> pd.DataFrame:
    row = {
        "change_id": change_id,
        "index": "IX",
        "symbol": "A",
        "side": "addition",
        "announced": "2022-09-02T21:15:00Z",
        "effective": "2022-09-19",
    }
    return pd.DataFrame([row | values])


def publish(lake: Lake, release: str, *rows: pd.DataFrame) -> None:
    frame = pd.concat(rows, ignore_index=True)
    lake.publish({"index_changes": frame}, release=release, as_of=AS_OF)


SAME = {
    "word for word": {},
    "another minute of the day": {"announced": "2022-09-02T13:00:00Z"},
    "another effective date": {"effective": "2022-09-26"},
    "no effective date": {"effective": None},
}
OTHERS = {
    "another symbol": {"symbol": "B"},
    "another side": {"side": "deletion"},
    "another index": {"index": "IY"},
    "another event": {"announced": "2022-10-03", "effective": "2022-10-10"},
}


@pytest.mark.parametrize("values", SAME.values(), ids=SAME)
@pytest.mark.parametrize("apart", [False, True])
def test_one_change_under_two_keys_is_refused(
    lake: Lake, values: dict[str, object], *, apart: bool
) -> None:
    one, two = change("one"), change("two", **values)
    message = r"change_id two and .* change_id one: IX A addition 2022-09-02.*Leave one"

    if apart:
        publish(lake, "R1", one)
    with pytest.raises(AuditError, match=message):
        publish(lake, "R2", *([two] if apart else [one, two]))


@pytest.mark.parametrize("values", OTHERS.values(), ids=OTHERS)
def test_two_changes_under_two_keys_are_not(
    lake: Lake, values: dict[str, object]
) -> None:
    publish(lake, "R1", change("one"), change("two", **values))

    assert len(lake.at("R1").read("index_changes")) == 2


def test_a_key_that_was_retracted_leaves_room_for_another(lake: Lake) -> None:
    gone = change("one", known_at="2022-09-05T12:00:00Z", retracted=True)

    publish(lake, "R1", change("one"), gone)
    publish(lake, "R2", change("two"))

    assert list(lake.at("R2").read("index_changes")["change_id"]) == ["two"]


def test_a_correction_under_the_same_key_is_one_fact(lake: Lake) -> None:
    publish(lake, "R1", change("one"))
    publish(
        lake,
        "R2",
        change("one", effective="2022-09-26", known_at="2022-09-14T21:15:00Z"),
    )

    assert len(lake.at("R2").read("index_changes")) == 1


def test_a_lake_that_has_both_already_publishes_the_rest(lake: Lake) -> None:
    publish(lake, "R1", change("one"), change("two", symbol="B"))

    publish(lake, "R2", change("three", symbol="C"))

    assert len(lake.at("R2").read("index_changes")) == 3


def test_a_corrected_announcement_day_without_its_key_warns(lake: Lake) -> None:
    publish(lake, "R1", changes())
    moved = changes(announced="2022-09-01")

    with pytest.warns(AuditWarning, match=r"index_changes moved \(2\)"):
        publish(lake, "R2", moved)
    report = lake.audit(
        {"index_changes": changes(announced="2022-08-31")},
        release="R3",
        as_of=AS_OF,
        fail_on=["moved"],
    )

    assert not report.ok
    assert "give the same change_id" in str(report)
