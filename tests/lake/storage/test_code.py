"""A lake names no code, and no setting that a publisher would obey."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyiceberg.catalog
import pyiceberg.io
import pytest
from pyiceberg.catalog import rest
from pyiceberg.table import TableProperties

from lakebt.errors import SettingsWarning
from lakebt.lake import Lake
from lakebt.lake.serving.service import Service
from lakebt.lake.storage.catalog import open_path
from lakebt.lake.tables.properties import is_allowed
from lakebt.lake.tables.schemas import PROPERTIES
from tests.lake.frames import AS_OF, bars, clock
from tests.lake.original import Original
from tests.lake.other_engines import foreign_table
from tests.lake.remote import Remote
from tests.lake.trial_rows import batch
from tests.servers import serving

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

OBEYED = {
    "py-io-impl": "evil_module.IO",
    "write.py-location-provider.impl": "evil_module.Provider",
    "write.object-storage.enabled": "x",
    "write.data.path": "file:///none/at/all",
    "write.metadata.path": "file:///none/at/all",
    "write.metadata.previous-versions-max": "many",
    "write.metadata.delete-after-commit.enabled": "perhaps",
    "write.summary.partition-limit": "x",
    "write.avro.compression-codec": "none-such",
    "schema.name-mapping.default": "{",
    "commit.retry.num-retries": "x",
    "s3.retry-strategy-impl": "evil_module.Strategy",
}


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module in the working directory, which must never be imported."""
    (tmp_path / "evil_module.py").write_text("raise SystemExit('it ran')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    assert "evil_module" not in sys.modules


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    """A lake of a release and a trial."""

    def make(path: Path) -> None:
        lake = Lake.open(path, clock=clock)
        lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
        lake.record(batch([1]))

    return Original(tmp_path_factory.mktemp("spoilt"), make)


@pytest.mark.usefixtures("evil")
@pytest.mark.parametrize(
    ("table", "keys"),
    [
        *(("prices", [key]) for key in OBEYED),
        ("releases", list(OBEYED)),
        ("trials", list(OBEYED)),
    ],
)
def test_a_property_of_others_is_not_obeyed_and_told(
    original: Original, table: str, keys: list[str]
) -> None:
    path = original.restored()
    was = Lake.open(path, clock=clock).at("R1").read("prices")
    with foreign_table(path, table) as held:
        spoil(held, {key: OBEYED[key] for key in keys})

    lake = Lake.open(path, create=False, clock=clock)
    pd.testing.assert_frame_equal(lake.at("R1").read("prices"), was)
    codes = {finding.code for finding in lake.doctor()}
    assert codes == {
        "settings_lost" if key in PROPERTIES else "strange_settings" for key in keys
    }

    lake.restore()
    assert lake.doctor().ok
    lake.publish({"prices": bars(symbols=("Z",))}, release="R2", as_of=AS_OF)
    lake.record(batch([2]))
    assert len(lake.trials()) == 2
    with foreign_table(path, table) as held:
        others = set(held.properties) - set(PROPERTIES)
        assert all(name.startswith("lakebt.") for name in others)


@pytest.mark.usefixtures("evil")
def test_properties_of_others_stop_no_publisher(path: Path) -> None:
    lake = Lake.open(path, clock=clock)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    for table in ("prices", "releases"):
        with foreign_table(path, table) as held:
            spoil(held, OBEYED)

    lake = Lake.open(path, create=False, clock=clock)
    # Said before they are dropped, and once: then there is none left.
    with pytest.warns(SettingsWarning, match=r"prices: py-io-impl, .* and 14 more"):
        lake.publish({"prices": bars(symbols=("Z",))}, release="R2", as_of=AS_OF)
    lake.publish({"prices": bars(symbols=("Y",))}, release="R3", as_of=AS_OF)

    assert len(lake.at("R2").read("prices")) == 9
    assert {each.code for each in lake.doctor()} == {"settings_lost"}


@pytest.mark.usefixtures("evil")
def test_what_is_said_of_dropped_settings_may_stop_it(original: Original) -> None:
    path = original.restored()
    with foreign_table(path, "prices") as held:
        spoil(held, {"write.data.path": OBEYED["write.data.path"]})
    with foreign_table(path, "trials") as held:
        spoil(held, {"history.expire.max-snapshot-age-ms": "1"})
    lake = Lake.open(path, create=False, clock=clock)

    # Warnings are errors here: nothing was done.
    with pytest.raises(SettingsWarning, match=r"\(prices: write.data.path\)"):
        lake.publish({"prices": bars(symbols=("Z",))}, release="R2", as_of=AS_OF)
    with pytest.raises(SettingsWarning, match=r"\(trials: history.expire.max-"):
        lake.record(batch([2]))

    assert list(lake.releases()["name"]) == ["R1"]
    assert len(lake.trials()) == 1


def test_notes_and_settings_of_reading_of_others_stay(original: Original) -> None:
    path = original.restored()
    theirs = {
        "owner": "desk",
        "acme.owner": "desk of equities",
        "acme.data-class.level": "internal",
        "read.split.target-size": "268435456",
        "read.parquet.vectorization.enabled": "false",
        "write.parquet.compression-codec": "snappy",
    }
    names = ("prices", "releases", "trials")
    for name in names:
        with foreign_table(path, name) as held, held.transaction() as change:
            change.set_properties(theirs)

    lake = Lake.open(path, create=False, clock=clock)
    assert lake.doctor().ok
    lake.publish({"prices": bars(symbols=("Z",))}, release="R2", as_of=AS_OF)
    lake.record(batch([2]))
    lake.drop("R1", because="no longer needed")
    lake.restore()

    for name in names:
        with foreign_table(path, name) as held:
            assert theirs.items() <= held.properties.items()


def spoil(table: Any, properties: dict[str, str]) -> None:
    """Set properties by pyiceberg's own means, that no longer obey them."""
    from pyiceberg.table import Table  # noqa: PLC0415
    from pyiceberg.table.locations import SimpleLocationProvider  # noqa: PLC0415

    plain = SimpleLocationProvider(table.location(), {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Table, "location_provider", lambda _: plain)
        patch.setattr(
            "pyiceberg.catalog.load_location_provider", lambda *_, **__: plain
        )
        patch.setattr(type(table.catalog), "_load_file_io", lambda *_, **__: table.io)
        patch.setattr(
            "pyiceberg.table.update._update_table_metadata_log", lambda made, *_: made
        )
        patch.setattr(
            "pyiceberg.catalog.MetastoreCatalog._delete_old_metadata", lambda *_: None
        )
        with table.transaction() as change:
            change.set_properties(properties)


@pytest.mark.usefixtures("evil")
def test_a_catalog_that_answers_names_no_code(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Lake.open(path, clock=clock).publish({"prices": bars()}, release="R1", as_of=AS_OF)
    answer = Service.config

    def evil_answer(self: Service, *, read_only: bool) -> dict[str, Any]:
        code = {"py-io-impl": "evil_module.IO", "auth": {"impl": "evil_module.Auth"}}
        said = answer(self, read_only=read_only)
        return said | {"overrides": code, "defaults": said["defaults"] | code}

    monkeypatch.setattr(Service, "config", evil_answer)
    with serving(open_path(path, create=False)) as (address, _):
        remote = Remote(path, is_ours=True)
        remote.configure(monkeypatch, type="rest", uri=address)

        assert len(remote.open().at("R1").read("prices")) == 6


def test_lakebts_own_properties_are_allowed() -> None:
    assert all(is_allowed(key, value) for key, value in PROPERTIES.items())
    assert is_allowed("lakebt.key", "symbol,session")
    assert not any(is_allowed(key, value) for key, value in OBEYED.items())


def test_no_setting_of_pyiceberg_is_taken_for_a_note() -> None:
    named = [
        value
        for module in (TableProperties, pyiceberg.io, pyiceberg.catalog, rest)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str)
    ]
    obeyed = {name for name in named if "." in name or "-" in name}
    obeyed = {name for name in obeyed if not name.startswith("pyiceberg.")}  # classes
    assert {"write.data.path", "s3.endpoint", "py-io-impl"} <= obeyed

    allowed = {name for name in obeyed if is_allowed(name, "x")}

    assert allowed == set()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("read.split.target-size", "1"),
        ("read.split.target-size", "99999999999"),
        ("read.split.target-size", "\u0663" * 8),
        ("read.split.planning-lookback", "0"),
        ("read.parquet.vectorization.enabled", "perhaps"),
        ("read.orc.vectorization.enabled", "true"),
        ("Spark.owner", "desk"),
        ("acme..owner", "desk"),
        ("acme.owner ", "desk"),
        (".owner", "desk"),
        (f"acme.{'x' * 128}", "desk"),
        ("acme.owner", "x" * 1001),
    ],
)
def test_what_makes_no_sense_is_not_allowed(key: str, value: str) -> None:
    assert not is_allowed(key, value)
