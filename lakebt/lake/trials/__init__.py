"""The trials: one row for everything tried, recorded once and never changed."""

from __future__ import annotations
