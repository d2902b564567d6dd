"""A sweep as a file says the same as one in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import lakebt
from lakebt.sweep.sweep import Sweep
from lakebt.sweep.toml import read_toml, sweep_from

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

FILE = """
name = "try"
releases = ["R1", "R2"]
index = "SIM"
entries = ["AD+1@open", "ED@close"]
exits = ["+1", "1w"]

[grid]
side = ["both", "additions"]
hedge = ["", "MKT"]
gross = 1.5
period = [["2010-01-01", "2010-12-31"], []]
size = [1, 9]

[[costs]]

[[costs]]
commission_bps = 1.0
half_spread_bps = 2.5

[[where]]

[[where]]
cause = ["discretionary"]
"""


def write(path: Path, text: str) -> Path:
    file = path / "SWEEP.toml"
    file.write_text(text, encoding="utf-8")
    return file


def load(path: Path, text: str, lake: lakebt.Lake) -> Sweep:
    told = read_toml(write(path, text))
    return sweep_from(told, open_view=lambda name, at: lake.at(name, as_of=at))


def test_a_file_says_what_python_says(tmp_path: Path, market_lake: lakebt.Lake) -> None:
    sweep = load(tmp_path, FILE, market_lake)

    same = Sweep(
        [market_lake.at("R1"), market_lake.at("R2")],
        name="try",
        index="SIM",
        entries=["AD+1@open", "ED@close"],
        exits=["+1", "1w"],
        side=["both", "additions"],
        hedge=[None, "MKT"],
        gross=1.5,
        period=[("2010-01-01", "2010-12-31"), None],
        size=(1, 9),
        where=[{}, {"cause": ["discretionary"]}],
        costs=[
            lakebt.CostModel(),
            lakebt.CostModel(commission_bps=1.0, half_spread_bps=2.5),
        ],
    )
    assert sweep.ids == same.ids
    assert len(sweep) == 2 * 2 * 2 * 2 * 2 * 2 * 4
    assert sweep.points[0].family == "try"


def test_the_least_file_takes_the_defaults(
    tmp_path: Path, market_lake: lakebt.Lake
) -> None:
    sweep = load(tmp_path, 'release = "R1"\nindex = "SIM"\n', market_lake)

    assert sweep.ids == Sweep(market_lake.at("R1"), index="SIM").ids


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("release = ", "is not TOML: "),
        ('release = "R1"', "names neither an index nor a strategy: write either"),
        ('release = "R1"\nindex = "SIM"\nstrategy = "x.py:X"', "names both an index"),
        ('index = "SIM"', 'either release = "R1" or releases'),
        ('index = "SIM"\nrelease = "R1"\nreleases = ["R2"]', "either release"),
        ('index = "SIM"\nrelease = "R1"\nentry = "AD"', "key 'entry'"),
        ('index = "SIM"\nrelease = "R1"\ngrid = 3', r"grid must be a table"),
        ('index = "SIM"\nrelease = "R1"\n[grid]\nside = []', "side is an empty list"),
        ('index = "SIM"\nrelease = "R1"\n[grid]\nsides = 1', r"\[grid\] key 'sides'"),
        (
            'index = "SIM"\nrelease = "R1"\n[grid]\nmin_lead = ["1h", 10]',
            "min_lead 10 has no unit",
        ),
        ('index = "SIM"\nrelease = "R1"\n[[costs]]\nfee = 1', r"key 'fee'"),
        (
            'index = "SIM"\nrelease = "R1"\n[[costs]]\ncommission_bps = -1',
            "commission_bps must be a finite number >= 0, was -1",
        ),
        ('index = "SIM"\nrelease = "R9"', "unknown release 'R9'"),
        ('index = "NOPE"\nrelease = "R1"', "NOPE"),
    ],
)
def test_a_bad_file_names_what_is_wrong(
    tmp_path: Path, market_lake: lakebt.Lake, text: str, message: str
) -> None:
    with pytest.raises(lakebt.LakebtError, match=message):
        load(tmp_path, text, market_lake)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"SWEEP\.toml cannot be read: No such file"):
        read_toml(tmp_path / "SWEEP.toml")
