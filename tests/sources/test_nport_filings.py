"""N-PORT as EDGAR hands it out: whole submissions, and folders."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from lakebt.errors import InvalidArgumentError, InvalidDataError
from lakebt.sources.corporate.downloads import LIST
from lakebt.sources.formats import FORMATS, read_source
from lakebt.sources.nport_filings import NportFilings
from tests.sources.test_nport import document, holding

if TYPE_CHECKING:
    from pathlib import Path

ACCEPTED = "20221128155055"
SERIES = "<seriesName>A Fund</seriesName><seriesId>S000000001</seriesId>"


def submission(
    body: str,
    *,
    accepted: str = ACCEPTED,
    filed: str = "20221128",
    form: str = "NPORT-P",
) -> str:
    """The full text of a submission, of the true shape."""
    return (
        "<SEC-DOCUMENT>0000000001-22-000001.txt : 20221128\n"
        "<SEC-HEADER>0000000001-22-000001.hdr.sgml : 20221128\n"
        f"<ACCEPTANCE-DATETIME>{accepted}\n"
        "ACCESSION NUMBER:\t\t0000000001-22-000001\n"
        f"CONFORMED SUBMISSION TYPE:\t{form}\n"
        "CONFORMED PERIOD OF REPORT:\t20220930\n"
        f"FILED AS OF DATE:\t\t{filed}\n<SERIES-AND-CLASSES-CONTRACTS-DATA>\n"
        "<SERIES>\n<OWNER-CIK>0000000001\n<SERIES-ID>S000000001\n</SERIES>\n"
        "</SERIES-AND-CLASSES-CONTRACTS-DATA>\n</SEC-HEADER>\n"
        f"<DOCUMENT>\n<TYPE>{form}\n<SEQUENCE>1\n<FILENAME>primary_doc.xml\n<TEXT>\n"
        f"<XML>\n{body.strip()}\n</XML>\n</TEXT>\n</DOCUMENT>\n"
        "<DOCUMENT>\n<TYPE>NPORT-EX\n<SEQUENCE>2\n<TEXT>\nNotes\n</TEXT>\n</DOCUMENT>\n"
        "</SEC-DOCUMENT>\n"
    )


GOOD = submission(document(holding(ticker="PENN"), series=SERIES))


def known(path: Path, **options: Any) -> list[dt.datetime]:
    frame = NportFilings().convert(path, **options).frame
    return [each.to_pydatetime() for each in frame["known_at"]]


def test_a_submission_is_known_since_its_acceptance(tmp_path: Path) -> None:
    path = tmp_path / "0000000001-22-000001.txt"
    path.write_text(GOOD)
    found = read_source(path, table="etf_holdings", file_format="nport", index="X")

    row = found.frame.iloc[0]
    assert (row["fund"], row["isin"]) == ("S000000001", "US7075691094")
    assert (row["symbol"], row["index"]) == ("PENN", "X")
    assert known(path) == [dt.datetime(2022, 11, 28, 20, 50, 55, tzinfo=dt.UTC)]
    named = NportFilings().convert(path, symbols={"US7075691094": "PENN.O"}).frame
    assert named["symbol"].tolist() == ["PENN.O"]

    # After 17:30 it has the date of the next business day, and is read on that day.
    path.write_text(
        submission(document(holding()), accepted="20221128180000", filed="20221129")
    )
    assert known(path) == [dt.datetime(2022, 11, 29, 11, tzinfo=dt.UTC)]
    later = "2022-12-01T00:00+00:00"
    assert known(path, known_at=later) == [dt.datetime.fromisoformat(later)]
    with pytest.raises(InvalidArgumentError, match="precedes 2022-11-29T11:00:00"):
        known(path, known_at="2022-11-29T10:59Z")


def test_a_folder_holds_submissions_and_documents(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(GOOD)
    amended = document(holding(balance="90"), series=SERIES, form="NPORT-P/A")
    (tmp_path / "b.txt").write_text(
        submission(
            amended, form="NPORT-P/A", accepted="20230110090000", filed="20230110"
        )
    )
    (tmp_path / LIST).write_text("file,at\n")
    found = NportFilings().convert(tmp_path)

    assert found.frame["balance"].tolist() == [100.0, 90.0]
    assert found.frame["known_at"].is_monotonic_increasing
    assert found.n_read == 2
    assert NportFilings().convert(f"{tmp_path}/*.txt").kept == 2

    (tmp_path / "c.xml").write_text(document(holding()))
    with pytest.raises(InvalidArgumentError, match=r"c.xml: pass known_at, the accept"):
        NportFilings().convert(tmp_path)
    assert NportFilings().convert(tmp_path, known_at="2023-06-01T00:00Z").kept == 3
    (tmp_path / "notes.docx").write_text("x")
    with pytest.raises(InvalidDataError, match=r"holds 'notes.docx', which is no fil"):
        NportFilings().convert(tmp_path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (GOOD[: len(GOOD) // 2], "is cut off: fetch it again"),
        (GOOD.replace("NPORT-P", "8-K"), "holds a form 8-K, not NPORT-P: leave it out"),
        (submission(""), "has no document of form NPORT-P: fetch it again"),
        (submission("<html/>"), "is not an N-PORT document: its root is <html>"),
        ("<html>none</html>", "is a page of HTML"),
        ("", "is empty"),
        ("a,b\n1,2\n", "is not a submission as EDGAR publishes it"),
    ],
)
def test_what_is_no_filing_is_one_line(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text)
    with pytest.raises(InvalidDataError, match=why) as caught:
        NportFilings().convert(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"companies": ["VOO"]}, {"series": ["VOO"]}])
def test_a_number_or_a_series_that_is_none_is_refused(
    wrong: dict[str, list[str]], tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"companies": ["1"], "start": "2022-11-01"} | wrong
    with pytest.raises(InvalidArgumentError, match="must be"):
        NportFilings().fetch(
            tmp_path, end="2022-11-30", identity="A Name a@example.org", **asked
        )


def test_the_command_line_has_its_options() -> None:
    source = FORMATS["nport"]
    assert source.options()["symbols"].kind == "map"
    fetched = source.options(of_fetch=True)
    assert {name: each.kind for name, each in fetched.items()} == {
        **dict.fromkeys(("companies", "series"), "list"),
        **dict.fromkeys(("start", "end", "identity", "base_url"), "text"),
    }
