"""What a Sharpe ratio is of, so that the number never travels without it."""

from __future__ import annotations

from typing import Any, NoReturn, Self

from lakebt.analysis.sharpe import SESSIONS_PER_YEAR


class SharpeDefinition(str):
    """What a Sharpe ratio is of: a line of text, and its parts.

    It is text, so that a page, a file and the attributes of a frame keep it as it is.

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
    >>> definition = SharpeDefinition(of="returns", risk_free="0.01 %")
    >>> print(definition)
    mean / standard deviation (ddof 1) of returns, times sqrt(252), 0.01 % taken off
    >>> definition.ddof, definition.sessions_per_year
    (1, 252)
    """

    __slots__ = (
        "ddof",
        "error",
        "mean",
        "of",
        "risk_free",
        "scale",
        "sessions_per_year",
        "window",
    )

    of: str
    window: str
    sessions_per_year: float
    risk_free: str
    ddof: int
    mean: str
    scale: str
    error: str

    def __new__(
        cls,
        *,
        of: str,
        window: str = "",
        sessions_per_year: float = SESSIONS_PER_YEAR,
        risk_free: str = "",
        ddof: int = 1,
        mean: str = "arithmetic",
        scale: str = "sqrt",
        error: str = "",
    ) -> Self:
        """Write the line, and keep its parts."""
        year = f"{sessions_per_year:g}"
        over = {
            "arithmetic": f"mean / standard deviation (ddof {ddof})",
            "geometric": (
                f"yearly growth / yearly standard deviation (ddof {ddof}, times "
                f"sqrt({year}))"
            ),
        }[mean]
        scaled = {
            "arithmetic": f", times {scale}({year})",
            "geometric": f", {year} a year",
        }[mean]
        text = (
            f"{over} of {of}{f' from {window}' if window else ''}{scaled}, "
            f"{risk_free or 'no risk-free rate'} taken off"
            f"{f'; standard error: {error}' if error else ''}"
        )
        definition = super().__new__(cls, text)
        parts = {
            "of": of,
            "window": window,
            "sessions_per_year": sessions_per_year,
            "risk_free": risk_free,
            "ddof": ddof,
            "mean": mean,
            "scale": scale,
            "error": error,
        }
        for name, value in parts.items():
            object.__setattr__(definition, name, value)
        return definition

    def __setattr__(self, name: str, value: object) -> NoReturn:
        msg = f"a definition cannot be altered: {name} stays {getattr(self, name)!r}"
        raise AttributeError(msg)

    def __reduce__(self) -> tuple[Any, tuple[dict[str, Any]]]:
        return _again, ({name: getattr(self, name) for name in self.__slots__},)


def _again(parts: dict[str, Any]) -> SharpeDefinition:
    """Return a definition that traveled between processes, or was copied."""
    return SharpeDefinition(**parts)
