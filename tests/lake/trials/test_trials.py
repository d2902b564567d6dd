"""The table of trials: what is recorded is there once, whatever is recorded again."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from lakebt.errors import (
    InvalidArgumentError,
    InvalidDataError,
    LakeError,
    UnknownNameError,
)
from lakebt.lake import Lake
from lakebt.lake.tables.schemas import PROPERTIES, SPECS
from lakebt.lake.trials import fold as folding
from lakebt.lake.trials import reader as reading
from lakebt.lake.trials.index import Keys
from lakebt.lake.trials.index import halves as of_rows
from tests.lake.crash import orphans, raw_tables
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.trial_rows import START, batch, hex_of, trial
from tests.nightly import times

pytestmark = pytest.mark.lake

ID = trial(0)["trial_id"]


# ------------------------------------------------------------------ recorded and read


def test_a_lake_on_which_nothing_was_tried_says_so_with_all_columns(lake: Lake) -> None:
    found = lake.trials()

    assert len(found) == 0
    assert list(found) == list(trial(0))
    assert lake.trial_ids() == set()
    assert lake.count_trials(study="SP500") == 0
    assert list(lake.trials(columns=["sharpe", "study"])) == ["sharpe", "study"]


def test_trials_are_read_back_as_they_were_recorded(lake: Lake, path: Path) -> None:
    handed = batch(range(7))
    assert lake.record(handed) == 7

    read = Lake.open(path, create=False, clock=clock).trials()

    assert list(read) == list(handed)
    for name in handed:
        expected = [None if pd.isna(value) else value for value in handed[name]]
        got = [None if pd.isna(value) else value for value in read[name]]
        if name == "as_of":
            expected = [pd.Timestamp(str(value)) for value in expected]
        assert got == expected, name
    kinds = {str(dtype) for dtype in read.dtypes}
    assert kinds == {"str", "float64", "int64", "bool", "datetime64[us, UTC]"}


def test_arrow_is_recorded_like_pandas(lake: Lake, tmp_path: Path) -> None:
    rows = pa.table(batch(range(5)).drop(columns="as_of")).append_column(
        "as_of", pa.array([pd.Timestamp(trial(0)["as_of"])] * 5)
    )
    other = Lake.open(tmp_path / "other", clock=clock)

    assert lake.record(rows) == 5
    assert other.record(batch(range(5))) == 5
    pd.testing.assert_frame_equal(lake.trials(), other.trials())


def test_what_is_there_is_not_recorded_again(lake: Lake) -> None:
    assert lake.record(batch(range(10))) == 10
    assert lake.record(batch(range(5, 15), engine="vectorbt")) == 5
    assert lake.record(batch(range(15))) == 0

    found = lake.trials()
    assert sorted(found["trial_id"]) == sorted(batch(range(15))["trial_id"])
    assert Counter(found["engine"]) == {"event": 10, "vectorbt": 5}


def test_of_rows_of_one_trial_the_first_is_recorded(lake: Lake) -> None:
    rows = pd.concat([batch([1, 2]), batch([1, 3, 2], engine="other")])

    assert lake.record(rows) == 3
    assert dict(lake.trials(columns=["exit", "engine"]).to_numpy()) == {
        "+1": "event",
        "+2": "event",
        "+3": "other",
    }


def test_columns_that_may_be_empty_can_be_left_out(lake: Lake) -> None:
    lake.record(batch([1]).drop(columns=["sharpe", "entry", "lake_uuid"]))

    found = lake.trial(trial(1)["trial_id"])
    assert np.isnan(found["sharpe"])
    assert pd.isna(found["entry"])
    assert found["exit"] == "+1"


def test_no_rows_make_no_table(lake: Lake, path: Path) -> None:
    assert lake.record(batch([1]).head(0)) == 0

    with raw_tables(path) as raw:
        assert "trials" not in raw


def test_the_newest_come_last_whatever_the_order_of_recording(lake: Lake) -> None:
    for number in (5, 1, 9, 3):
        lake.record(batch([number]))
    lake.record(batch([4, 2]))

    assert list(lake.trials()["exit"]) == ["+1", "+2", "+3", "+4", "+5", "+9"]


def test_trials_are_chosen_by_their_columns(lake: Lake) -> None:
    lake.record(batch(range(6)))
    lake.record(batch([6, 7], study="NDX", sharpe_se=0.5, is_point_in_time=False))

    def exits(**where: Any) -> list[str]:
        return list(lake.trials(where=where, columns=["exit"])["exit"])

    assert exits(study="NDX") == ["+6", "+7"]
    assert exits(exit=["+1", "+7"], study="SP500") == ["+1"]
    assert exits(n_returns=[2, 3]) == ["+2", "+3"]
    assert exits(is_point_in_time=False) == ["+6", "+7"]
    assert exits(sharpe_se=None, study="NDX") == []
    assert exits(sharpe_se=0.5) == ["+6", "+7"]
    assert exits(run_at=trial(3)["run_at"]) == ["+3"]
    assert exits(strategy=None, n_returns=7) == ["+7"]
    assert exits(study="RTY") == []
    assert lake.trial_ids(study="NDX") == {trial(n)["trial_id"] for n in (6, 7)}


def test_what_cannot_be_asked_is_refused_by_name(lake: Lake) -> None:
    lake.record(batch([1]))
    with pytest.raises(UnknownNameError, match=r"unknown column 'sharp'.*'sharpe'"):
        lake.trials(where={"sharp": 1})
    with pytest.raises(UnknownNameError, match="unknown column 'studies'"):
        lake.trials(columns=["studies"])
    with pytest.raises(InvalidArgumentError, match="'many' cannot be compared with a"):
        lake.trials(where={"n_events": "many"})
    with pytest.raises(InvalidArgumentError, match="1 cannot be compared with true or"):
        lake.trials(where={"is_point_in_time": 1})


def test_rules_are_counted_and_not_trials(lake: Lake) -> None:
    """Two trials each are of one rule; other releases and engines are no other rule."""
    lake.record(batch(range(10)))
    again = batch(range(10), engine="vectorbt", release="Q4_2022")
    lake.record(again.assign(trial_id=[hex_of("again", n) for n in range(10)]))
    lake.record(batch([100], study="NDX"))

    assert len(lake.trials()) == 21
    assert lake.count_trials(study="SP500") == 5
    assert lake.count_trials(study="NDX") == 1
    assert lake.count_trials(study="RTY") == 0


def test_a_trial_is_found_by_the_first_digits_of_its_id(lake: Lake) -> None:
    twins = ["abcdef" + 26 * "0", "abcdef" + 26 * "1"]
    lake.record(batch([1, 2]).assign(trial_id=twins))
    lake.record(batch([3]))

    assert lake.trial(twins[0])["exit"] == "+1"
    assert lake.trial("ABCDEF1")["exit"] == "+2"
    assert lake.trial(trial(3)["trial_id"][:6])["exit"] == "+3"
    with pytest.raises(InvalidArgumentError, match="2 trials begin with 'abcdef': abc"):
        lake.trial("abcdef")
    with pytest.raises(InvalidArgumentError, match="there is no trial '0123456'"):
        lake.trial("0123456")
    for odd in ("abcde", "xbcdef", "", 33 * "a", 7):
        with pytest.raises(InvalidArgumentError, match=f"trial {odd!r} is not an id"):
            lake.trial(odd)  # type: ignore[arg-type]


# ------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"trial_id": [ID, 32 * "g"]}, "'trial_id' must be 32 hex.* row 1 has 'ggg"),
        ({"trial_id": [ID.upper(), ID]}, "'trial_id' must be 32 hex digits, in lower"),
        ({"digest": [ID, ID[:31]]}, "'digest' must be 32 hex digits.* row 1"),
        ({"rule_id": [ID, None]}, "'rule_id' is empty in row 1, and is required"),
        ({"study": [" ", "SP500"]}, "'study' is empty in row 0, and is required"),
        ({"study": ["SP500", 5]}, "'study' must be text, row 1 has 5 .int"),
        ({"study": ["SP500", "\ud800"]}, r"'study' must be text, row 1 has '\\ud800'"),
        ({"kind": ["cell", "cells"]}, "'kind' must be one of cell, result, backtest"),
        ({"rule": ["{}", "AD+1"]}, "'rule' must be a JSON object, row 1 has 'AD.1'"),
        ({"costs": ["{}", "[1]"]}, "'costs' must be a JSON object, row 1"),
        ({"metrics": ["{}", '{"a":NaN}']}, "'metrics' must be a JSON object, row 1"),
        ({"sharpe": [1.0, float("inf")]}, "'sharpe' must be a finite number, or empty"),
        ({"sharpe": ["1.0", "2.0"]}, "'sharpe' must be a number, row 0 has '1.0'"),
        ({"sharpe": [1.0, "x"]}, "'sharpe' must be a number, row 1 has 'x'"),
        ({"sharpe": [np.float64(1), "x"]}, "'sharpe' must be a number, row 1 has 'x'"),
        ({"n_dates": [np.int64(1), "x"]}, "'n_dates' must be a whole.* row 1 has 'x'"),
        ({"sharpe": [True, False]}, "'sharpe' must be a number, row 0 has True"),
        ({"n_events": [1, 2.5]}, "'n_events' must be a whole number, row 1 has 2.5"),
        ({"n_events": [1, None]}, "'n_events' is empty in row 1"),
        ({"n_events": ["1", "2"]}, "'n_events' must be a whole number, row 0 has '1'"),
        (
            {"n_events": [1, 2**63]},
            "'n_events' must be a whole number, row 1 has 92233",
        ),
        ({"sharpe": [1.0, 10**400]}, "'sharpe' must be a number, row 1 has 10000000"),
        ({"n_events": [1.0, 1e19]}, "a whole number below 9.2e18, row 1 has 1e.19"),
        (
            {"run_at": [START, "soon"]},
            "row 1: column 'run_at' 'soon' is not an instant",
        ),
        ({"run_at": [START, None]}, "'run_at' is empty in row 1, and is required"),
        ({"is_point_in_time": [1, 0]}, "'is_point_in_time' must be true or false, row"),
        ({"as_of": [trial(0)["as_of"], "x"]}, "row 1: column 'as_of' 'x' is not an"),
        (
            {"as_of": [pd.Timestamp("2022-11-28"), None]},
            "row 0: column 'as_of' 2022-11-28 00:00:00 has no time zone",
        ),
    ],
)
def test_what_cannot_be_recorded_is_refused_with_column_row_and_value(
    lake: Lake, columns: dict[str, list[Any]], said: str
) -> None:
    rows = batch([1, 2])
    for name, values in columns.items():
        rows[name] = pd.Series(values, dtype=None if name == "as_of" else "object")

    with pytest.raises(InvalidArgumentError, match=said):
        lake.record(rows)

    assert lake.trials().empty


def test_instants_may_come_in_several_spellings(lake: Lake) -> None:
    given = [START, "2023-06-01T08:00:00-04:00", pd.Timestamp("2023-06-01T12:00Z")]
    lake.record(batch([1, 2, 3]).assign(run_at=pd.Series(given, dtype="object")))

    assert set(lake.trials()["run_at"]) == {pd.Timestamp(START)}


def test_a_whole_number_may_come_as_the_float_that_pandas_made_of_it(
    lake: Lake,
) -> None:
    lake.record(batch([1, 2]).assign(n_events=[4.0, 5.0]))

    assert list(lake.trials()["n_events"]) == [4, 5]


def test_a_table_of_other_columns_is_refused(lake: Lake) -> None:
    rows = batch([1])
    with pytest.raises(InvalidArgumentError, match="column 'rule_id' is missing"):
        lake.record(rows.drop(columns="rule_id"))
    with pytest.raises(
        UnknownNameError, match=r"column 'sharp'\. Did you mean 'sharpe'"
    ):
        lake.record(rows.assign(sharp=1.0))
    with pytest.raises(InvalidArgumentError, match="column 'study' is there twice"):
        lake.record(pd.concat([rows, rows[["study"]]], axis=1))
    with pytest.raises(InvalidArgumentError, match="trials: a dict is not a table"):
        lake.record({"study": ["SP500"]})  # type: ignore[arg-type]
    assert list(rows) == list(trial(1))  # and nobody wrote into it


# ----------------------------------------------------------- beside the tables of facts


def test_no_release_pins_trials_and_nobody_publishes_them(lake: Lake) -> None:
    lake.record(batch(range(3)))
    released = lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    lake.record(batch(range(3, 6)))
    lake.publish({"prices": bars(("2022-09-07",))}, release="R2", as_of=AS_OF)
    view = lake.at("R1")

    assert [pin.table for pin in released.tables] == ["prices"]
    assert list(lake.tables()["name"]) == list(SPECS)
    assert "trials" not in view.provenance()["snapshots"]
    assert lake.releases()["tables"].tolist() == [["prices"], ["prices"]]
    with pytest.raises(UnknownNameError, match="unknown table 'trials'"):
        view.read("trials")
    with pytest.raises(UnknownNameError, match="unknown table 'trials'"):
        lake.publish({"trials": batch([9])}, release="R3", as_of=AS_OF)
    with pytest.raises(UnknownNameError, match="unknown table 'trials'"):
        lake.diff("trials", "R1", "R2")
    with pytest.raises(UnknownNameError, match="unknown table or branch 'trials'"):
        lake.adopt("trials", release="R3", as_of=AS_OF)
    with pytest.raises(InvalidArgumentError, match="'trials'"):
        lake.declare("trials", key=["a"], columns={"a": "text"})
    with pytest.raises(InvalidArgumentError, match="cannot hold 'whole'"):
        lake.declare("mine", key=["a"], columns={"a": "text", "n": "whole"})
    with pytest.raises((InvalidDataError, UnknownNameError), match="trials"):
        lake.audit({"trials": batch([9])}, release="R3", as_of=AS_OF)


def test_ending_releases_leaves_trials_alone(lake: Lake) -> None:
    lake.publish({"prices": bars()}, release="Q3_2022", as_of=AS_OF)
    lake.record(batch(range(3)))
    lake.publish({"prices": bars(("2022-09-07",))}, release="R2", as_of=AS_OF)

    lake.drop("Q3_2022", because="a mistake")
    lake.retain()

    assert list(lake.trials()["release"]) == ["Q3_2022"] * 3
    assert lake.doctor().ok


def test_a_broken_table_of_trials_keeps_nobody_from_the_facts(
    lake: Lake, path: Path
) -> None:
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    lake.record(batch(range(3)))
    for file in (path / "warehouse/quant/trials").rglob("*.json"):
        file.unlink()

    again = Lake.open(path, clock=clock)
    again.publish({"prices": bars(("2022-09-07",))}, release="R2", as_of=AS_OF)

    assert len(again.at("R2").read("prices")) == 8
    with pytest.raises(LakeError, match=r"lake .* has lost the file .*json. Restore"):
        again.trials()
    with pytest.raises(LakeError, match="has lost the file"):
        again.record(batch([9]))


def test_a_table_of_that_name_which_is_not_lakebts_is_refused(
    lake: Lake, path: Path
) -> None:
    with raw_tables(path) as raw:
        theirs = pa.schema([("trial_id", pa.string()), ("patient", pa.string())])
        raw["prices"].catalog.create_table("quant.trials", theirs)

    for ask in (lake.trials, lambda: lake.record(batch([1]))):
        with pytest.raises(
            LakeError, match=r"table trials has no column kind .* is not"
        ):
            ask()


# ------------------------------------------------------------------ many small batches


@pytest.mark.slow
def test_many_small_batches_leave_few_files_and_little_metadata(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = times(40, 150)
    monkeypatch.setattr(folding, "LIMIT", times(16, folding.LIMIT))
    for number in range(batches):
        lake.record(batch([number]))

    with raw_tables(path) as raw:
        table = raw["trials"]
        files = list(table.scan().plan_files())
        assert 1 < len(files) <= folding.LIMIT + 1
        assert len(table.metadata.snapshots) == 10
        assert len(table.metadata.metadata_log) == 10
        kept = {**PROPERTIES}
        del kept["format-version"]  # how it is made, which its metadata says itself
        assert dict(table.properties) == kept
    assert orphans(path) == set()  # what expired snapshots had is gone
    folder = path / "warehouse/quant/trials"
    assert len(list(folder.rglob("*"))) < 2 * batches
    assert sorted(lake.trials()["n_returns"]) == list(range(batches))
    assert lake.record(batch(range(batches + 1))) == 1
    assert lake.doctor().ok


@pytest.mark.slow
def test_a_fold_keeps_every_trial_and_drops_none(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "LIMIT", 4)
    for number in range(12):
        lake.record(batch([2 * number, 2 * number + 1]))
    other = Lake.open(path, clock=clock)

    assert other.record(batch(range(24))) == 0
    for reader in (lake, other):
        assert list(reader.trials()["n_returns"]) == list(range(24))
    with raw_tables(path) as raw:
        done = [s.summary for s in raw["trials"].metadata.snapshots if s.summary]
        assert any("lakebt.folded" in told.additional_properties for told in done)
        assert len(list(raw["trials"].scan().plan_files())) <= 5


def test_a_fold_that_fails_is_nobodys_loss(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "LIMIT", 2)
    lake.record(batch([0]))
    lake.record(batch([1]))

    def full(*_: object) -> None:
        msg = "No space left on device"
        raise OSError(msg)

    with monkeypatch.context() as patch:
        patch.setattr(folding, "write_files", full)
        assert lake.record(batch([2])) == 1
    assert lake.record(batch([3])) == 1
    assert len(lake.trials()) == 4
    with raw_tables(path) as raw:
        assert len(list(raw["trials"].scan().plan_files())) == 1


def test_a_fold_whose_files_somebody_else_folded_is_withdrawn(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Lake.open(path, clock=clock)
    monkeypatch.setattr(folding, "LIMIT", 2)
    really: Any = vars(folding)["write_files"]

    def while_the_other_folds(*asked: Any) -> Any:
        written = really(*asked)
        monkeypatch.setattr(folding, "write_files", really)
        other.record(batch([7]))
        return written

    lake.record(batch([0]))
    lake.record(batch([1]))
    monkeypatch.setattr(folding, "write_files", while_the_other_folds)
    assert lake.record(batch([2])) == 1

    assert list(lake.trials()["n_returns"]) == [0, 1, 2, 7]
    assert orphans(path) == set()


def test_a_fold_is_done_beside_those_who_record_meanwhile(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs its own files to be there still, and not the head it began with."""
    other = Lake.open(path, clock=clock)
    really: Any = vars(folding)["write_files"]
    lake.record(batch([0]))
    lake.record(batch([1]))

    def while_the_other_records(*asked: Any) -> Any:
        monkeypatch.setattr(folding, "LIMIT", 64)
        other.record(batch([7]))
        return really(*asked)

    monkeypatch.setattr(folding, "LIMIT", 2)
    monkeypatch.setattr(folding, "write_files", while_the_other_records)
    assert lake.record(batch([2])) == 1

    assert list(lake.trials()["n_returns"]) == [0, 1, 2, 7]
    with raw_tables(path) as raw:
        assert len(list(raw["trials"].scan().plan_files())) == 2
    assert orphans(path) == set()


