"""Each notebook runs to the end, with real data and without, and says what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from jupyter_client.manager import KernelManager

from notebooks.keep_outputs import kept, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.slow, pytest.mark.lake]

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))


def read(name: str) -> Any:
    return nbformat.read(FOLDER / name, as_version=4)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def managers() -> Iterator[dict[str, KernelManager]]:
    """A kernel of each notebook's own, for its run with real data and without."""
    started: dict[str, KernelManager] = {}
    yield started
    for manager in started.values():
        manager.shutdown_kernel(now=True)


@pytest.fixture
def executed(managers: dict[str, KernelManager]) -> Callable[[str, Path], Executed]:
    """Run a notebook with what may be in a folder."""

    def execute(name: str, shared: Path) -> Executed:
        if name not in managers:
            managers[name] = KernelManager(kernel_name="python3")
        return Executed(name, shared, managers[name])

    return execute


class Executed:
    """The outputs of a notebook's code cells, by the tag of the cell."""

    def __init__(self, name: str, shared: Path, manager: KernelManager) -> None:
        self.cells = [
            cell
            for cell in run(name, shared=shared, manager=manager)["cells"]
            if cell["cell_type"] == "code"
        ]
        self._outputs: dict[str, list[Any]] = {
            cell["metadata"]["tags"][0]: cell["outputs"] for cell in self.cells
        }

    def check_kept(self, name: str) -> None:
        """Check that the repository keeps what this run showed."""
        there = [c for c in read(name)["cells"] if c["cell_type"] == "code"]
        for cell, same in zip(self.cells, there, strict=True):
            assert kept(cell) == same["outputs"], (
                f"python notebooks/keep_outputs.py: {cell['metadata']['tags']}"
            )

    def kinds(self) -> set[str]:
        """Return what the cells wrote: streams by name, results by mime type."""
        found = set()
        for output in (o for outputs in self._outputs.values() for o in outputs):
            found |= {output["name"]} if "name" in output else set(output["data"])
        return found

    def text(self, tag: str) -> str:
        """Return all that a cell shows, as plain text."""
        return "\n".join(
            output["text"] if "text" in output else output["data"].get("text/plain", "")
            for output in self._outputs[tag]
        )

    def rows(self, tag: str) -> list[list[str]]:
        """Return the cells of the table that a cell shows, without headings."""
        (page,) = (output["data"]["text/html"] for output in self._outputs[tag])
        rows = re.findall(r"<tr[^>]*>(.*?)</tr>", page, re.DOTALL)
        cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in rows]
        return [row for row in cells if row]


def test_there_are_three_notebooks() -> None:
    assert NOTEBOOKS == [
        "01_the_article.ipynb",
        "02_sp500.ipynb",
        "03_is_it_real.ipynb",
    ]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_logic_is_in_a_notebook(name: str) -> None:
    for cell in read(name)["cells"]:
        if cell["cell_type"] == "code":
            assert not re.search(r"\b(def|lambda|for|while)\b", cell["source"])


def test_the_article_on_real_prices(
    executed: Callable[[str, Path], Executed], shared: Path, realdata: Path
) -> None:
    assert realdata.is_dir()
    done = executed("01_the_article.ipynb", shared)

    assert "real prices" in done.text("source")
    assert "stderr" not in done.kinds()
    assert done.rows("as-published") == [
        ["0.43 * †", "1.63", "-1.51", "0.79", "2.26", "2.28"],
        ["1.29", "0.03 * †", "2.97", "2.63", "1.96", "1.63"],
        ["-4.37 * †", *["-4.37 †"] * 5],
    ]
    assert done.rows("corrected")[-3:] == [
        ["12.48", "4.93", "-5.10", "-1.42", "2.46", "2.11"],
        ["5.40", "11.09", "11.09", "5.29", "1.74", "0.91"],
        ["·"] * 6,
    ]
    orders = [row[1:] for row in done.rows("orders")]
    assert orders[0][:5] == ["open", "CSGP", "buy", "14106.361969", "75.00"]
    assert orders[2][:5] == ["open", "PENN", "sell", "31948.881789", "31.66"]
    own = done.rows("own-answer")
    assert own[0] == ["refused"] * 5
    assert own[3][1] == "17.3 ± 9.0 †"


