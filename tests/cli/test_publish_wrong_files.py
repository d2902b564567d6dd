"""A wrong file on the command line: one line, and nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sources.good_files import GOOD
from tests.sources.test_wrong_files import HTML, cut

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

CASES = [
    ("ishares", HTML, "is a page of HTML"),
    ("ishares", cut(GOOD["ishares"].text).encode(), "is cut off"),
    ("invesco", GOOD["ishares"].text.encode(), "seems to be of format ishares"),
    ("nport", b"%PDF-1.7", "is not a complete XML document"),
    ("prices", HTML, "is a page of HTML"),
    ("csv-folder", b"\x05\x06\x07" * 400, "csv"),
    ("membership", b"", "is empty"),
]


@pytest.mark.parametrize(("name", "content", "why"), CASES)
def test_it_is_one_line_and_no_lake(
    name: str, content: bytes, why: str, run: Run, tmp_path: Path
) -> None:
    good = GOOD[name]
    path = tmp_path / good.name
    path.write_bytes(content)
    options = [
        word
        for option, value in good.options.items()
        for word in (f"--{option.replace('_', '-')}", value)
    ]
    lake = tmp_path / "lake"
    told = run(
        *("publish", f"{good.table}={path}", "--format", name, "--release", "A"),
        *("--as-of", "2026-01-01T00:00:00Z", "--lake", lake, *options),
    )

    assert told.exit_code != 0
    assert why in told.stderr
    assert good.name in told.stderr
    assert "Traceback" not in told.stderr
    assert "Nothing was published" in " ".join(told.stderr.split())
    assert not told.stdout
    assert not lake.exists()
