# ruff: noqa: INP001 - mkdocs loads it by its path
"""What mkdocs does not do by itself, for ``make docs``.

- Pages of the repository that lie outside of ``docs/`` are pages of the site, and links
  that lead to them from ``docs/`` on the repository's pages lead to them on the site.
- Public names in the text are links to their place in the reference.
- The commands and the tables are written down from the program, so they cannot drift.
- Nothing of the theme asks another machine for anything.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from formulas import mathml
from mkdocs.structure.files import File, Files
from typer import Context
from typer.main import get_command

import lakebt
import lakebt.errors
from lakebt.cli import app
from lakebt.lake.tables.schemas import LEDGER, SPECS, Kind, TableSpec, ledger_schema
from lakebt.lake.tables.trials import TRIALS_SPEC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OUTSIDE = (
    *("CONTRIBUTING.md", "CHANGELOG.md", "data/README.md", "benchmarks/README.md"),
    *("strategies/index_rebalance.py", "strategies/momentum.py"),
    "strategies/earnings_calendar.py",
)
"""Files of the repository that are pages, though not below ``docs/``."""

ELSEWHERE = re.compile(r"([\"`])https://(?:unpkg\.com/|api\.github\.com/|(?=\$\{))")
"""Where the theme's program would ask for what old browsers lack, or for stars."""

NAMED = re.compile(r"^```(\w+) ([\w./-]+)$", re.MULTILINE)
"""A block that is the text of a file, with the file's name."""

LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")


def _shown_names() -> dict[str, str]:
    """Return the names that stand in the reference, with their places."""
    pages = sorted(Path(__file__).parent.glob("reference/*.md"))
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    shown = {
        place.rpartition(".")[2]: place
        for place in re.findall(r"^::: (lakebt\.[\w.]+\.[A-Z]\w+)$", text, re.MULTILINE)
    }
    errors = {name: f"lakebt.errors.{name}" for name in vars(lakebt.errors)}
    public = {name: f"lakebt.{name}" for name in lakebt.__all__}
    return {**{n: p for n, p in errors.items() if n[0].isupper()}, **shown, **public}


NAMES = _shown_names()

NAME = re.compile(
    # Not within a link, a heading or a block of code.
    r"<a\b.*?</a>|<h\d.*?</h\d>|<pre.*?</pre>"
    rf"|<code>(?:lakebt\.)?({'|'.join(NAMES)})\b(\.\w+)?</code>",
    re.DOTALL,
)
"""A name of the reference in the text, as ``Lake`` or ``lakebt.Lake.open``."""

