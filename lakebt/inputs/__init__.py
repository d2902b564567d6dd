"""What people pass in, read and checked: words, numbers, filters, files of code."""

from __future__ import annotations
