"""Files that are not what they are called: one line, the file in it, and a cure.

Everything here is made from the registry, so that a later format is held to it.
"""

from __future__ import annotations

import re
import tracemalloc
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from lakebt.errors import LakebtError
from lakebt.sources.formats import FORMATS, read_source
from tests.sources.good_files import GOOD

if TYPE_CHECKING:
    from pathlib import Path

    from lakebt.sources.converted import Converted

HTML = b"""<!DOCTYPE html>
<html><head><title>Access Denied</title></head>
<body><p>You, the reader, are not permitted; 1,2,3.</p></body></html>
"""
WRONG = {
    "empty": b"",
    "blank": b"\n\n  \n",
    "a page of HTML": HTML,
    "binary": bytes(range(256)) * 64,
    "noise": bytes((i * 7919 + i // 3) % 251 + 4 for i in range(5000)),
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n" * 9,
    "JSON": b'{"error": "not found"}\n',
    "a list in JSON": b'[{"a":1,"b":2}]',
    "an old workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512),
    "an archive without end": b"PK\x03\x04" + bytes(range(200)),
    "packed without end": b"\x1f\x8b\x08\x00" + bytes(40),
    "another encoding": "date,symbol,open\n2020-01-02,AAA,1.0\n".encode("cp500") * 30,
}
CURE = re.compile(
    r"\b(check|fetch|name|pass|rename|save|write|leave|unpack|omit|add|give|convert|"
    r"install|publish|download|keep|needs)\b",
    re.IGNORECASE,
)
SAME = {
    ("yfinance", "csv-folder"),  # a history of one ticker, as Yahoo's site saves it
    ("csv-folder", "prices"),  # with the symbol in a column
    ("csv-folder", "ours"),
    ("membership", "rebalances"),  # of which only the effective days are taken
}
"""(Format, whose file it reads as well): the layout is the same."""


def convert(name: str, path: Path) -> Converted:
    """Read a file as a format, with every option that it may need."""
    source = FORMATS[name]
    usual: dict[str, Any] = {
        "known_at": "2025-10-01T13:00:00+00:00",
        "fund": "F",
        "basis": "raw",
        "index": "SP500",
        "symbol": "AAA",
    }
    needed = {**usual, **GOOD[name].options} if name in GOOD else usual
    options = {k: v for k, v in needed.items() if k in source.options()}
    table = source.table or "prices"
    return read_source(path, table=table, file_format=name, **options)


def refusal(name: str, path: Path) -> str:
    """Return what is said of a wrong file."""
    with pytest.raises(LakebtError) as caught:
        convert(name, path)
    said = str(caught.value)
    assert "\n" not in said
    assert path.name in said, said
    assert CURE.search(said), said
    assert len(said.replace(str(path), path.name)) < 400, said
    return said


def test_every_format_has_a_good_file_that_it_reads(tmp_path: Path) -> None:
    assert GOOD.keys() == FORMATS.keys(), "add the new format's good file"
    for name, good in GOOD.items():
        path = tmp_path / good.name
        path.write_text(good.text, encoding="utf-8")
        if path.suffix == ".html":
            pytest.importorskip("lxml")
        assert convert(name, path).kept > 0, name
        path.unlink()


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_no_table_is_one_line_with_the_cure(name: str, tmp_path: Path) -> None:
    for end in FORMATS[name].reads:
        for what, content in WRONG.items():
            path = tmp_path / f"SYM_{what.replace(' ', '-')}{end}"
            if name == "ours" and end == ".csv" and content.startswith(b"["):
                continue  # may be the header of a table
            path.write_bytes(content)
            refusal(name, path)
            path.unlink()
        refusal(name, tmp_path / f"SYM_missing{end}")
    (tmp_path / "SYM_folder").mkdir()
    refusal(name, tmp_path / "SYM_folder")
    assert [each.name for each in tmp_path.iterdir()] == ["SYM_folder"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_gigabyte_of_one_line_is_not_held_in_memory(
    name: str, tmp_path: Path
) -> None:
    for end in FORMATS[name].reads:
        path = tmp_path / f"SYM_endless{end}"
        with path.open("wb") as file:
            file.write(b"a,b;" * (5 * 2**18))
            file.truncate(2**30)  # the rest takes no room
        held = pa.default_memory_pool().max_memory() or 0
        tracemalloc.start()
        try:
            refusal(name, path)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            path.unlink()
        assert most < 2**27
        assert (pa.default_memory_pool().max_memory() or 0) - held < 2**27


def cut(text: str) -> str:
    """Return a text to the middle of a line behind its middle."""
    lines = text.splitlines(keepends=True)
    if len(lines) < 3:
        return text[: len(text) * 2 // 3]
    last = next(at for at in range(len(lines) // 2, len(lines)) if len(lines[at]) > 8)
    return "".join(lines[:last]) + lines[last][:6]


@pytest.mark.parametrize("name", GOOD)
def test_what_is_cut_off_is_refused(name: str, tmp_path: Path) -> None:
    good = GOOD[name]
    path = tmp_path / good.name
    path.write_text(cut(good.text), encoding="utf-8")
    refusal(name, path)


@pytest.mark.parametrize("name", FORMATS)
def test_another_format_s_file_is_refused_or_of_the_same_layout(
    name: str, tmp_path: Path
) -> None:
    for other, good in GOOD.items():
        if name in {other, "ours"}:  # of which the lake says what is wrong
            continue
        path = tmp_path / good.name
        path.write_text(good.text, encoding="utf-8")
        if (name, other) in SAME:
            assert convert(name, path).kept > 0
        else:
            refusal(name, path)
        path.unlink()
