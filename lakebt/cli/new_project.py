"""`lakebt new`: a project with files to start from."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lakebt.cli import project_files
from lakebt.cli.output import terminal
from lakebt.errors import InvalidArgumentError
from lakebt.inputs.places import check_is_path, writing
from lakebt.values.text import capitalised

if TYPE_CHECKING:
    import pandas as pd

N_EVENTS = 12
"""As many events as some study finds in a few years of one index."""

_WARM_UP = 70
"""Sessions before the strategy starts: its lookback, and a few."""


def new(
    *,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to: an empty folder, or none.")
    ],
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="What the market is drawn from.")
    ] = 1,
) -> None:
    """Make a project: prices, changes, a strategy, a sweep, a notebook, a README.

    The market in it is simulated, and says so. The README has what to type next.
    """
    check_is_path(str(folder), what="folder", cure="name a folder of this machine")
    place = folder.expanduser().absolute()
    _check_empty(place)
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=place.parent, prefix=".lakebt-new-"))
        try:
            commands = _write(part, name=place.name, seed=seed)
            _check_empty(place)
            place.mkdir(exist_ok=True)
            for each in sorted(part.iterdir()):
                each.rename(place / each.name)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    console = terminal()
    console.print("Made. Next:", style="green", markup=False)
    first = () if place == Path.cwd() else (shlex.join(["cd", str(folder)]),)
    for line in (*first, *commands):
        console.print(f"  {line}", markup=False, soft_wrap=True)


def _check_empty(place: Path) -> None:
    """Check that nothing would be written over.

    Raises
    ------
    InvalidArgumentError
        If something is there.
    """
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        msg = f"{place} is not a folder: name another one"
        raise InvalidArgumentError(msg)
    if place.exists() and any(place.iterdir()):
        msg = f"folder {place} is not empty: name another one, which is made"
        raise InvalidArgumentError(msg)


def _write(place: Path, *, name: str, seed: int) -> tuple[str, ...]:
    """Write a project, and return what is typed in it."""
    from lakebt.sources.simulated import simulated_market

    market = simulated_market(
        seed=seed,
        n_events=N_EVENTS,
        n_members=2,
        jump_bps=220,
        drift_bps=60,
        reversal_bps=60,
    )
    bars = market.tables["prices"]
    sessions = sorted(bars["session"].astype(str).unique())
    start, end = sessions[_WARM_UP], sessions[-2]
    as_of = f"{market.as_of:%Y-%m-%dT%H:%M:%SZ}"
    commands = project_files.commands(as_of, seed=seed, start=start, end=end)
    _write_prices(bars, place / "prices")
    kept = ["index", "symbol", "side", "announced", "effective", "cause", "source"]
    changes = market.tables["index_changes"][kept]
    announced = changes["announced"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    changes.assign(announced=announced).to_csv(place / "changes.csv", index=False)
    texts = {
        ".gitignore": project_files.IGNORED,
        "strategy.py": project_files.STRATEGY,
        "SWEEP.toml": project_files.SWEEP.format(index=project_files.INDEX),
        "study.ipynb": project_files.notebook(start=start, end=end),
        "README.md": project_files.README.format(
            name=name, seed=seed, commands="\n".join(commands)
        ),
    }
    for file, text in texts.items():
        (place / file).write_text(text, encoding="utf-8")
    return commands


def _write_prices(bars: pd.DataFrame, folder: Path) -> None:
    """Write a file a symbol, as Yahoo writes them."""
    folder.mkdir()
    names = {
        "session": "Date",
        **{n: capitalised(n) for n in bars.columns if n != "session"},
    }
    rows = bars.rename(columns=names)
    columns = ["Date", "Open", "High", "Low", "Close", "Volume"]
    for symbol, own in rows.groupby("Symbol", sort=True):
        own[columns].to_csv(folder / f"{symbol}.csv", index=False)
