"""What `lakebt publish` tells: of each file, and of the first rows of a dry run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakebt.cli import options
from lakebt.cli.output import print_frame, print_json, records, terminal
from lakebt.errors import LakeError
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.publishing.first_rows import FirstRows
    from lakebt.sources.converted import Converted


MOST_FILES = 20
"""Of a table and a format, that a release keeps one by one."""


def file_of(path: Path, layout: str, converted: Converted) -> dict[str, Any]:
    """Return what a release keeps of a file that it was read from."""
    from lakebt.sources.file_facts import digest_of

    digest, n_bytes, n_files = digest_of(path)
    return {
        "table": converted.table,
        "name": path.name,
        "sha256": digest,
        "bytes": n_bytes,
        "n_files": n_files,
        "format": layout,
        "read": converted.n_read,
        "kept": converted.kept,
        **({"dropped": dict(converted.dropped)} if converted.dropped else {}),
    }


def as_kept(
    found: Sequence[tuple[Path, Mapping[str, Any]]],
) -> list[dict[str, Any]]:
    """Return what a release keeps of its files: of many for a table, one entry.

    The ledger is read whole, and a file takes 200 bytes of it: of more than
    `MOST_FILES` of one table and format, the list that ``sha256sum`` prints of them is
    digested, as of a folder that is read as one.
    """
    groups: dict[tuple[str, str], list[tuple[Path, Mapping[str, Any]]]] = {}
    for path, each in found:
        groups.setdefault((each["table"], each["format"]), []).append((path, each))
    kept = []
    for own in groups.values():
        if len(own) <= MOST_FILES:
            kept += [dict(each) for _, each in own]
        else:
            kept.append(_together(own))
    return kept


def _together(own: Sequence[tuple[Path, Mapping[str, Any]]]) -> dict[str, Any]:
    """Return one entry for many files, named after the folder they share."""
    import os
    from collections import Counter
    from pathlib import Path

    from lakebt.sources.file_facts import digest_of_list

    base = os.path.commonpath([path.absolute().parent for path, _ in own])
    digests = {
        path.absolute().relative_to(base).as_posix(): str(each["sha256"])
        for path, each in own
    }
    dropped: Counter[str] = Counter()
    for _, each in own:
        dropped.update(each.get("dropped", {}))
    first = own[0][1]
    return {
        "table": first["table"],
        "name": Path(base).name or base,
        "sha256": digest_of_list(digests),
        **{
            name: sum(int(each[name]) for _, each in own)
            for name in ("bytes", "n_files")
        },
        "format": first["format"],
        **{name: sum(int(each[name]) for _, each in own) for name in ("read", "kept")},
        **({"dropped": dict(dropped)} if dropped else {}),
    }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DryRun:
    """What is shown of rows that are not published.

    Attributes
    ----------
    first
        Of each table.
    read
        The name of each file, and what it gave.
    """

    first: Sequence[FirstRows]
    read: Sequence[tuple[str, Converted]]

    def more(self, table: str) -> dict[str, Any]:
        """Return what a record of a table has besides."""
        own = [converted for _, converted in self.read if converted.table == table]
        dropped: dict[str, int] = {}
        for converted in own:
            for why, n in converted.dropped.items():
                dropped[why] = dropped.get(why, 0) + n
        counts: dict[str, Any] = {
            "read": sum(converted.n_read for converted in own),
            "dropped": dropped,
            "left_out": sorted({name for one in own for name in one.left_out}),
            "noted": [line for converted in own for line in converted.noted],
        }
        for each in self.first:
            if each.table == table:
                counts["derived"] = list(each.derived)
                counts["first_rows"] = records(each.rows)
        return counts

    def show(self) -> None:
        """Print it: what each file gave, and the first rows of each table."""
        console = terminal()
        for _, converted in self.read:
            console.print(converted.summary(), markup=False)
        for each in self.first:
            console.print()
            # A key that is made of the other columns tells nothing beside them.
            keys = [n for n in each.derived if each.rows[n].dtype == "str"]
            rows = each.rows.drop(columns=keys)
            same = [n for n in rows.columns if len(rows) > 1 and _is_constant(rows[n])]
            title = f"{each.table}, the first {count(len(rows), 'row')} as understood"
            print_frame(console, rows.drop(columns=same), title=title)
            if same:
                alike = ", ".join(f"{name} {rows[name].iloc[0]}" for name in same)
                console.print(f"In each of them: {alike}.", markup=False)
            derived = ", ".join(each.derived) or "nothing"
            console.print(f"Derived: {derived}.", markup=False)
        console.print()


def _is_constant(values: pd.Series) -> bool:
    texts = values.astype(str)
    return bool((texts == texts.iloc[0]).all())


def first_rows(
    lake: Path | None,
    catalog: str | None,
    calendar: tuple[str | None, Sequence[str]],
    frames: Mapping[str, pd.DataFrame],
) -> list[FirstRows]:
    """Return the first rows of each table as they would be published."""
    from lakebt.lake.api.publishing import first_rows_of

    exchange, closed = calendar
    try:
        target = options.open_lake(lake, catalog, exchange=exchange)
    except LakeError:
        return first_rows_of(None, frames, calendar=(exchange, closed))
    return first_rows_of(target, frames)


def published(
    made: Release,
    read: Sequence[tuple[str, Converted]],
    *,
    as_json: bool,
) -> None:
    """Tell what was published, of each file."""
    if as_json:
        print_json(
            {
                "release": made.name,
                "sequence": made.sequence,
                "as_of": made.as_of,
                "table": converted.table,
                "file": name,
                "read": converted.n_read,
                "rows": converted.kept,
                "dropped": dict(converted.dropped),
                "left_out": list(converted.left_out),
                "noted": list(converted.noted),
                "is_new": made.is_new,
            }
            for name, converted in read
        )
        return
    console = terminal()
    for _, converted in read:
        console.print(converted.summary(), markup=False)
    when = made.as_of.isoformat(sep=" ").replace("+00:00", " UTC")
    if made.is_new:
        sentence = (
            f"Published release {made.name}: {count(made.rows, 'row')} in "
            f"{', '.join(made.published)}, as of {when}."
        )
    else:
        sentence = (
            f"Release {made.name} holds exactly this already, as of {when}: nothing "
            f"was written."
        )
    console.print(sentence, style="green", markup=False)
