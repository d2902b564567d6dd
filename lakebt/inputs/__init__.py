"""What people hand in, checked before it is used: words, numbers, files of code."""

from __future__ import annotations
