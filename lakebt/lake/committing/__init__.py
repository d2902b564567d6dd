"""All tables or none: the strict commit, and the ledger that it keeps."""

from __future__ import annotations
