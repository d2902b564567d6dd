"""Without vectorbt all works but vectorbt; who uses lakebt gets no foreign warnings."""

from __future__ import annotations

import sys
import warnings
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

import lakebt
from lakebt.errors import InvalidArgumentError
from lakebt.lake.trials import origin
from lakebt.sessions import Sessions
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from collections.abc import Iterator

NEEDED = r"need vectorbt, which is not installed .*use engine='event'"


@pytest.fixture
def without_vectorbt(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine on which vectorbt was never installed."""
    known = metadata.version

    def version(name: str) -> str:
        if name == "vectorbt":
            raise metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setitem(sys.modules, "vectorbt", None)
    monkeypatch.setattr(origin, "version", version)
    origin.environment.cache_clear()
    yield
    origin.environment.cache_clear()  # others have it


@pytest.mark.slow
@pytest.mark.lake
@pytest.mark.usefixtures("without_vectorbt")
def test_without_vectorbt_only_vectorbt_does_not_work(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    lake = lakebt.Lake.open(tmp_path_factory.mktemp("bare") / "lake")
    market = simulated_market(seed=1, n_events=1)
    lake.publish(market.tables, release="R1", as_of=market.as_of)
    study = lakebt.Study(
        lake.at("R1"), index="SIM", entries=["AD+1@open"], exits=["+1"]
    )

    result = study.run()

    assert len(lake.trials()) > 0
    assert "vectorbt" not in result.summary()
    with pytest.raises(InvalidArgumentError, match=NEEDED):
        study.run(engine="vectorbt")
    event = study.plan()[0].event.event_id
    with pytest.raises(InvalidArgumentError, match=NEEDED):
        result.to_vectorbt(event=event, entry="AD+1@open", exit="+1")


@pytest.mark.usefixtures("without_vectorbt")
def test_what_is_not_installed_has_no_version() -> None:
    assert '"vectorbt":"not installed"' in origin.environment("XNYS")


def test_a_calendar_is_made_without_a_warning_of_others() -> None:
    with warnings.catch_warnings(action="error"):
        assert len(Sessions("XLON")) > 0
