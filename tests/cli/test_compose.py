"""The page's file for Docker says nothing that lakebt and pyiceberg do not know."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pyiceberg.io
import pytest
import typer
import yaml  # type: ignore[import-untyped]
from pyiceberg.catalog import CatalogType
from pyiceberg.utils.config import Config
from sqlalchemy import make_url

from lakebt.cli import app

ROOT = Path(__file__).resolve().parents[2]

PROPERTIES = {text for text in vars(pyiceberg.io).values() if isinstance(text, str)}
"""The names of settings of files that pyiceberg has, among others."""


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    (block,) = re.findall(
        r"^```text compose\.yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL
    )
    made: dict[str, Any] = yaml.safe_load(block)
    return made


def commands(composed: dict[str, Any]) -> dict[str, list[str]]:
    """Return the command lines of lakebt, by service."""
    words = {
        name: shlex.split(service["command"])
        for name, service in composed["services"].items()
        if "command" in service
    }
    return {name: line[1:] for name, line in words.items() if line[0] == "lakebt"}


def test_every_command_and_option_is_one_of_lakebts(composed: dict[str, Any]) -> None:
    group: Any = typer.main.get_command(app)
    there = commands(composed)
    assert {line[0] for line in there.values()} == {"serve", "publish"}
    for name, *words in there.values():
        group.commands[name].make_context(name, list(words))
    with pytest.raises(Exception, match="--tokns"):
        group.commands["serve"].make_context("serve", ["--tokns", "x"])


def test_every_setting_is_one_of_pyicebergs(
    composed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    services = composed["services"]
    for name, value in services["publish"]["environment"].items():
        monkeypatch.setenv(name, value)
    told = Config().get_catalog_config("prod")
    assert told is not None
    assert set(told) <= PROPERTIES | {"type", "uri", "warehouse"}
    assert CatalogType(told["type"]) is CatalogType.SQL
    address = make_url(str(told["uri"]).replace("${DB_PASSWORD}", "x"))
    database = services[address.host]["environment"]
    assert (address.username, address.database) == (
        database["POSTGRES_USER"],
        database["POSTGRES_DB"],
    )
    assert address.get_dialect().driver == "psycopg"
    host = make_url(str(told["s3.endpoint"])).host
    bucket = str(told["warehouse"]).split("/")[2]
    assert f"-bucket={bucket}" in services[host]["command"]


def test_what_a_service_names_is_there(composed: dict[str, Any]) -> None:
    services = composed["services"]
    for service in services.values():
        assert set(service.get("depends_on", [])) <= set(services)
        assert ("image" in service) != ("build" in service)
        for place in service.get("volumes", []):
            source = place.partition(":")[0]
            assert source.startswith("./") or source in composed["volumes"]
    file = services["serve"]["build"]["dockerfile_inline"]
    extras = set(re.search(r"/src\[(.*?)\]", file)[1].split(","))  # type: ignore[index]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert extras <= set(project["project"]["optional-dependencies"])
