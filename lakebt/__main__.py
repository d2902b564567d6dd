"""``python -m lakebt`` is the command line."""

from __future__ import annotations

from lakebt.cli import main

if __name__ == "__main__":
    main()
