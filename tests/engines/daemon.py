"""Spark's daemon of Python workers, with lakebt imported: each is forked from it.

Named by ``spark.python.daemon.module``. A worker that imports lakebt by itself costs a
test two seconds, one that audits or trades for the first time four more, since pandera
and numba look through Spark's own archive for plug-ins, one that makes its calendar
half a second, and one that looks for each task whether that archive has changed a tenth
of a second. What was imported is kept from the collection of garbage that follows each
task, which took another tenth.
"""

from __future__ import annotations

from zipimport import zipimporter

from pyspark.daemon import manager

from lakebt.sessions import Sessions
from tests.forked.server import import_all

if __name__ == "__main__":
    import_all()
    Sessions.of("XNYS")
    setattr(zipimporter, "invalidate_caches", lambda _: None)  # noqa: B010 - not ours
    manager()  # type: ignore[no-untyped-call]  # Spark's own
