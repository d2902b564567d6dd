from __future__ import annotations

import datetime as dt
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from lakebt.errors import InvalidArgumentError, InvalidDataError, LakeError
from lakebt.sources.corporate.downloads import Downloads, came_at
from lakebt.sources.corporate.edgar import (
    NO_ACQUIRER,
    NO_END,
    NO_ITEM,
    NO_NOTICE,
    UNCLEAR,
    EdgarActions,
)
from lakebt.sources.corporate.eight_k import terms_of, untraded_from

if TYPE_CHECKING:
    from pathlib import Path

COMPLETED = "Completion of Acquisition or Disposition of Assets"
NOTICE = (
    "Notice of Delisting or Failure to Satisfy a Continued Listing Rule or Standard; "
    "Transfer of Listing"
)
SUSPENDED = (
    "The Company requested that trading of the Shares be suspended prior to the "
    "opening of trading on April 4, 2018."
)


def submission(
    body: str,
    *,
    items: tuple[str, ...] = (COMPLETED, NOTICE),
    accepted: str = "20180404091530",
    filed: str = "20180404",
    event: str = "20180403",
    form: str = "8-K",
) -> str:
    """The full text of a submission, of the true shape."""
    told = "".join(f"ITEM INFORMATION:\t\t{item}\n" for item in items)
    return (
        "<SEC-DOCUMENT>0000000001-18-000001.txt : 20180404\n"
        "<SEC-HEADER>0000000001-18-000001.hdr.sgml : 20180404\n"
        f"<ACCEPTANCE-DATETIME>{accepted}\n"
        "ACCESSION NUMBER:\t\t0000000001-18-000001\n"
        f"CONFORMED SUBMISSION TYPE:\t{form}\n"
        f"CONFORMED PERIOD OF REPORT:\t{event}\n{told}"
        f"FILED AS OF DATE:\t\t{filed}\n"
        "FILER:\n\tCOMPANY DATA:\n\t\tCOMPANY CONFORMED NAME:\tExample Inc.\n"
        "</SEC-HEADER>\n"
        f"<DOCUMENT>\n<TYPE>{form}\n<SEQUENCE>1\n<TEXT>\n<html><style>p {{}}</style>"
        f"<p>Item&nbsp;2.01 {body}</p></html>\n</TEXT>\n</DOCUMENT>\n"
        "<DOCUMENT>\n<TYPE>EX-99.1\n<TEXT>right to receive $1.00 in cash\n</TEXT>\n"
        "</DOCUMENT>\n</SEC-DOCUMENT>\n"
    )


def deal(consideration: str) -> str:
    return (
        "At the Effective Time, each share of common stock, $0.001 par value per share "
        "(other than shares held by Parent), was converted into the right to receive "
        f"{consideration}. Each option was converted into the right to receive $3.00 "
        f"in cash. <b>Item 3.01</b> {SUSPENDED}"
    )


CASH = deal("$41.25 in cash, without interest (the &#8220;Merger Consideration&#8221;)")
MIXED = deal(
    "(i) $65.82 in cash and (ii) 1.0584 shares of Class C Common Stock, par value "
    "$0.01 per share, of Acquirer Inc. (NASDAQ: DISCK)"
)


def saved(place: Path, text: str, symbol: str = "CSRA") -> Path:
    path = place / f"{symbol}_0000000001-18-000001.txt"
    path.write_text(text)
    return path


def test_a_merger_for_cash(tmp_path: Path) -> None:
    saved(tmp_path, submission(CASH))

    found = EdgarActions().convert(tmp_path)

    assert found.frame.to_dict("records") == [
        {
            "symbol": "CSRA",
            "kind": "merger",
            "ex_date": dt.date(2018, 4, 4),
            "cash": 41.25,
            "known_at": dt.datetime(2018, 4, 4, 13, 15, 30, tzinfo=dt.UTC),
            "source": "SEC 8-K 0000000001-18-000001",
        }
    ]
    assert found.summary() == "corporate_actions: 1 row from 1 read"


def test_both_legs_of_a_merger_and_whose_shares(tmp_path: Path) -> None:
    path = saved(tmp_path, submission(MIXED), "SNI")

    (row,) = EdgarActions().convert(path).frame.to_dict("records")

    assert (row["cash"], row["ratio"], row["other"]) == (65.82, 1.0584, "DISCK")
    (row,) = (
        EdgarActions(acquirers={"SNI": "WBD"}).convert(path).frame.to_dict("records")
    )
    assert row["other"] == "WBD"


