# ruff: noqa: INP001 - a script beside the page it draws for
"""Draw ``surface.svg``, the picture in the README: ``python docs/make_surface.py``.

The study is the README's, with more rules. The picture holds no script, no font and no
reference to anything outside it, and has its own colours for readers in the dark.
"""

from __future__ import annotations

import html
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import lakebt
from lakebt.report import words
from lakebt.report.palette import DARK, LIGHT, Theme, diverging, readable_on
from lakebt.report.surface import Cell, scale, surface
from lakebt.sources.simulated import Planted, simulated_market
from lakebt.study.report import contents as contents_of
from lakebt.values.reasons import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lakebt.study.result import Result

SVG = Path(__file__).with_name("surface.svg")

ENTRIES = (
    *("AD@close", "AD+1@open", "AD+1@close", "AD+2@open"),
    *("ED-1@close", "ED@close"),
)
EXITS = ("+1", "+2", "1w", "2w", "3w", "4w", "ED-1@close", "ED+5@close")

WIDTH, LEFT, TOP, RIGHT = 880, 128, 104, 24
CELL_WIDTH, CELL_HEIGHT, GAP = (WIDTH - LEFT - RIGHT) / len(EXITS), 52, 3

HATCHES = {"look_ahead": 45, "exit_before_entry": 0}
"""The angle of the lines in cells that are empty for a reason."""


def run() -> tuple[Result, Planted]:
    """Return the README's study with the rules of the picture, and what is planted."""
    market = simulated_market(
        seed=1, n_events=40, jump_bps=220, drift_bps=60, reversal_bps=60
    )
    with tempfile.TemporaryDirectory() as folder:
        lake = lakebt.Lake.open(folder)
        lake.publish(market.tables, release="R1", as_of=market.as_of)
        view = lake.at("R1")
        study = lakebt.Study(view, index=market.index, entries=ENTRIES, exits=EXITS)
        return study.run(), market.planted


def draw(result: Result, planted: Planted) -> str:
    """Return the surface of a result as SVG."""
    contents = contents_of(result.traded)
    cells = surface(contents)
    limit = scale(cells.values())
    traded = sum(cell.reason is None for cell in cells.values())
    height = TOP + CELL_HEIGHT * len(ENTRIES) + 84
    title = f"Sharpe ratio of {contents.n_events} simulated index rebalancings"
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img" aria-labelledby="t d">'
        ),
        f'<title id="t">{html.escape(title)}</title>',
        f'<desc id="d">{html.escape(_in_words(cells.values()))}</desc>',
        f"<style>{_style()}</style>",
        _defs(),
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="10"/>',
        _text(24, 36, title, "title"),
        _text(24, 60, _note(planted), "muted"),
        _text(LEFT - 12, TOP - 12, "entry ↓  exit →", "muted end"),
        *_names(),
        *(part for cell in cells.values() for part in _cell(cell, limit)),
        *_banner(cells.values()),
        *_legend(limit, traded, TOP + CELL_HEIGHT * len(ENTRIES) + 26),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _in_words(cells: Iterable[Cell]) -> str:
    told = [
        f"{cell.entry} to {cell.exit}: "
        f"{words.sharpe(cell.sharpe) if cell.reason is None else _why(cell.reason)}"
        for cell in cells
    ]
    return f"Entries down, exits across. {'; '.join(told)}."


def _note(planted: Planted) -> str:
    return (
        f"Per year ± standard error, before costs. Planted: {planted.jump_bps:g} bp "
        f"before AD+1@open, {planted.drift_bps:g} bp on to ED-1@close, "
        f"{planted.reversal_bps:g} bp back after."
    )


def _why(reason: str) -> str:
    return text_of(reason).label


def _style() -> str:
    def of(theme: Theme) -> str:
        return (
            f".paper{{fill:{theme.paper};stroke:{theme.rule}}}"
            f"text{{fill:{theme.ink}}}.muted{{fill:{theme.muted}}}"
            f".hatch{{stroke:{theme.hatch}}}"
            f".label{{fill:{theme.paper}}}.chosen{{stroke:{theme.ink}}}"
            f".low{{stop-color:{theme.negative}}}.mid{{stop-color:{theme.middle}}}"
            f".high{{stop-color:{theme.positive}}}"
        )

    return (
        "text{font:14px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}"
        ".title{font-size:19px;font-weight:600}.muted{font-size:13px}"
        ".end{text-anchor:end}.middle{text-anchor:middle}"
        ".rule{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;"
        "font-size:13px}"
        ".number{font-size:16px;font-weight:600;font-variant-numeric:tabular-nums}"
        ".error{font-size:11px;font-variant-numeric:tabular-nums}"
        ".chosen{fill:none;stroke-width:2.5px}"
        f"{of(LIGHT)}.cell{{fill:var(--l)}}.on{{fill:var(--m)}}"
        f"@media (prefers-color-scheme:dark){{{of(DARK)}"
        ".cell{fill:var(--d)}.on{fill:var(--e)}}"
    )


