"""Keeping a lake in order: retention, diagnosis and repair."""

from __future__ import annotations
