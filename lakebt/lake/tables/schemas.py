"""The tables of a lake, side by side.

Every fact table holds vintages: a correction is a row of the same key with a later
`known_at`, a retraction such a row with `retracted` set. Nothing is updated in place.
"""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BooleanType,
    DateType,
    DoubleType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestamptzType,
)

from lakebt.facts import ANNOUNCED_QUALITIES, CAUSES, Side
from lakebt.lake.tables.arrow import INSTANT
from lakebt.prices.actions import ActionKind

if TYPE_CHECKING:
    from typing import SupportsIndex


NAMESPACE = "quant"

OURS = "lakebt."
"""What lakebt's properties of tables and snapshots begin with."""

RELEASE = f"{OURS}release"
"""In a snapshot's summary: the release that it was made for."""

EXCHANGE = f"{OURS}exchange"
"""The ledger's property that says whose sessions count: see `Sessions.name`."""

LAYOUT = f"{OURS}layout"
"""The ledger's property that says how the lake is laid out; without it, as of 1."""

LAYOUT_NEEDS = f"{OURS}layout-needs"
"""The ledger's property that says which version of lakebt reads that layout first."""

LAYOUT_VERSION = 2
"""The layout that this version makes, and the last that it reads."""

LAYOUT_SINCE = "0.1.0"
"""The version of lakebt that made this layout first."""

OF_THIS_LAYOUT = {LAYOUT: str(LAYOUT_VERSION), LAYOUT_NEEDS: LAYOUT_SINCE}

BUILT_IN = f"{OURS}built-in"
"""The property of a built-in table that was made after its lake."""

LEDGER = "releases"

TRIALS = "trials"
"""What was tried. No table of facts: no release pins it, and no view shows it."""

BASES = ("raw", "split_adjusted", "total_return")
"""What a price is: as traded, adjusted for splits, or for splits and dividends."""

PROPERTIES = {
    "format-version": "2",
    # Every commit writes the whole metadata anew; ten old ones are enough to look back.
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "10",
    "write.metadata.compression-codec": "gzip",
    # Tells other engines' expiry that the snapshots here are kept on purpose.
    "gc.enabled": "false",
}


class Kind(enum.Enum):
    """What a column holds, and how it is said in errors."""

    TEXT = "text"
    NUMBER = "a number"
    DATE = "a date"
    INSTANT = "an instant with a time zone"
    FLAG = "true or false"
    WHOLE = "a whole number"


