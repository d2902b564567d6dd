"""`Erasure`, and its certificate in the lake, which holds no erased values."""

from __future__ import annotations

import datetime as dt
import hashlib
import html
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt._messages import as_words
from lakebt.lake.erasure.certificate_edits import hidden_rows, without_digests
from lakebt.values.text import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lakebt.lake.erasure.kept_names import KeptName
    from lakebt.lake.erasure.object_versions import KeptVersions
    from lakebt.lake.erasure.proof import Proof
    from lakebt.lake.erasure.substitution import Words


OUT_OF_REACH = (
    (
        "copies and backups of the lake (lakebt export, lakebt backup, images of the "
        "disk): bring them up to date, or delete them"
    ),
    (
        "panels that other machines and users keep (LAKEBT_CACHE): they are not read "
        "any more, and can be deleted"
    ),
    "what was read before and is held by other processes, Spark and notebooks",
    "reports, exported trials, and files that releases were published from",
    (
        "free blocks of the disk; of a catalog in Postgres its write-ahead log and "
        "backups, which have the paths of files and no rows"
    ),
)
"""What no erasure of a lake can reach."""

NOTHING_SOUGHT = (
    "No text was in these rows alone: there is none to look for. Numbers and dates are "
    "not looked for."
)

_SHOWN = 20
"""Releases that are listed one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedFile:
    """A data file, before or after."""

    path: str
    sha256: str
    n_bytes: int
    n_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Rows of other tables or columns that have one of the erased texts.

    Attributes
    ----------
    table, column : str
    n_rows : int
        Their number in all data files.
    command : str
        The command that erases them.
    """

    table: str
    column: str
    n_rows: int
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """The result of an erasure, or of its dry run.

    Attributes
    ----------
    id : str
        The id of the certificate.
    table : str
        That the rows were of.
    columns : tuple of str
        The columns of the filter.
    reason, by : str
        Why, and who erased it.
    at : datetime
        The instant by the lake's clock.
    n_rows : int
        The number of erased rows; each vintage counts.
    rows : mapping of str to int
        The number of rows that each release lost, by its name.
    n_data_files : int
        The number of data files that had such rows.
    before, after : tuple of ErasedFile
        These data files, and those that replace them.
    n_files : int
        The number of deleted files, including old metadata.
    n_values : int
        The number of texts that no row has any more; the proof looks for them in every
        file.
    n_longer : int
        The number of texts in remaining rows that contain one of these.
    elsewhere : tuple of Elsewhere
        Other tables and columns that have a text that was asked for.
    names : tuple of KeptName
        Names of releases, branches, tags, tables and the folder that hold such a text.
        They stay; each says how to get rid of it.
    proof : Proof or None
        The result of searching every byte of the lake afterwards; None for a dry run.
    versions : KeptVersions or None
        The old versions of deleted files that the bucket of a lake in a store keeps.
    out_of_reach : tuple of str
        Places outside the lake that may still hold the texts.
    is_dry_run : bool
        Whether it only says what would happen.
    """

    id: str
    table: str
    columns: tuple[str, ...]
    reason: str
    by: str
    at: dt.datetime
    n_rows: int
    rows: Mapping[str, int]
    n_data_files: int
    before: tuple[ErasedFile, ...] = ()
    after: tuple[ErasedFile, ...] = ()
    n_files: int = 0
    n_values: int = 0
    n_longer: int = 0
    elsewhere: tuple[Elsewhere, ...] = ()
    names: tuple[KeptName, ...] = ()
    proof: Proof | None = None
    versions: KeptVersions | None = None
    out_of_reach: tuple[str, ...] = field(default=OUT_OF_REACH, repr=False)
    is_dry_run: bool = False

    @property
    def releases(self) -> tuple[str, ...]:
        """The releases that lost rows."""
        return tuple(self.rows)

    def frame(self) -> pd.DataFrame:
        """Return the number of rows that each release lost: `release`, `rows`."""
        return pd.DataFrame(
            {
                "release": pd.Series(list(self.rows), dtype="str"),
                "rows": pd.Series(list(self.rows.values()), dtype="int64"),
            }
        )

    @as_words
    def __str__(self) -> str:
        rows = count(self.n_rows, "row")
        did = "was" if self.n_rows == 1 else "were"
        would = "would be" if self.is_dry_run else did
        files = count(self.n_data_files, "data file")
        releases = count(len(self.rows), "release")
        lines = [f"{rows} of {self.table} {would} erased, from {releases}, {files}."]
        lines += [
            f"- {name}: {count(n_rows, 'row')}"
            for name, n_rows in list(self.rows.items())[:_SHOWN]
        ]
        if (more := len(self.rows) - _SHOWN) > 0:
            lines.append(f"- and {count(more, 'more release', many='more releases')}")
        for other in self.elsewhere:
            lines.append(
                f"Still there, as {other.column} of "
                f"{count(other.n_rows, 'row')} of {other.table}: {other.command}"
            )
        lines += [
            f"Still there, in the name of {each.kind} {each.name}: {each.cure}"
            for each in self.names[:_SHOWN]
        ]
        if (more := len(self.names) - _SHOWN) > 0:
            lines.append(f"Still there, in {count(more, 'more name')}.")
        if not self.is_dry_run:
            lines.append(f"Certificate {self.id}: it lists what cannot be reached.")
        if self.proof is not None:
            lines.append(str(self.proof) if self.n_values else NOTHING_SOUGHT)
        if self.versions is not None:
            lines.append(str(self.versions))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        text = html.escape(str(self)).replace("\n", "<br>")
        return f"<p>{text}</p>"


