"""Lineage: back to files and onward to trials, against what was published by hand."""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from openlineage.client import event_v2, facet_v2
from openlineage.client.serde import Serde

from lakebt.errors import InvalidArgumentError
from lakebt.lake import Lake
from lakebt.sources.sample import sample_releases
from tests.lake.trial_rows import batch, trial

if TYPE_CHECKING:
    import pandas as pd

pytestmark = pytest.mark.lake

FIRST, SECOND = (hashlib.sha256(text).hexdigest() for text in (b"one", b"two"))


def file(digest: str, **more: Any) -> dict[str, Any]:
    return {
        "table": "etf_holdings",
        "name": f"{digest[:4]}.xml",
        "sha256": digest,
        "bytes": 3,
        "n_files": 1,
        "format": "nport",
        "read": 12,
        "kept": 9,
        "dropped": {"no equity": 3},
        **more,
    }


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two releases from two files, of which the second read the first again."""
    opened = Lake.open(tmp_path_factory.mktemp("lineage") / "lake")
    files = [[file(FIRST)], [file(FIRST), file(SECOND)]]
    for sample, read in zip(sample_releases(), files, strict=True):
        opened.publish(
            dict(sample.tables), release=sample.name, as_of=sample.as_of, files=read
        )
    opened.record(batch(range(3)))
    opened.record(batch([7], release="Q1_2022", code_version="0.2.0"))
    pin = _release(opened, "Q1_2022").tables[0]
    said = json.dumps({pin.table: pin.snapshot_id, "prices": None})
    opened.record(batch([11], release="Q1_2022", snapshots=said))
    return opened


def ids(frame: pd.DataFrame, kind: str) -> list[str]:
    return sorted(frame.loc[frame["kind"] == kind, "id"])


def test_a_release_goes_back_to_its_files_and_on_to_its_trials(lake: Lake) -> None:
    found = lake.lineage("Q3_2022")
    frame = found.frame()
    pins = {p.table: p.snapshot_id for p in _release(lake, "Q3_2022").tables}

    assert ids(frame, "source") == sorted(
        f"source:{digest}/etf_holdings" for digest in (FIRST, SECOND)
    )
    assert ids(frame, "publication") == [
        "publication:Q1_2022/etf_holdings",
        "publication:Q3_2022/etf_holdings",
        "publication:Q3_2022/index_changes",
    ]
    assert ids(frame, "snapshot") == [f"snapshot:{t}@{n}" for t, n in pins.items()]
    assert ids(frame, "trial") == sorted(f"trial:{t}" for t in batch(range(3)).trial_id)
    assert ids(frame, "code") == ["code:0.1.0"]
    rows: Any = frame.set_index("id")
    assert rows.loc[f"source:{FIRST}/etf_holdings", "leads_to"] == [
        "publication:Q1_2022/etf_holdings",
        "publication:Q3_2022/etf_holdings",
    ]
    assert rows.loc[f"source:{FIRST}/etf_holdings", "told"]["dropped"] == {
        "no equity": 3
    }
    assert rows.loc["publication:Q1_2022/etf_holdings", "rows"] == 10
    held = f"snapshot:etf_holdings@{pins['etf_holdings']}"
    assert (rows.loc[held, "rows"], rows.loc[held, "files"]) == (19, 2)


def test_an_earlier_release_knows_nothing_of_a_later_one(lake: Lake) -> None:
    frame = lake.lineage("Q1_2022").frame()

    assert ids(frame, "source") == [f"source:{FIRST}/etf_holdings"]
    assert ids(frame, "publication") == ["publication:Q1_2022/etf_holdings"]
    assert ids(frame, "release") == ["release:Q1_2022"]
    assert ids(frame, "trial") == sorted(
        f"trial:{trial(n)['trial_id']}" for n in (7, 11)
    )


@pytest.mark.parametrize("digits", [6, 32])
def test_a_trial_goes_back_to_its_release_and_its_code(lake: Lake, digits: int) -> None:
    found = lake.lineage(trial(7)["trial_id"][:digits])

    assert found.of == f"trial:{trial(7)['trial_id']}"
    assert found.counts() == {
        "source": 1,
        "publication": 1,
        "snapshot": 1,
        "release": 1,
        "code": 1,
        "trial": 1,
    }
    assert ids(found.frame(), "code") == ["code:0.2.0"]
    assert (("release:Q1_2022", found.of)) in found.arrows


def test_data_files_are_those_that_lie_there(lake: Lake) -> None:
    files = lake.lineage("Q3_2022", files=True).frame().query("kind == 'file'")
    paths = [told["path"].removeprefix("file://") for told in files["told"]]
    sizes = dict(zip(paths, files["bytes"], strict=True))

    assert sizes == {path: _size(path) for path in paths}
    assert files["rows"].sum() == 23
    assert all(d in path for d, path in zip(files["digest"], paths, strict=True))


def test_arrows_lead_from_what_was_there_to_what_came_of_it(lake: Lake) -> None:
    for of in ("Q1_2022", "Q3_2022", trial(0)["trial_id"]):
        found = lake.lineage(of, files=True)
        place = {node.id: n for n, node in enumerate(found.nodes)}

        assert len(place) == len(found.nodes)
        assert all(place[start] < place[end] for start, end in found.arrows)


def test_a_release_that_ended_still_says_where_it_came_from(tmp_path: Any) -> None:
    lake = Lake.open(tmp_path / "lake")
    sample = sample_releases()[0]
    for name in ("Gone", "Kept"):
        lake.publish(dict(sample.tables), release=name, as_of=sample.as_of)
    lake.drop("Gone", because="by mistake")

    frame: Any = lake.lineage("Gone").frame().set_index("id")

    assert frame.loc["release:Gone", "told"]["ended_because"] == "by mistake"
    assert "publication:Gone/etf_holdings" in frame.index


@pytest.mark.slow
def test_a_branch_goes_back_to_main_and_what_was_adopted_to_its_files(
    tmp_path: Path,
) -> None:
    lake = Lake.open(tmp_path / "lake")
    first, second = sample_releases()
    lake.publish(
        dict(first.tables), release="Q1", as_of=first.as_of, files=[file(FIRST)]
    )
    branch = lake.branch("cleaned", at="Q1")
    branch.publish(
        dict(second.tables), release="Q3", as_of=second.as_of, files=[file(SECOND)]
    )
    lake.publish(dict(second.tables), release="Later", as_of=second.as_of)

    of_branch = branch.lineage("Q3")
    told: Any = of_branch.frame().set_index("id")
    assert lake.lineage("cleaned.Q3").arrows == of_branch.arrows
    assert told.loc["release:cleaned.Q3", "told"]["branch"] == "cleaned"
    assert ids(of_branch.frame(), "publication") == [
        "publication:Q1/etf_holdings",
        "publication:cleaned.Q3/etf_holdings",
        "publication:cleaned.Q3/index_changes",
    ]

    lake.drop("Later", because="the branch has it")
    lake.adopt("cleaned", release="Q3")
    adopted = lake.lineage("Q3").frame()
    assert ids(adopted, "source") == sorted(
        f"source:{digest}/etf_holdings" for digest in (FIRST, SECOND)
    )
    assert "publication:cleaned.Q3/etf_holdings" not in set(adopted["id"])


@pytest.mark.parametrize("of", ["Q9_2022", "abcdef", "ab", "", None, 7, "' OR 1=1"])
def test_what_is_neither_release_nor_trial_is_named(lake: Lake, of: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"lake\.releases\(\) lists all"):
        lake.lineage(of)


def test_a_release_that_is_misspelt_is_guessed(lake: Lake) -> None:
    with pytest.raises(InvalidArgumentError, match="Did you mean 'Q3_2022'"):
        lake.lineage("Q3_2002")


# ------------------------------------------------------------------------ OpenLineage


def facets(event: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    holders = [event["run"]["facets"], event["job"]["facets"]]
    for data_set in (*event["inputs"], *event["outputs"]):
        holders += [data_set.get(name, {}) for name in SIDES]
    return [item for holder in holders for item in holder.items()]


SIDES = ("facets", "inputFacets", "outputFacets")


def test_events_are_what_the_standards_own_library_makes(lake: Lake) -> None:
    events = lake.lineage("Q3_2022").openlineage()

    assert len(events) == 3 + 3
    for event in json.loads(json.dumps(events)):
        made = event_v2.RunEvent(
            eventTime=event["eventTime"],
            producer=event["producer"],
            run=event_v2.Run(**event["run"]),
            job=event_v2.Job(**event["job"]),
            eventType=event_v2.RunState(event["eventType"]),
            inputs=[event_v2.InputDataset(**each) for each in event["inputs"]],
            outputs=[event_v2.OutputDataset(**each) for each in event["outputs"]],
        )
        told = Serde.to_dict(made)
        for each in (*event["inputs"], *event["outputs"]):
            for name in SIDES:
                each.setdefault(name, {})
        for each in told["inputs"]:
            each.setdefault("outputFacets", {})
        for each in told["outputs"]:
            each.setdefault("inputFacets", {})
        assert told == event


def test_facets_are_those_of_the_standard_or_named_as_ours(lake: Lake) -> None:
    found = [
        item
        for event in lake.lineage("Q3_2022").openlineage()
        for item in facets(event)
    ]
    homes = [value for value in vars(facet_v2).values() if hasattr(value, "__path__")]
    homes += [v for v in vars(facet_v2).values() if hasattr(v, "__name__")]
    kinds = {
        kind._get_schema(): kind  # noqa: SLF001 - where the library keeps it
        for home in homes
        for kind in vars(home).values()
        if hasattr(kind, "_get_schema")
    }
    standard = 0
    for name, facet in found:
        if name.startswith("lakebt_"):
            assert facet["_schemaURL"].startswith("urn:lakebt:")
            continue
        told = {k: v for k, v in facet.items() if not k.startswith("_")}
        assert Serde.to_dict(kinds[facet["_schemaURL"]](**told)).items() >= told.items()
        standard += 1
    assert standard > 20


def test_runs_are_known_by_ids_that_stay(lake: Lake) -> None:
    first, again = (lake.lineage("Q3_2022").openlineage() for _ in range(2))
    older = [
        event["run"]["runId"]
        for event in lake.lineage("Q1_2022").openlineage()
        if event["job"]["name"].startswith("publish.")
    ]
    runs = [event["run"]["runId"] for event in first]

    assert first == again
    assert len(set(runs)) == len(runs)
    assert set(older) < set(runs)  # one publication, told of twice
    assert str(uuid.UUID(trial(0)["trial_id"])) in runs


def test_a_trial_reads_the_snapshots_that_it_said_it_read(lake: Lake) -> None:
    pin = _release(lake, "Q1_2022").tables[0]
    (read,) = [
        event["inputs"]
        for event in lake.lineage(trial(11)["trial_id"]).openlineage()
        if event["job"]["name"] == "cell.SP500"
    ]

    assert [each["name"].rpartition("/")[2] for each in read] == [pin.table]
    assert read[0]["facets"]["version"]["datasetVersion"] == str(pin.snapshot_id)


def _release(lake: Lake, name: str) -> Any:
    return lake._ledger().get(name)  # noqa: SLF001 - its pins


def _size(path: str) -> int:
    return Path(path).stat().st_size