_ARROW = {
    Kind.TEXT: pa.string(),
    Kind.NUMBER: pa.float64(),
    Kind.DATE: pa.date32(),
    Kind.INSTANT: INSTANT,
    Kind.FLAG: pa.bool_(),
    Kind.WHOLE: pa.int64(),
}
ICEBERG_TYPES: dict[Kind, IcebergType] = {
    Kind.TEXT: StringType(),
    Kind.NUMBER: DoubleType(),
    Kind.DATE: DateType(),
    Kind.INSTANT: TimestamptzType(),
    Kind.FLAG: BooleanType(),
    Kind.WHOLE: LongType(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a fact table.

    Attributes
    ----------
    name, kind
        What it is called and holds.
    required
        Whether every row must have a value.
    derived
        Whether a rule fills in what a publisher leaves out.
    choices
        The only values allowed; empty if any is.
    is_publication
        Whether a bare date stands for the end of that day in New York.
    is_ratio
        Whether a text such as "1/3" is read as the number that it is.
    """

    name: str
    kind: Kind
    required: bool = True
    derived: bool = False
    choices: tuple[str, ...] = ()
    is_publication: bool = False
    is_ratio: bool = False


@dataclass(frozen=True)
class TableSpec:
    """One fact table.

    Attributes
    ----------
    name : str
    key : tuple of str
        What a vintage is a version of.
    columns : tuple of Column
    order : tuple of str
        How rows are sorted in files; a permutation of the key and `known_at`.
    known_at_from : str or None
        The column `known_at` is derived from where it is left out.
    is_declared : bool
        Whether a user declared it.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    order: tuple[str, ...]
    known_at_from: str | None = None
    is_declared: bool = False

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        """Travel to other processes by name: which table it is, `is` decides."""
        if SPECS.get(self.name) is self:
            return _built_in, (self.name,)
        return super().__reduce_ex__(protocol)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the column called `name`."""
        return self.columns[self.names.index(name)]

    @functools.cached_property
    def arrow(self) -> pa.Schema:
        """The Arrow schema of normalised rows."""
        return pa.schema(
            [
                pa.field(column.name, _ARROW[column.kind], nullable=not column.required)
                for column in self.columns
            ]
        )

    def iceberg(self) -> Schema:
        """Return the Iceberg schema."""
        return _iceberg(self.columns)


@functools.lru_cache(maxsize=64)
def _iceberg(columns: tuple[Column, ...]) -> Schema:
    return Schema(
        *(
            NestedField(
                field_id=number,
                name=column.name,
                field_type=ICEBERG_TYPES[column.kind],
                required=column.required,
            )
            for number, column in enumerate(columns, start=1)
        )
    )


def _known_at(*, derived: bool) -> Column:
    return Column(name="known_at", kind=Kind.INSTANT, derived=derived)


_RETRACTED = Column(name="retracted", kind=Kind.FLAG, derived=True)

ETF_HOLDINGS = TableSpec(
    name="etf_holdings",
    key=("fund", "date", "isin"),
    columns=(
        Column(name="fund", kind=Kind.TEXT),
        Column(name="date", kind=Kind.DATE),
        Column(name="isin", kind=Kind.TEXT),
        _known_at(derived=False),
        Column(name="symbol", kind=Kind.TEXT, required=False),
        Column(name="name", kind=Kind.TEXT, required=False),
        Column(name="balance", kind=Kind.NUMBER, required=False),
        Column(name="value_usd", kind=Kind.NUMBER, required=False),
        Column(name="weight_pct", kind=Kind.NUMBER, required=False),
        Column(name="index", kind=Kind.TEXT, required=False),
        _RETRACTED,
    ),
    order=("fund", "date", "isin", "known_at"),
)

INDEX_CHANGES = TableSpec(
    name="index_changes",
    key=("change_id",),
    columns=(
        Column(name="change_id", kind=Kind.TEXT, derived=True),
        Column(name="index", kind=Kind.TEXT),
        Column(name="symbol", kind=Kind.TEXT),
        Column(name="side", kind=Kind.TEXT, choices=tuple(Side)),
        Column(
            name="announced", kind=Kind.INSTANT, required=False, is_publication=True
        ),
        Column(name="effective", kind=Kind.DATE, required=False),
        _known_at(derived=True),
        Column(name="cause", kind=Kind.TEXT, required=False, choices=CAUSES),
        Column(
            name="announced_quality",
            kind=Kind.TEXT,
            required=False,
            choices=ANNOUNCED_QUALITIES,
        ),
        Column(name="isin", kind=Kind.TEXT, required=False),
        Column(name="source", kind=Kind.TEXT, required=False),
        _RETRACTED,
    ),
    order=("change_id", "known_at"),
    known_at_from="announced",
)

PRICES = TableSpec(
    name="prices",
    key=("symbol", "session"),
    columns=(
        Column(name="symbol", kind=Kind.TEXT),
        Column(name="session", kind=Kind.DATE),
        Column(name="open", kind=Kind.NUMBER),
        Column(name="high", kind=Kind.NUMBER),
        Column(name="low", kind=Kind.NUMBER),
        Column(name="close", kind=Kind.NUMBER),
        Column(name="volume", kind=Kind.NUMBER, required=False),
        Column(name="basis", kind=Kind.TEXT, choices=BASES),
        _known_at(derived=True),
        _RETRACTED,
    ),
    order=("session", "symbol", "known_at"),
)

CORPORATE_ACTIONS = TableSpec(
    name="corporate_actions",
    key=("action_id",),
    columns=(
        Column(name="action_id", kind=Kind.TEXT, derived=True),
        Column(name="symbol", kind=Kind.TEXT),
        Column(name="kind", kind=Kind.TEXT, choices=tuple(ActionKind)),
        Column(name="ex_date", kind=Kind.DATE),
        _known_at(derived=True),
        Column(
            name="announced", kind=Kind.INSTANT, required=False, is_publication=True
        ),
        Column(name="cash", kind=Kind.NUMBER, required=False),
        Column(name="ratio", kind=Kind.NUMBER, required=False, is_ratio=True),
        Column(name="other", kind=Kind.TEXT, required=False),
        Column(name="currency", kind=Kind.TEXT, derived=True, choices=("USD",)),
        Column(name="record_date", kind=Kind.DATE, required=False),
        Column(name="pay_date", kind=Kind.DATE, required=False),
        Column(name="label", kind=Kind.TEXT, required=False),
        Column(name="source", kind=Kind.TEXT, required=False),
        _RETRACTED,
    ),
    order=("action_id", "known_at"),
    known_at_from="announced",
)

INSTRUMENTS = TableSpec(
    name="instruments",
    key=("instrument_id", "identifier", "valid_from", "kind"),
    columns=(
        Column(name="instrument_id", kind=Kind.TEXT),
        Column(name="identifier", kind=Kind.TEXT),
        Column(name="valid_from", kind=Kind.DATE),
        Column(
            name="kind",
            kind=Kind.TEXT,
            choices=("isin", "symbol", "cik", "figi", "prices"),
        ),
        Column(name="valid_to", kind=Kind.DATE, required=False),
        _known_at(derived=True),
        _RETRACTED,
    ),
    order=("instrument_id", "identifier", "valid_from", "kind", "known_at"),
)

BORROW = TableSpec(
    name="borrow",
    key=("symbol", "session"),
    columns=(
        Column(name="symbol", kind=Kind.TEXT),
        Column(name="session", kind=Kind.DATE),
        Column(name="rate_bps_per_year", kind=Kind.NUMBER),
        Column(name="available", kind=Kind.FLAG, required=False),
        _known_at(derived=True),
        _RETRACTED,
    ),
    order=("session", "symbol", "known_at"),
)

FROM_THE_START = {spec.name: spec for spec in (ETF_HOLDINGS, INDEX_CHANGES, PRICES)}
"""The fact tables that are made with a lake, by name."""

LATER = {spec.name: spec for spec in (CORPORATE_ACTIONS, INSTRUMENTS, BORROW)}
"""Those that are made when they are first published, by name."""

SPECS = FROM_THE_START | LATER
"""The fact tables that lakebt knows without a declaration, by name."""


def _built_in(name: str) -> TableSpec:
    return SPECS[name]


@functools.cache
def ledger_schema() -> Schema:
    """Return the Iceberg schema of the ledger: a row per release."""
    pin = StructType(
        NestedField(21, "table", StringType(), required=True),
        NestedField(22, "uuid", StringType(), required=True),
        NestedField(23, "snapshot_id", LongType(), required=True),
        NestedField(24, "schema_id", IntegerType(), required=True),
        NestedField(25, "rows", LongType(), required=True),
        NestedField(26, "published", LongType(), required=False),
        NestedField(27, "digest", StringType(), required=True),
        NestedField(28, "earliest", TimestamptzType(), required=True),
        NestedField(29, "files", StringType(), required=False),
    )
    return Schema(
        NestedField(1, "name", StringType(), required=True),
        NestedField(2, "sequence", LongType(), required=True),
        NestedField(3, "as_of", TimestamptzType(), required=True),
        NestedField(4, "committed_at", TimestamptzType(), required=True),
        NestedField(5, "digest", StringType(), required=True),
        NestedField(
            6,
            "tables",
            ListType(element_id=11, element_type=pin, element_required=True),
            required=True,
        ),
        NestedField(7, "note", StringType(), required=True),
        NestedField(
            8,
            "labels",
            MapType(
                key_id=12,
                key_type=StringType(),
                value_id=13,
                value_type=StringType(),
                value_required=True,
            ),
            required=True,
        ),
        NestedField(9, "retain_days", IntegerType(), required=False),
        NestedField(10, "ended_at", TimestamptzType(), required=False),
        NestedField(14, "ended_because", StringType(), required=False),
    )
