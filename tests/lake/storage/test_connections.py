from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.pool import NullPool

from lakebt.lake import Lake
from lakebt.lake.storage.connections import engine, plain_rows
from tests.lake.frames import clock

if TYPE_CHECKING:
    from pathlib import Path


def at(path: Path) -> sa.Engine:
    return engine(sa.make_url(f"sqlite:///{path}"))


def test_each_database_is_its_own(tmp_path: Path) -> None:
    one, other = at(tmp_path / "one.db"), at(tmp_path / "other.db")

    with one.begin() as connection:
        connection.execute(sa.text("create table t (x integer)"))

    assert sa.inspect(one).has_table("t")
    assert not sa.inspect(other).has_table("t")


@pytest.mark.lake
def test_a_second_lake_compiles_no_statement_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    plain: Any = SQLiteCompiler.visit_select

    def visit(self: SQLiteCompiler, *args: Any, **options: Any) -> Any:
        text = plain(self, *args, **options)
        seen.append(text)
        return text

    monkeypatch.setattr(SQLiteCompiler, "visit_select", visit)
    Lake.open(tmp_path / "first", clock=clock)
    seen.clear()
    Lake.open(tmp_path / "second", clock=clock)

    assert seen == []


def test_a_driver_that_is_not_pythons_own_has_an_engine_of_its_own() -> None:
    url = sa.make_url("sqlite+pysqlcipher://:secret@/file.db")

    with pytest.raises(ModuleNotFoundError, match="sqlcipher"):
        engine(url)


def test_no_connection_is_kept(tmp_path: Path) -> None:
    made = at(tmp_path / "one.db")

    assert isinstance(made.pool, NullPool)
    made.dispose()
    assert isinstance(made.pool, NullPool)
    with made.connect() as connection:
        assert connection.scalar(sa.text("select 1")) == 1


def test_plain_rows_and_errors_are_those_of_sqlalchemy(tmp_path: Path) -> None:
    made = at(tmp_path / "one.db")
    x: Any = sa.column("x")
    y: Any = sa.column("y")
    asked = (
        sa.select(y, x)
        .select_from(sa.table("t"))
        .where(x == sa.bindparam("least"), y == "b")
    )
    with pytest.raises(sa.exc.OperationalError, match="no such table: t"):
        plain_rows(made, asked, {"least": "a"})

    with made.begin() as connection:
        connection.execute(sa.text("create table t (x text, y text)"))
        connection.execute(sa.text("insert into t values ('a', 'b'), ('b', 'a')"))

    assert plain_rows(made, asked, {"least": "a"}) == [("b", "a")]
