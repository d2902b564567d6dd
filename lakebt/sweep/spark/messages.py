"""Messages between a driver and its executors, as Arrow, without pickles."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lakebt import errors
from lakebt.errors import LakeError
from lakebt.events.plan import Event
from lakebt.prices.actions import ActionHistory
from lakebt.prices.borrow import BorrowHistory
from lakebt.prices.effects import ShareUnits
from lakebt.prices.history import PriceHistory
from lakebt.study.cells import Cells
from lakebt.study.joint_cells import PANELS, Slots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from lakebt._typing import IntVector
    from lakebt.errors import LakebtError
    from lakebt.sessions import Sessions


TRIALS, FILE = "trials", "file"
"""What an executor hands back of whole studies: their rows, or a data file of them."""

ROWS, CELLS, ERROR = "rows", "cells", "error"
"""Of some entries of a study: rows, what some events came to, or why not."""

CUT = "cut"
"""Of what was sent too few prices: whose."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """The result of a piece of work.

    Attributes
    ----------
    number
        What it is of.
    part
        Of the events.
    kind
        One of those above.
    cells
        How many cells it records.
    seconds
        How long it took.
    payload
    """

    number: int
    part: int
    kind: str
    cells: int = 0
    seconds: float
    payload: bytes


def pack_error(error: LakebtError) -> bytes:
    """Return an error as text that another process can read."""
    message = {"name": type(error).__name__, "text": str(error)}
    message["args"] = json.dumps(error.args, default=_instant)
    return json.dumps(message).encode()


def _instant(value: object) -> object:
    return {"at": value.isoformat()} if isinstance(value, dt.datetime) else str(value)


def unpack_error(packed: bytes) -> LakebtError:
    """Return the error again."""
    read = json.loads(packed)
    args = json.loads(read["args"], object_hook=_read_instant)
    error: LakebtError = getattr(errors, read["name"], LakeError)(*args)
    return error


def _read_instant(value: dict[str, Any]) -> object:
    return dt.datetime.fromisoformat(value["at"]) if set(value) == {"at"} else value


_SMALL = {"n_legs": "int32", "first": "int32", "n_returns": "int32", "gaps": "int32"}
"""Counts travel as what they fit into: no calendar has two billion sessions."""

_ROWS = (
    *("known_at", "session", "open", "close", "retracted", "untraded"),
    *("volume", "row_basis"),
)
_ACTIONS = (
    *("action", "symbol", "other", "kind", "session", "cash", "ratio"),
    *("known_at", "retracted"),
)
_TEXTS = ("symbols", "action_ids", "labels")
_OF_ACTIONS = "actions."
"""What the columns of actions are called after."""
_BORROW = ("symbol", "session", "known_at", "rate", "available", "retracted")
_OF_BORROW = "borrow."
"""What the columns of borrow rates are called after."""


def pack(arrays: Mapping[str, np.ndarray[Any, Any] | Sequence[str]]) -> bytes:
    """Return arrays, or lists of texts, of any lengths as an Arrow stream."""
    columns = []
    for values in arrays.values():
        kind = pa.string() if isinstance(values, list) else None
        array: Any = pa.array(values, kind)
        ends = pa.array([0, len(array)], pa.int64())
        columns.append(pa.LargeListArray.from_arrays(ends, array))
    batch = pa.RecordBatch.from_arrays(columns, names=list(arrays))
    return _written(batch.schema, [batch])


def unpack(packed: bytes) -> dict[str, Any]:
    """Return the arrays again; numbers without a copy, and so read only."""
    with pa.ipc.open_stream(pa.py_buffer(packed)) as stream:
        batch = stream.read_next_batch()
    columns = {}
    column: Any
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        values = column.values  # noqa: PD011 - an Arrow list's
        if pa.types.is_string(values.type):
            columns[name] = values.to_pylist()
        else:
            columns[name] = values.to_numpy(zero_copy_only=False)
    return columns


def pack_rows(rows: pd.DataFrame) -> bytes:
    """Return a frame as an Arrow stream."""
    table = pa.Table.from_pandas(rows, preserve_index=False)
    return _written(table.schema, table.to_batches())


def unpack_rows(packed: bytes) -> pd.DataFrame:
    """Return the frame again."""
    with pa.ipc.open_stream(pa.py_buffer(packed)) as stream:
        table: Any = stream.read_all()
    rows: pd.DataFrame = table.to_pandas()
    return rows


def pack_symbols(symbols: Sequence[str]) -> bytes:
    """Return symbols whose prices were cut too early; none are all that there are."""
    return json.dumps(list(symbols)).encode()


def unpack_symbols(packed: bytes) -> tuple[str, ...]:
    """Return the symbols again."""
    return tuple(json.loads(packed))


def _written(schema: pa.Schema, batches: Sequence[pa.RecordBatch]) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        for batch in batches:
            stream.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def pack_prices(history: PriceHistory, symbols: Sequence[str]) -> bytes:
    """Return the prices of some symbols; those that have none are left out.

    With their actions, and the prices and borrow rates of the shares that come of them;
    of prices of some sessions also with what is told of the others.
    """
    actions = history.actions.of(symbols)
    borrow = history.borrow.of((*symbols, *actions.symbols))
    codes = np.unique(history.codes((*symbols, *actions.symbols)))
    codes = codes[codes >= 0]
    cuts = np.searchsorted(history.symbol, np.arange(len(history.symbols) + 1))
    taken = np.concatenate(
        [np.arange(cuts[code], cuts[code + 1]) for code in codes.tolist()]
        or [np.zeros(0, dtype=np.int64)]
    )
    return pack(
        {
            "symbols": [history.symbols[code] for code in codes.tolist()],
            "basis": list(history.basis),
            "counts": np.diff(cuts)[codes],
            **{name: _taken(getattr(history, name), taken) for name in _ROWS},
            **{f"{_OF_ACTIONS}{name}": list(getattr(actions, name)) for name in _TEXTS},
            **{f"{_OF_ACTIONS}{name}": getattr(actions, name) for name in _ACTIONS},
            f"{_OF_BORROW}symbols": list(borrow.symbols),
            **{f"{_OF_BORROW}{name}": getattr(borrow, name) for name in _BORROW},
            **_about(history, symbols),
            **_others(history, codes, (*symbols, *actions.symbols)),
        }
    )


def _about(history: PriceHistory, symbols: Sequence[str]) -> dict[str, list[str]]:
    """Return what is said of where bars are, if anything is."""
    about = {name: history.about[name] for name in symbols if name in history.about}
    return {"about": list(about), "said": list(about.values())} if about else {}


def _others(
    history: PriceHistory, codes: IntVector, symbols: Sequence[str]
) -> dict[str, np.ndarray[Any, Any]]:
    """Return what prices of some sessions tell of the others."""
    terms: dict[str, np.ndarray[Any, Any]] = {}
    if len(history.cut):
        terms["cut"] = history.cut[codes]
    if isinstance(history.units, ShareUnits):
        units = pack_prices(history.units.history, symbols)
        terms["units"] = np.frombuffer(units, dtype=np.uint8)
    return terms


def _taken(values: np.ndarray[Any, Any], rows: IntVector) -> np.ndarray[Any, Any]:
    """Return some of a column's rows; of one that was not read there are none."""
    return values[rows] if len(values) else values


