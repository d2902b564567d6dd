"""Digests and sizes of the files that rows were read from."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_CHUNK_BYTES = 2**20


def digest_of(place: Path) -> tuple[str, int, int]:
    """Return the SHA-256, the bytes and the number of the files that a place means.

    Of several files, a folder's or a pattern's, it is the SHA-256 of the list that
    ``sha256sum`` prints of them in that place, sorted by name: a line for each with its
    digest, two spaces and its name.

    Parameters
    ----------
    place
        A file, a folder, or a pattern with ``*``.

    Returns
    -------
    digest : str
        64 hex digits.
    n_bytes, n_files : int
        How much, and how many, the digest is of.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "abc.txt").write_bytes(b"abc")
    ...     digest_of(Path(folder) / "abc.txt")  # FIPS 180-2, appendix B.1
    ('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', 3, 1)
    """
    if place.is_file():
        return (*_of_file(place), 1)
    if place.is_dir():
        base, files = place, [each for each in place.rglob("*") if each.is_file()]
    else:
        base = place.parent
        files = [each for each in base.glob(place.name) if each.is_file()]
    lines, n_bytes = hashlib.sha256(), 0
    for name, each in sorted(
        (each.relative_to(base).as_posix(), each) for each in files
    ):
        digest, size = _of_file(each)
        lines.update(f"{digest}  {name}\n".encode())
        n_bytes += size
    return lines.hexdigest(), n_bytes, len(files)


def digest_of_list(digests: Mapping[str, str]) -> str:
    """Return the SHA-256 of what ``sha256sum`` prints of files, sorted by name.

    Parameters
    ----------
    digests
        By name.
    """
    lines = (f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _of_file(path: Path) -> tuple[str, int]:
    state, n_bytes = hashlib.sha256(), 0
    with path.open("rb") as lines:
        while chunk := lines.read(_CHUNK_BYTES):
            state.update(chunk)
            n_bytes += len(chunk)
    return state.hexdigest(), n_bytes
