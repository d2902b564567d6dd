"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from lakebt.cli import completion, hints
from lakebt.cli.lake_place import DEFAULT_LAKE, LAKE_VARIABLE, lake_path
from lakebt.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lakebt.backtest.costs import CostModel
    from lakebt.lake.lake import Lake
    from lakebt.lake.reading.view import View


WHERE, SIZE, COSTS, OUTPUT = "What is read", "How it trades", "Costs", "Output"
"""The parts of a help page."""

LakePath: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--lake",
        metavar="PATH",
        show_default=f"{LAKE_VARIABLE}, else ./{DEFAULT_LAKE}",
        help="The directory of the lake.",
        rich_help_panel=WHERE,
    ),
]
Catalog: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Instead of --lake: a catalog of pyiceberg's configuration.",
        rich_help_panel=WHERE,
    ),
]
Exchange: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="CODE",
        show_default="the lake's; XNYS for a new one",
        help="Whose sessions count, by its ISO 10383 code, as XTKS. The lake keeps it.",
        rich_help_panel=WHERE,
    ),
]
Closed: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="DATE",
        help="A day on which the exchange stayed closed, although its calendar says "
        "otherwise. The lake keeps it. May be repeated.",
        rich_help_panel=WHERE,
    ),
]
AsJson: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print a JSON list of rows, and nothing else.",
        rich_help_panel=OUTPUT,
    ),
]
ReleaseName: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="The release that is read.",
        autocompletion=completion.releases,
        rich_help_panel=WHERE,
    ),
]
AsOf: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="INSTANT",
        show_default="the release's cutoff",
        help="What was known by an earlier instant, as 2022-09-30T20:00:00Z.",
        rich_help_panel=WHERE,
    ),
]
Strategy: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="FILE.py:Name",
        help="A class, or an object, with target_weights(view).",
    ),
]
Settings: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A parameter of the strategy, as lookback=126; may be repeated.",
        rich_help_panel=SIZE,
    ),
]
Start: TypeAlias = Annotated[
    str,
    typer.Option(metavar="DATE", help="First day.", rich_help_panel=SIZE),
]
End: TypeAlias = Annotated[
    str,
    typer.Option(metavar="DATE", help="Last day.", rich_help_panel=SIZE),
]
Rebalance: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="HOW_OFTEN",
        help="daily, weekly or monthly: the first session of each.",
        rich_help_panel=SIZE,
    ),
]
FillAt: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="AT",
        help="Fill orders at the open or the close of that session.",
        rich_help_panel=SIZE,
    ),
]
MaxGross: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="X", help="The most gross exposure allowed.", rich_help_panel=SIZE
    ),
]
CapitalUsd: TypeAlias = Annotated[
    float,
    typer.Option(metavar="USD", help="Capital to start with.", rich_help_panel=SIZE),
]
MinLead: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="DURATION",
        help="How long before its fill an order must be sent, as 10min.",
        rich_help_panel=SIZE,
    ),
]
DelistingReturn: TypeAlias = Annotated[
    float | None,
    typer.Option(
        metavar="FRACTION",
        help="What a delisting whose cash is not known returned on the last close, as "
        "-0.3; without it nothing is held through one.",
        rich_help_panel=SIZE,
    ),
]
CommissionBps: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="BPS",
        help="Commission per fill, of the traded amount.",
        rich_help_panel=COSTS,
    ),
]
HalfSpreadBps: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="BPS", help="Half the quoted spread, per fill.", rich_help_panel=COSTS
    ),
]
BorrowBpsPerYear: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="BPS", help="Borrow on every short, per year.", rich_help_panel=COSTS
    ),
]
ImpactAtOpen: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="COEFFICIENT",
        help="Impact at the open: times volatility and the root of shares over volume.",
        rich_help_panel=COSTS,
    ),
]
ImpactAtClose: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="COEFFICIENT", help="Impact at the close.", rich_help_panel=COSTS
    ),
]
ImpactSessions: TypeAlias = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Sessions that volatility and volume are of.",
        rich_help_panel=COSTS,
    ),
]
MaxParticipation: TypeAlias = Annotated[
    float | None,
    typer.Option(
        metavar="PART",
        help="The most of the daily volume that a fill may be.",
        rich_help_panel=COSTS,
    ),
]
ReportFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write the report too: one HTML file.",
        rich_help_panel=OUTPUT,
    ),
]


