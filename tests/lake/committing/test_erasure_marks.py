"""A release says what was erased from it, and what touches the ledger keeps that."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lakebt.errors import InvalidArgumentError
from lakebt.lake import Lake
from lakebt.lake.committing.file_labels import labels_and_files
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.redacted import ERASED, SAID, redact

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.lake


@pytest.fixture
def lake(path: Path) -> Lake:
    """A lake of A, which is redacted, and of B."""
    lake = Lake.open(path, clock=clock)
    files = [{"name": "bars.csv"}]
    lake.publish({"prices": bars()}, release="A", as_of=AS_OF, files=files)
    more = bars(symbols=("CCC",))
    labels = {"regime": "calm"}
    lake.publish({"prices": more}, release="B", as_of=AS_OF, labels=labels)
    redact(lake, "A")
    return lake


def marks(lake: Lake) -> dict[str, bool]:
    return {r.name: r.redactions == (ERASED,) for r in lake._ledger().releases}  # noqa: SLF001


def test_a_release_says_what_was_erased_from_it(lake: Lake) -> None:
    first, second = lake._ledger().releases  # noqa: SLF001

    assert first.redactions == (ERASED,)
    assert first.is_redacted
    assert repr(first).endswith(f"\n  redacted: {SAID}")
    assert f"redacted: {SAID}" in first._repr_html_()
    assert first.files == ({"name": "bars.csv"},)
    assert not second.is_redacted
    assert "redacted" not in repr(second)
    assert second.labels == {"regime": "calm"}
    assert lake.releases()["redactions"].tolist() == [[ERASED.told()], []]
    assert lake.releases()["labels"].tolist() == [{}, {"regime": "calm"}]


def test_several_are_told_in_order(lake: Lake) -> None:
    more = replace(ERASED, certificate="E2", rows={"prices": 1, "earnings": 3})

    redact(lake, "A", more)

    assert lake._ledger().releases[0].redactions == (ERASED, more)  # noqa: SLF001
    assert more.words("earnings").startswith("3 rows erased from earnings on")
    assert str(more).startswith("3 rows erased from earnings, 1 row erased from prices")


def test_whatever_writes_the_ledger_keeps_it(lake: Lake, tmp_path: Path) -> None:
    lake.publish({"prices": bars(symbols=("DDD",))}, release="C", as_of=AS_OF)
    assert marks(lake) == {"A": True, "B": False, "C": False}

    branch = lake.branch("cleaned", at="A")
    assert branch._ledger().releases[0].redactions == (ERASED,)  # noqa: SLF001
    lake.drop_branch("cleaned")
    lake.export(tmp_path / "some", releases=["A"])
    assert marks(Lake.open(tmp_path / "some")) == {"A": True}
    lake.move(tmp_path / "moved")
    lake = Lake.open(tmp_path / "moved", clock=clock)
    lake.drop("A", because="too old")

    assert marks(lake) == {"A": True, "B": False, "C": False}
    told = lake.releases(ended=True)["redactions"].tolist()
    assert told == [[ERASED.told()], [], []]


def test_who_does_not_know_the_mark_reads_a_label(lake: Lake) -> None:
    rows = lake._ledger().releases.rows.to_pylist()  # noqa: SLF001

    told = labels_and_files(dict(rows[0]["labels"]))

    assert list(told["labels"]) == ["lakebt.redaction.0"]
    assert told["files"] == ({"name": "bars.csv"},)


def test_nobody_publishes_a_mark(lake: Lake) -> None:
    with pytest.raises(InvalidArgumentError, match=r"lakebt's own: rename it"):
        lake.publish(
            {"prices": bars(symbols=("EEE",))},
            release="D",
            as_of=AS_OF,
            labels={"lakebt.redaction.0": "{}"},
        )