def test_what_was_accepted_late_was_public_the_next_business_day(
    tmp_path: Path,
) -> None:
    text = submission(CASH, accepted="20180406201500", filed="20180409")

    found = EdgarActions().convert(saved(tmp_path, text)).frame

    assert found["known_at"][0] == dt.datetime(2018, 4, 9, 10, tzinfo=dt.UTC)


def test_without_a_day_of_the_end_it_is_after_the_event_and_told(
    tmp_path: Path,
) -> None:
    text = submission(CASH.replace(SUSPENDED, ""), event="20180406")

    found = EdgarActions().convert(saved(tmp_path, text))

    assert found.frame["ex_date"].tolist() == [dt.date(2018, 4, 9)]
    assert found.noted == (
        (
            "ex_date is the session after the event, as no end of trading is told (1): "
            "CSRA 2018-04-09"
        ),
    )


def test_a_notice_alone_is_a_delisting_if_it_says_when(tmp_path: Path) -> None:
    saved(tmp_path, submission(SUSPENDED, items=(NOTICE,)), "SIVB")

    (row,) = EdgarActions().convert(tmp_path).frame.to_dict("records")

    assert (row["kind"], row["ex_date"]) == ("delisting", dt.date(2018, 4, 4))
    assert "cash" not in row


def dropped(tmp_path: Path, text: str) -> dict[str, int]:
    """What is counted of a filing beside one that is fine."""
    saved(tmp_path, submission(CASH), "FINE")
    saved(tmp_path, text, "X")
    found = EdgarActions().convert(tmp_path)
    assert found.frame["symbol"].tolist() == ["FINE"]
    return dict(found.dropped)


ELECTION = deal("either $52.00 in cash or 1.2 shares of Common Stock, at its election")
SILENT = deal("$29.44 in cash and a number of American depositary shares of Acquirer")
NAMELESS = deal("0.45 of a share of common stock of Acquirer")
TRANSFER = f"The Company will transfer its listing to Nasdaq. {SUSPENDED}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (submission(CASH, items=("Other Events",)), NO_ITEM),
        (submission(CASH, items=(COMPLETED,)), NO_NOTICE),
        (submission("A deficiency notice.", items=(NOTICE,)), NO_END),
        (submission(TRANSFER, items=(NOTICE,)), NO_END),
        (submission(ELECTION), UNCLEAR),
        (submission(SILENT), UNCLEAR),
        (submission("The merger was completed."), UNCLEAR),
        (submission(NAMELESS), NO_ACQUIRER),
    ],
)
def test_what_cannot_be_read_in_one_way_is_counted(
    tmp_path: Path, text: str, why: str
) -> None:
    assert dropped(tmp_path, text) == {why: 1}


def test_what_is_to_be_looked_up_is_named(tmp_path: Path) -> None:
    saved(tmp_path, submission(CASH), "FINE")
    saved(tmp_path, submission(SILENT), "RAI")

    found = EdgarActions().convert(tmp_path)

    assert found.noted == ("terms to be read by hand (1): RAI 0000000001-18-000001",)


PREFERRED = (
    "each share of Series A Preferred Stock, other than Excluded Shares, was converted "
    "into the right to receive the liquidation preference of"
)
EACH = "each share was converted into the right to receive"


@pytest.mark.parametrize(
    ("text", "cash", "ratio"),
    [
        (f"{EACH} $41.25 in cash, without interest.", 41.25, None),
        (f"{EACH} $1,041.25 per share in cash.", 1041.25, None),
        (
            f"{EACH} 0.3450 of a share of Acquirer common stock and $197.00",
            197.0,
            0.345,
        ),
        (f"{EACH} 2.3348 shares of UTC common stock, par value $1.00", None, 2.3348),
        (
            f"{EACH} $100.00 in cash and 0.48908178 validly issued shares",
            100,
            0.48908178,
        ),
        (f'{EACH} 0.7866 shares (the "Ratio") of stock, par value $0.25', None, 0.7866),
        (f'{EACH} 0.7300 (the "Ratio") validly issued shares', None, 0.73),
        (f"{EACH} a number of shares of B Stock equal to 0.3525 (the", None, 0.3525),
        (f"{EACH} Two and 53/100 Dollars ($2.53) in cash", 2.53, None),
        (f"{EACH} $56.00, in cash; {PREFERRED} $25.00", 56.0, None),
        (f"{EACH} $5.00. Then {EACH} $5.00 in cash.", 5.0, None),
    ],
)
def test_terms(text: str, cash: float | None, ratio: float | None) -> None:
    found = terms_of(text)

    assert found is not None
    assert (found.cash, found.ratio) == (cash, ratio)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{EACH} the Merger Consideration.",
        f"{EACH} $5.00 in cash. But {EACH} $6.00 in cash.",
        f"{EACH} $5.00 or $6.00 in cash.",
        f"{EACH} $30.00 in cash and one contingent value right.",
        f"{EACH} $29.44 in cash and shares of Acquirer.",
        "each option was converted into the right to receive $5.00 in cash.",
    ],
)
def test_no_terms(text: str) -> None:
    assert terms_of(text) is None


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        ("trading was halted before the market open on May 1, 2019", "2019-05-01", ""),
        (
            "trading ended after the close of the market on May 1, 2019",
            "",
            "2019-05-01",
        ),
        (
            "trading was suspended at 4:00 p.m. Eastern Time on May 1, 2019",
            "",
            "2019-05-01",
        ),
        ("delist before the commencement of trading on May 1, 2019", "2019-05-01", ""),
        ("the notes mature before the opening on May 1, 2019", "", ""),
        ("trading ends before the open on May 41, 2019", "", ""),
        ("trading on May 1, 2019", "", ""),
    ],
)
def test_when_trading_ended(text: str, before: str, after: str) -> None:
    found = untraded_from(text)

    told = tuple({day.isoformat() for day in days} for days in found)
    assert told == ({before} - {""}, {after} - {""})


