"""An id that comes back with other numbers is an error, and never dropped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import lakebt
from lakebt.errors import LedgerWarning
from lakebt.lake.tables.trials import TRIALS_SPEC
from tests.lake.trial_rows import batch

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake


@pytest.fixture
def lake(tmp_path: Path) -> lakebt.Lake:
    made = lakebt.Lake.open(tmp_path / "lake")
    made.record(batch([1, 2]))
    return made


def changed(**values: str) -> pd.DataFrame:
    return batch([1, 2]).assign(**values)


def test_the_same_numbers_are_nothing_new(lake: lakebt.Lake) -> None:
    assert lake.record(batch([1, 2])) == 0
    assert lake.record(batch([1, 2, 3])) == 1


def test_other_numbers_are_refused(lake: lakebt.Lake) -> None:
    before = lake.trials()
    trial = before["trial_id"].iloc[0]

    with pytest.raises(
        ValueError, match=r"was recorded on .* with other numbers"
    ) as it:
        lake.record(changed(digest="0" * 32))

    assert trial[:10] in str(it.value)
    assert "record=False" in str(it.value)
    pd.testing.assert_frame_equal(lake.trials(), before)


def test_other_numbers_of_another_machine_are_told(lake: lakebt.Lake) -> None:
    before = lake.trials()
    other = json.dumps({"python": "9.9"})

    with pytest.warns(LedgerWarning, match=r"another environment \(.*python .* → 9\.9"):
        assert lake.record(changed(digest="0" * 32, environment=other)) == 0

    pd.testing.assert_frame_equal(lake.trials(), before)


def test_two_numbers_of_one_trial_in_a_batch_are_refused(lake: lakebt.Lake) -> None:
    rows = changed()
    twice = pd.concat([rows, rows.assign(digest="0" * 32)], ignore_index=True)

    with pytest.raises(ValueError, match=r"rows 0 and 2 are of one trial"):
        lake.record(twice[list(TRIALS_SPEC.names)])
