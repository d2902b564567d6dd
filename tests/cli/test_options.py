from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakebt.backtest.costs import CostModel
from lakebt.cli import options
from lakebt.cli.backtest import backtest
from lakebt.cli.lake_place import lake_path
from lakebt.cli.study import study
from lakebt.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Run


def test_the_lake_may_come_from_the_environment(
    lake: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEBT_LAKE", str(lake))

    assert "Q3_2022" in run("releases").stdout


def test_the_option_wins_over_the_environment(
    lake: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LAKEBT_LAKE", str(tmp_path / "other"))

    assert run("releases", "--lake", lake).exit_code == 0


@pytest.mark.parametrize("value", [None, ""])
def test_without_either_the_lake_is_the_folder_lake(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAKEBT_LAKE", raising=False)
    if value is not None:
        monkeypatch.setenv("LAKEBT_LAKE", value)

    assert lake_path(None) == Path("lake")


def test_a_lake_and_a_catalog_are_two_lakes(run: Run) -> None:
    wrong = run("releases", "--lake", "a", "--catalog", "b")

    assert wrong.exit_code == 1
    assert wrong.stderr == (
        "error: --lake a and --catalog b name two lakes: give one of them\n"
    )


def test_a_catalog_is_found_by_its_configuration(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = "PYICEBERG_CATALOG__PROD"
    monkeypatch.setenv(f"{name}__TYPE", "sql")
    monkeypatch.setenv(f"{name}__URI", f"sqlite:///{tmp_path / 'prod.db'}")
    monkeypatch.setenv(f"{name}__WAREHOUSE", f"file://{tmp_path / 'warehouse'}")
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", _configuration())
    (tmp_path / "warehouse").mkdir()
    (tmp_path / "changes.csv").write_text(
        "index,symbol,side,announced,effective\n"
        "SP500,PENN,deletion,2022-09-02,2022-09-19\n",
        encoding="utf-8",
    )

    published = run(
        *("publish", f"index_changes={tmp_path / 'changes.csv'}", "--release", "R1"),
        *("--as-of", "2022-12-31T00:00:00Z", "--catalog", "prod"),
    )
    shown = run("releases", "--catalog", "prod")

    assert published.exit_code == 0, published.stderr
    assert "R1" in shown.stdout


def _configuration() -> object:
    """What pyiceberg reads from the environment, read again."""
    from pyiceberg.utils.config import Config  # noqa: PLC0415 - after it was set

    return Config()


def test_commands_that_read_never_create_a_lake(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "lake"
    study = ("study", "--release", "R", "--index", "SIM")

    for command in (("releases",), ("diff", "prices", "A", "B"), study):
        wrong = run(*command, "--lake", path)

        assert wrong.exit_code == 1
        assert "does not exist" in wrong.stderr
    assert not path.exists()


def test_a_plus_is_part_of_a_value() -> None:
    assert options.split("+1,1w") == ["+1", "1w"]
    assert options.split(" AD+1@open , ED@close,") == ["AD+1@open", "ED@close"]


def test_a_name_given_twice_gathers_its_values() -> None:
    found = options.gathered(["a=1", "b=x=y", "a=2"], option="--where", example="a=1")

    assert found == {"a": ["1", "2"], "b": ["x=y"]}


@pytest.mark.parametrize("text", ["cause", "=merger", " =x"])
def test_half_a_pair_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"is not NAME=VALUE.*cause=merger"):
        options.pair(text, option="--where", example="cause=merger")


def test_a_report_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match=r"nowhere does not exist"):
        options.check_report(tmp_path / "nowhere" / "report.html")
    with pytest.raises(InvalidArgumentError, match=r"is a folder: name a file in it"):
        options.check_report(tmp_path)
    options.check_report(tmp_path / "report.html")
    options.check_report(None)


@pytest.mark.parametrize("command", [study, backtest])
def test_every_rate_is_an_option_that_charges_nothing_unless_given(
    command: Callable[..., None],
) -> None:
    parameters = inspect.signature(command).parameters

    assert [parameters[rate].default for rate in CostModel.RATES] == [0.0, 0.0, 0.0]