def certificate_of(erasure: Erasure, *, words: Words, version: str) -> dict[str, Any]:
    """Return the certificate of an erasure as JSON values, without erased texts.

    Parameters
    ----------
    erasure
    words
        The values to look for. A digest of each is kept until the proof is complete, to
        recognise a repeated `erase`: see `without_digests`.
    version
        Of lakebt.
    """
    files = {"before": erasure.before, "after": erasure.after}
    certificate = {
        "id": erasure.id,
        "at": erasure.at.isoformat(),
        "by": erasure.by,
        "reason": erasure.reason,
        "lakebt": version,
        "columns": list(erasure.columns),
        "rows_by_release": hidden_rows(erasure.rows, words),
        "values": [
            {"digest": salted(erasure.id, value), "characters": len(value)}
            for value in words.values  # noqa: PD011 - no frame
        ],
        "longer_texts": erasure.n_longer,
        "files": {
            word: [
                {
                    "path": f.path,
                    "sha256": f.sha256,
                    "bytes": f.n_bytes,
                    "rows": f.n_rows,
                }
                for f in some
            ]
            for word, some in files.items()
        },
        "files_deleted": erasure.n_files,
        "names": [
            {"kind": each.kind, "name": words.without(each.name)}
            for each in erasure.names
        ],
        **told(erasure),
    }
    return without_digests(certificate)


def told(erasure: Erasure) -> dict[str, Any]:
    """Return the JSON values that a command's output and a certificate share."""
    proof = erasure.proof
    return {
        "table": erasure.table,
        "rows": erasure.n_rows,
        "elsewhere": [
            {"table": other.table, "column": other.column, "rows": other.n_rows}
            for other in erasure.elsewhere
        ],
        "proof": (
            None
            if proof is None
            else proof_told(proof, looked_for=range(erasure.n_values))
        ),
        "versions": versions_told(erasure.versions),
        "out_of_reach": list(erasure.out_of_reach),
    }


def erasure_of(certificate: Mapping[str, Any]) -> Erasure:
    """Return the erasure of a certificate, without its proof and versions."""

    def files(word: str) -> tuple[ErasedFile, ...]:
        return tuple(
            ErasedFile(
                path=f["path"], sha256=f["sha256"], n_bytes=f["bytes"], n_rows=f["rows"]
            )
            for f in certificate["files"][word]
        )

    return Erasure(
        id=certificate["id"],
        table=certificate["table"],
        columns=tuple(certificate["columns"]),
        reason=certificate["reason"],
        by=certificate["by"],
        at=dt.datetime.fromisoformat(certificate["at"]),
        n_rows=certificate["rows"],
        rows=certificate["rows_by_release"],
        n_data_files=len(certificate["files"]["before"]),
        before=files("before"),
        after=files("after"),
        n_files=certificate["files_deleted"],
        n_values=len(certificate["values"]),
        n_longer=certificate["longer_texts"],
        out_of_reach=tuple(certificate["out_of_reach"]),
    )


def proof_told(proof: Proof, *, looked_for: Iterable[int]) -> dict[str, Any]:
    """Return a proof as JSON values.

    Parameters
    ----------
    proof
    looked_for
        The numbers of the certificate's values that the proof looked for.
    """
    return {
        "ok": proof.ok,
        "looked_for": sorted(looked_for),
        "files": proof.n_files,
        "bytes": proof.n_bytes,
        "traces": [
            {"path": t.path, "where": t.where, "value": t.value} for t in proof.traces
        ],
        "unread": [{"path": path, "why": why} for path, why in proof.unread],
        "covered": proof.n_covered,
        "covering_texts": proof.n_covering,
        "short_values": list(proof.short),
    }


def versions_told(versions: KeptVersions | None) -> dict[str, Any] | None:
    """Return the versions that a bucket keeps, as JSON values."""
    if versions is None:
        return None
    return {
        "is_known": versions.is_known,
        "number": versions.n_versions,
        "bytes": versions.n_bytes,
        "some": [list(each) for each in versions.some],
    }


def salted(erasure: str, value: str) -> str:
    """Return the digest by which a certificate knows a value."""
    return hashlib.sha256(f"{erasure}{value}".encode()).hexdigest()


def as_frame(certificates: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return certificates as rows; see `Lake.erasures`."""
    listed = list(certificates)

    def texts(name: str) -> pd.Series:
        return pd.Series([str(each.get(name) or "") for each in listed], dtype="str")

    def numbers(values: Iterable[int]) -> pd.Series:
        return pd.Series(list(values), dtype="int64")

    return pd.DataFrame(
        {
            "id": texts("id"),
            "at": pd.Series(
                [dt.datetime.fromisoformat(str(each["at"])) for each in listed],
                dtype=pd.DatetimeTZDtype("us", "UTC"),
            ),
            "by": texts("by"),
            "reason": texts("reason"),
            "table": texts("table"),
            "columns": pd.Series([list(c["columns"]) for c in listed], dtype=object),
            "rows": numbers(int(each["rows"]) for each in listed),
            "releases": pd.Series(
                [list(each["rows_by_release"]) for each in listed], dtype=object
            ),
            "is_proved": pd.Series([_is_proved(each) for each in listed], dtype="bool"),
        }
    )


def _is_proved(certificate: Mapping[str, Any]) -> bool:
    proof = certificate.get("proof")
    if proof is None:  # it was killed before that
        return certificate.get("values") == []
    if not proof.get("ok"):
        return False
    return len(proof["looked_for"]) == len(certificate["values"])
