from __future__ import annotations

import datetime as dt
import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakebt.errors import LakebtError
from lakebt.sources import sample
from lakebt.sources.sample import sample_releases

if TYPE_CHECKING:
    import pandas as pd

# The article's two lists of differences, as printed.
REMOVED = {
    "PENN": "US7075691094",
    "UA": "US9043112062",
    "UAA": "US9043111072",
    "LTP": "US7127041058",
    "DISCA": "US25470F1049",
    "CERN": "US1567821046",
    "IPGP": "US44980X1090",
    "": "US25470F3029",
    "J": "US4698141078",
    "PVH": "US6936561009",
}
ADDED = {
    "CPT": "US1331311027",
    "CSGP": "US22160N1090",
    "EMBC": "US29082K1051",
    "INVH": "US46187W1071",
    "J": "US46982L1089",
    "KDP": "US49271V1008",
    "ON": "US6821891057",
    "VICI": "US9256521090",
    "WBD": "US9344231041",
}


def isins(frame: pd.DataFrame) -> dict[str, str]:
    return dict(zip(frame["symbol"].fillna(""), frame["isin"], strict=True))


def test_the_releases_are_the_articles_tags_with_their_acceptance_instants() -> None:
    first, second = sample_releases()

    assert (first.name, second.name) == ("Q1_2022", "Q3_2022")
    assert first.as_of == dt.datetime(2022, 5, 27, 17, 54, 3, tzinfo=dt.UTC)
    assert second.as_of == dt.datetime(2022, 11, 28, 20, 50, 55, tzinfo=dt.UTC)


def test_the_holdings_are_the_rows_of_the_articles_lists() -> None:
    first, second = (release.tables["etf_holdings"] for release in sample_releases())

    assert isins(first) == REMOVED
    assert isins(second) == ADDED
    assert set(first["date"]) == {"2022-03-31"}
    assert set(second["date"]) == {"2022-09-30"}
    for frame in (first, second):
        assert set(frame.columns) == {
            *("fund", "index", "date", "isin", "symbol", "known_at"),
        }, "nothing is invented: no balance, value or weight"


def test_8_in_9_out_and_1_renamed_where_isins_say_9_and_10() -> None:
    first, second = (
        isins(release.tables["etf_holdings"]) for release in sample_releases()
    )

    by_isin = set(second.values()) - set(first.values())
    back = set(first.values()) - set(second.values())
    renamed = {symbol for symbol in first.keys() & second.keys() if symbol}

    assert (len(by_isin), len(back)) == (9, 10)
    assert renamed == {"J"}
    assert (len(by_isin - {second["J"]}), len(back - {first["J"]})) == (8, 9)


def test_the_changes_are_the_announced_ones() -> None:
    changes = sample_releases()[1].tables["index_changes"]

    assert changes.set_index("symbol")["side"].to_dict() == {
        "PENN": "deletion",
        "PVH": "deletion",
        "INVH": "addition",
        "CSGP": "addition",
    }
    assert set(changes["announced"]) == {"2022-09-02"}
    assert set(changes["effective"]) == {"2022-09-19"}
    assert isins(changes).items() <= {**REMOVED, **ADDED}.items()


def test_it_is_found_from_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert len(sample_releases()) == 2


def test_incomplete_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.resources, "files", lambda _: tmp_path)
    monkeypatch.setattr(sample, "__file__", str(tmp_path / "a" / "b" / "sample.py"))

    with pytest.raises(LakebtError, match=r"the sample data is in neither .*_data nor"):
        sample_releases()


def test_an_installed_package_brings_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = Path(sample.__file__).parents[2] / "data"
    (tmp_path / "_data").mkdir()
    for file in checkout.iterdir():
        content = file.read_text().replace("PENN", "GOLF")
        (tmp_path / "_data" / file.name).write_text(content)
    monkeypatch.setattr(importlib.resources, "files", lambda _: tmp_path)

    assert "GOLF" in set(sample_releases()[0].tables["etf_holdings"]["symbol"])