@pytest.mark.slow
def test_a_reader_whose_files_were_folded_away_looks_again(
    lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "LIMIT", 2)
    lake.record(batch([0]))
    slow = Lake.open(path, clock=clock)
    really: Any = vars(reading)["read_rows"]
    slow.record(batch([1]))

    def held_up(*asked: Any) -> Any:
        monkeypatch.setattr(reading, "read_rows", really)
        for number in range(2, 16):
            lake.record(batch([number]))
        return really(*asked)

    monkeypatch.setattr(reading, "read_rows", held_up)

    assert list(slow.trials()["n_returns"]) == list(range(16))


halves = st.sampled_from(["0" * 16, "0" * 15 + "1", "f" * 16, "8" + "0" * 15])
ids = st.lists(st.builds(str.__add__, halves, halves), max_size=12, unique=True)


@given(held=ids, asked=ids)
def test_ids_that_begin_alike_are_told_apart(held: list[str], asked: list[str]) -> None:
    digests = pa.array([each[16:] + each[:16] for each in held], pa.string())
    keys = Keys.of(
        pa.table({"trial_id": pa.array(held, pa.string()), "digest": digests})
    )
    high, low = of_rows(
        pa.table({"trial_id": pa.array(asked, pa.string())}), "trial_id"
    )

    places = keys.places(high, low)
    assert list(places >= 0) == [each in held for each in asked]
    said = [int(keys.said[place]) if place >= 0 else None for place in places]
    assert said == [int(each[16:], 16) if each in held else None for each in asked]


