"""On paper a heading stands on the page of what follows it, as the PDF has them."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.report.browser import Page

pytestmark = pytest.mark.slow

# A PDF has the page and the height of whatever a link of it leads to.
MARK = """
const shows = one => one && one.checkVisibility();
const after = one => {
  let next = one.nextElementSibling;
  while (next && !shows(next)) next = next.nextElementSibling;
  return next || (one.parentElement !== document.body && after(one.parentElement));
};
const found = [], links = document.body.appendChild(document.createElement('p'));
let number = 0;
const mark = one => {
  one.id ||= `marked-${number++}`;
  links.insertAdjacentHTML('beforeend', `<a href="#${one.id}">.</a>`);
  return one.id;
};
[...document.querySelectorAll('h1, h2, h3, h4')].filter(shows).forEach(head => {
  const next = after(head);
  if (!next || next === links) return;
  const row = [head.textContent.trim(), mark(head), mark(next)];
  if (next.matches('p') && next.nextElementSibling?.matches('figure, .chart'))
    row.push(mark(next.nextElementSibling));
  found.push(row);
});
return found;
"""

PLACE = re.compile(rb"/([A-Za-z][\w-]*) \[(\d+) 0 R /XYZ \S+ (\S+) \S+\]")


def lay_out(page: Page, path: Path) -> None:
    """Open a page with its figures drawn as for paper, and keep their places alone.

    Each print would draw them twice more. What stands where is told by how large they
    are, which their pictures do not change: these are most of what a print takes.
    """
    if page.driver.current_url == path.as_uri() and page.run("return window.isLaidOut"):
        return
    page.open(path)
    page.run(
        "window.isLaidOut = true;"
        "dispatchEvent(new Event('beforeprint'));"
        "Plotly.react = () => {};"
        "document.querySelectorAll('.chart .main-svg').forEach(one =>"
        " one.replaceChildren());"
    )


def parted(page: Page) -> tuple[int, int, list[str]]:
    """How many headings and pages there are, and which have nothing under them."""
    rows = page.run(MARK)
    printed = page.driver.execute_cdp_cmd(
        "Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True}
    )
    page.run("document.body.lastElementChild.remove()")
    found = PLACE.findall(base64.b64decode(printed["data"]))
    sheets = {name.decode(): int(sheet) for name, sheet, _ in found}
    assert {head for _, head, *_ in rows} <= set(sheets)
    apart = [
        title
        for title, head, *followers in rows
        if any(sheets.get(name, sheets[head]) != sheets[head] for name in followers)
    ]
    return len(rows), len(set(sheets.values())), apart


def test_headings_of_a_study_stay_with_what_follows(
    page: Page, study_report: Path
) -> None:
    lay_out(page, study_report)

    # A line more or less above moves every break: no heading is spared by chance.
    for more in (0, 90, 180, 270, 360, 450, 540, 630, 720, 810):
        page.run(f"document.querySelector('main').style.paddingTop = '{more}px'")
        headings, sheets, apart = parted(page)
        assert apart == [], more
        assert headings >= 8
        assert sheets >= 3


def test_the_check_sees_a_heading_that_is_left_alone(
    page: Page, study_report: Path
) -> None:
    lay_out(page, study_report)
    page.run(
        "document.querySelector('main').style.paddingTop = '';"
        "document.head.insertAdjacentHTML('beforeend', '<style>@media print {"
        " #path h2 + * { break-before: page !important } #path h2"
        " { break-after: auto !important }}</style>')"
    )

    assert "The path of an event" in parted(page)[2]
    page.leave()


def test_headings_of_a_backtest_stay_with_what_follows(
    page: Page, run_report: Path
) -> None:
    lay_out(page, run_report)

    for more in (0, 200, 400, 600, 800):
        page.run(f"document.querySelector('main').style.paddingTop = '{more}px'")
        assert parted(page)[2] == [], more
    page.leave()


def test_buttons_are_not_printed(page: Page, run_report: Path) -> None:
    page.turn_to(run_report)
    menus = "[{type: 'buttons', buttons: [{label: 'log', method: 'skip'}]}]"
    name = page.figures()[0]
    page.run(
        f"lakebt.figures.change('{name}', one => {{one.layout.updatemenus = {menus}}})"
    )
    found = []

    for event in ("", "beforeprint", "afterprint"):
        page.run(f"dispatchEvent(new Event('{event}'))")
        found.append(page.count(f"#{name} .updatemenu-button"))

    assert found == [1, 0, 1]
    page.leave()
