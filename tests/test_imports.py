"""What takes seconds to import is imported by what needs it, and not before."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lakebt.lake import Lake
from tests.lake.frames import AS_OF, bars, clock

if TYPE_CHECKING:
    from pathlib import Path

STEPS = {
    "import lakebt.report.html, lakebt.report.notebook, lakebt.report.terminal": {
        *("plotly", "jinja2", "rich"),
    },
    "import lakebt.strategy.backtest, lakebt.strategy.run": {"vectorbt"},
    "[getattr(lakebt, name) for name in lakebt.__all__]": {"vectorbt", "requests"},
    "lakebt.Lake.open({place!r}, create=False).at('R1').read('prices')": {"pandera"},
}
"""What a process does, one after the other, and what it has not imported by then."""

PROGRAM = """
import json, sys
import lakebt
for step in json.loads(sys.argv[1]):
    exec(step)
    print(json.dumps([step, sorted(sys.modules)]))
"""


@pytest.mark.slow
def test_what_takes_long_is_imported_by_what_needs_it(tmp_path: Path) -> None:
    lake = Lake.open(tmp_path, clock=clock)
    lake.publish({"prices": bars()}, release="R1", as_of=AS_OF)
    steps = {
        step.format(place=str(tmp_path)): without for step, without in STEPS.items()
    }

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(list(steps))],
        capture_output=True,
        text=True,
        check=True,
    )

    told = dict(map(json.loads, done.stdout.splitlines()))
    loaded = {
        step: {name.partition(".")[0] for name in names} & steps[step]
        for step, names in told.items()
    }
    assert loaded == {step: set() for step in steps}
