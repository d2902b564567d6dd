"""What was erased from a release is told wherever its numbers are."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import lakebt
from lakebt.reproduce.reproduction import reproduce
from tests.lake.redacted import ERASED, redact
from tests.sweep.conftest import fill

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

GRID: dict[str, Any] = {"entries": ["AD+1@open"], "exits": ["+1", "1w"]}
LATER = replace(
    ERASED,
    erased_at=dt.datetime(2099, 5, 2, tzinfo=dt.UTC),
    certificate="E2",
    rows={"index_changes": 3, "prices": 1},
)
OF_CHANGES = "3 rows erased from index_changes on 2099-05-02: a wish of the subject"


def study(lake: lakebt.Lake) -> lakebt.Study:
    return lakebt.Study(lake.at("R1"), index="SIM", **GRID)


@pytest.fixture
def lake(tmp_path: Path) -> lakebt.Lake:
    return fill(tmp_path / "lake")


@pytest.mark.slow
def test_a_view_and_what_is_made_of_it_say_so(
    lake: lakebt.Lake, tmp_path: Path
) -> None:
    before = lake.at("R1")
    assert "redacted" not in repr(before)
    assert "Redacted" not in before._repr_html_()
    assert before.provenance()["redactions"] == []
    redact(lake, "R1", LATER)

    view = lake.at("R1")
    result = study(lake).run(record=False)
    result.report(tmp_path / "page.html")

    assert repr(view).endswith(", redacted)")
    assert "Redacted: 3 rows erased from index_changes, 1 row" in view._repr_html_()
    assert view.provenance()["redactions"] == [LATER.told()]
    decision = view.for_decision(view.instant)
    assert decision.provenance()["redactions"] == []
    assert "redacted" not in repr(decision)
    page = (tmp_path / "page.html").read_text()
    assert page.count("Redacted release R1: 3 rows erased from index_changes, ") == 1
    assert "(certificate E2)" in page
    assert "Redacted release R1" in result._repr_html_()
    (release,) = [n for n in lake.lineage("R1").nodes if n.kind == "release"]
    assert release.told["redactions"] == [LATER.told()]


def test_a_redacted_release_is_other_data(lake: lakebt.Lake) -> None:
    first = study(lake).run()
    redact(lake, "R1", replace(LATER, rows={"earnings": 1}))
    assert study(lake).run().id == first.id

    redact(lake, "R1", LATER)

    again = study(lake).run()
    assert again.id != first.id
    assert len(lake.trials(where={"kind": "result"})) == 2


def test_reproduce_says_what_was_erased_since(lake: lakebt.Lake) -> None:
    old = study(lake).run()
    assert reproduce(lake, old.id).moved.empty
    redact(lake, "R1", ERASED, LATER)

    told = reproduce(lake, old.id)

    assert told.moved["what"].tolist() == ["data of index_changes", "data of prices"]
    assert told.moved["recorded"].tolist() == ["as published"] * 2
    assert f"{OF_CHANGES} (certificate E2)" in str(told)


def test_what_cannot_be_run_again_says_what_was_erased(lake: lakebt.Lake) -> None:
    old = study(lake).run()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lakebt.reproduce.reproduction.rerun", gone)
        with pytest.raises(lakebt.LakebtError, match=r"^there is no index 'SIM'"):
            reproduce(lake, old.id)

        redact(lake, "R1", LATER)

        with pytest.raises(
            lakebt.LakebtError,
            match=r"cannot be run again, for its release 'R1' was redacted since \("
            r"3 rows erased from index_changes .*there is no index 'SIM'",
        ):
            reproduce(lake, old.id)


def gone(*_: object) -> None:
    msg = "there is no index 'SIM'"
    raise lakebt.errors.LakeError(msg)
