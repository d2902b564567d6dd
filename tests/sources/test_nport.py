from __future__ import annotations

import datetime as dt
import gzip
import re
from typing import TYPE_CHECKING

import pytest
from defusedxml import ElementTree

from lakebt.errors import InvalidArgumentError, InvalidDataError
from lakebt.sources.nport import (
    CUSIP_ALONE,
    FORMS,
    NAMESPACE,
    NO_ISIN,
    SAME_ISIN,
    read_nport,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

ACCEPTED = "2022-11-28T15:50:55-05:00"


def holding(
    isin: str | None = "US7075691094",
    *,
    ticker: str | None = None,
    name: str = "Penn Entertainment Inc",
    balance: str = "100",
    units: str = "NS",
    value: str = "2751",
    percent: str = "0.5",
) -> str:
    identifiers = f'<isin value="{isin}"/>' if isin else ""
    identifiers += f'<ticker value="{ticker}"/>' if ticker else ""
    return f"""
      <invstOrSec>
        <name>{name}</name><lei>N/A</lei><title>title of {name}</title>
        <cusip>000000000</cusip>
        <identifiers>{identifiers}<other otherDesc="own" value="1"/></identifiers>
        <balance>{balance}</balance><units>{units}</units><curCd>USD</curCd>
        <valUSD>{value}</valUSD><pctVal>{percent}</pctVal>
      </invstOrSec>"""


def document(
    *holdings: str,
    date: str = "<repPdDate>2022-09-30</repPdDate>",
    series: str = "<seriesName>A Fund</seriesName><seriesId>S000001</seriesId>",
    form: str = "NPORT-P",
) -> str:
    return f"""
<?xml version="1.0" encoding="UTF-8"?>
<edgarSubmission xmlns="http://www.sec.gov/edgar/nport">
  <headerData><submissionType>{form}</submissionType></headerData>
  <formData>
    <genInfo><regName>A Trust</regName>{series}{date}</genInfo>
    <invstOrSecs>{"".join(holdings)}</invstOrSecs>
  </formData>
</edgarSubmission>
"""


@pytest.fixture
def primary(tmp_path: Path) -> Path:
    return tmp_path / "primary_doc.xml"


def read(path: Path, content: str, **arguments: object) -> pd.DataFrame:
    path.write_text(content)
    return read_nport(path, **{"known_at": ACCEPTED, **arguments}).frame  # type: ignore[arg-type]


def test_a_holding_becomes_a_row(primary: Path) -> None:
    frame = read(primary, document(holding()), fund="SPY", index="SP500")

    assert frame.to_dict("records") == [
        {
            "fund": "SPY",
            "date": dt.date(2022, 9, 30),
            "isin": "US7075691094",
            "symbol": None,
            "name": "Penn Entertainment Inc",
            "balance": 100.0,
            "value_usd": 2751.0,
            "weight_pct": 0.5,
            "known_at": dt.datetime(2022, 11, 28, 20, 50, 55, tzinfo=dt.UTC),
            "index": "SP500",
        }
    ]


def test_without_an_index_there_is_no_such_column(primary: Path) -> None:
    assert "index" not in read(primary, document(holding())).columns


@pytest.mark.parametrize(
    ("series", "fund"),
    [
        ("<seriesName>A Fund</seriesName><seriesId>S000001</seriesId>", "S000001"),
        ("<seriesName>A Fund</seriesName>", "A Fund"),
        ("<seriesName>N/A</seriesName>", "A Trust"),
    ],
)
def test_the_fund_is_called_by_what_outlasts_a_rename(
    primary: Path, series: str, fund: str
) -> None:
    frame = read(primary, document(holding(), series=series))

    assert frame["fund"].tolist() == [fund]


def test_lots_of_one_isin_are_summed(primary: Path) -> None:
    content = document(
        holding(),
        holding("US6936561009", name="PVH Corp"),
        holding(balance="50", value="1375.5", percent="0.25"),
    )
    frame = read(primary, content)

    assert frame["isin"].tolist() == ["US7075691094", "US6936561009"]
    assert frame["balance"].tolist() == [150.0, 100.0]
    assert frame["value_usd"].tolist() == [4126.5, 2751.0]
    assert frame["weight_pct"].tolist() == [0.75, 0.5]
    found = read_nport(primary, known_at=ACCEPTED)
    assert (found.n_read, found.kept) == (3, 2)
    assert dict(found.dropped) == {SAME_ISIN: 1}


def test_shares_and_principal_are_not_added_up(primary: Path) -> None:
    frame = read(primary, document(holding(), holding(units="PA")))

    assert frame["balance"].isna().all()
    assert frame["value_usd"].tolist() == [5502.0]


@pytest.mark.parametrize("isin", [None, "N/A", "000000000000", "US707569109"])
def test_a_holding_without_an_isin_is_dropped_and_counted(
    primary: Path, isin: str | None
) -> None:
    primary.write_text(document(holding(), holding(isin, name="Cash")))

    found = read_nport(primary, known_at=ACCEPTED)

    assert found.frame["name"].tolist() == ["Penn Entertainment Inc"]
    assert dict(found.dropped) == {NO_ISIN: 1}
    assert found.summary() == (
        "etf_holdings: 1 row from 2 read; dropped: 1 holding without an ISIN "
        "(cash, futures, swaps and the like)"
    )


def test_quantities_not_given_are_empty(primary: Path) -> None:
    frame = read(primary, document(holding(balance="N/A", percent="N/A")))

    assert frame[["balance", "weight_pct"]].isna().all(axis=None)
    assert frame["value_usd"].tolist() == [2751.0]


def test_symbols_come_from_the_caller_else_from_an_unshared_ticker(
    primary: Path,
) -> None:
    content = document(
        holding("US7075691094", ticker="PENN"),
        holding("US6936561009", ticker="PVH"),
        holding("US49151FGH73", ticker="KYSFAC", units="PA"),
        holding("US9043112062", ticker="UA"),
        holding("US9043111072", ticker="UA"),
        holding("US46187W1071", ticker="N/A"),
    )

    frame = read(primary, content, symbols={"US6936561009": "PVH.N", "XX": "Y"})

    assert frame["symbol"].tolist() == ["PENN", "PVH.N", None, None, None, None]


def _of(category: str, holding_: str) -> str:
    return holding_.replace("<units>", f"<assetCat>{category}</assetCat><units>")


@pytest.mark.parametrize(
    "other",
    [
        holding("US9043112062", ticker="UA", name="Acme Corp Rights"),
        holding("US9043112062", ticker="UA", name="ACME CORP-RTS"),
        holding("US9043112062", ticker="UA", name="Acme Warrants 2027"),
        holding("US9043112062", ticker="UA", name="Acme Corp Unit"),
        holding("US9043112062", ticker="UA", name="Acme Corp ADR"),
        holding("US9043112062", ticker="UA", name="Acme 4.5% 2030", units="PA"),
        _of("EP", holding("US9043112062", ticker="UA", name="Acme Corp")),
        _of("DBT", holding("US9043112062", ticker="UA", name="Acme Corp")),
        _of("DE", holding("US9043112062", ticker="UA", name="Acme Corp")),
        holding("US9043112062", ticker="UA", name="Acme Corp").replace(
            "</invstOrSec>", "<derivativeInfo/></invstOrSec>"
        ),
    ],
)
def test_a_share_keeps_its_ticker_beside_what_is_about_it(
    primary: Path, other: str
) -> None:
    share = holding("US9043111072", ticker="UA", name="Acme Corp")

    for both in ((share, other), (other, share)):
        frame = read(primary, document(*both)).set_index("isin")
        assert frame["symbol"].to_dict() == {"US9043111072": "UA", "US9043112062": None}


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("Acme Corp Right", None),
        ("Acme Corp Warrant", None),
        ("Acme LP Units", "UA"),  # those of a partnership are its shares
        ("Wright Medical Group", "UA"),
        ("CVR Energy Inc", "UA"),
    ],
)
def test_a_right_without_its_share_does_not_get_the_ticker(
    primary: Path, name: str, symbol: str | None
) -> None:
    frame = read(primary, document(holding("US9043112062", ticker="UA", name=name)))

    assert frame["symbol"].tolist() == [symbol]


