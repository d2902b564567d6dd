"""Spark's daemon of Python workers, with lakebt imported: each is forked from it.

Named by ``spark.python.daemon.module``, and forked itself from a process that has
imported lakebt and traded once. A worker that finds a row that breaks a rule for the
first time takes up to four seconds, and a task that fails takes a new worker for each
of its four attempts: pandera looks for plug-ins in all that Python may import from, and
Spark adds a jar of thousands of files to that. So the jar is left out, and pandera has
looked before any worker is forked. One that looks for each task whether an archive has
changed takes a tenth of a second. What was imported is kept from the collection of
garbage that follows each task, which took another tenth.
"""

from __future__ import annotations

import gc
import sys
import tempfile
from zipimport import zipimporter

from pyspark.daemon import manager

import lakebt.lake.spark.publish  # noqa: F401 - what workers are sent is in it
import lakebt.sweep.spark.tasks  # noqa: F401
from lakebt.lake import Lake
from tests.lake.frames import AS_OF, bars, clock


def break_a_rule() -> None:
    """Have pandera imported, with what it imports once a row breaks a rule."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake.open(folder, clock=clock)
        assert not lake.audit({"prices": bars(low=-1.0)}, release="R1", as_of=AS_OF).ok


if __name__ == "__main__":
    sys.path[:] = [place for place in sys.path if not place.endswith(".jar")]
    break_a_rule()
    gc.collect()
    gc.freeze()
    setattr(zipimporter, "invalidate_caches", lambda _: None)  # noqa: B010 - not ours
    manager()  # type: ignore[no-untyped-call]  # Spark's own
