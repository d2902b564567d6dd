"""Spark's daemon of Python workers, with lakebt imported: each is forked from it.

Named by ``spark.python.daemon.module``. A worker that imports lakebt by itself costs a
test two seconds, one that makes its calendar half a second, and one that looks for
each task whether Spark's own archive has changed a tenth of a second.
"""

from __future__ import annotations

from zipimport import zipimporter

from pyspark.daemon import manager

from lakebt.sessions import Sessions
from tests.forked.server import import_modules

if __name__ == "__main__":
    import_modules()
    Sessions.of("XNYS")
    setattr(zipimporter, "invalidate_caches", lambda _: None)  # noqa: B010 - not ours
    manager()  # type: ignore[no-untyped-call]  # Spark's own
