"""A progress bar with rate and time left, where a person is looking."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from lakebt._messages import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from rich.progress import Task
    from rich.text import Text

    Step = Callable[[int, int], None]


PATIENCE_SECONDS = 2.0
"""How long work may take before a bar is shown."""

_REDRAW_SECONDS = 0.2


@contextlib.contextmanager
def bar(what: str, *, unit: str, notify: Step | None = None) -> Iterator[Step]:
    """Show a bar in a terminal or a notebook, if the work takes long.

    Parameters
    ----------
    what
        Label before the bar.
    unit
        Noun of the items, in the plural.
    notify
        Called instead of showing anything.

    Yields
    ------
    callable
        To be called with how many are done, and of how many.
    """
    if notify is not None:
        yield notify
    elif (display := _notebook()) is not None:
        yield _Drawn(display, what, unit)
    else:
        from rich.console import Console  # noqa: PLC0415 - only where it is shown

        with terminal_bar(what, unit=unit, console=Console(stderr=True)) as step:
            yield step


@contextlib.contextmanager
def terminal_bar(what: str, *, unit: str, console: Console) -> Iterator[Step]:
    """Show a bar on a console, if it is a terminal and the work takes long."""
    if not console.is_terminal:
        yield lambda _done, _total: None
        return
    from rich import progress as bars  # noqa: PLC0415 - only where it is shown
    from rich.text import Text  # noqa: PLC0415

    class Rate(bars.ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = f"{task.speed:,.0f} {unit}/s" if task.speed else ""
            return Text(speed, style="dim")

    shown = bars.Progress(
        bars.SpinnerColumn(),
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(bar_width=24),
        bars.TaskProgressColumn(),
        Rate(),
        bars.TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
    )
    task = shown.add_task(printable(what), total=None)
    patience = threading.Timer(PATIENCE_SECONDS, shown.start)
    patience.daemon = True
    patience.start()
    try:
        yield lambda done, total: shown.update(task, completed=done, total=total)
    finally:
        patience.cancel()
        patience.join()
        shown.stop()


def _notebook() -> Any:
    """Return IPython's `display` in a notebook, None anywhere else."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display  # noqa: PLC0415 - it is there already

    return display


class _Drawn:
    """A bar in a notebook's output, redrawn in place."""

    def __init__(self, display: Any, what: str, unit: str) -> None:
        self._display, self._what, self._unit = display, what, unit
        self._began = time.perf_counter()
        self._next = self._began + PATIENCE_SECONDS
        self._handle: Any = None

    def __call__(self, done: int, total: int) -> None:
        """Redraw the bar, if it is time to."""
        now = time.perf_counter()
        is_over = done >= total and self._handle is not None
        if now < self._next and not is_over:
            return
        self._next = now + _REDRAW_SECONDS
        drawn = _Html(
            progress_html(
                self._what, done, total, unit=self._unit, seconds=now - self._began
            )
        )
        if self._handle is None:
            self._handle = self._display(drawn, display_id=True)
        else:
            self._handle.update(drawn)


class _Html:
    """Text that a notebook shows as HTML."""

    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_html_(self) -> str:
        return self._text


def progress_html(
    what: str, done: int, total: int, *, unit: str, seconds: float
) -> str:
    """Return a bar as HTML: how much is done, how fast, how long it will take.

    Examples
    --------
    >>> progress_html("Sweeping", 50, 200, unit="cells", seconds=10.0)[-32:]
    '50 of 200 cells, 5/s, 30 s left.'
    """
    rate = done / seconds if seconds > 0 else 0.0
    left = f", {(total - done) / rate:,.0f} s left" if 0 < done < total else ""
    speed = f", {rate:,.0f}/s" if rate else ""
    return (
        f'{what} <progress value="{done}" max="{max(total, 1)}"></progress> '
        f"{done:,} of {total:,} {unit}{speed}{left}."
    )
