"""What docs/scale.md tells its readers to do, done as they would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.forked import python
from tests.programs import program
from tests.servers.running import QUICK

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "scale.md"

pytestmark = [pytest.mark.lake, pytest.mark.slow]


def block(name: str) -> str:
    """Return the block of the page that is called `name`."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(
        rf"^```\w+ {re.escape(name)}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL
    )
    assert len(found) == 1, f"{PAGE.name} has {len(found)} blocks called {name}"
    return str(found[0])


@pytest.fixture
def user(tmp_path: Path, pytestconfig: pytest.Config) -> dict[str, str]:
    """The environment of somebody whose Spark has two cores and keeps its jars."""
    program("java")
    pytest.importorskip("pyspark", reason="pip install '.[spark]'")
    assert pytestconfig.cache is not None
    settings = {
        "spark.master": "local[2]",
        "spark.driver.extraJavaOptions": " ".join(QUICK),
        "spark.ui.enabled": "false",
        "spark.jars.ivy": pytestconfig.cache.mkdir("jars"),
        "spark.sql.shuffle.partitions": "2",
        "spark.log.level": "ERROR",
        "spark.local.dir": tmp_path,
    }
    lines = [f"{name} {value}\n" for name, value in settings.items()]
    (tmp_path / "spark-defaults.conf").write_text("".join(lines), encoding="utf-8")
    return os.environ | {
        "SPARK_CONF_DIR": str(tmp_path),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYTHONPATH": str(ROOT),
    }


def test_a_new_user_starts_spark_on_a_laptop(
    tmp_path: Path, user: dict[str, str], table: Callable[[str], list[list[str]]]
) -> None:
    (tmp_path / "laptop.py").write_text(block("laptop.py"), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "laptop.py"],
        cwd=tmp_path,
        env=user,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert table(done.stdout) == table(block("laptop.txt"))
    assert "unclosed" not in done.stderr


@pytest.fixture
def table() -> Callable[[str], list[list[str]]]:
    """What Spark draws with bars, as rows."""
    return lambda text: [
        [cell.strip() for cell in line.strip("|\n ").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]


def test_a_jar_that_is_missing_is_said_in_one_line(
    tmp_path: Path, user: dict[str, str]
) -> None:
    with zipfile.ZipFile(tmp_path / "other.jar", "w") as jar:
        jar.writestr("nothing.txt", "")
    opened = "import lakebt; lakebt.Lake.open('lake', engine='spark')"

    done = subprocess.run(
        [*python(), "-c", opened],
        cwd=tmp_path,
        env=user | {"LAKEBT_SPARK_JARS": str(tmp_path / "other.jar")},
        capture_output=True,
        text=True,
        check=False,
    )

    raised = "lakebt.errors.LakeError: "
    said = [line for line in done.stderr.splitlines() if line.startswith(raised)]
    assert len(said) == 1, done.stderr
    assert "its jar is missing. Let Spark fetch it" in said[0]
    assert "LAKEBT_SPARK_JARS" in said[0]
