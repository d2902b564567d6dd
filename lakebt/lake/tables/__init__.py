"""What a fact table is: its columns, its rows as arrays, and the words for them."""

from __future__ import annotations
