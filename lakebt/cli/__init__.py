"""The command line: `lakebt --help`.

Help is answered without the heavy imports: each command imports what it needs when it
runs, and only annotations of plain types stand in its signature.
"""

from __future__ import annotations

from lakebt.cli.app import app, main
from lakebt.cli.backtest import backtest
from lakebt.cli.demo import demo
from lakebt.cli.publish import publish
from lakebt.cli.releases import diff, releases
from lakebt.cli.study import study

__all__ = ["app", "main"]

for command in (demo, publish, releases, diff, study, backtest):
    app.command()(command)
