"""The pandera schema of a table: what each row must satisfy, value by value.

It is made from the table's own spec, and checked lazily, so that every rule that some
row breaks is found and not only the first. pandera sees Arrow's columns as they are,
without a copy.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from lakebt.errors import LakeError
from lakebt.lake.publishing.audits.finding import Finding, Handed, numbered, sample
from lakebt.lake.tables.arrow import pc
from lakebt.lake.tables.frames import frame
from lakebt.lake.tables.schemas import ETF_HOLDINGS, PRICES, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandera.pandas as pandera

    from lakebt._typing import BoolVector, IntVector
    from lakebt.lake.tables.schemas import Column, TableSpec


Rule: TypeAlias = "tuple[str | None, str, Callable[[Any], BoolVector]]"
"""The column that is looked at, None for whole rows; a name; which rows keep it.

Both as Arrow has them, and as pandas shows them to pandera.
"""

_CLOSE = ("open", "high", "low", "close")
_QUANTITIES = ("balance", "value_usd", "weight_pct")
"""What a fund reports of a holding."""

_NUMBER_RULES = {
    "positive": (
        "a price that is not positive and finite",
        _CLOSE,
        "Leave out bars without a trade",
    ),
    "high_low": ("high below low", ("high", "low"), "Correct the bar, or leave it out"),
    "open_range": (
        "open outside low to high",
        ("open", "low", "high"),
        "Correct the bar, or leave it out",
    ),
    "close_range": (
        "close outside low to high",
        ("close", "low", "high"),
        "Correct the bar, or leave it out",
    ),
    "volume": (
        "negative volume",
        ("volume",),
        "Leave volume empty where it is not known",
    ),
    "finite": (
        "an infinite quantity",
        (*_QUANTITIES, "volume"),
        "Leave it empty where it is not known",
    ),
}
"""What is said of a row that breaks a rule of numbers, what is shown, the cure."""


@functools.lru_cache(maxsize=64)
def schema(spec: TableSpec) -> pandera.DataFrameSchema:
    """Return the pandera schema of a table's normalised rows."""
    import pandera.pandas as pandera  # noqa: PLC0415 - 0.2 s that only publishing pays

    checks: dict[str | None, list[pandera.Check]] = {
        name: [] for name in (None, *spec.names)
    }
    for column, name, rule in _rules(spec):
        # Which rows break it is read from the check's own output; the list of values
        # that pandera makes of them takes half a minute for a million rows.
        kept = functools.partial(_as_series, rule)
        check = pandera.Check(kept, name=name, ignore_na=False, n_failure_cases=1)
        checks[column].append(check)
    return pandera.DataFrameSchema(
        {
            column.name: pandera.Column(
                pd.ArrowDtype(spec.arrow.field(column.name).type),
                checks[column.name],
                nullable=True,  # the check above says so too, and names its rows
            )
            for column in spec.columns
        },
        checks=checks[None],
        strict=True,
        name=spec.name,
    )


@functools.lru_cache(maxsize=64)
def _rules(spec: TableSpec) -> tuple[Rule, ...]:
    """Return the rules of a table, in the order in which they are reported."""
    rules: list[Rule] = []
    for column in spec.columns:
        if column.required and not column.derived:
            rules.append((column.name, f"empty {column.name}", _is_there))
        if column.choices:
            allowed = functools.partial(_is_one_of, column.choices)
            rules.append((column.name, f"choices {column.name}", allowed))
    if spec is ETF_HOLDINGS:
        rules += [(name, "finite", _is_finite) for name in _QUANTITIES]
    if spec is PRICES:
        rules += [(name, "positive", _is_price) for name in _CLOSE]
        rules += [("volume", "volume", _is_volume), ("volume", "finite", _is_finite)]
    for column in spec.columns:
        if column.required and column.derived:
            derived = functools.partial(_is_derived, spec, column.name)
            rules.append((None, f"empty {column.name}", derived))
    if spec is PRICES:
        rules += [
            (None, "high_low", _is_ordered),
            (None, "open_range", functools.partial(_is_inside, "open")),
            (None, "close_range", functools.partial(_is_inside, "close")),
        ]
    return tuple(rules)


def audit_schema(handed: Handed) -> Iterator[Finding]:
    """Give what is wrong with single rows: empty cells, choices, prices."""
    broken = _broken(handed)
    spec = handed.spec
    for column in spec.columns:
        if (rows := broken.pop(f"choices {column.name}", None)) is not None:
            yield _not_a_choice(handed, column, rows)
        if (rows := broken.pop(f"empty {column.name}", None)) is not None:
            yield _empty(handed, column, rows)
    for audit, rows in broken.items():
        what, shown, cure = _NUMBER_RULES[audit]
        mask = np.zeros(len(handed.rows), dtype=bool)
        mask[rows] = True
        shown = tuple(name for name in shown if name in spec.names)
        yield from handed.where(audit, mask, what, shown=shown, cure=cure)