FORMULA = re.compile(r":(display-)?math:<code>(.*?)</code>", re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not files below ``docs/``."""
    for name in OUTSIDE:
        text = _outside(ROOT / name)
        files.append(File.generated(config, _page_of(name), content=text))
    return files


def on_page_markdown(
    markdown: str, page: Page, config: MkDocsConfig, files: Files
) -> str:
    """Let links to files of the repository lead to their pages."""
    del config
    name = page.file.src_uri
    source = _home(name)

    def moved(found: re.Match[str]) -> str:
        target = posixpath.join(posixpath.dirname(source), found[1])
        target = posixpath.normpath(target)
        there = _page_of(target)
        if files.get_file_from_path(there) is None:
            return found[1]
        return posixpath.relpath(there, posixpath.dirname(name) or ".")

    if name in WRITTEN:
        markdown = "\n".join([markdown, *WRITTEN[name]()])
    return LINK.sub(moved, NAMED.sub(r'```\1 title="\2"', markdown))


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Show formulas, and let names in the text lead to their place in the reference."""
    del page, config, files

    def shown(found: re.Match[str]) -> str:
        return mathml(unescape(found[2]), display=bool(found[1]))

    def linked(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0]
        place = f"{NAMES[found[1]]}{found[2] or ''}"
        return f'<autoref identifier="{place}" optional>{found[0]}</autoref>'

    return NAME.sub(linked, FORMULA.sub(shown, html))


def on_post_build(config: MkDocsConfig) -> None:
    """Take out of the theme what it would fetch, and what nobody here uses."""
    programs = Path(config.site_dir, "assets", "javascripts")
    shutil.rmtree(programs / "lunr")  # search in other languages
    shutil.rmtree(Path(config.site_dir, "__pycache__"), ignore_errors=True)
    for name in ("404.html", "sitemap.xml", "sitemap.xml.gz"):
        Path(config.site_dir, name).unlink()  # they name addresses, and it has none
    for source_map in Path(config.site_dir, "assets").rglob("*.map"):
        source_map.unlink()
    for script in programs.glob("bundle.*.js"):
        text = script.read_text(encoding="utf-8")
        text = ELSEWHERE.sub(r"\1data:,", text)
        script.write_text(text, encoding="utf-8")


def _page_of(name: str) -> str:
    """Return the path within the site of a file of the repository."""
    if name.startswith("docs/"):
        return name.removeprefix("docs/")
    return f"{name.removesuffix('.py')}.md" if name.endswith(".py") else name


def _home(page: str) -> str:
    """Return the path within the repository of a page of the site."""
    return next((name for name in OUTSIDE if _page_of(name) == page), f"docs/{page}")


def _outside(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    name = path.relative_to(ROOT)
    return f"# {path.stem}\n\nThe file `{name}`:\n\n```python\n{text}```\n"


def _commands() -> Iterator[str]:
    """Write every command down as the program describes it."""
    group: Any = get_command(app)
    yield "\n| command | |\n|---|---|"
    for name, command in group.commands.items():
        first = command.help.partition("\n\n")[0]
        yield f"| [`{name}`](#{name}) | {_cell(first)} |"
    for name, command in group.commands.items():
        context = Context(command, info_name=f"lakebt {name}")
        usage = " ".join(command.get_usage(context).split()).removeprefix("Usage: ")
        yield f"\n## {name}\n\n```text\n{usage}\n```\n\n{_prose(command.help)}\n"
        yield "| argument or option | |\n|---|---|"
        for parameter in command.params:
            record = parameter.get_help_record(context)
            if record is not None:
                names = record[0].partition(" <")[0].replace("|", "/")
                yield f"| `{names}` | {_cell(record[1])} |"


def _prose(text: str) -> str:
    """Return a text in which nothing but its paragraphs is markup."""
    # Rich reads a bracket as markup unless there is a backslash before it.
    text = escape(text.replace(r"\[", "["), quote=False)
    return re.sub(r"([\[\]*_`])", r"\\\1", text)


def _cell(text: str) -> str:
    return _prose(" ".join(text.split())).replace("|", r"\|")


_KINDS = {
    Kind.TEXT: "text",
    Kind.NUMBER: "number",
    Kind.DATE: "date",
    Kind.INSTANT: "instant, UTC",
    Kind.FLAG: "true or false",
    Kind.WHOLE: "whole number",
}


def _tables() -> Iterator[str]:
    """Write every table of a lake down as its schema is."""
    for spec in SPECS.values():
        yield from _fact_table(spec)
    yield from _fact_table(TRIALS_SPEC)
    yield f"\n## {LEDGER}\n\nThe ledger: a release exists when its row is there.\n"
    yield "| column | Iceberg type | required |\n|---|---|---|"
    for field in ledger_schema().fields:
        required = "yes" if field.required else "no"
        yield f"| `{field.name}` | `{field.field_type}` | {required} |"


def _fact_table(spec: TableSpec) -> Iterator[str]:
    key, order = (", ".join(f"`{name}`" for name in names) for names in _sorts(spec))
    yield f"\n## {spec.name}\n\nKey: {key}. Rows are sorted by {order}.\n"
    yield "| column | holds | required | one of |\n|---|---|---|---|"
    for column in spec.columns:
        needed = "yes" if column.required else "no"
        required = "derived" if column.derived else needed
        choices = ", ".join(f"`{choice}`" for choice in column.choices)
        yield f"| `{column.name}` | {_KINDS[column.kind]} | {required} | {choices} |"


def _sorts(spec: TableSpec) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return spec.key, spec.order


WRITTEN = {"reference/commands.md": _commands, "reference/tables.md": _tables}
"""Pages that end with what the program says."""
