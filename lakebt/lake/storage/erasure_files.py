"""Where a lake keeps what it says of erasures: its folder, or beside its ledger.

In a store that is the folder in which the ledger's table lies, so that the files travel
with the tables whatever catalog names these.
"""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.fs as pafs
from pyiceberg.io.pyarrow import PyArrowFileIO

from lakebt.lake.storage.directory import DATABASE, WAREHOUSE
from lakebt.lake.storage.durability import write_whole
from lakebt.lake.tables.schemas import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pyiceberg.io import FileIO
    from pyiceberg.table import Table


CERTIFICATES = "erasures"
"""The folder that has the certificates."""

_NOTE = re.compile(r"erasure-[0-9a-f]{16}\.json")


class ErasureFiles:
    """The notes and certificates of one lake.

    Parameters
    ----------
    url
        The folder that they lie in.
    io
        Of the lake's tables.

    Attributes
    ----------
    url : str
    root : pathlib.Path or None
        The folder, if it is on a disk.
    """

    def __init__(self, url: str, io: FileIO) -> None:
        self.url = url.rstrip("/")
        self.io = io if isinstance(io, PyArrowFileIO) else PyArrowFileIO(io.properties)
        scheme, netloc, self._path = PyArrowFileIO.parse_location(
            self.url, self.io.properties
        )
        self._system = self.io.fs_by_scheme(scheme, netloc)
        is_local = isinstance(self._system, pafs.LocalFileSystem)
        self.root = Path(self._path) if is_local else None

    @classmethod
    def in_folder(cls, root: Path) -> ErasureFiles:
        """Return those of a lake in a folder."""
        return cls(f"file://{root}", PyArrowFileIO({}))

    @classmethod
    def beside(cls, ledger: Table) -> ErasureFiles:
        """Return those of a lake whose tables another catalog has.

        Of a lake in a folder, as `lakebt serve` has it, that is the folder.
        """
        folder, _, _ = ledger.location().rstrip("/").rpartition("/")
        those = cls(folder, ledger.io)
        inner = Path(WAREHOUSE, NAMESPACE)
        if those.root is not None and those.root.match(str(inner)):
            root = those.root.parents[len(inner.parts) - 1]
            if (root / DATABASE).is_file():
                return cls.in_folder(root)
        return those

    def notes(self) -> list[str]:
        """Return the names of the notes."""
        return [name for name in self._names("") if _NOTE.fullmatch(name)]

    def read(self, name: str) -> Any:
        """Return what a file says.

        Raises
        ------
        FileNotFoundError
            If there is none.
        ValueError
            If it is no JSON.
        """
        with self._system.open_input_file(f"{self._path}/{name}") as stream:
            return json.loads(stream.read())

    def write(self, name: str, said: Mapping[str, Any]) -> None:
        """Write a file, and flush it to the disk.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        content = packed(said)
        if self.root is not None:
            place = self.root / name
            place.parent.mkdir(exist_ok=True)
            write_whole(place, content)
            return
        with self.io.new_output(f"{self.url}/{name}").create(overwrite=True) as stream:
            stream.write(content)

    def remove(self, name: str) -> None:
        """Delete a file, if it is there.

        Raises
        ------
        OSError
            If it cannot be deleted.
        """
        with contextlib.suppress(FileNotFoundError):
            self._system.delete_file(f"{self._path}/{name}")

    def certificate(self, erasure: str) -> dict[str, Any] | None:
        """Return the certificate of an erasure; None if there is none."""
        try:
            certificate = self.read(certificate_name(erasure))
        except (FileNotFoundError, ValueError):
            return None
        return certificate if isinstance(certificate, dict) else None

    def certify(self, certificate: Mapping[str, Any]) -> None:
        """Write a certificate, and flush it to the disk.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        self.write(certificate_name(str(certificate["id"])), certificate)

    def certify_anew(self, change: Callable[[Any], Any]) -> None:
        """Write certificates anew of which `change` makes others.

        Raises
        ------
        OSError
            If one cannot be written.
        """
        for certificate in self.certificates():
            if (now := change(certificate)) != certificate:
                self.certify(now)

    def certificates(self) -> list[dict[str, Any]]:
        """Return the certificates, the first first."""
        certificates: list[tuple[str, int, dict[str, Any]]] = []
        for name, written in self._names(CERTIFICATES).items():
            with contextlib.suppress(ValueError, OSError):
                certificate = self.read(f"{CERTIFICATES}/{name}")
                if (
                    name.endswith(".json")
                    and isinstance(certificate, dict)
                    and "id" in certificate
                ):
                    certificates.append(
                        (str(certificate.get("at")), written, certificate)
                    )
        return [
            certificate
            for _, _, certificate in sorted(certificates, key=lambda each: each[:2])
        ]

    def _names(self, folder: str) -> dict[str, int]:
        """Return the files of a folder, in order, and when each was written."""
        inner = f"{self._path}/{folder}".rstrip("/")
        infos = self._system.get_file_info(
            pafs.FileSelector(inner, allow_not_found=True)
        )
        return {
            info.base_name: info.mtime_ns or 0
            for info in sorted(infos, key=lambda each: each.base_name)
            if info.type is pafs.FileType.File
        }


def packed(said: Mapping[str, Any]) -> bytes:
    """Return what a file holds that says something."""
    return json.dumps(said, ensure_ascii=False, indent=1).encode()


def of_releases(
    certificate: Mapping[str, Any], names: Collection[str]
) -> dict[str, Any]:
    """Return a certificate that names no other releases than some.

    Examples
    --------
    >>> of_releases({"id": "a", "rows_by_release": {"R1": 1, "R2": 2}}, {"R2"})
    {'id': 'a', 'rows_by_release': {'R2': 2}}
    """
    rows = certificate["rows_by_release"]
    kept = {name: n_rows for name, n_rows in rows.items() if name in names}
    return {**certificate, "rows_by_release": kept}


def note_name(erasure: str) -> str:
    """Return how the note of an erasure is called."""
    return f"erasure-{erasure}.json"


def certificate_name(erasure: str) -> str:
    """Return how the certificate of an erasure is called, below the folder."""
    return f"{CERTIFICATES}/{erasure}.json"
