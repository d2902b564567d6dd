"""Rows normalised, audited, and published as a release."""

from __future__ import annotations