def test_identifiers_inside_a_derivative_are_not_the_holdings(primary: Path) -> None:
    swap = holding(None, name="Swap").replace(
        "</invstOrSec>",
        '<derivativeInfo><identifiers><isin value="US6936561009"/></identifiers>'
        "</derivativeInfo></invstOrSec>",
    )

    frame = read(primary, document(holding(), swap))

    assert frame["isin"].tolist() == ["US7075691094"]


def test_an_amendment_is_a_report_too(primary: Path) -> None:
    assert len(read(primary, document(holding(), form="NPORT-P/A"))) == 1


def refuse(path: Path, content: str, why: str, **arguments: object) -> None:
    with pytest.raises(InvalidDataError, match=re.escape(why)) as caught:
        read(path, content, **arguments)
    assert "\n" not in str(caught.value)


def test_truncated_document(primary: Path) -> None:
    whole = document(holding())

    refuse(primary, whole[: len(whole) // 2], "is not a complete XML document")


@pytest.mark.parametrize("content", ["", "isin,symbol\n", "<html><br></html>"])
def test_not_xml(primary: Path, content: str) -> None:
    refuse(primary, content, "Fetch the filing's primary_doc.xml again")


def test_another_form(primary: Path) -> None:
    refuse(
        primary,
        '<informationTable xmlns="http://www.sec.gov/edgar/13f"/>',
        "is not an N-PORT document: its root is "
        "<{http://www.sec.gov/edgar/13f}informationTable>",
    )
    refuse(
        primary,
        document(holding(), form="N-CEN"),
        "is of form 'N-CEN', not one of NPORT-P",
    )


def test_entities_are_refused(primary: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'

    refuse(primary, bomb, "declares XML entities")


def test_missing_file(primary: Path) -> None:
    with pytest.raises(
        InvalidDataError, match=r"primary_doc.xml cannot be read: No such"
    ):
        read_nport(primary, known_at=ACCEPTED)


@pytest.mark.parametrize("date", ["", "<repPdDate>September</repPdDate>"])
def test_report_without_a_date(primary: Path, date: str) -> None:
    refuse(primary, document(holding(), date=date), "<repPdDate>, is")


def test_report_without_general_information(primary: Path) -> None:
    content = document(holding()).replace("genInfo", "fundInfo")

    refuse(primary, content, "has no <genInfo>: it is incomplete")


def test_number_that_is_none(primary: Path) -> None:
    refuse(
        primary,
        document(holding(), holding(value="a lot")),
        "holding 2: <valUSD> is 'a lot', not a number",
    )


@pytest.mark.parametrize(("holdings", "count"), [((), 0), ((holding(None),), 1)])
def test_report_without_usable_holdings(
    primary: Path, holdings: tuple[str, ...], count: int
) -> None:
    refuse(
        primary,
        document(*holdings),
        f"report of S000001 for 2022-09-30 lists {count} holdings, none with an ISIN",
    )


@pytest.mark.parametrize(
    ("known_at", "why"),
    [
        ("2022-11-28T15:50:55", "known_at 2022-11-28 15:50:55 has no time zone"),
        ("2022-11-28", "known_at 2022-11-28 00:00:00 has no time zone"),
        ("soon", "known_at 'soon' is not an instant"),
        (
            "2022-09-29T20:00:00Z",
            "known_at 2022-09-29T20:00:00+00:00 precedes the report date 2022-09-30",
        ),
    ],
)
def test_acceptance_that_cannot_be(primary: Path, known_at: str, why: str) -> None:
    with pytest.raises(InvalidArgumentError, match=re.escape(why)):
        read(primary, document(holding()), known_at=known_at)


def test_fund_without_any_name(primary: Path) -> None:
    content = document(holding(), series="").replace("A Trust", "N/A")

    with pytest.raises(InvalidArgumentError, match="neither series nor registrant"):
        read(primary, content)


def test_a_real_document(realdata: Path) -> None:
    path = realdata / "holdings" / "nport" / "NPORT.Dupree.xml"
    text = path.read_text()

    found = read_nport(path, known_at="2023-02-28T12:00:00-05:00")

    assert found.kept == text.count("<invstOrSec>") == 55
    assert set(found.frame["fund"]) == {"S000012000"}
    assert set(found.frame["date"]) == {dt.date(2022, 12, 31)}
    assert found.frame["isin"].tolist() == re.findall(r'<isin value="(\w+)"', text)
    values = [float(value) for value in re.findall(r"<valUSD>([\d.]+)<", text)]
    assert found.frame["value_usd"].sum() == pytest.approx(sum(values))
    # Bonds: the filer's ticker is the issuer's, the same one on nine of them.
    assert found.frame["symbol"].isna().all()


def test_a_real_final_report_of_an_empty_fund(realdata: Path) -> None:
    path = realdata / "holdings" / "nport" / "NPORT.AdvancedSeries.xml"

    with pytest.raises(InvalidDataError, match="S000030880 for 2022-12-30 lists 0"):
        read_nport(path, known_at="2023-02-28T12:00:00-05:00")


def test_what_is_read_is_what_the_schema_defines(realdata: Path) -> None:
    schema = ElementTree.parse(
        realdata / "holdings" / "nport" / "eis_NPORT_Filer.xsd"
    ).getroot()
    assert schema is not None
    xs = "{http://www.w3.org/2001/XMLSchema}"
    names = {element.get("name") for element in schema.iter(f"{xs}element")}
    forms = schema.find(f"{xs}simpleType[@name='SUBMISSION_TYPE']/{xs}restriction")

    assert f"{{{schema.get('targetNamespace')}}}" == NAMESPACE
    assert names >= {
        *("headerData", "submissionType", "formData", "genInfo", "regName"),
        *("seriesName", "seriesId", "repPdDate", "invstOrSecs", "invstOrSec"),
        *("name", "title", "identifiers", "isin", "ticker"),
        *("balance", "units", "valUSD", "pctVal"),
    }
    assert forms is not None
    assert {form.get("value") for form in forms} == set(FORMS)


def by_cusip(cusip: str, country: str, ticker: str = "AAPL") -> str:
    own = holding(None, ticker=ticker)
    country = f"<invCountry>{country}</invCountry>"
    return own.replace("000000000</cusip>", f"{cusip}</cusip>{country}")


def test_a_security_with_a_cusip_and_no_isin_is_a_holding(primary: Path) -> None:
    frame = read(
        primary,
        document(by_cusip("037833100", "US"), by_cusip("136375102", "CA", "CNI")),
    )

    assert frame["isin"].tolist() == ["US0378331005", "CA1363751027"]
    assert frame["symbol"].tolist() == ["AAPL", "CNI"]


def test_a_cusip_that_determines_no_isin_has_its_own_reason(primary: Path) -> None:
    primary.write_text(
        document(holding(), by_cusip("G0176J109", "IE"), by_cusip("-", "US"))
    )

    converted = read_nport(primary, known_at=ACCEPTED)

    assert dict(converted.dropped) == {NO_ISIN: 1, CUSIP_ALONE: 1}


@pytest.mark.parametrize("isin", ["US0000000000", "n/a", "-", "none"])
def test_an_isin_written_for_nothing_is_none(primary: Path, isin: str) -> None:
    primary.write_text(document(holding(), holding(isin)))

    converted = read_nport(primary, known_at=ACCEPTED)

    assert dict(converted.dropped) == {NO_ISIN: 1}


@pytest.mark.parametrize("ticker", ["-", "n/a", "None", "GOOG, GOOGL"])
def test_a_ticker_that_names_no_share_or_several_is_left_empty(
    primary: Path, ticker: str
) -> None:
    assert read(primary, document(holding(ticker=ticker)))["symbol"].isna().all()


@pytest.mark.parametrize("number", ["inf", "-INF", "nan", "1e999", "1_000", "١"])  # noqa: RUF001
def test_what_only_python_takes_for_a_number_is_refused(
    primary: Path, number: str
) -> None:
    refuse(primary, document(holding(balance=number)), "holding 1: <balance>")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("declared", ["UTF-8", "UTF-16"])
def test_a_document_with_a_mark_is_read_in_the_encoding_it_tells_of(
    primary: Path, encoding: str, declared: str
) -> None:
    text = document(holding(name="Münchener")).replace("UTF-8", declared)
    primary.write_bytes(text.encode(encoding))

    frame = read_nport(primary, known_at=ACCEPTED).frame

    assert frame["name"].tolist() == ["Münchener"]


@pytest.mark.parametrize("declared", ["klingon", "rot13", "utf-7", "idna", "undefined"])
def test_an_encoding_that_nobody_can_read_is_one_line(
    primary: Path, declared: str
) -> None:
    text = document(holding()).replace("UTF-8", declared)

    refuse(primary, text, "is written in an encoding that cannot be read")


def test_a_packed_document_is_read(primary: Path) -> None:
    primary.write_bytes(gzip.compress(document(holding()).strip().encode()))

    assert len(read_nport(primary, known_at=ACCEPTED).frame) == 1
