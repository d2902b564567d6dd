"""Every example in the documentation runs, and prints what stands below it."""

from __future__ import annotations

import doctest
import functools
import importlib
import re
import shlex
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import pytest
from typer.testing import CliRunner

import lakebt
from lakebt.cli import app
from lakebt.lake.tables.schemas import LATER, SPECS, Kind
from tests.test_reference import public_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PUBLISHING = DOCS / "publishing.md"
PAGES = sorted(DOCS.glob("*.md"))
USED = [DOCS / "reference" / f"{name}.md" for name in ("lake", "strategy", "study")]
"""Pages of the reference with examples of what no other page uses."""

TEXTS = sorted({*DOCS.glob("**/*.md"), *ROOT.glob("*.md")})
PICTURE = DOCS / "surface.svg"

PROPERTIES = {
    *("lakebt.folded", "lakebt.homes", "lakebt.key"),
    *("lakebt.layout", "lakebt.layout-needs"),
}
"""Of Iceberg tables and snapshots: written as modules are, and none."""

PROGRAMS = "[a-z]*/**/*.py"

FENCE = re.compile(r"^```(\w*) ?([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
VARIES = re.compile(r"adopted_\d+ --as-of \S+")
"""A snapshot's id, and when it was made."""

RESULT = re.compile(
    r"(Result )[0-9a-f]{10}(: lakebt reproduce .*?)[0-9a-f]{10}", re.DOTALL
)
"""A result's id, which the code that made it is a part of."""

COPIED = re.compile(r"with \d{1,3}(?:,\d{3})+ bytes are in")
"""How much was copied: metadata is compressed, and says instants."""

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.FAIL_FAST


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    name: str
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        language, name, inside = found.groups()
        line = text.count("\n", 0, found.start()) + 1
        yield Block(language=language, name=name, text=inside, line=line)


def run_python(block: Block, page: Path, names: dict[str, Any]) -> dict[str, Any]:
    """Run a session, and return its names for the next one."""
    session = doctest.DocTestParser().get_doctest(
        block.text, names, page.name, str(page), block.line
    )
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    with pd.option_context("display.width", 100):
        runner.run(session, out=said.append, clear_globs=False)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
    return session.globs


def run_commands(block: Block, page: Path) -> None:
    """Run command lines, and compare what they print, wherever it is wrapped."""
    for command in block.text.replace("\\\n", "").removeprefix("$ ").split("\n$ "):
        line, _, expected = command.partition("\n")
        program, *words = shlex.split(line)
        assert program == "lakebt", f"{page.name}:{block.line}: what is {program}?"

        done = CliRunner().invoke(app, words, catch_exceptions=False)

        said = done.output.replace(str(Path.cwd()), "/data")
        said = RESULT.sub(r"\1ID\2ID", said)
        said = COPIED.sub("with BYTES bytes are in", said)
        printed = VARIES.sub("adopted_SNAPSHOT --as-of INSTANT", said).split()
        assert printed == expected.split(), f"{page.name}:{block.line}: {done.output}"
        # `doctor` exits with 1 too when it finds something to cure.
        fails = expected.startswith("error:") or "\n  cure: " in expected
        assert done.exit_code == (1 if fails else 0)


@pytest.mark.slow
@pytest.mark.lake
@pytest.mark.parametrize("page", [*PAGES, *USED], ids=lambda page: page.name)
def test_every_block_of_a_page_runs_and_prints_what_stands_there(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAKEBT_LAKE", raising=False)
    names: dict[str, Any] = {}

    for block in blocks(page):
        match block.language:
            case "pycon":
                names = run_python(block, page, names)
            case "console":
                run_commands(block, page)
            case "csv" | "xml" | "toml":
                (tmp_path / block.name).write_text(block.text, encoding="utf-8")
            case _:
                # A diagram. Whatever could be run has to be.
                assert block.language == "text", f"{page.name}:{block.line}"


def test_there_are_pages_with_blocks() -> None:
    assert {page.name for page in PAGES} >= {"how-it-works.md", "publishing.md"}
    assert all(list(blocks(page)) for page in PAGES)


WITHOUT_AN_EXAMPLE = {
    # Of programs, and not offered by completion.
    *("View.change_vintages", "View.first_shown", "View.for_decision"),
    "View.price_history",
    # They need Spark, which tests/engines starts.
    *("Lake.spark_conf", "Lake.spark_read", "Lake.spark_session"),
}


def typed(text: str) -> str:
    """What the examples of a text have one type."""
    return "\n".join(re.findall(r"^ *(?:>>>|\.\.\.) (.*)", text, re.MULTILINE))


def test_whatever_is_public_has_an_example_that_is_run() -> None:
    pages = [block.text for page in [*PAGES, *USED] for block in blocks(page)]
    modules = [
        path.read_text(encoding="utf-8") for path in (ROOT / "lakebt").rglob("*.py")
    ]
    examples = typed("\n".join(pages + modules))

    unused = {
        f"{name}.{part}"
        for name in lakebt.__all__
        for part, _ in public_parts(name)
        if not re.search(rf"\.{part}\b", examples)
    }
    assert unused == WITHOUT_AN_EXAMPLE


def test_what_an_example_types_is_told_from_what_it_prints() -> None:
    text = ">>> lake.read(\n...     1)\nprinted.value\n    >>> view.panel()\n"

    assert typed(text) == "lake.read(\n    1)\nview.panel()"


def test_the_index_leads_to_every_page() -> None:
    linked = LINK.findall((DOCS / "index.md").read_text(encoding="utf-8"))

    assert {page.name for page in PAGES} - {"index.md"} <= {
        Path(p).name for p in linked
    }
    assert {"reference/index.md", "adr/README.md"} <= set(linked)


def anchors(page: Path) -> set[str]:
    """The places in a page that a link may point at."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        target, _, place = link.partition("#")
        there = page.parent / target if target else page
        assert there.exists(), f"{page.name} links to {link}"
        # What the site makes of a docstring; there the strict build looks after it.
        is_made = place.startswith("lakebt.") and there.parent.name == "reference"
        assert not place or is_made or place in anchors(there), (
            f"{page.name} links to {link}"
        )


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_and_modules_that_are_named_are_there(page: Path) -> None:
    if page.name == "CHANGELOG.md":
        return  # what was there once
    text = page.read_text(encoding="utf-8")
    own = {block.name for block in blocks(page)}

    folders = "lakebt|tests|docs|benchmarks|strategies|notebooks|data"
    for name in re.findall(rf"`((?:{folders})/[\w/.-]+)`", text):
        assert (ROOT / name).exists(), f"{page.name} names {name}"
    for name in re.findall(r"`([\w/-]+\.py)`", text):
        is_there = any(file.endswith(f"/{name}") for file in programs())
        assert is_there or name in own, f"{page.name} names {name}"
    for name in re.findall(r"`(lakebt\.[a-z_]\w*(?:\.\w+)*)`", text):
        assert name in PROPERTIES or resolves(name), f"{page.name} names {name}"


@functools.cache
def programs() -> tuple[str, ...]:
    """The path of every program, each with a slash before it."""
    return tuple(f"/{p.relative_to(ROOT).as_posix()}" for p in ROOT.glob(PROGRAMS))


def resolves(name: str) -> bool:
    """Whether a dotted name leads to a module, or to something in one."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            if not hasattr(value, part):
                return False
            value = getattr(value, part)
        return True
    return False


def test_a_name_that_leads_nowhere_is_found() -> None:
    assert resolves("lakebt.errors.LakeError")
    assert resolves("lakebt.sources.simulated")
    assert not resolves("lakebt.errors.NoSuchError")
    assert not resolves("lakebt.nowhere.at_all")


@pytest.mark.parametrize("table", SPECS)
def test_the_columns_of_a_table_are_those_of_its_schema(table: str) -> None:
    page = DOCS / "corporate-actions.md" if table in LATER else PUBLISHING
    text = page.read_text(encoding="utf-8")
    part = text.split(f"\n### `{table}`")[1].split("\n#")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (\w+) \|", part, re.MULTILINE)
    words = {
        Kind.TEXT: "text",
        Kind.NUMBER: "number",
        Kind.DATE: "date",
        Kind.INSTANT: "instant",
        Kind.FLAG: "flag",
    }

    spec = SPECS[table]

    assert rows == [
        (
            column.name,
            words[column.kind],
            "derived" if column.derived else "yes" if column.required else "no",
        )
        for column in spec.columns
    ]
    assert f"Key: {', '.join(f'`{name}`' for name in spec.key)}." in part
    for column in spec.columns:
        for choice in column.choices:
            assert f"`{choice}`" in part


def test_the_picture_is_small_and_asks_for_nothing() -> None:
    text = PICTURE.read_text(encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314 - our own file
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}

    assert len(text.encode()) < 40_000
    assert tags.isdisjoint({"script", "image", "use", "foreignObject", "a"})
    assert re.findall(r"https?://[^\"\s]+", text) == ["http://www.w3.org/2000/svg"]
    assert re.findall(r"url\((?!#)|@import|@font-face|\bon\w+=", text) == []
    assert "prefers-color-scheme:dark" in text


def test_the_picture_and_the_readme_show_the_same_study() -> None:
    """Cells that both have, by the table in the one and the words in the other."""
    told = dict(
        re.findall(r"(\S+ to \S+): ([^;]+)", PICTURE.read_text(encoding="utf-8"))
    )
    _, text = re.findall(
        r"```python\n(.*?)```\n\n```text\n(.*?)```",
        README.read_text(encoding="utf-8"),
        re.DOTALL,
    )[0]
    head, _, *rows = [line.split() for line in text.splitlines()]

    shared = {
        (f"{entry} to {exit_}", value)
        for entry, *values in rows
        for exit_, value in zip(head[1:], values, strict=True)
        if f"{entry} to {exit_}" in told
    }

    assert len(shared) == 9
    for cell, value in shared:
        shown = told[cell].replace("\N{MINUS SIGN}", "-")
        assert shown == value or (value == "NaN" and shown.islower())


@pytest.mark.slow
@pytest.mark.lake
def test_the_picture_is_what_its_script_draws() -> None:
    names: dict[str, Any] = {"__name__": "make_surface", "__file__": str(PICTURE)}
    script = DOCS / "make_surface.py"
    code = compile(script.read_text(encoding="utf-8"), str(script), "exec")
    exec(code, names)  # noqa: S102 - our own script

    assert names["draw"](*names["run"]()) == PICTURE.read_text(encoding="utf-8")


# --- the floors -----------------------------------------------------------------------

DRAWINGS = (
    DOCS / "how-it-works.md",
    ROOT / "CONTRIBUTING.md",
    DOCS / "adr" / "0028-eight-floors-and-nine-in-the-lake.md",
)


def drawing(page: Path) -> str:
    """The drawing of the floors on a page."""
    found = [
        block.text for block in blocks(page) if block.text.startswith("  lakebt\n")
    ]
    assert len(found) == 1, f"{page.name} has {len(found)} drawings"
    return found[0]


def test_the_floors_are_drawn_alike_on_three_pages() -> None:
    assert len({drawing(page) for page in DRAWINGS}) == 1


def test_the_floors_are_those_of_the_contracts() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {
        contract["containers"][0]: contract["layers"]
        for contract in config["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    }

    drawn = {}
    for part in drawing(DRAWINGS[0]).split("\n\n"):
        container, *floors = part.strip().splitlines()
        drawn[container] = [re.split(r"\s{2,}", line.strip())[0] for line in floors]

    assert drawn == contracts
    assert len(drawn["lakebt"]) <= 8
    assert len(drawn["lakebt.lake"]) <= 9


def test_decisions_are_listed() -> None:
    pages = {page.name for page in (DOCS / "adr").glob("[0-9]*.md")}
    text = (DOCS / "adr" / "README.md").read_text(encoding="utf-8")

    listed = [link for link in LINK.findall(text) if link[0].isdigit()]

    assert sorted(listed) == sorted(pages)


@pytest.mark.parametrize(
    "page", sorted((DOCS / "adr").glob("[0-9]*.md")), ids=lambda page: page.name[:4]
)
def test_a_decision_is_of_a_page_at_most(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))  # but for a drawing

    assert len(text.splitlines()) <= 45


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_software_is_nobody(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))

    assert re.findall(r"\b(?:he|him|his|she|her|hers)\b", text, re.IGNORECASE) == []
    assert re.findall(r"\bwhoever\b|(?:^|[.:;] )Who \w+", text, re.MULTILINE) == []
