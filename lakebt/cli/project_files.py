"""The files of a project that `lakebt new` makes: text, with places for dates."""

from __future__ import annotations

import json

INDEX = "SIM"
"""The index of the simulated market."""

IGNORED = "lake/\n*.html\n.ipynb_checkpoints/\n__pycache__/\n"

STRATEGY = '''"""Hold what rose most, in equal parts."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Momentum:
    """What a run may vary: --set lookback=126 on the command line.

    lookback is in sessions; n is how many symbols are held.
    """

    lookback: int = 63
    n: int = 5

    def target_weights(self, view):
        """Return symbol and weight, from what was known at the decision."""
        closes = view.panel("close", adjusted="splits")
        if len(closes) <= self.lookback:
            return pd.Series(dtype="float64")
        past = closes.iloc[-1] / closes.iloc[-1 - self.lookback]
        best = past.dropna().nlargest(self.n).index
        return pd.Series(1.0 / self.n, index=best)
'''

SWEEP = """name = "entries and exits"
release = "R1"
index = "{index}"
entries = ["AD+1@open", "ED-1@close", "ED@close"]
exits = ["+1", "1w", "2w"]

[grid]
aggregate = ["pooled", "calendar"]

[[costs]]

[[costs]]
commission_bps = 1.0
half_spread_bps = 2.0
"""

README = """# {name}

A project of lakebt. Its market is simulated from seed {seed}, no price in it is real:
put your own files in the place of `prices/` and `changes.csv`, and say so in the note
of the release.

- `prices/`: a file a symbol, as Yahoo writes them. `lakebt formats` has what else there
  is.
- `changes.csv`: what was added to the index and deleted, when it was announced, when it
  took effect.
- `strategy.py`: a strategy of your own. `SWEEP.toml`: many studies in one.
- `study.ipynb`: the study in a notebook.

From this folder, in this order:

```console
{commands}
```

The notebook is opened by `jupyter lab study.ipynb`, once the release is there.
"""

CELLS = (
    ("markdown", "# A study\\n\\nThe README publishes the release R1 first."),
    (
        "code",
        (
            'import lakebt\\n\\nlake = lakebt.Lake.open("lake")\\n'
            'lake.releases()[["name", "as_of", "tables", "rows", "note"]]'
        ),
    ),
    ("markdown", "What was known, and when: nothing later can be read from a view."),
    ("code", 'view = lake.at("R1")\\nview'),
    (
        "code",
        'study = lakebt.Study(view, index="{index}")\\nresult = study.run()\\nresult',
    ),
    ("markdown", "What was added and deleted, around announcement and effect:"),
    ("code", "result.plot_paths()"),
    (
        "markdown",
        (
            "A rule that nobody could have followed is refused, with the instant at "
            "which its fact was known, and when it was needed:"
        ),
    ),
    (
        "code",
        (
            'early = lakebt.Study(view, index="{index}", entries=["AD@close"], '
            'exits=["+1"])\\n'
            "refused = early.run(record=False).refused()\\n"
            'refused[["event_id", "reason", "known_at", "needed_by"]].head()'
        ),
    ),
    ("markdown", "A strategy of your own:"),
    (
        "code",
        (
            "from strategy import Momentum\\n\\n"
            'days = {"start": "{start}", "end": "{end}"}'
            "\\nrun = lakebt.Backtest(view, Momentum(lookback=63), **days).run()\\nrun"
        ),
    ),
    ("markdown", "What it came to, in numbers and in a figure:"),
    ("code", "sheet = run.tear_sheet()\\nsheet"),
    ("code", "sheet.plot_equity()"),
)


def commands(as_of: str, *, seed: int, start: str, end: str) -> tuple[str, ...]:
    """Return what is typed in the project, in order."""
    window = f"--release R1 --start {start} --end {end}"
    publish = (
        "lakebt publish prices=prices index_changes=changes.csv --format csv-folder "
        f"--basis raw --release R1 --as-of {as_of} --note 'simulated from seed {seed}'"
    )
    return (
        f"{publish} --dry-run",
        publish,
        f"lakebt study --release R1 --index {INDEX} --report report.html",
        f"lakebt backtest strategy.py:Momentum {window} --set lookback=42",
        f"lakebt audit strategy.py:Momentum {window} --set lookback=42 --decisions 3",
        "lakebt sweep SWEEP.toml",
        "lakebt trials --last 5",
    )


def notebook(*, start: str, end: str) -> str:
    """Return the notebook, without outputs."""
    values = {"index": INDEX, "start": start, "end": end}
    cells = []
    for number, (kind, template) in enumerate(CELLS):
        text = template.replace("\\n", "\n")
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        cell: dict[str, object] = {
            "cell_type": kind,
            "id": f"cell-{number}",
            "metadata": {},
        }
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        cells.append({**cell, "source": text.splitlines(keepends=True)})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps(
        {
            "cells": cells,
            "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        },
        indent=1,
    )
