"""The command line that gives a result again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from lakebt.backtest.costs import CostModel
    from lakebt.lake.reading.view import View
    from lakebt.study import Study


def shell(words: Mapping[str, str | list[str] | None], *, start: list[str]) -> str:
    """Return a command line; options without a value are left out.

    Examples
    --------
    >>> shell({"--release": "R1", "--hedge": None}, start=["lakebt", "study"])
    'lakebt study --release R1'
    """
    line = list(start)
    for option, value in words.items():
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                line += [option, one]
    return shlex.join(line)


def view_options(view: View) -> dict[str, str | None]:
    """Return the options that open a view again."""
    as_of = view.instant.isoformat() if view.instant != view.cutoff else None
    return {"--release": view.release, "--as-of": as_of}


def cost_options(costs: CostModel) -> dict[str, tuple[object, object]]:
    """Return the options that charge the same, each with its default."""
    return {
        "--commission-bps": (costs.commission_bps, 0.0),
        "--half-spread-bps": (costs.half_spread_bps, 0.0),
        "--borrow-bps-per-year": (costs.borrow_bps_per_year, 0.0),
    }


def lead_option(lead: dt.timedelta) -> str:
    """Return a lead as it is written.

    Examples
    --------
    >>> import datetime as dt
    >>> lead_option(dt.timedelta(minutes=10))
    '10min'
    """
    return f"{lead.total_seconds() / 60:g}min"


def only_changed(options: Mapping[str, tuple[object, object]]) -> dict[str, str]:
    """Return the options whose value is not the default."""
    return {
        option: str(value)
        for option, (value, default) in options.items()
        if value != default
    }


def study_command(study: Study, *, engine: str) -> str:
    """Return the command that gives the same result; a sentence where there is none."""
    if study.supplied:
        return "none: the facts were supplied by the caller"
    changed = {
        "--side": (study.sizing.side, "both"),
        "--hedge": (study.sizing.hedge, None),
        "--gross": (study.sizing.gross, 1.0),
        "--max-gross": (study.max_gross, 2.0),
        "--capital-usd": (study.sizing.capital_usd, 100_000.0),
        "--missing": (study.missing, "exclude"),
        "--aggregate": (study.pooling.how, "pooled"),
        "--weighting": (study.pooling.weighting, "event"),
        "--max-weight": (study.pooling.max_weight, 1.0),
        **cost_options(study.costs),
        "--on-look-ahead": (study.on_look_ahead, "mask"),
        "--min-lead": (lead_option(study.clock.min_lead), "10min"),
        "--engine": (engine, "event"),
    }
    pairs = {
        f"--{name}": None if pair is None else ",".join(map(str, pair))
        for name, pair in (("period", study.period), ("size", study.size))
    }
    where = [
        f"{column}={value}"
        for column, values in study.where.items()
        for value in (values if isinstance(values, list | tuple) else [values])
    ]
    return shell(
        {
            **view_options(study.view),
            "--index": study.index,
            "--entries": ",".join(map(str, study.entries)),
            "--exits": ",".join(map(str, study.exits)),
            "--where": where,
            **pairs,
            **only_changed(changed),
        },
        start=["lakebt", "study"],
    )
