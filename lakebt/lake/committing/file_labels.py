"""The files a release was read from; the ledger keeps them in reserved labels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FILE_LABEL = "lakebt.file."
"""How the keys of such labels begin. The ledger's columns are those of old lakes."""


def file_labels(files: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, str]]:
    """Return files as the ledger keeps them."""
    for number, file in enumerate(files):
        yield f"{FILE_LABEL}{number}", json.dumps(dict(file), ensure_ascii=False)


def labels_and_files(labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the labels of a publisher, and the files apart from them."""
    own_labels = {k: text for k, text in labels.items() if not k.startswith(FILE_LABEL)}
    n_files = len(labels) - len(own_labels)
    files = (json.loads(labels[f"{FILE_LABEL}{n}"]) for n in range(n_files))
    return {"labels": own_labels, "files": tuple(files)}
