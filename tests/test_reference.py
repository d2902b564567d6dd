"""The site of the documentation: whole, no dead links, and read without a network."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import lakebt
import lakebt.errors
import lakebt.reproduce
import lakebt.sources
from lakebt.cli import app
from lakebt.lake.tables.schemas import SPECS
from lakebt.lake.tables.trials import TRIALS_SPEC
from tests.conftest import PROMISED

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]

PLACES = {
    ("script", "src"),
    ("link", "href"),
    ("img", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("video", "src"),
    ("object", "data"),
    ("form", "action"),
}
"""Where a page names what a browser fetches by itself."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it: a warning fails."""
    if importlib.util.find_spec("mkdocs") is None:
        assert "mkdocs" not in PROMISED, "mkdocs is promised, and not installed"
        pytest.skip("mkdocs is not installed")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


# --- docstrings -----------------------------------------------------------------------


def public_parts(name: str) -> Iterator[tuple[str, Any]]:
    """What a public name has that lakebt gives it: methods and properties."""
    owner = getattr(lakebt, name)
    for part in dir(owner):
        value = inspect.getattr_static(owner, part)
        value = getattr(value, "__func__", getattr(value, "func", value))
        value = getattr(value, "fget", value)
        is_ours = str(getattr(value, "__module__", "")).startswith("lakebt")
        if not part.startswith("_") and is_ours and inspect.isroutine(value):
            yield part, value


@pytest.mark.parametrize("name", lakebt.__all__)
def test_a_public_name_and_what_it_has_say_what_they_are(name: str) -> None:
    assert inspect.getdoc(getattr(lakebt, name))
    silent = [part for part, value in public_parts(name) if not value.__doc__]
    assert silent == []


@pytest.mark.parametrize("name", [*lakebt.__all__, "reproduce", "explain"])
def test_a_public_name_has_an_example_that_is_run(name: str) -> None:
    owner = getattr(lakebt if name in lakebt.__all__ else lakebt.reproduce, name)
    parts = re.split(
        r"^Examples\n-+\n", inspect.cleandoc(owner.__doc__), flags=re.MULTILINE
    )

    assert len(parts) == 2, f"{name} has no section Examples"
    # Those of every module of lakebt run with --doctest-modules.
    assert ">>> " in parts[1]
    assert "+SKIP" not in parts[1]


# --- what is there --------------------------------------------------------------------


def places(site: Path, page: str) -> set[str]:
    """What a link may point at on a page of the reference."""
    text = (site / "reference" / f"{page}.html").read_text(encoding="utf-8")
    return set(re.findall(r'\bid="([^"]+)"', text))


@pytest.mark.slow
def test_every_public_name_and_what_it_has_stand_in_the_reference(site: Path) -> None:
    pages = ("lake", "study", "statistics", "strategy", "sweep", "errors")
    there = set[str]().union(*(places(site, page) for page in pages))
    there |= {place.replace(".errors.", ".") for place in there}

    assert {f"lakebt.{name}" for name in lakebt.__all__} - there == set()
    parts = {
        f"lakebt.{name}.{part}"
        for name in lakebt.__all__
        for part, _ in public_parts(name)
    }
    assert len(parts) > 60
    assert parts - there == set()


@pytest.mark.slow
def test_errors_sources_and_reproduce_stand_in_the_reference(site: Path) -> None:
    errors = {
        f"lakebt.errors.{name}"
        for name, value in vars(lakebt.errors).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    }
    modules = {
        f"lakebt.sources.{module.name}"
        for module in pkgutil.iter_modules(lakebt.sources.__path__)
        # Parts of `simulated`, which exports what is public of them.
        if not module.name.startswith("simulated_")
    }

    assert errors - places(site, "errors") == set()
    assert modules - places(site, "sources") == set()
    assert "lakebt.sources.simulated.simulated_market" in places(site, "sources")
    reproduce = {f"lakebt.reproduce.{name}" for name in ("explain", "reproduce")}
    assert reproduce - places(site, "reproduce") == set()


@pytest.mark.slow
def test_every_command_with_its_options_and_every_table_stand_there(site: Path) -> None:
    commands = {str(command.name) for command in app.registered_commands}

    assert commands - places(site, "commands") == set()
    text = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    assert "--min-lead" in text
    assert {*SPECS, TRIALS_SPEC.name, "releases"} - places(site, "tables") == set()


@pytest.mark.slow
def test_a_link_of_the_repository_to_a_file_beside_docs_leads_to_its_page(
    site: Path,
) -> None:
    text = (site / "how-it-works.html").read_text(encoding="utf-8")

    assert 'href="data/index.html"' in text
    assert (site / "data" / "index.html").exists()