def _defs() -> str:
    patterns = "".join(
        f'<pattern id="{reason}" width="8" height="8" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate({angle})"><path class="hatch" d="M0 4H8" '
        f'stroke-width="1.4"/></pattern>'
        for reason, angle in HATCHES.items()
    )
    return (
        f'<defs>{patterns}<linearGradient id="scale"><stop class="low"/>'
        '<stop class="mid" offset=".5"/><stop class="high" offset="1"/>'
        "</linearGradient></defs>"
    )


def _text(x: float, y: float, text: str, names: str, *, style: str = "") -> str:
    styled = f' style="{style}"' if style else ""
    return (
        f'<text x="{x:g}" y="{y:g}" class="{names}"{styled}>{html.escape(text)}</text>'
    )


def _corner(cell: Cell) -> tuple[float, float]:
    return (
        LEFT + CELL_WIDTH * EXITS.index(cell.exit),
        TOP + CELL_HEIGHT * ENTRIES.index(cell.entry),
    )


def _names() -> Iterator[str]:
    for row, entry in enumerate(ENTRIES):
        y = TOP + CELL_HEIGHT * (row + 0.5) + 4
        yield _text(LEFT - 12, y, entry, "rule end")
    for column, exit_ in enumerate(EXITS):
        x = LEFT + CELL_WIDTH * (column + 0.5) - GAP / 2
        yield _text(x, TOP - 12, exit_, "rule middle")


def _box(cell: Cell, names: str, rest: str = "") -> str:
    x, y = _corner(cell)
    return (
        f'<rect class="{names}" x="{x:g}" y="{y:g}" width="{CELL_WIDTH - GAP:g}" '
        f'height="{CELL_HEIGHT - GAP:g}" rx="3"{rest}/>'
    )


def _cell(cell: Cell, limit: float) -> Iterator[str]:
    if cell.reason is not None:
        yield _box(cell, "empty", f' fill="url(#{cell.reason})"')
        return
    light, dark = (
        diverging(cell.sharpe, limit=limit, theme=theme) for theme in (LIGHT, DARK)
    )
    fill = f"--l:{_hex(light)};--d:{_hex(dark)}"
    on = f"--m:{_hex(readable_on(light))};--e:{_hex(readable_on(dark))}"
    x, y = _corner(cell)
    middle = x + (CELL_WIDTH - GAP) / 2
    yield _box(cell, "cell", f' style="{fill}"')
    yield _text(middle, y + 23, words.sharpe(cell.sharpe), "number middle on", style=on)
    yield _text(
        middle, y + 39, words.error(cell.sharpe_se), "error middle on", style=on
    )
    if cell.chosen:
        yield _box(cell, "chosen")


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _banner(cells: Iterable[Cell]) -> Iterator[str]:
    """Say over the first row that nothing in it could be traded."""
    refused = [cell for cell in cells if cell.reason == "look_ahead"]
    number = refused[0].n_reason
    told = f"refused in all {number} events: announced after that close"
    y = TOP + CELL_HEIGHT * ENTRIES.index(refused[0].entry) + CELL_HEIGHT / 2 + 3
    x, width = (LEFT + WIDTH - RIGHT - GAP) / 2, 420
    yield (
        f'<rect class="label" x="{x - width / 2:g}" y="{y - 19:g}" width="{width}" '
        f'height="28" rx="3"/>'
    )
    yield _text(x, y, told, "middle")


def _legend(limit: float, traded: int, y: float) -> Iterator[str]:
    yield (
        f'<rect x="{LEFT}" y="{y}" width="200" height="10" rx="2" fill="url(#scale)"/>'
    )
    for share, value in ((0.0, -limit), (0.5, 0.0), (1.0, limit)):
        text = f"{value:+.1f}".replace("-", words.MINUS) if value else "0"
        yield _text(LEFT + 200 * share, y + 28, text, "muted middle")
    x = LEFT + 248.0
    for reason in HATCHES:
        yield (
            f'<rect x="{x:g}" y="{y - 5}" width="26" height="20" rx="3" '
            f'fill="url(#{reason})"/>'
        )
        yield _text(x + 35, y + 10, _why(reason), "muted")
        x += 60 + 6.7 * len(_why(reason))
    yield (
        f'<rect class="chosen" x="{x:g}" y="{y - 5}" width="26" height="20" rx="3"/>'
    )
    yield _text(x + 35, y + 10, f"the highest of {traded}", "muted")


if __name__ == "__main__":
    SVG.write_text(draw(*run()), encoding="utf-8")