WHOLE = submission(CASH)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (WHOLE[:-20], "is cut off: fetch it again"),
        (WHOLE[:200], r"is cut off: its header has no"),
        ("not found", "is not a submission as EDGAR publishes it: fetch the .txt"),
        (submission(CASH, form="10-K"), "holds a form 10-K, not 8-K: leave it out"),
        (submission(CASH, event="20181340"), "'20181340' is not a day"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(InvalidDataError, match=why):
        EdgarActions().convert(saved(tmp_path, text))


def test_names_of_files_say_the_symbol(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(WHOLE)

    with pytest.raises(InvalidDataError, match=r"must be called SYMBOL_NUMBER.txt"):
        EdgarActions().convert(tmp_path)
    (tmp_path / "x.txt").unlink()
    with pytest.raises(InvalidDataError, match=r"holds no .txt: name the folder of"):
        EdgarActions().convert(tmp_path)


# --- edgartools -----------------------------------------------------------------------


SPAN: dict[str, Any] = {
    "start": "2018-01-01",
    "end": "2018-12-31",
    "identity": "Me me@example.org",
}


def test_without_edgartools_it_is_one_line_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "edgar", None)

    why = r"EDGAR is asked by edgartools: pip install .*\[sec\]"
    with pytest.raises(InvalidArgumentError, match=why):
        EdgarActions().fetch(tmp_path, companies={"CSRA": 1646383}, **SPAN)


def test_fetch_keeps_the_filings_of_these_items(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def filing(number: str, items: str) -> SimpleNamespace:
        return SimpleNamespace(
            accession_no=number, items=items, full_text_submission=lambda: WHOLE
        )

    def company(name: object) -> SimpleNamespace:
        def get_filings(**terms: object) -> list[SimpleNamespace]:
            asked.extend([name, terms])
            return [
                filing("0000000001-18-000001", "2.01,3.01,9.01"),
                filing("0000000001-18-000002", "8.01"),
            ]

        return SimpleNamespace(get_filings=get_filings)

    library = SimpleNamespace(set_identity=asked.append, Company=company)
    monkeypatch.setitem(sys.modules, "edgar", library)
    at = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    source = EdgarActions()

    source.fetch(
        tmp_path,
        companies={"CSRA": 1646383},
        downloads=Downloads(clock=lambda: at),
        **SPAN,
    )

    terms = {"form": "8-K", "filing_date": "2018-01-01:2018-12-31"}
    assert asked == ["Me me@example.org", 1646383, terms]
    name = "CSRA_0000000001-18-000001.txt"
    assert came_at(tmp_path) == {name: at.isoformat()}
    assert (tmp_path / name).read_text() == WHOLE
    assert source.convert(tmp_path).kept == 1


def test_whatever_edgartools_raises_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def company(_: object) -> None:
        msg = "No company\nfound"
        raise RuntimeError(msg)

    library = SimpleNamespace(set_identity=str, Company=company)
    monkeypatch.setitem(sys.modules, "edgar", library)

    why = r"EDGAR tells nothing of CSRA \('CSRA'\): No company found. Check it"
    with pytest.raises(LakeError, match=why):
        EdgarActions().fetch(tmp_path, companies={"CSRA": "CSRA"}, **SPAN)
