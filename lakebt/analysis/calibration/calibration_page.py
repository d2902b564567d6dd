"""The calibration table as a page: what the benchmark wrote, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.analysis.calibration.conditions import conditions_of
from lakebt.analysis.calibration.designs import DESIGNS, MANY, POWER, SINGLE
from lakebt.analysis.calibration.holds import holds
from lakebt.analysis.calibration.rejections import HIGHEST, LOWEST, of_test, rejections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lakebt.analysis.calibration.designs import Design

RECOMMENDED = ("sign flips", "block flips", "sign flips of SCAR", "adjusted BMP")
"""What answers: does it earn money, and does the typical stock move."""

DECIDES = "what significance() decides by"

_HEAD = """\
# Calibration: which tests reject true nulls too often

A test at 5 % should reject 5 % of true nulls. Events share dates, windows overlap and
returns have tails, so many tests do not. Here we try each test where we know the
truth: on simulated events without any effect, {replications} replications of each
design, all from one seed. `{command}` makes this page and the table behind it.
`holds` reads that table, so no test holds by opinion.

```pycon
>>> from lakebt.analysis.calibration.conditions import Conditions
>>> from lakebt.analysis.calibration.holds import holds
>>> events = Conditions(
...     n=600,
...     n_dates=175,
...     n_effective_dates=58.0,
...     overlap=0.0,
...     skew=0.0,
...     n_blocks=175,
... )
>>> holds("sign flips", events)
True
>>> holds("cross-sectional t", events).partition(":")[0]
'changes of one date move together'

```

A star marks a test that holds for events like these: it rejects between {lowest} and
{highest} % in each design that has one of their circumstances (with fewer than 2,000
replications these limits are wider, by the growth of two standard errors). Use the
tests in bold: **sign flips** and **block flips** (of blocks of twice the longest
window) ask whether the events earn money, **sign flips of SCAR** and **adjusted BMP**
whether the typical stock moves. An empty cell means no result: one announcement date
has no error by date.

Residuals of all stocks share a factor in each session, so overlapping windows of
different dates move together like those of one date. Estimation windows have 120
sessions; standard deviations differ between stocks; `t3` is Student's t with 3
degrees of freedom, `skewed` exponential less its mean, `left` its mirror image. "1 to
20 changes" are 1, 2, 4, 10 or 20 on 60, 15, 10, 10 and 5 % of dates; "about as the
S&P 500's" are 1 to 4 on 73, 19, 5 and 3 %. Signs are flipped 399 times, or listed up
to 13 dates.

lakebt flags the interval of a Sharpe ratio over fewer than ten dates, because it is
too wide there. That of a calendar portfolio rejects more than 5 % under skewed
returns (S3, E3), as any t of a skewed mean does; no number of degrees of freedom
corrects it.
"""

_MANY = """
## The best of 200 rules

This is the chance that a test claims any of 200 rules (10 entries, 20 holds of 1 to
30 sessions) when none earns anything, one-sided at 5 %, in per cent. Blocks have 60
sessions, twice the longest hold; with fewer than 20 blocks significance() flips
signs. The other tests are for comparison: SPA and StepM draw dates, with one error
for all draws; the deflated Sharpe ratio claims a rule above 0.95, with the 200 as
trials, or with their effective number (the exponential of the entropy of the
eigenvalues of their correlation).

Flipped signs reject too often on one side where sums by date are skewed to the left
(F9 to F12): most where dates are few and each has one change (F12). `notes` of
`Result.significance` say so.

"""

_POWER = """
## Power

This is how often a test finds a true effect, in per cent: +100 bp over the window of
R1, and +120 bp in one session of F7, which not all of the rules hold. The power of a
test that rejects too many true nulls means nothing.

"""


def page() -> str:
    """Return the page, in Markdown."""
    counts = sorted({row.replications for row in rejections()})
    replications = f"{counts[0]:,}"
    if len(counts) > 1:
        replications += f" to {counts[-1]:,}"
    parts = [
        _HEAD.format(
            replications=replications,
            command="python benchmarks/calibration.py",
            lowest=f"{100 * LOWEST:g}",
            highest=f"{100 * HIGHEST:g}",
        )
    ]
    for title, has in _GROUPS.items():
        designs = [each for each in SINGLE if has(each)]
        parts.append(f"\n## {title}\n\n{_list(designs)}\n{_table(designs)}")
    parts.append(f"{_MANY}{_list(MANY)}\n{_table(MANY)}")
    alone, best = POWER
    parts.append(f"{_POWER}{_list(POWER)}\n{_table([alone])}\n{_table([best])}")
    return "".join(parts)


def _overlaps(design: Design) -> bool:
    return conditions_of(design).overlaps


_GROUPS: dict[str, Callable[[Design], bool]] = {
    "One date, and six": lambda each: each.dates < 10,
    "Twenty dates": lambda each: each.dates == 20,
    "Fifty dates": lambda each: each.dates == 50,
    "175 dates": lambda each: each.dates == 175 and not _overlaps(each),
    "Overlapping windows": _overlaps,
}


def _list(designs: Iterable[Design]) -> str:
    """Return what each design is, a line each, with its replications."""
    count = {row.design: row.replications for row in rejections()}
    return "".join(
        f"- {each.name}: {each.words} ({count[each.name]:,} replications)\n"
        for each in designs
        if each.name in count
    )


def _table(designs: Iterable[Design]) -> str:
    """Return a row per test, a column per design."""
    names = [each.name for each in designs]
    tests = dict.fromkeys(row.test for row in rejections() if row.design in names)
    lines = [f"| | {' | '.join(names)} |", f"|---|{'--:|' * len(names)}"]
    for test in tests:
        strong = "**" if test in {*RECOMMENDED, DECIDES} else ""
        cells = [_cell(test, name) for name in names]
        lines.append(f"| {strong}{test}{strong} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(test: str, name: str) -> str:
    row = of_test(test).get(name)
    if row is None or not row.says_something:
        return ""
    rate = f"{100.0 * row.rate:.1f}"
    design = DESIGNS[name]
    if design.n_rules > 1 or design.effect:
        return rate
    return f"{rate} \\*" if holds(test, conditions_of(design)) is True else rate