def open_lake(
    lake: Path | None,
    catalog: str | None,
    *,
    create: bool = False,
    check: bool = True,
    exchange: str | None = None,
    closed: Iterable[str] = (),
) -> Lake:
    """Open the lake a command is about.

    Raises
    ------
    InvalidArgumentError
        If two lakes are named.
    """
    if lake is not None and catalog is not None:
        msg = f"--lake {lake} and --catalog {catalog} name two lakes: give one of them"
        raise InvalidArgumentError(msg)
    from lakebt.lake.lake import Lake

    place = str(lake_path(lake).expanduser().absolute())
    hints.about({"path": place} if catalog is None else {"catalog": catalog})
    calendar: Any = {"exchange": exchange, "closed": closed}
    if catalog is not None:
        return Lake.open(catalog=catalog, create=create, check=check, **calendar)
    return Lake.open(lake_path(lake), create=create, check=check, **calendar)


def open_view(
    lake: Path | None, catalog: str | None, *, release: str, as_of: str | None
) -> View:
    """Open a release of the lake a command is about."""
    return open_lake(lake, catalog).at(release, as_of=as_of)


def cost_model(**terms: Any) -> CostModel:
    """Return the costs, checked."""
    from lakebt.backtest.costs import CostModel

    return CostModel(**terms)


def check_report(report: Path | None) -> None:
    """Refuse a report that could not be written, before the work and not after it.

    Raises
    ------
    InvalidArgumentError
        If its folder is not there, or it is a folder.
    """
    if report is not None and not report.parent.is_dir():
        msg = f"--report {report}: the folder {report.parent} does not exist"
        raise InvalidArgumentError(msg)
    if report is not None and report.is_dir():
        msg = f"--report {report} is a folder: name a file in it, report.html"
        raise InvalidArgumentError(msg)


def split(text: str) -> list[str]:
    """Return the parts of a list written with commas.

    Examples
    --------
    >>> split("+1, 1w")
    ['+1', '1w']
    """
    return [part.strip() for part in text.split(",") if part.strip()]


def two(text: str | None, *, option: str) -> tuple[str, str] | None:
    """Return two values that a comma parts.

    Raises
    ------
    InvalidArgumentError
        If they are not two.
    """
    if text is None:
        return None
    parts = split(text)
    if len(parts) != 2:
        msg = f"{option} {text!r} must be two values with a comma between them"
        raise InvalidArgumentError(msg)
    return parts[0], parts[1]


def two_numbers(text: str | None, *, option: str) -> tuple[int, int] | None:
    """Return two whole numbers that a comma parts.

    Raises
    ------
    InvalidArgumentError
        If they are not.
    """
    parts = two(text, option=option)
    if parts is None:
        return None
    if not all(part.isdecimal() for part in parts):
        msg = f"{option} {text!r} must be two whole numbers, as 1,2"
        raise InvalidArgumentError(msg)
    return int(parts[0]), int(parts[1])


def pair(text: str, *, option: str, example: str) -> tuple[str, str]:
    """Return the two sides of ``NAME=VALUE``.

    Raises
    ------
    InvalidArgumentError
        If there is no name, or no ``=``.

    Examples
    --------
    >>> pair("cause=merger", option="--where", example="cause=discretionary")
    ('cause', 'merger')
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        msg = f"{option} {text!r} is not NAME=VALUE: write it as {example}"
        raise InvalidArgumentError(msg)
    return name.strip(), value


def gathered(
    texts: Iterable[str], *, option: str, example: str
) -> dict[str, list[str]]:
    """Return the values of each name, in the order given."""
    values: dict[str, list[str]] = {}
    for text in texts:
        name, value = pair(text, option=option, example=example)
        values.setdefault(name, []).append(value)
    return values
