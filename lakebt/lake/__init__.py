"""What was known: the only code of lakebt that touches storage."""

from __future__ import annotations

from lakebt.lake.committing.erasure_marks import Redaction
from lakebt.lake.committing.ledger import Release, TablePin
from lakebt.lake.lake import Lake
from lakebt.lake.reading.diff import Diff
from lakebt.lake.reading.view import View

__all__ = ["Diff", "Lake", "Redaction", "Release", "TablePin", "View"]
