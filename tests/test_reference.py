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
from tests.programs import PROMISED

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


# --- what is shown --------------------------------------------------------------------


class Shown(HTMLParser):
    """The text of a page but for its code, where its links lead, and its places."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()
        self._inside: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if place := given.get("id"):
            self.places.add(place)
        if (link := given.get("href")) and tag == "a":
            self.links.append(link)
        if tag in {"pre", "code", "script", "style", "math", "article"}:
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if self._inside == ["article"]:
            self.texts.append(data)


def as_typed(text: str) -> list[str]:
    """What is markup, and ought not to be read."""
    return re.findall(
        r":[a-z-]+:(?=\s|$)|\.\. \w+::|\.\. \[|\[\d+\]_|`|\]\(|^\s*\||\\[\[<>*_]",
        text,
        re.MULTILINE,
    )


@pytest.mark.slow
def test_nothing_is_shown_as_it_is_typed(site: Path) -> None:
    shown = {page: Shown(page) for page in site.rglob("*.html")}

    assert len(shown) > 100
    found = {
        str(page.relative_to(site)): marks
        for page, parts in shown.items()
        if (marks := [mark for text in parts.texts for mark in as_typed(text)])
    }
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        *(".. math::", "of :math: a", "as in [1]_", ".. [1] A. Nobody", "```text /a"),
        *("| a | b |", r"\<2015", r"\[grid]", "[a](b.md)"),
    ],
)
def test_markup_in_a_text_is_found(text: str) -> None:
    assert as_typed(text)


@pytest.mark.parametrize("text", ["of all: [1], 2 | 3", "a::b", "from 0 to 2**64 - 1"])
def test_text_without_markup_is_none(text: str) -> None:
    assert as_typed(text) == []


@pytest.mark.slow
def test_every_link_of_the_site_leads_to_a_place(site: Path) -> None:
    shown = {page: Shown(page) for page in site.rglob("*.html")}

    dead = []
    for page, parts in shown.items():
        for link in parts.links:
            target, _, place = link.partition("#")
            there = (page.parent / target).resolve() if target else page
            if "://" in link or link.startswith("mailto:"):
                continue
            if there not in shown or (place and place not in shown[there].places):
                dead.append((page.name, link))
    assert dead == []


@pytest.mark.slow
def test_the_site_has_nothing_but_what_is_read(site: Path) -> None:
    kinds = {file.suffix for file in site.rglob("*") if file.is_file()}

    assert kinds == {*(".css", ".html", ".inv", ".js", ".json", ".png", ".svg")}
    # It would be asked for by a server alone, and names places of one.
    assert not (site / "404.html").exists()


@pytest.mark.slow
def test_whatever_is_taken_or_given_is_described(site: Path) -> None:
    """And no method of Python's own is shown."""
    item = r'<li class="doc-section-item field-body">(.*?)</li>'
    silent, parts = {}, 0
    for page in (site / "reference").glob("*.html"):
        text = page.read_text(encoding="utf-8")
        items = [
            re.sub(r"<[^>]+>", "", each) for each in re.findall(item, text, re.DOTALL)
        ]
        parts += len(items)
        silent[page.name] = [
            " ".join(i.split()) for i in items if i.rstrip().endswith("\N{EN DASH}")
        ]
        assert not re.search(r'id="[\w.]+\.__\w+__"', text), page.name
    assert parts > 500
    assert {name: items for name, items in silent.items() if items} == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    "place",
    [
        "errors.html#lakebt.errors.UnknownNameError",  # of what a method raises
        "errors.html#lakebt.errors.LedgerWarning",
        "#lakebt.Result",  # of a signature
        "#lakebt.report.tear_sheet.TearSheet",  # of what a method returns
        "lake.html#lakebt.View",
    ],
)
def test_names_of_the_reference_lead_to_their_place(site: Path, place: str) -> None:
    assert place in Shown(site / "reference" / "study.html").links


@pytest.mark.slow
def test_a_parameter_that_means_what_it_always_does_is_described(site: Path) -> None:
    text = (site / "reference" / "study.html").read_text(encoding="utf-8")
    part = text.split('id="lakebt.Result.orders"')[1].split('id="lakebt.Result.')[0]
    words = " ".join(re.sub(r"<[^>]+>", "", part).split())

    for name in ("event", "entry", "exit"):
        assert f"{name} (str | None, default: None" in words
    assert words.count("By default every one.") == 3


@pytest.mark.slow
def test_a_formula_is_one(site: Path) -> None:
    text = (site / "reference" / "statistics.html").read_text(encoding="utf-8")

    assert len(re.findall(r'<math [^>]*display="block"', text)) >= 7
    assert "<mfrac><mrow><mn>1</mn></mrow><mrow><mi>T</mi></mrow></mfrac>" in text
    assert "<p>of returns that follow their predecessor" in text


def program(name: str) -> Any:
    """A program of the site, which lies beside the pages."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("formula", "row"),
    [
        (r"\sqrt n", "<msqrt><mi>n</mi></msqrt>"),
        ("S_0^2", "<msubsup><mi>S</mi><mn>0</mn><mn>2</mn></msubsup>"),
        ("a < b", "<mi>a</mi><mo>&#x0003C;</mo><mi>b</mi>"),
    ],
)
def test_a_formula_is_read(formula: str, row: str) -> None:
    assert f"<mrow>{row}</mrow></math>" in program("formulas").mathml(formula)


def test_a_name_of_letters_is_one_in_a_formula() -> None:
    shown = program("formulas").mathml(r"SE_0 \cdot E")

    letters = "".join(f'<mi mathvariant="normal">{letter}</mi>' for letter in "SE")
    assert f"<msub><mrow>{letters}</mrow><mn>0</mn></msub>" in shown
    assert shown.endswith("<mi>E</mi></mrow></math>")


@pytest.mark.parametrize("formula", [r"\standarderror", r"\frac{1}{2", "a}"])
def test_a_formula_that_cannot_be_shown_is_an_error(formula: str) -> None:
    with pytest.raises(ValueError, match="the site cannot show"):
        program("formulas").mathml(formula)


def test_the_guide_is_in_the_order_of_the_start_page() -> None:
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    start = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")

    part = config.partition("- Guide:")[2].partition("- Reference:")[0]
    guide = re.findall(r"^ +- ([\w-]+\.md)$", part, re.MULTILINE)
    linked = re.findall(r"\]\(([\w-]+\.md)\)", start)

    assert set(guide) == pages
    assert guide == list(dict.fromkeys(linked))


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


@pytest.fixture
def page(chromium: str, chromedriver: str, tmp_path: Path) -> Iterator[Any]:
    """A page of a browser of its own."""
    browser = importlib.import_module("tests.report.browser")
    driver = browser.start(chromium, chromedriver, tmp_path / "profile")
    try:
        yield browser.Page(driver)
    finally:
        driver.quit()


@pytest.mark.slow
@pytest.mark.browser
def test_search_works_in_a_folder_without_a_server(site: Path, page: Any) -> None:
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


@pytest.mark.slow
@pytest.mark.browser
def test_a_page_is_dark_when_the_system_turns_dark(site: Path, page: Any) -> None:
    colour = "return getComputedStyle(document.body).backgroundColor"
    page.open(site / "index.html", scheme="light", drawn=False)
    light = page.run(colour)
    page.open(site / "ten-minutes.html", scheme="dark", drawn=False)
    dark = page.run(colour)

    assert light == "rgb(255, 255, 255)"
    assert max(map(int, re.findall(r"\d+", dark))) < 80
