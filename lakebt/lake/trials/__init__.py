"""What was tried: one row for each trial, recorded once, and never changed."""

from __future__ import annotations
