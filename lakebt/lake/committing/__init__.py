"""The strict commit, and the ledger it keeps."""

from __future__ import annotations
