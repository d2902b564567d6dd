"""Spark's daemon of Python workers, with lakebt imported: each is forked from it.

Named by ``spark.python.daemon.module``. A worker that imports lakebt by itself costs a
test two seconds.
"""

from __future__ import annotations

from pyspark.daemon import manager

from tests.forked.server import import_modules

if __name__ == "__main__":
    import_modules()
    manager()  # type: ignore[no-untyped-call]  # Spark's own
