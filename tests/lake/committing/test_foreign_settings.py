"""Whatever drops properties that others gave a table says so, or does nothing."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING

import pytest

from lakebt.errors import SettingsWarning
from lakebt.lake import Lake
from tests.lake.interrupted import COMMANDS, make, now
from tests.lake.original import Original
from tests.lake.other_engines import files, foreign_catalog

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.lake, pytest.mark.slow]

KEY = "write.data.path"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    """A lake that everything is done to which changes one."""
    return Original(tmp_path_factory.mktemp("foreign-settings"), make)


def spoil(path: Path) -> None:
    with foreign_catalog(path) as catalog:
        for identifier in catalog.list_tables("quant"):
            with catalog.load_table(identifier).transaction() as change:
                change.set_properties({KEY: "file:///elsewhere"})


def spoiled(path: Path) -> dict[str, str]:
    """Return the tables that have the property, and where their metadata is."""
    with foreign_catalog(path) as catalog:
        tables = [catalog.load_table(each) for each in catalog.list_tables("quant")]
    return {
        table.name()[-1]: table.metadata_location
        for table in tables
        if KEY in table.properties
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_whoever_drops_a_property_says_so_before(
    original: Original, command: str
) -> None:
    path = original.restored()
    COMMANDS[command].prepare(path)
    spoil(path)
    before = spoiled(path)
    run = COMMANDS[command].run

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", SettingsWarning)
        run(Lake.open(path, create=False, clock=now()))

    lost = before.keys() - spoiled(path).keys()
    said = " ".join(str(each.message) for each in told)
    if command == "restore":  # which is what it is for, and reports
        assert (lost, said) == (set(before), "")
        return
    assert {name for name in before if f"{name}: {KEY}" in said} == lost
    if lost:
        path = original.restored()
        COMMANDS[command].prepare(path)
        spoil(path)
        before, there = spoiled(path), files(path)
        lake = Lake.open(path, create=False, clock=now())
        # Warnings are errors in these tests; to fold trials is put off without a word.
        folds = contextlib.nullcontext() if command == "fold trials" else None
        with folds or pytest.raises(SettingsWarning):
            run(lake)
        left = {file for file in files(path) - there if file.suffix != ".stats"}
        assert (spoiled(path), left) == (before, set())
