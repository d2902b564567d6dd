"""The ledger of trials: one row for each, recorded once and never changed."""

from __future__ import annotations