@pytest.mark.slow
def test_a_public_name_in_the_text_leads_to_the_reference(site: Path) -> None:
    text = (site / "how-it-works.html").read_text(encoding="utf-8")

    assert 'href="reference/strategy.html#lakebt.Backtest"' in text


@pytest.mark.slow
def test_defaults_are_those_of_the_signature(site: Path) -> None:
    """And not the first of the choices, nor that of the name before it."""
    text = (site / "reference" / "strategy.html").read_text(encoding="utf-8")
    words = " ".join(re.sub(r"<[^>]+>", " ", text).split())

    assert re.search(r"rebalance \(.{0,60}default: .{0,6}monthly", words)


# --- no page asks for anything from elsewhere -----------------------------------------


class Resources(HTMLParser):
    """Addresses that a browser fetches when it shows a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if (tag, name) in PLACES and value:
                self.found.append(value)
            if name == "srcset" and value:
                self.found += [part.split()[0] for part in value.split(",")]
            if name == "style" and value:
                self.found += style_addresses(value)


def style_addresses(text: str) -> list[str]:
    pattern = r"(?:url\(|@import\s+)\s*[\"']?([^\"')\s]+)"
    return re.findall(pattern, text)


def script_addresses(text: str) -> list[str]:
    """Texts of a program that are addresses; comments are not quoted."""
    return re.findall(r"[\"'`]((?:https?:|wss?:)?//[^\"'`\s]+)", text)


def elsewhere(addresses: list[str]) -> list[str]:
    return [
        address
        for address in addresses
        if re.match(r"(?!data:)[a-zA-Z][\w+.-]*:|//", address)
    ]


def fetched(file: Path) -> list[str]:
    """What of other machines a file of the site makes a browser fetch."""
    text = file.read_text(encoding="utf-8")
    match file.suffix:
        case ".html":
            parser = Resources()
            parser.feed(text)
            styles = re.findall(r"<style.*?</style>", text, re.DOTALL)
            programs = re.findall(r"<script(?![^>]*src=).*?</script>", text, re.DOTALL)
            found = parser.found + style_addresses("".join(styles))
            found += script_addresses("".join(programs))
        case ".css":
            found = style_addresses(text)
        case ".js":
            found = script_addresses(text)
        case _:
            found = []
    return elsewhere(found)


@pytest.mark.slow
def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    # The words of the pages, which search reads: they may well contain addresses.
    index = site / "search" / "search_index.js"
    files = [
        file
        for file in site.rglob("*")
        if file.suffix in {".html", ".css", ".js"} and file != index
    ]

    assert len(files) > 50
    assert {str(file): found for file in files if (found := fetched(file))} == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.html", '<script src="https://cdn.example/x.js"></script>'),
        ("a.html", '<script src="//cdn.example/x.js"></script>'),
        ("a.html", '<link rel="stylesheet" href="https://fonts.example/css">'),
        ("a.html", '<img src="http://counter.example/1.gif">'),
        ("a.html", '<style>@import "https://fonts.example/css";</style>'),
        ("a.html", '<script>fetch("https://example.org/x")</script>'),
        ("a.css", "body{background:url(https://example.org/x.png)}"),
        ("a.js", "new Worker(`https://example.org/x.js`)"),
    ],
)
def test_what_a_page_would_fetch_is_found(name: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")

    assert len(fetched(file)) == 1


@pytest.mark.parametrize(
    "text",
    [
        '<a href="https://example.org">a link is not fetched</a>',
        '<script src="../assets/x.js"></script>',
        '<img src="data:image/png;base64,AA==">',
    ],
)
def test_what_a_page_has_itself_is_not_fetched(text: str, tmp_path: Path) -> None:
    file = tmp_path / "a.html"
    file.write_text(text, encoding="utf-8")

    assert fetched(file) == []


@pytest.mark.slow
@pytest.mark.browser
def test_search_works_in_a_folder_without_a_server(
    site: Path, chromium: str, chromedriver: str, tmp_path: Path
) -> None:
    browser = importlib.import_module("tests.report.browser")
    driver = browser.start(chromium, chromedriver, tmp_path / "profile")
    try:
        page = browser.Page(driver)
        page.open(site / "index.html", drawn=False)
        page.run(
            "document.querySelector('[data-md-toggle=search]').click();"
            "const field = document.querySelector('.md-search__input');"
            "field.focus(); field.value = 'look-ahead';"
            "field.dispatchEvent(new KeyboardEvent('keyup', {bubbles: true}));"
            "field.dispatchEvent(new Event('input', {bubbles: true}));"
        )
        page.wait("return document.querySelector('.md-search-result__link') !== null")

        assert page.errors() == []
        requests = page.requests()
        assert requests
        assert [url for url in requests if not url.startswith("file:")] == []
    finally:
        driver.quit()