# ---------------------------------------------------------------- against a dictionary

numbers = st.lists(st.integers(0, 40), max_size=6)


class Recorded(RuleBasedStateMachine):
    """Whatever is recorded in whatever order: the first row of each trial is there."""

    @initialize()
    def make(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "lake"
        self.lake = Lake.open(self.path, clock=clock)
        self.model: dict[str, tuple[int, str]] = {}
        self.batches = 0

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(numbers=numbers)
    def record(self, numbers: list[int]) -> None:
        self.batches += 1
        engine = f"e{self.batches}"
        new = {}
        for number in numbers:
            if (found := trial(number)["trial_id"]) not in self.model:
                new[found] = (number, engine)

        rows = batch(numbers, engine=engine) if numbers else batch([0]).head(0)
        assert self.lake.record(rows) == len(new)

        self.model |= new

    @rule()
    def reopen(self) -> None:
        self.lake = Lake.open(self.path, create=False, clock=clock)

    @rule()
    def publish(self) -> None:
        name = f"R{len(self.lake.releases()) + 1}"
        self.lake.publish({"prices": bars(symbols=(name,))}, release=name, as_of=AS_OF)

    @invariant()
    def everything_is_there_once(self) -> None:
        read = self.lake.trials(columns=["trial_id", "n_returns", "engine"])
        found = {row[0]: tuple(row[1:]) for row in read.itertuples(index=False)}
        assert len(found) == len(read)
        assert found == self.model
        assert self.lake.trial_ids() == set(self.model)
        rules = {number // 2 for number, _ in self.model.values()}
        assert self.lake.count_trials(study="SP500") == len(rules)


Recorded.TestCase.settings = settings(
    max_examples=times(5, 60),
    stateful_step_count=14,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def few_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the model's lakes fold, too."""
    if request.cls is not None:
        monkeypatch.setattr(folding, "LIMIT", 3)


TestRecorded = pytest.mark.slow(Recorded.TestCase)
