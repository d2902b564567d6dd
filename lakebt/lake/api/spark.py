"""A lake on Apache Spark: its settings, its session, and views as Spark DataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakebt.inputs.checks import one_of
from lakebt.lake.api.base import LakeBase
from lakebt.lake.spark import reader as reading
from lakebt.lake.spark import session as sessions
from lakebt.lake.spark.conf import spark_conf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame, SparkSession

    from lakebt.lake.reading.view import View
    from lakebt.lake.storage.catalog import Storage


ENGINES = ("local", "spark")


def use_spark(storage: Storage, *, engine: str, session: object) -> None:
    """Give a lake a Spark session, if it is to have one.

    Raises
    ------
    InvalidArgumentError
        If `session` is not a session.
    LakeError
        If Spark cannot be had.
    UnknownNameError
        If there is no such engine.
    """
    one_of(engine, ENGINES, what="engine")
    if session is not None:
        storage.spark = sessions.attach(storage, session)
    elif engine == "spark":
        storage.spark = sessions.make_session(storage, {})


def session_of(view: View) -> SparkSession:
    """Return a Spark session that can compute what is asked of a view.

    The one its lake was opened with; else the one of this process, which may be that of
    ``spark-submit``; else a new one with `Spark.spark_conf`.

    Raises
    ------
    LakeError
        If pyspark, Java or a jar is missing; with the cure.
    """
    pinned = view._pinned  # noqa: SLF001 - nothing public of a view leads to Spark
    return sessions.session_here(pinned.storage)


class Spark(LakeBase):
    """The part of a lake that reads it with Spark."""

    def spark_conf(self, *, spark_version: str = "4.1") -> dict[str, str]:
        """Return the settings of a Spark session that uses this lake.

        Parameters
        ----------
        spark_version : str, default "4.1"
            Decides which Iceberg runtime is fetched. 4.1 is what is tested.

        Returns
        -------
        dict of str to str
            All settings, for ``SparkSession.builder.config``, ``spark-submit --conf``
            or ``spark-defaults.conf``. The catalog is called what pyiceberg calls it,
            ``lake`` for one in a directory. If pyiceberg's configuration has a
            password, a token or a key of this catalog, so have these settings;
            credentials that are found in the environment, in a profile or by the
            machine's role are not in them.

        Raises
        ------
        LakeError
            If Iceberg's Java library has no such catalog.
        """
        return spark_conf(self._storage, spark_version=spark_version)

    def spark_session(self, conf: Mapping[str, str] | None = None) -> SparkSession:
        """Return a Spark session that has this lake's catalog.

        The one the lake was opened with; else Spark is started with `spark_conf`, or
        the one that runs in this process is taken, and the lake keeps it.

        Parameters
        ----------
        conf : mapping of str to str, optional
            Further settings, which win: ``{"spark.master": "local[4]"}``.

        Raises
        ------
        LakeError
            If pyspark, Java or a jar is missing, or the running Spark lacks Iceberg;
            with the cure.
        """
        if self._storage.spark is None:
            self._storage.spark = sessions.make_session(self._storage, conf or {})
        return self._storage.spark

    def spark_read(
        self, view: View, table: str, *, where: Mapping[str, object] | None = None
    ) -> DataFrame:
        """Return the rows of a table in force at a view's instant, as Spark's.

        The same rows as ``view.read(table, where=where)``, in no order, and wherever
        Spark has its executors.

        Parameters
        ----------
        view : View
            Of this lake.
        table : str
        where : mapping, optional
            By column a value, values or comparisons, as `View.read` takes them. Spark
            filters; the names of funds, indices and symbols in it are looked up at
            once.

        Returns
        -------
        pyspark.sql.DataFrame
            Instants are timestamps, which the session shows in UTC.

        Raises
        ------
        InvalidArgumentError
            If the lake was opened without Spark, or a value of `where` cannot be
            compared with its column.
        UnknownNameError
            If there is no such table or column, or a fund, index or symbol in `where`
            is in no row known.
        """
        known = view._known  # noqa: SLF001 - nothing public of a view leads to Spark
        session = reading.session_of(self._storage)
        return reading.frame(known, table, session, where=where)
