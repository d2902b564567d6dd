"""A sweep as a job of spark-submit, started as docs/sweeping.md says."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import lakebt
from tests.engines.engine import ON_SPARK
from tests.forked import interpreter
from tests.servers.running import QUICK
from tests.sweep.moved import fill

pytestmark = ON_SPARK

PAGE = Path(__file__).parents[2] / "docs" / "sweeping.md"

TOML = """
release = "R1"
index = "SIM"
entries = ["AD+1@open", "ED@close", "MD+1@open"]
exits = ["+1", "ED@close", "2w"]

[grid]
capital_usd = [{capital}]
side = ["both", "additions"]
hedge = ["", "MKT"]
missing = ["exclude", "drop_leg"]
"""


def test_a_job_of_spark_submit_goes_on_after_its_driver_was_killed(
    tmp_path: Path,
) -> None:
    lake = fill(tmp_path / "lake")
    submit = shutil.which("spark-submit", path=str(Path(sys.executable).parent))
    assert submit is not None
    job, file = tmp_path / "sweep_job.py", tmp_path / "SWEEP.toml"
    _, _, text = PAGE.read_text(encoding="utf-8").partition("```text sweep_job.py\n")
    job.write_text(text.partition("```")[0], encoding="utf-8")
    capital = ", ".join(str(100_000 + n) for n in range(16))
    file.write_text(TOML.format(capital=capital), encoding="utf-8")
    command = [submit, "--master", "local[2]", "--conf", "spark.ui.enabled=false"]
    command += ["--conf", "spark.driver.bindAddress=127.0.0.1"]
    command += ["--driver-java-options", " ".join(QUICK)]
    command += [str(job), str(file), "--lake", str(tmp_path / "lake")]
    told: dict[str, Any] = {
        "env": {
            **os.environ,
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": str(interpreter(tmp_path)),
            "PATH": os.pathsep.join([str(Path(submit).parent), os.environ["PATH"]]),
            "PYTHONPATH": str(Path(lakebt.__file__).parents[1]),
        },
        "cwd": tmp_path,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }

    def cells() -> int:
        return len(lake.trials(where={"kind": "cell"}, columns=["trial_id"]))

    with subprocess.Popen(command, start_new_session=True, **told) as process:
        while not (count := cells()):
            assert process.poll() is None, process.communicate()
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGKILL)
    count = cells()
    again = subprocess.run(command, check=False, timeout=300, **told)

    assert again.returncode == 0, again.stdout + again.stderr
    assert 0 < count < 16 * 8 * 9
    assert "1,152 cells: " in again.stdout
    assert "were recorded already" in again.stdout
    assert cells() == 16 * 8 * 9
    rows = lake.trials()
    assert rows["trial_id"].is_unique
    assert rows["n_events"].max() > 5