def _broken(handed: Handed) -> dict[str, IntVector]:
    """Return the rows that break each rule.

    Raises
    ------
    LakeError
        If pandera was told to use a backend that does not say which rows fail.
    SchemaErrors
        If the schema itself does not fit, which no rows can cause.
    """
    from pandera.config import (  # noqa: PLC0415
        ValidationDepth,
        config_context,
        get_config_global,
    )
    from pandera.errors import SchemaErrors  # noqa: PLC0415

    if get_config_global().use_narwhals_backend:
        msg = "audits need pandera's own backend: unset PANDERA_USE_NARWHALS_BACKEND"
        raise LakeError(msg)
    rows = handed.rows
    # Of a small table pandas and pandera take ten times as long as the rules, and they
    # have nothing to tell of rows that are as they should.
    if rows.schema.equals(handed.spec.arrow) and all(
        rule(rows if column is None else rows.column(column)).all()
        for column, _, rule in _rules(handed.spec)
    ):
        return {}
    seen = rows.to_pandas(types_mapper=pd.ArrowDtype)
    rows_by_check: dict[str, list[IntVector]] = {}
    try:
        # An environment variable of pandera's may not switch our audits off.
        with config_context(
            validation_enabled=True,
            validation_depth=ValidationDepth.SCHEMA_AND_DATA,
        ):
            schema(handed.spec).validate(seen, lazy=True)
    except SchemaErrors as errors:
        for error in errors.schema_errors:
            if error.check_output is None:
                raise
            passed = np.asarray(error.check_output, dtype=bool)
            rows_by_check.setdefault(error.check.name, []).append(
                np.flatnonzero(~passed)
            )
    return {
        audit: np.unique(np.concatenate(places))
        for audit, places in rows_by_check.items()
    }


def _as_series(rule: Callable[[Any], BoolVector], seen: Any) -> pd.Series:
    return pd.Series(rule(seen), index=seen.index)


def _numbers(values: Any) -> Any:
    if isinstance(values, pa.ChunkedArray):
        return values.cast(pa.float64()).to_numpy()  # NaN where there is none
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _is_there(values: Any) -> BoolVector:
    if isinstance(values, pa.ChunkedArray):
        return ~_plain(pc.is_null(values, nan_is_null=True))
    return np.asarray(values.notna(), dtype=bool)


def _is_one_of(choices: tuple[str, ...], values: Any) -> BoolVector:
    if isinstance(values, pa.ChunkedArray):
        return _plain(pc.is_in(values, value_set=pa.array([*choices, None])))
    return np.asarray(values.isin(choices) | values.isna(), dtype=bool)


def _plain(values: Any) -> BoolVector:
    return np.asarray(values.to_numpy(), dtype=bool)


def _is_derived(spec: TableSpec, name: str, rows: Any) -> BoolVector:
    """Whether a derived value is there, or what it is derived from is to blame."""
    there = _is_there(rows[name])
    if not there.all():
        for column in spec.columns:
            is_blamed_first = not column.derived or (
                name != "known_at" and column.name == "known_at"
            )
            if column.required and is_blamed_first:
                there = there | ~_is_there(rows[column.name])
    return there


def _is_price(values: Any) -> BoolVector:
    numbers = _numbers(values)
    fits: BoolVector = np.isnan(numbers) | ((numbers > 0) & (numbers < np.inf))
    return fits


def _is_volume(values: Any) -> BoolVector:
    fits: BoolVector = ~(_numbers(values) < 0)
    return fits


def _is_finite(values: Any) -> BoolVector:
    fits: BoolVector = ~np.isinf(_numbers(values))
    return fits


def _is_ordered(rows: Any) -> BoolVector:
    fits: BoolVector = ~(_numbers(rows["high"]) < _numbers(rows["low"]))
    return fits


def _is_inside(name: str, rows: Any) -> BoolVector:
    value = _numbers(rows[name])
    fits: BoolVector = ~(
        (value > _numbers(rows["high"])) | (value < _numbers(rows["low"]))
    )
    return fits


def _empty(handed: Handed, column: Column, which: IntVector) -> Finding:
    what = "NaN or empty" if column.kind is Kind.NUMBER else "empty"
    places = handed.places[which]
    rows = f"row {places[0]}" if len(places) == 1 else f"{len(places)} rows"
    first = "" if len(places) == 1 else f", the first is row {places[0]}"
    source = handed.spec.known_at_from
    cure = (
        f"Give known_at, or {source} to derive it from"
        if column.name == "known_at" and source is not None
        else "Give a value, or leave the row out"
    )
    return Finding(
        table=handed.spec.name,
        audit="empty",
        severity="fail",
        message=f"column {column.name!r} is {what} in {rows}{first}. {cure}.",
        rows=_with_column(handed, column, which),
    )


def _not_a_choice(handed: Handed, column: Column, which: IntVector) -> Finding:
    rows = handed.at(which)
    values = rows.rows.column(column.name)[:3].to_pylist()
    lines = [
        f"row {place} has {value!r}"
        for place, value in zip(rows.places, values, strict=False)
    ]
    return Finding(
        table=handed.spec.name,
        audit="choices",
        severity="fail",
        message=(
            f"column {column.name!r} must be one of {', '.join(column.choices)}, "
            f"{sample(lines, len(which))}."
        ),
        rows=_with_column(handed, column, which),
    )


def _with_column(handed: Handed, column: Column, which: IntVector) -> pd.DataFrame:
    some = handed.at(which)
    return numbered(frame(some.rows).assign(column=column.name), some.places)
