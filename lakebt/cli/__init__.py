"""The command line: `lakebt --help`.

Help is answered without the heavy imports: each command imports what it needs when it
runs, and only annotations of plain types stand in its signature.
"""

from __future__ import annotations

from lakebt.cli.audit import audit
from lakebt.cli.backtest import backtest
from lakebt.cli.branch import branch
from lakebt.cli.cluster import cluster
from lakebt.cli.commands import Command, app, main
from lakebt.cli.copies import backup, export, import_
from lakebt.cli.demo import demo
from lakebt.cli.doctor import doctor
from lakebt.cli.duckdb import duckdb
from lakebt.cli.erase import erase
from lakebt.cli.examples import epilog
from lakebt.cli.format_options import FetchCommand, FormatCommand
from lakebt.cli.formats import fetch, formats
from lakebt.cli.lineage import lineage
from lakebt.cli.move import move
from lakebt.cli.new_project import new
from lakebt.cli.out import with_out
from lakebt.cli.publish import publish
from lakebt.cli.releases import diff, releases
from lakebt.cli.reproduce import explain, reproduce
from lakebt.cli.retain import retain
from lakebt.cli.rows import rows
from lakebt.cli.serve import serve
from lakebt.cli.study import study
from lakebt.cli.sweep import sweep
from lakebt.cli.tables import declare, tables, vintages
from lakebt.cli.token import token
from lakebt.cli.trials import trials
from lakebt.cli.upcoming import upcoming
from lakebt.cli.upgrade import upgrade

__all__ = ["app", "main"]

_CLASSES = {publish: FormatCommand, fetch: FetchCommand}

for command in (
    *(demo, new, formats, fetch, publish, releases, diff),
    *(declare, tables, rows, vintages, lineage, duckdb),
    *(branch, doctor, retain, erase, cluster, upgrade, move, export, import_, backup),
    *(serve, token, study, upcoming, backtest, audit),
    *(sweep, trials, reproduce, explain),
):
    name = command.__name__.rstrip("_")  # import is a word of Python's
    about, cls = epilog(name), _CLASSES.get(command, Command)
    app.command(name, cls=cls, epilog=about)(with_out(command))
