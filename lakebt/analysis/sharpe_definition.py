"""`SharpeDefinition`: the text that accompanies every Sharpe ratio."""

from __future__ import annotations

from typing import Any, NoReturn, Self

from lakebt.analysis.sharpe import SESSIONS_PER_YEAR


class SharpeDefinition(str):
    """The definition of a Sharpe ratio: a line of text, and its parts.

    It is a `str`, so pages, files and the attributes of a frame can hold it.

    Attributes
    ----------
    of
        The series, for example ``daily net returns of the events joined``.
    window
        First and last day, and the number of returns; empty if that is obvious.
    sessions_per_year
        The number of returns per year.
    risk_free
        The rate subtracted from each return, in words; empty for none.
    ddof
        The ddof of the standard deviation.
    mean
        ``arithmetic``, or ``geometric``: the yearly growth of compounded returns.
    scale
        The factor from a ratio per return to a yearly one: ``sqrt``, or ``eta`` of Lo
        (2002), which takes autocorrelation into account.
    error
        The method of the standard error; empty without one.

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
