"""Nothing of a page lies on anything else, or is cut, at any width."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import lakebt
from lakebt.sources.simulated import simulated_market

if TYPE_CHECKING:
    from pathlib import Path

    from tests.report.browser import Page

pytestmark = [pytest.mark.lake, pytest.mark.slow]

WIDTHS = (1920, 1280, 1100, 800, 400)

LONG = "a_release_with_a_name_much_longer_than_anybody_would_like"

BOXES = """
const kinds = 'h1,h2,h3,h4,p,li,label,select,button,summary,table,pre,.chart,.banner';
const hidden = 'details:not([open]) > :not(summary), .command button';
const scroller = one => one.closest('.scroll');
const boxes = [...document.querySelectorAll(kinds)]
  .filter(one => one.checkVisibility() && !one.closest(hidden))
  .map(one => {
    // What scrolls is as large as what it scrolls in.
    const box = (scroller(one) || one).getBoundingClientRect();
    return { one, box, name: one.id || one.textContent.trim().slice(0, 40) };
  });
"""

OVERLAPS = f"""{BOXES}
const found = [];
boxes.forEach((a, i) => boxes.slice(i + 1).forEach(b => {{
  const isSame = scroller(a.one) && scroller(a.one) === scroller(b.one);
  if (isSame || a.one.contains(b.one) || b.one.contains(a.one)) return;
  const [p, q] = [a.box, b.box];
  const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
  const high = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
  if (wide > 1 && high > 1) found.push(`${{a.name}} | ${{b.name}}`);
}}));
return found;
"""

CUT = f"""{BOXES}
return boxes.filter(({{ one }}) => {{
  const held = scroller(one) || one;
  return !one.matches('pre, select') && held.scrollWidth > held.clientWidth + 1
    && getComputedStyle(held).display !== 'inline';
}}).map(({{ name }}) => name);
"""


TIPS = """
const cut = [], dead = [];
let seen = 0;
for (const place of document.querySelectorAll('.chart')) {
  if (!place._fullData || !place.clientWidth) continue;
  const edge = place.querySelector('.main-svg').getBoundingClientRect();
  place._fullData.forEach((trace, curveNumber) => {
    if (trace.hoverinfo === 'skip' || trace.visible !== true) return;
    const cells = trace.z && Array.from(trace.z).flatMap((row, y) =>
      Array.from(row).flatMap((value, x) => (value === null ? [] : [[y, x]])));
    const points = cells || Array.from(trace.x || trace.y, (_, i) => i);
    const some = [0, 1, points.length >> 1, points.length - 2, points.length - 1];
    new Set(some.filter(i => i >= 0 && i < points.length)).forEach(i => {
      const subplot = (trace.xaxis || 'x') + (trace.yaxis || 'y');
      Plotly.Fx.hover(place, [{ curveNumber, pointNumber: points[i] }], subplot);
      for (const tip of place.querySelectorAll('.hoverlayer .hovertext')) {
        const box = tip.getBoundingClientRect();
        const name = `${place.id}: ${tip.textContent}`;
        seen += 1;
        if (box.left < edge.left - 1 || box.right > edge.right + 1
          || box.top < edge.top - 1 || box.bottom > edge.bottom + 1) cut.push(name);
        if (/undefined|NaN|%\\{/.test(name)) dead.push(name);
      }
      Plotly.Fx.unhover(place);
    });
  });
}
return [seen, cut, dead];
"""


@pytest.fixture(scope="module")
def study_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("layout")
    market = simulated_market(seed=7, n_events=40, spacing=6, after=60)
    lake = lakebt.Lake.open(folder / "lake")
    lake.publish(market.tables, release=LONG, as_of=market.as_of, note="simulated")
    grid: dict[str, Any] = {
        "entries": ["AD@close", *(f"AD+{k}@open" for k in range(1, 8))],
        "exits": ["+1", "1w", "4w", "ED-1@close", "MD@close"],
    }
    costs = lakebt.CostModel(commission_bps=1.0, half_spread_bps=1.0)
    result = lakebt.Study(lake.at(LONG), index="SIM", costs=costs, **grid).run()
    result.report(folder / "report.html")
    return folder / "report.html"


def check(page: Page, path: Path, *, min_tips: int) -> None:
    page.turn_to(path, width=WIDTHS[0])
    for width in WIDTHS:
        page.resize(width)
        page.fit()
        assert page.run(OVERLAPS) == [], width
        assert page.overflow() <= 0, width
        seen, cut, dead = page.run(TIPS)
        assert seen >= min_tips, width
        assert (cut, dead) == ([], []), width
        if width >= 800:  # on a phone a table is moved under the finger
            assert page.run(CUT) == [], width


def test_nothing_of_a_study_lies_on_anything_else(page: Page, study_page: Path) -> None:
    check(page, study_page, min_tips=40)


def test_nothing_of_a_backtest_lies_on_anything_else(
    page: Page, run_report: Path
) -> None:
    check(page, run_report, min_tips=10)


def test_the_check_sees_what_lies_on_what_and_what_is_cut(
    page: Page, study_page: Path
) -> None:
    page.turn_to(study_page)
    page.run("document.querySelector('#path h2').style.marginBottom = '-80px'")
    assert any("The path of an event" in pair for pair in page.run(OVERLAPS))

    page.run(
        "const label = 'x'.repeat(200) + '<extra></extra>';"
        "Plotly.restyle('surface-figure', {hovertemplate: label})"
    )
    assert any("surface-figure: xxx" in name for name in page.run(TIPS)[1])

    page.run("document.querySelector('#events-table').style.width = '3000px'")
    assert any("events-table" in name for name in page.run(CUT))
    page.leave()
