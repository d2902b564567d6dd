"""The circumstances in which tests are tried: dates, sizes, correlation, windows."""

from __future__ import annotations

from dataclasses import dataclass

APART = 200
"""Sessions between announcements that share nothing: more than all that one needs."""

SIZES: dict[str, tuple[tuple[int, ...], tuple[float, ...]]] = {
    "one": ((1,), (1.0,)),
    "eq20": ((20,), (1.0,)),
    "mixed": ((1, 2, 4, 10, 20), (0.6, 0.15, 0.1, 0.1, 0.05)),
    "index": ((1, 2, 3, 4), (0.73, 0.19, 0.05, 0.03)),
}
"""How many changes a date has, and how often; `index` is about as the S&P 500's."""

SHAPES = ("normal", "t3", "skewed", "left")
"""Of returns: `skewed` is exponential less its mean, `left` its mirror image."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """Circumstances of events of which the null is true.

    Attributes
    ----------
    name
        By which the table knows them.
    dates
        Announcement dates.
    sizes, shape
        See `SIZES` and `SHAPES`.
    correlation
        Of the residuals of any two stocks in one session.
    window
        Sessions of a window.
    gap
        Sessions from one announcement to the next: exactly so, or, where `is_even` is
        False, on average.
    is_even
        See `gap`.
    induced
        What the variance is multiplied by in the window.
    model
        Of expected returns.
    n_rules
        How many rules are tried at once; 1 is a test by itself.
    effect
        What is true after all, as a fraction: spread over the window of one test, or
        in one session of many rules. 0 of a null.
    """

    name: str
    dates: int
    sizes: str = "mixed"
    correlation: float = 0.0
    shape: str = "normal"
    window: int = 5
    gap: int = APART
    is_even: bool = True
    induced: float = 1.0
    model: str = "market"
    n_rules: int = 1
    effect: float = 0.0

    @property
    def changes_a_date(self) -> float:
        """How many changes a date has, on average."""
        sizes, chances = SIZES[self.sizes]
        return sum(n * p for n, p in zip(sizes, chances, strict=True))

    @property
    def effective_dates(self) -> float:
        """How many dates of one size these are worth, by their distribution."""
        sizes, chances = SIZES[self.sizes]
        squares = sum(n * n * p for n, p in zip(sizes, chances, strict=True))
        return self.dates * self.changes_a_date**2 / squares

    @property
    def overlap(self) -> float:
        """How many other dates' windows are open with a date's, about."""
        return 0.0 if self.dates == 1 else 2.0 * (self.window - 1) / self.gap

    @property
    def is_skewed(self) -> bool:
        """Whether returns are."""
        return self.shape in {"skewed", "left"}

    @property
    def words(self) -> str:
        """The circumstances, in words."""
        sizes = {
            "one": "1 change each",
            "eq20": "20 changes each",
            "mixed": "1 to 20 changes each",
            "index": "changes about as the S&P 500's",
        }[self.sizes]
        spread = (
            "apart"
            if self.gap == APART
            else f"{'every' if self.is_even else 'about every'} {self.gap} sessions"
        )
        noun = "date" if self.dates == 1 else "dates"
        parts = [f"{self.dates} {noun} {spread}" if self.dates > 1 else f"1 {noun}"]
        parts += [sizes, f"correlation {self.correlation:g}", self.shape]
        if self.induced != 1.0:
            parts.append(f"variance x{self.induced:g}")
        if self.n_rules == 1:
            parts.append(f"window {self.window}")
        if self.effect:
            parts.append(f"{self.effect * 1e4:+.0f} bp")
        return ", ".join(parts)


def _near(name: str, dates: int, **others: object) -> Design:
    """Return a design whose windows overlap threefold."""
    return Design(
        name=name, dates=dates, window=10, gap=3, model="market_adjusted",
        **others,  # type: ignore[arg-type]
    )  # fmt: skip


SINGLE: tuple[Design, ...] = (
    Design(name="O1", dates=1, sizes="eq20"),
    Design(name="O2", dates=1, sizes="eq20", correlation=0.1),
    Design(name="O3", dates=1, sizes="eq20", correlation=0.3),
    Design(name="V1", dates=6, sizes="mixed", correlation=0.1),
    Design(name="V2", dates=6, sizes="mixed", correlation=0.3, shape="t3"),
    Design(name="E1", dates=20, sizes="one"),
    Design(name="E2", dates=50, sizes="one", shape="t3", induced=2.0),
    Design(name="E3", dates=50, sizes="one", shape="skewed", window=1),
    Design(name="C2", dates=20, correlation=0.3, shape="t3"),
    Design(name="C3", dates=20, correlation=0.1),
    Design(name="S3", dates=20, correlation=0.1, shape="skewed", window=1),
    Design(name="C1", dates=50, correlation=0.3, shape="t3", induced=2.0),
    Design(name="C4", dates=50, correlation=0.1),
    Design(name="S2", dates=50, correlation=0.1, shape="skewed", window=1),
    Design(
        name="R1", dates=175, sizes="index", correlation=0.1, shape="t3", gap=23,
        is_even=False, induced=2.0, model="market_adjusted",
    ),
    Design(
        name="R3", dates=175, sizes="index", correlation=0.3, shape="t3", gap=23,
        is_even=False, model="market_adjusted",
    ),
    Design(
        name="S1", dates=175, sizes="index", correlation=0.1, shape="skewed", window=1
    ),
    _near("D3", 60, correlation=0.3, shape="t3"),
    _near("D1", 175, correlation=0.1, shape="t3"),
    _near("D2", 175, correlation=0.3, shape="t3"),
    Design(name="A1", dates=50, sizes="eq20"),
    Design(name="A2", dates=50, sizes="eq20", correlation=0.1),
    Design(name="A3", dates=50, sizes="eq20", correlation=0.3),
    Design(name="B2", dates=175, correlation=0.1, shape="t3"),
    Design(name="B3", dates=175, correlation=0.3, shape="t3", induced=2.0),
)  # fmt: skip
"""Of one test by itself, the cheap ones first."""

MANY: tuple[Design, ...] = (
    Design(name="F5", dates=20, correlation=0.3, shape="t3", n_rules=200),
    Design(name="F4", dates=50, correlation=0.3, shape="t3", n_rules=200),
    Design(name="F8", dates=50, correlation=0.1, shape="skewed", n_rules=200),
    Design(name="F9", dates=50, correlation=0.1, shape="left", n_rules=200),
    Design(
        name="F7", dates=175, sizes="index", correlation=0.07, shape="t3", gap=23,
        is_even=False, n_rules=200,
    ),
    Design(
        name="F10", dates=175, sizes="index", correlation=0.07, shape="left", gap=23,
        is_even=False, n_rules=200,
    ),
    Design(name="F11", dates=12, correlation=0.1, shape="left", n_rules=200),
    Design(name="F12", dates=12, sizes="one", shape="left", n_rules=200),
    Design(name="F2", dates=50, sizes="eq20", correlation=0.1, n_rules=200),
    Design(name="F6", dates=175, correlation=0.1, shape="t3", gap=3, n_rules=200),
)  # fmt: skip
"""Of the best of many rules."""

POWER: tuple[Design, ...] = (
    Design(
        name="P1", dates=175, sizes="index", correlation=0.1, shape="t3", gap=23,
        is_even=False, induced=2.0, model="market_adjusted", effect=0.01,
    ),
    Design(
        name="P2", dates=175, sizes="index", correlation=0.07, shape="t3", gap=23,
        is_even=False, n_rules=200, effect=0.012,
    ),
)  # fmt: skip
"""Of what is true: R1 and F7 with an effect."""

DESIGNS: dict[str, Design] = {each.name: each for each in (*SINGLE, *MANY, *POWER)}
"""All of them, by name."""
