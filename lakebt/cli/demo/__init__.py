"""`lakebt demo`: the whole path on the sample data, in five short acts."""

from __future__ import annotations

from lakebt.cli.demo.command import demo

__all__ = ["demo"]
