"""What a Sharpe ratio is of, so that the number never travels without it."""

from __future__ import annotations

from dataclasses import dataclass

from lakebt.analysis.sharpe import SESSIONS_PER_YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpeDefinition:
    """What a Sharpe ratio is of.

    Its `str` says all of it in one line.

    Attributes
    ----------
    of
        The series: ``daily net returns of the events joined`` for example.
    window
        From when to when, and how many returns; empty where it goes without saying.
    sessions_per_year
        What the ratio per return is scaled to.
    risk_free
        What was taken off each return, in words; empty for nothing.
    ddof
        Of the standard deviation.
    mean
        ``arithmetic``, or ``geometric``: the yearly growth of what was compounded.
    scale
        What made a yearly ratio of one per return: ``sqrt``, or ``eta`` of Lo (2002),
        which takes autocorrelation into account.
    error
        How the standard error was found; empty where there is none.

    Examples
    --------
    >>> print(SharpeDefinition(of="returns", risk_free="0.01 %"))
    mean / standard deviation (ddof 1) of returns, times sqrt(252), 0.01 % taken off
    """

    of: str
    window: str = ""
    sessions_per_year: float = SESSIONS_PER_YEAR
    risk_free: str = ""
    ddof: int = 1
    mean: str = "arithmetic"
    scale: str = "sqrt"
    error: str = ""

    def __str__(self) -> str:
        year = f"{self.sessions_per_year:g}"
        over = {
            "arithmetic": f"mean / standard deviation (ddof {self.ddof})",
            "geometric": (
                f"yearly growth / yearly standard deviation (ddof {self.ddof}, times "
                f"sqrt({year}))"
            ),
        }[self.mean]
        scaled = {
            "arithmetic": f", times {self.scale}({year})",
            "geometric": f", {year} a year",
        }[self.mean]
        window = f" from {self.window}" if self.window else ""
        free = f"{self.risk_free or 'no risk-free rate'} taken off"
        error = f"; standard error: {self.error}" if self.error else ""
        return f"{over} of {self.of}{window}{scaled}, {free}{error}"