def test_the_article_without_real_prices(
    executed: Callable[[str, Path], Executed], tmp_path: Path
) -> None:
    done = executed("01_the_article.ipynb", tmp_path)

    assert "simulated market" in done.text("source")
    assert "stderr" not in done.kinds()
    assert done.rows("queries") == [["9", "0"], ["9", "10"]]
    assert done.rows("queries-whole-fund") == [["22", "20"], ["2", "2"]]
    assert "8 added, 9 removed, 0 changed, 1 reidentified" in done.text("diff")
    assert "known at 2022-11-28 20:50:55 UTC" in done.text("refused")
    assert "gross 40 is above max_gross 2" in done.text("gross-refused")
    assert "PENN" not in done.text("orders")
    assert done.rows("own-answer")[0] == ["refused"] * 5
    assert "1,008 sessions" in done.text("how-many")
    done.check_kept("01_the_article.ipynb")


def test_the_sp500_on_real_data(
    executed: Callable[[str, Path], Executed], shared: Path, realdata: Path
) -> None:
    assert realdata.is_dir()
    done = executed("02_sp500.ipynb", shared)
    found = {(row[0], row[1]): row[2:] for row in done.rows("over-hedge")}

    assert "real prices" in done.text("source")
    assert "stderr" not in done.kinds()
    assert "69 rows without an announcement date" in done.text("source")
    assert done.rows("refusals") == [
        ["AD@close", "ED-1@close", "look_ahead", "210", "210"]
    ]
    for rule, told in {
        ("AD@close", "AD+1@open"): [218.0, 10.4, 9.3, 242, 175],
        ("AD+1@open", "ED-1@close"): [-49.0, -1.3, -1.2, 242, 175],
        ("AD+1@open", "+1"): [-86.2, -3.6, -3.4, 242, 175],
    }.items():
        assert [round(float(value), 1) for value in found[rule]] == told
    table = done.rows("table")
    assert table[-7][:2] == ["0.06", "0.30"]
    assert table[5][:2] == ["-3.46", "0.81"]
    assert "75 of 210 events run; 127 one-sided" in done.text("left-out")
    assert "application/vnd.plotly.v1+json" in done.kinds()


def test_the_sp500_without_real_data_recovers_what_was_planted(
    executed: Callable[[str, Path], Executed], tmp_path: Path
) -> None:
    done = executed("02_sp500.ipynb", tmp_path)
    found = {(row[0], row[1]): row[2:] for row in done.rows("over-hedge")}
    night, drift = found["AD@close", "AD+1@open"], found["AD+1@open", "ED-1@close"]

    assert "simulated market" in done.text("source")
    assert "stderr" not in done.kinds()
    assert done.rows("refusals") == [
        ["AD@close", "ED-1@close", "look_ahead", "120", "120"]
    ]
    for (mean, _, t_by_date, *_), planted in ((night, 500.0), (drift, 380.0)):
        error = float(mean) / float(t_by_date)
        assert abs(float(mean) - planted) < 2 * error
    done.check_kept("02_sp500.ipynb")


def test_whether_it_is_real_on_real_data(
    executed: Callable[[str, Path], Executed], shared: Path, realdata: Path
) -> None:
    assert realdata.is_dir()
    done = executed("03_is_it_real.ipynb", shared)
    said, parts = done.text("verdict"), done.text("stability")

    assert "stderr" not in done.kinds()
    assert said.startswith(
        "Of 20 rules on 184 events (242 additions, 175 announcement dates, worth 166 "
        "equal ones) none earns money beyond chance: the best, ED-1@close to +1, made "
        "+4.5 bp an event (95 % "
    )
    assert "p = 0.94 among the 20." in said
    assert "t -2.02 without 2020-11-16, t -0.96 without 2021-03-12" in parts
    assert "-370 bp (25 changes)" in parts


def test_whether_it_is_real_without_real_data(
    executed: Callable[[str, Path], Executed], tmp_path: Path
) -> None:
    done = executed("03_is_it_real.ipynb", tmp_path)

    assert "simulated market" in done.text("open")
    assert "5 earn money beyond chance" in done.text("verdict")
    done.check_kept("03_is_it_real.ipynb")
