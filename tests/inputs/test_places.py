from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import lakebt
from lakebt.errors import InvalidArgumentError
from lakebt.inputs.places import check_is_path, scheme_of
from lakebt.report import page
from lakebt.sources.nport import read_nport
from lakebt.strategy import factory
from lakebt.sweep.toml import read_toml

URLS = [
    *("s3://bucket/lake", "gs://bucket/lake", "file:///data/lake", "abfss://a@b/c"),
    *("http://127.0.0.1:8181", "sqlite:///x.db", "postgresql://me:secret@host/db"),
    "jdbc:postgresql://host/db",
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("as_path", [False, True])
def test_a_url_is_not_a_path_and_makes_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, *, as_path: bool
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InvalidArgumentError, match="is a URL, not a path") as error:
        lakebt.Lake.open(Path(url) if as_path else url)

    assert "catalog=" in str(error.value) or url.startswith("file:")
    assert "secret" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "path", ["lake", "./s3", "/data/a:b/c", "C:/lake", "a:b", "s3:"]
)
def test_a_path_is_a_path(path: str) -> None:
    assert scheme_of(path) == ""
    check_is_path(path, what="lake path", cure="")


@pytest.mark.parametrize("odd", ["\n", "\r", "\t", "\x1f", "\x7f", "\u2028", "\udc80"])
@pytest.mark.parametrize("form", ["lake{}", "{}lake", "a{}b"])
def test_a_path_with_what_ends_it_elsewhere_is_refused(
    tmp_path: Path, odd: str, form: str
) -> None:
    named = re.escape(f"U+{ord(odd):04X}")

    with pytest.raises(InvalidArgumentError, match=f"contains {named}") as error:
        lakebt.Lake.open(tmp_path / form.format(odd))

    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def load_strategy(place: str) -> object:
    return factory.load_strategy(f"{place}:Mine")


def read_filing(place: str) -> object:
    return read_nport(place, fund="IVV", known_at="2022-11-28T20:50:55Z")


def write_page(place: str) -> object:
    return page.write("<p>", place)


@pytest.mark.parametrize(
    "use", [lakebt.Lake.open, load_strategy, read_toml, read_filing, write_page]
)
@pytest.mark.parametrize(
    "place", ["s3://me:secret@bucket/x", "a\nb", "a\0b", "\udc80", "~nobodyatall/x"]
)
def test_every_place_is_read_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Any, place: str
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InvalidArgumentError) as error:
        use(place)
    assert "secret" not in str(error.value)
    assert str(error.value).isprintable()
    assert list(tmp_path.iterdir()) == []


def test_a_page_goes_where_the_home_directory_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert write_page("~/page.html") == tmp_path / "page.html"
    for place in ("", ".", "x" * 300, "x/" * 3000):
        with pytest.raises(InvalidArgumentError, match=r"^cannot write "):
            write_page(place)
