"""Files of a lake that change behind its back, and what it says afterwards."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

from lakebt.lake import Lake
from lakebt.lake.storage import metadata, panel_cache
from tests.lake.frames import AS_OF, Q1_KNOWN, bars, changes, clock, q1
from tests.lake.trial_rows import batch

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator
    from pathlib import Path

FACTS = {"prices", "etf_holdings", "index_changes"}

KINDS: dict[str, Callable[[Path], bool]] = {
    "data": lambda p: p.suffix == ".parquet" and bool(FACTS & {*p.parts}),
    "manifest": lambda p: p.name.endswith("-m0.avro") and bool(FACTS & {*p.parts}),
    "manifest list": lambda p: p.name.startswith("snap-") and bool(FACTS & {*p.parts}),
    "metadata": lambda p: p.name.endswith(".metadata.json"),
    "ledger": lambda p: "releases" in p.parts,
    "trials": lambda p: "trials" in p.parts,
    "panel": lambda p: p.suffix == ".panel",
}
"""What files there are, by what they hold."""

WAYS = (
    *("a bit", "a byte", "a run of bytes", "exchanged", "an older one"),
    *("nothing but zeros", "cut", "longer"),
)
"""How a file changes."""


@contextmanager
def kept_panels(folder: Path) -> Iterator[None]:
    """Keep every panel on disk, however small."""
    with (
        patch.object(panel_cache, "LEAST_BYTES", 1),
        patch.dict(os.environ, {"LAKEBT_CACHE": str(folder / "cache")}),
    ):
        yield


def make(folder: Path) -> list[str]:
    """Make a lake of five releases and two batches of trials; return what it says."""
    with kept_panels(folder):
        lake = Lake.open(folder / "lake", clock=clock)
        for number, day in enumerate(("2022-09-01", "2022-09-02", "2022-09-06")):
            lake.publish({"prices": bars((day,))}, release=f"R{number}", as_of=AS_OF)
        lake.publish({"index_changes": changes()}, release="C", as_of=AS_OF)
        lake.publish({"etf_holdings": q1()}, release="Q1", as_of=Q1_KNOWN)
        for first in (0, 3):
            lake.record(batch(range(first, first + 3)))
        answers(folder / "lake")
        return answers(folder / "lake")


def answers(path: Path) -> list[str]:
    """All that a lake says, asked by a process that has read nothing of it."""
    metadata._WRITTEN.clear()  # noqa: SLF001
    lake = Lake.open(path, create=False, clock=clock)
    said = [lake.releases().to_csv(), lake.trials().to_csv()]
    for release in ("R0", "R2"):
        view = lake.at(release)
        said += [view.panel(name).to_csv() for name in ("open", "close")]
        said.append(view.read("prices").to_csv())
    said.append(lake.at("C").read("index_changes").to_csv())
    return [*said, lake.at("Q1").read("etf_holdings").to_csv()]


def files(folder: Path, kind: str) -> list[Path]:
    """The files of a kind, in the order of their names; of metadata the newest."""
    found = sorted(p for p in folder.rglob("*") if p.is_file() and KINDS[kind](p))
    newest = {file.parent: file for file in found if file.suffix == ".json"}
    return [one for one in found if one.suffix != ".json" or one in newest.values()]


@contextmanager
def altered(folder: Path, kind: str, draw: random.Random) -> Iterator[str]:
    """Alter one file of a kind, tell how, and put it back."""
    found = files(folder, kind)
    file, way = draw.choice(found), draw.choice(WAYS)
    held = file.read_bytes()
    others = [each for each in found if each.read_bytes() != held]
    other = draw.choice(others or found)
    its = other.read_bytes()
    place, length = draw.randrange(len(held)), draw.randrange(2, 64)
    spoilt = {
        "a bit": bytes([held[place] ^ 1 << draw.randrange(8)]) + held[place + 1 :],
        "a byte": bytes([held[place] ^ draw.randrange(1, 256)]) + held[place + 1 :],
        "a run of bytes": draw.randbytes(length) + held[place + length :],
        "cut": b"",
    }
    file.write_bytes(
        {
            **{name: held[:place] + rest for name, rest in spoilt.items()},
            **dict.fromkeys(("exchanged", "an older one"), its),
            "nothing but zeros": bytes(len(held)),
            "longer": held + draw.randbytes(length),
        }[way]
    )
    if way == "exchanged":
        other.write_bytes(held)
    try:
        yield f"{way}, {file.name}"
    finally:
        other.write_bytes(its)
        file.write_bytes(held)
