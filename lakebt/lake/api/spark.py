"""A lake on Apache Spark: settings, session, and views as Spark DataFrames."""

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
    """Give a lake a Spark session, if `engine` or `session` asks for one.

    Raises
    ------
    InvalidArgumentError
        If `session` is not a session.
    LakeError
        If Spark is not available.
    UnknownNameError
        If there is no such engine.
    """
    one_of(engine, ENGINES, what="engine")
    if session is not None:
        storage.spark = sessions.attach(storage, session)
    elif engine == "spark":
        storage.spark = sessions.make_session(storage, {})


def session_of(view: View) -> SparkSession:
    """Return the Spark session for a view's computations.

    It is the session that its lake was opened with; else the one of this process, as
    under ``spark-submit``; else a new one with `Spark.spark_conf`.

    Raises
    ------
    LakeError
        If pyspark, Java or a jar is missing; with the cure.
    """
    pinned = view._pinned  # noqa: SLF001 - nothing public of a view leads to Spark
    return sessions.session_here(pinned.storage)


class Spark(LakeBase):
    """The methods of a lake that use Spark."""

    def spark_conf(self, *, spark_version: str = "4.1") -> dict[str, str]:
        """Return the settings of a Spark session that uses this lake.

        Parameters
        ----------
        spark_version : str, default "4.1"
            The version of Spark, which decides the Iceberg runtime to fetch. lakebt is
            tested with 4.1.

        Returns
        -------
        dict of str to str
            All settings, for ``SparkSession.builder.config``, ``spark-submit --conf``
            or ``spark-defaults.conf``. The catalog has the name that pyiceberg uses,
            ``lake`` for a lake in a directory. Passwords, tokens and keys that
            pyiceberg's configuration holds for this catalog are included; credentials
            from the environment, a profile or the machine's role are not.

        Raises
        ------
        LakeError
            If Iceberg's Java library has no such catalog.
        """
        return spark_conf(self._storage, spark_version=spark_version)

    def spark_session(self, conf: Mapping[str, str] | None = None) -> SparkSession:
        """Return a Spark session that has this lake's catalog.

        It is the session that the lake was opened with; else the session that runs in
        this process, or a new one with `spark_conf`. The lake then keeps it.

        Parameters
        ----------
        conf : mapping of str to str, optional
            Further settings, which override those of `spark_conf`:
            ``{"spark.master": "local[4]"}``.

        Raises
        ------
        LakeError
            If pyspark, Java or a jar is missing, or the running Spark lacks Iceberg.
            The message has the cure.
        """
        if self._storage.spark is None:
            self._storage.spark = sessions.make_session(self._storage, conf or {})
        return self._storage.spark

    def spark_read(
        self, view: View, table: str, *, where: Mapping[str, object] | None = None
    ) -> DataFrame:
        """Return a table's rows in force at a view's instant, as a Spark DataFrame.

        They are the rows of ``view.read(table, where=where)``, in no order; they stay
        on Spark's executors.

        Parameters
        ----------
        view : View
            A view of this lake.
        table : str
            Its name: a built-in table or one of your own.
        where : mapping, optional
            A value, values or comparisons by column, as in `View.read`. Spark filters
            later, but the funds, indices and symbols in it are checked at once.

        Returns
        -------
        pyspark.sql.DataFrame
            Instants are timestamps; the session shows them in UTC.

        Raises
        ------
        InvalidArgumentError
            If the lake was opened without Spark, or a value of `where` cannot be
            compared with its column.
        UnknownNameError
            If there is no such table or column, or no known row has a fund, index or
            symbol in `where`.
        """
        known = view._known  # noqa: SLF001 - nothing public of a view leads to Spark
        session = reading.session_of(self._storage)
        return reading.frame(known, table, session, where=where)