def unpack_prices(packed: bytes, *, sessions: Sessions) -> PriceHistory:
    """Return prices again, on the calendar that they were packed with."""
    columns = unpack(packed)
    symbols = tuple(columns["symbols"])
    actions = {name: columns[f"{_OF_ACTIONS}{name}"] for name in _ACTIONS}
    for name in _TEXTS:
        actions[name] = tuple(columns[f"{_OF_ACTIONS}{name}"])
    borrow = {name: columns[f"{_OF_BORROW}{name}"] for name in _BORROW}
    return PriceHistory(
        symbols=symbols,
        sessions=sessions,
        symbol=np.repeat(np.arange(len(symbols)), columns["counts"]),
        basis=tuple(columns["basis"]),
        **{name: columns[name] for name in _ROWS},
        actions=ActionHistory(**actions),
        borrow=BorrowHistory(
            symbols=tuple(columns[f"{_OF_BORROW}symbols"]),
            span=len(sessions),
            **borrow,
        ),
        about=dict(zip(columns.get("about", ()), columns.get("said", ()), strict=True)),
        cut=columns.get("cut", np.zeros(0, dtype=bool)),
        units=(
            ShareUnits(unpack_prices(columns["units"].tobytes(), sessions=sessions))
            if "units" in columns
            else None
        ),
    )


def pack_cells(slots: Slots, cells: Cells, *, with_worth: bool) -> bytes:
    """Return the packed results of some events.

    Parameters
    ----------
    slots, cells
    with_worth
        Whether it is needed what was held at each close: by a calendar portfolio.
    """
    columns: dict[str, Any] = {
        "events": [event.event_id for event in slots.events],
        "indices": [event.index for event in slots.events],
        "dates": np.array([event.date.toordinal() for event in slots.events], "int64"),
        "event": slots.event,
        "entry": slots.entry,
        "held": cells.held,
        "worth": cells.worth if with_worth else np.zeros(0),
    }
    for name in PANELS:
        panel = getattr(cells, name)
        columns[name] = panel.ravel().astype(_SMALL.get(name, panel.dtype), copy=False)
    return pack(columns)


def unpack_cells(
    packed: bytes, *, entries: Sequence[str], exits: Sequence[str]
) -> tuple[Slots, Cells]:
    """Return the results of some events, under a grid."""
    columns = unpack(packed)
    named = zip(
        columns["events"], columns["indices"], columns["dates"].tolist(), strict=True
    )
    slots = Slots(
        entries=entries,
        exits=exits,
        events=tuple(
            Event(event_id=event, index=index, date=dt.date.fromordinal(day))
            for event, index, day in named
        ),
        event=columns["event"],
        entry=columns["entry"],
    )
    shape = len(slots.event), len(exits)
    panels = {name: columns[name].reshape(shape) for name in PANELS}
    for name in (*_SMALL, "held_start"):
        panels[name] = panels[name].astype(np.int64)
    return slots, Cells(**panels, held=columns["held"], worth=columns["worth"])
