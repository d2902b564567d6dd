"""`lakebt serve --check` says what is wrong with a server before it is started."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from lakebt.cli import app
from lakebt.lake.serving import self_check, token_file
from lakebt.lake.serving.self_check import check_server
from lakebt.lake.serving.token_file import Grant, digest_of
from lakebt.lake.tables.schemas import LAYOUT, LAYOUT_NEEDS
from tests.lake.frames import NOW
from tests.lake.other_engines import foreign_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.lake.original import Original

pytestmark = pytest.mark.lake

DAY = dt.timedelta(days=1)


def grant(name: str, scope: str = "admin", days: float | None = 90) -> Grant:
    expires = None if days is None else NOW + days * DAY
    return Grant(name=name, scope=scope, expires=expires, digest=digest_of(name))


def give(*grants: Grant) -> Callable[[Path, Path], None]:
    return lambda _, file: token_file.write(file, grants)


def open_to_others(_: Path, file: Path) -> None:
    file.chmod(0o640)


def lose_tokens(_: Path, file: Path) -> None:
    file.unlink()


def spoil_tokens(_: Path, file: Path) -> None:
    file.write_text("ann may do everything\n", encoding="utf-8")


def lose_lake(lake: Path, _: Path) -> None:
    (lake / "catalog.db").unlink()


def upgrade_lake(lake: Path, _: Path) -> None:
    with foreign_table(lake, "releases") as table, table.transaction() as change:
        change.set_properties({LAYOUT: "99", LAYOUT_NEEDS: "99.0"})


def nothing(_: Path, __: Path) -> None: ...


@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        (nothing, None, ""),
        (give(grant("boss", days=None)), None, ""),
        (open_to_others, "tokens", "can be read by others"),
        (lose_tokens, "tokens", "cannot be read"),
        (spoil_tokens, "tokens", "line 1, is not NAME SCOPE EXPIRES"),
        (give(), "no_tokens", "no token is in force"),
        (give(grant("ann", "publish")), "no_admin", "may end releases"),
        (give(grant("boss"), grant("ann", days=-1)), "token_over", "of ann is over"),
        (give(grant("boss"), grant("ann", days=3)), "token_ends", "of ann ends"),
        (lose_lake, "lake", "is not a lake"),
        (upgrade_lake, "lake", "99"),
    ],
)
def test_each_thing_is_found_and_nothing_where_all_is_well(
    two_releases: Original,
    tmp_path: Path,
    spoil: Callable[[Path, Path], None],
    code: str | None,
    said: str,
) -> None:
    lake, file = two_releases.restored(), tmp_path / "tokens"
    token_file.write(file, [grant("boss")])
    spoil(lake, file)

    found = check_server(lake, tokens=file, is_read_only=False, now=NOW)

    assert [each.code for each in found] == ([] if code is None else [code])
    assert said in " ".join(f"{each.problem} {each.cure}" for each in found)
    assert all(each.cure and "\n" not in str(each) for each in found)


def test_a_clock_a_disk_and_a_folder_are_looked_at(
    two_releases: Original, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = two_releases.restored()

    def codes(now: dt.datetime = NOW, *, is_read_only: bool = False) -> list[str]:
        found = check_server(lake, tokens=None, is_read_only=is_read_only, now=now)
        return [each.code for each in found]

    assert codes() == []
    assert codes(NOW - DAY) == ["clock"]
    monkeypatch.setattr(self_check, "LEAST_BYTES", 2**62)
    assert codes() == ["disk_full"]
    monkeypatch.setattr("os.access", lambda *_: False)
    assert codes() == ["not_writable", "disk_full"]
    assert codes(is_read_only=True) == []


def test_the_command_ends_as_the_doctor_does(
    two_releases: Original, tmp_path: Path
) -> None:
    lake, file = two_releases.restored(), tmp_path / "tokens"

    def run(*words: str) -> tuple[int, str]:
        order = ["serve", "--lake", str(lake), "--tokens", str(file), *words]
        done = CliRunner().invoke(app, order, catch_exceptions=False)
        return done.exit_code, done.output

    token_file.write(file, [grant("boss", days=None)])
    assert run("--check") == (
        0,
        "The server can be started; lakebt doctor looks into the lake.\n",
    )
    file.chmod(0o644)
    code, said = run("--check", "--json")
    assert code == 1
    assert [each["code"] for each in json.loads(said)] == ["tokens"]
    code, said = run("--check")
    assert code == 1
    assert f"cure: chmod 600 {file}" in said
    assert "--json goes with --check" in run("--json")[1]
