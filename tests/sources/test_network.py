"""Every `fetch` against a server of this machine that answers as the sites do."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from lakebt.errors import InvalidArgumentError, LakeError
from lakebt.sources import network
from lakebt.sources.corporate.downloads import LIST, Downloads, records
from lakebt.sources.corporate.lean import LeanActions
from lakebt.sources.corporate.yahoo import YahooActions
from lakebt.sources.edgar_index import PAUSE
from lakebt.sources.formats import FORMATS
from lakebt.sources.funds.issuers import InvescoHoldings, IsharesHoldings, SpdrHoldings
from lakebt.sources.network import ask
from lakebt.sources.nport_filings import NportFilings
from lakebt.sources.wikipedia import Wikipedia
from tests.sources.good_files import GOOD
from tests.sources.test_nport_filings import GOOD as FILING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AT = dt.datetime(2026, 11, 27, 15, 30, tzinfo=dt.UTC)
ME = "Me me@example.org"

Answer = Callable[[BaseHTTPRequestHandler], None]


class Site:
    """A server, what it answers by path, and what it was asked."""

    def __init__(self) -> None:
        site = self
        self.answers: dict[str, Answer | bytes] = {}
        self.asked: list[tuple[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.asked.append((self.path, self.headers["User-Agent"]))
                answer = site.answers.get(self.path.partition("?")[0], said(404))
                if isinstance(answer, bytes):
                    answer = said(200, answer)
                self.close_connection = True
                answer(self)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,)).start()

    def paths(self) -> list[str]:
        return [path.partition("?")[0] for path, _ in self.asked]


def said(code: int, body: bytes = b"", **headers: str) -> Answer:
    """An answer with a status, a body and headers; with its own length if none."""

    def answer(to: BaseHTTPRequestHandler) -> None:
        to.send_response(code)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Length": str(len(body)), **named}.items():
            to.send_header(name, value)
        to.end_headers()
        to.wfile.write(body)

    return answer


def chunked(*parts: bytes, is_whole: bool = True) -> Answer:
    def answer(to: BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.send_header("Transfer-Encoding", "chunked")
        to.end_headers()
        for part in parts:
            to.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        if is_whole:
            to.wfile.write(b"0\r\n\r\n")

    return answer


def drip(to: BaseHTTPRequestHandler) -> None:
    """Never silent for long, and never at an end."""
    said(200, b"a", Content_Length="1000")(to)
    for _ in range(60):
        time.sleep(0.01)
        try:
            to.wfile.write(b"a")
        except OSError:
            return


def silent(_: BaseHTTPRequestHandler) -> None:
    time.sleep(0.3)


def garbled(to: BaseHTTPRequestHandler) -> None:
    to.wfile.write(b"no HTTP\r\n\r\n")


@pytest.fixture
def site() -> Iterator[Site]:
    own = Site()
    yield own
    own.server.shutdown()
    own.server.server_close()


def downloads(**options: Any) -> Downloads:
    return Downloads(clock=lambda: AT, **options)


PAGE = GOOD["wikipedia"].text.encode()
WIKI = "/wiki/List_of_S%26P_400_companies"
LEAN = "/QuantConnect/Lean/main/Data/equity/usa"
INDEX = "/Archives/edgar/daily-index/2022/QTR4/"
LINES = (
    "Description:           Daily Index of EDGAR Dissemination Feed\n"
    "Last Data Received:    Nov 28, 2022\n \n \n"
    "CIK|Company Name|Form Type|Date Filed|File Name\n" + "-" * 80 + "\n"
    "1|A | B FUNDS|NPORT-P|20221128|edgar/data/1/0000000001-22-000001.txt\n"
    "1|A | B FUNDS|NPORT-P|20221128|edgar/data/1/0000000001-22-000002.txt\n"
    "1|A | B FUNDS|497|20221128|edgar/data/1/0000000001-22-000003.txt\n"
    "2|OTHER|NPORT-P|20221128|edgar/data/2/0000000002-22-000001.txt\n"
)


def listing(*days: str) -> bytes:
    names = [f"{kind}.{day}.idx" for day in days for kind in ("form", "master")]
    items = [{"name": name, "type": "file", "size": "9 KB"} for name in names]
    return json.dumps({"directory": {"item": items, "parent-dir": "../"}}).encode()


def test_each_source_keeps_what_comes_with_its_instant(
    site: Site, tmp_path: Path
) -> None:
    packed = gzip.compress(PAGE)
    sheet = b"PK\x03\x04" + bytes(40)
    ishares = GOOD["ishares"].text.encode()
    site.answers = {
        WIKI: said(200, packed, Content_Encoding="gzip"),
        "/wiki/Nasdaq-100": said(301, Location="/wiki/Moved"),
        "/wiki/Moved": chunked(PAGE[:100], PAGE[100:]),
        "/v8/finance/chart/BRK-B": GOOD["yahoo"].text.encode(),
        f"{LEAN}/factor_files/aapl.csv": b"20200101,1,1,1\n",
        f"{LEAN}/map_files/aapl.csv": b"20200101,aapl,Q\n",
        "/us/products/239726/ishares-core-sp-500-etf/1467271812596.ajax": ishares,
        "/library-content/products/fund-data/etfs/us/holdings-daily-us-en-spy.xlsx": (
            sheet
        ),
        "/us/financial-products/etfs/holdings/main/holdings/0": (
            GOOD["invesco"].text.encode()
        ),
        "/a.csv": b"symbol,ex_date,ratio\nGE,2021-08-02,1:8\n",
    }
    asking: Any = {"downloads": downloads(), "contact": ME}
    there = asking | {"base_url": site.url}

    Wikipedia().fetch(tmp_path / "w", indexes=["SP400", "NDX100"], **there)
    YahooActions().fetch(tmp_path / "y", symbols=["BRK-B"], **there)
    LeanActions().fetch(tmp_path / "l", symbols=["AAPL"], ref="main", **there)
    IsharesHoldings().fetch(tmp_path / "f", fund="IVV", **there)
    SpdrHoldings().fetch(tmp_path / "f", fund="SPY", **there)
    InvescoHoldings().fetch(tmp_path / "f", fund="QQQ", **there)
    actions: Any = FORMATS["actions"]
    actions.fetch(tmp_path / "a", url=f"{site.url}/a.csv", **asking)

    assert (tmp_path / "w" / "SP400.html").read_bytes() == PAGE  # not packed any more
    assert (tmp_path / "w" / "NDX100.html").read_bytes() == PAGE
    assert (tmp_path / "f" / "SPY_20261127T153000Z.xlsx").read_bytes() == sheet
    assert Wikipedia().convert(tmp_path / "w").kept == 20
    assert IsharesHoldings().convert(tmp_path / "f" / "IVV_20261127T153000Z.csv").kept
    for folder in ("w", "y", "f", "a", "l/factor_files", "l/map_files"):
        kept = records(tmp_path / folder)
        assert {*kept, LIST} == {each.name for each in (tmp_path / folder).iterdir()}
        for name, row in kept.items():
            held = (tmp_path / folder / name).read_bytes()
            assert row["sha256"] == hashlib.sha256(held).hexdigest()
            assert row["at"] == AT.isoformat()
            assert row["source"].startswith(f"{site.url}/")
    agents = {agent for _, agent in site.asked}
    assert agents == {"lakebt/0.1.0 (Me me@example.org)"}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            said(403),
            r"refuses: it may want to know who asks .* \(403 Forbidden\)\. Try",
        ),
        (said(404), r"has no such page: check what is asked for \(404 Not Found\)"),
        (
            said(429, Retry_After="120"),
            r"too often .*\(429 .*asks to wait 120 seconds\.",
        ),
        (
            said(503, Retry_After="Fri, 27 Nov 2026 16:00:00 GMT"),
            r"too busy \(503 .*: it asks to wait until Fri, 27 Nov 2026 16:00:00 GMT\.",
        ),
        (said(500), r"does not answer \(500 Internal Server Error\)\. Try again later"),
        (
            said(302, Location="ftp://example.org/x"),
            "sends to 'ftp://example.org/x', w",
        ),
        (said(302, Location="http://example.org/x"), "which is not an https address"),
        (said(302, Location=WIKI), "infinite loop"),
        (said(200, PAGE, Content_Length="99999"), "is cut off: nothing is kept"),
        (chunked(PAGE, is_whole=False), "is cut off: nothing is kept"),
        (
            said(200, gzip.compress(PAGE)[:-9], Content_Encoding="gzip"),
            "is cut off: nothing is kept",
        ),
        (
            said(200, b"\x1f\x8bno", Content_Encoding="gzip"),
            "answers with damaged gzip",
        ),
        (said(200, b"x", Content_Encoding="br"), "answers in 'br', and gzip was asked"),
        (said(200, PAGE[:-60]), "answers with a page that is cut off: nothing is kept"),
        (said(200, b'{"error": 1}'), "answers with no page of HTML: nothing is kept"),
        (said(200), "answers with nothing"),
        (garbled, "does not answer: no HTTP"),
        (silent, "does not answer: "),
        (drip, "takes too long to answer"),
    ],
)
def test_what_is_not_whole_is_one_line_and_not_kept(
    answer: Answer,
    told: str,
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network, "_TIMES", 1)
    site.answers = {WIKI: answer}
    place = tmp_path / "new"
    place.mkdir()
    (place / "SP400.html").write_text("as it was")

    with pytest.raises(LakeError, match=told) as caught:
        Wikipedia().fetch(
            place,
            indexes=["SP400"],
            base_url=site.url,
            downloads=downloads(seconds=0.25 if answer in {drip, silent} else 9.0),
        )

    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(("127.0.0.1:", "the answer of 127.0.0.1:"))
    assert [each.name for each in place.iterdir()] == ["SP400.html"]
    assert (place / "SP400.html").read_text() == "as it was"


@pytest.mark.parametrize(
    ("name", "body", "told"),
    [
        (
            "ishares",
            b"<!DOCTYPE html><title>Denied</title>",
            "is not a holdings file of",
        ),
        ("ishares", b'{"aaData": []}', "is not a holdings file of iShares"),
        ("spdr", b"Name,Ticker\n", "is not a holdings file of State Street"),
        ("invesco", b"\xef\xbb\xbf<html></html>", "is not a holdings file of Invesco"),
        ("yahoo", b"Too Many Requests\r\n", "answers with no JSON"),
        ("yahoo", b"<html></html>", "answers with a page of HTML, and no json"),
        ("actions", b"<!doctype HTML>", "answers with a page of HTML, and no csv"),
        ("lean", b"\n\n<HTML>", "answers with a page of HTML, and no csv"),
    ],
)
def test_another_kind_of_answer_is_not_kept(
    name: str, body: bytes, told: str, site: Site, tmp_path: Path
) -> None:
    others: dict[str, dict[str, Any]] = {
        "yahoo": {"symbols": ["KO"]},
        "lean": {"symbols": ["ko"]},
        "actions": {"url": f"{site.url}/x"},
        "ishares": {"fund": "IVV"},
    }
    asked = others.get(name, {"fund": "SPY"})
    if name != "actions":
        asked["base_url"] = site.url
    source: Any = FORMATS[name]
    site.answers = _Always(body)

    with pytest.raises(LakeError, match=told) as caught:
        source.fetch(tmp_path, downloads=downloads(), **asked)

    assert "\n" not in str(caught.value)
    assert not [each for each in tmp_path.rglob("*") if each.is_file()]


class _Always(dict[str, Any]):
    """The same answer at every path."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def get(self, *_: object) -> bytes:
        return self.body


def test_edgar_s_daily_index_is_read_for_a_range_of_days(
    site: Site, tmp_path: Path
) -> None:
    filing = FILING.encode()
    other = filing.replace(b"S000000001", b"S000000002")
    site.answers = {
        f"{INDEX}index.json": listing("20221125", "20221128", "20221129", "20221130"),
        f"{INDEX}master.20221128.idx": LINES.encode(),
        f"{INDEX}master.20221129.idx": LINES.encode(),  # told on a second day again
        "/Archives/edgar/data/1/0000000001-22-000001.txt": chunked(filing),
        "/Archives/edgar/data/1/0000000001-22-000002.txt": other,
    }
    terms: dict[str, Any] = {
        "companies": ["0000000001"],
        "start": "2022-11-26",
        "end": "2022-11-29",
        "identity": ME,
        "base_url": site.url,
    }
    asking = downloads()
    NportFilings().fetch(tmp_path, series=["S000000001"], downloads=asking, **terms)

    assert [each.name for each in tmp_path.glob("*.txt")] == [
        "0000000001-22-000001.txt"
    ]
    assert (tmp_path / "0000000001-22-000001.txt").read_bytes() == filing
    assert site.paths() == [
        f"{INDEX}index.json",
        f"{INDEX}master.20221128.idx",
        "/Archives/edgar/data/1/0000000001-22-000001.txt",
        "/Archives/edgar/data/1/0000000001-22-000002.txt",
        f"{INDEX}master.20221129.idx",
    ]
    assert {agent for _, agent in site.asked} == {f"lakebt/0.1.0 ({ME})"}
    # Known since the acceptance that the filing tells, and not since the download.
    accepted = dt.datetime(2022, 11, 28, 20, 50, 55, tzinfo=dt.UTC)
    assert NportFilings().convert(tmp_path).frame["known_at"].tolist() == [accepted]
    assert pytest.approx(0.1, abs=0.02) == PAUSE  # ten a second are allowed

    for path, body, told in [
        ("/Archives/edgar/data/1/0000000001-22-000002.txt", filing[:-30], "is cut off"),
        (f"{INDEX}master.20221128.idx", b"<html>", "is not an index: try again later"),
        (f"{INDEX}index.json", b"[]", "is not as it was: try again later"),
    ]:
        site.answers[path] = body
        with pytest.raises(LakeError, match=told):
            NportFilings().fetch(tmp_path / "x", downloads=asking, **terms)
    assert sorted(records(tmp_path / "x")) == ["0000000001-22-000001.txt"]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://no-such-host.invalid/x", "no-such-host.invalid/x does not answer: "),
        ("https://127.0.0.1:{port}/x", r"127.0.0.1:\d+/x does not answer: .*SSL"),
        ("http://127.0.0.1:1/x", "does not answer: .*refused"),
    ],
)
def test_a_name_a_lock_or_a_door_that_fails_is_one_line(
    url: str, told: str, site: Site
) -> None:
    with pytest.raises(LakeError, match=told) as caught:
        ask(url.format(port=site.server.server_port), seconds=5.0)
    assert "\n" not in str(caught.value)
    assert "Try again later, or download it by hand" in str(caught.value)


@pytest.mark.parametrize(
    "wrong", ["http://example.org", "ftp://x", "https://a:b@x.org"]
)
def test_a_mirror_or_a_contact_that_is_none_is_refused(
    wrong: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidArgumentError, match="url must begin with https://"):
        Wikipedia().fetch(tmp_path, base_url=wrong)
    with pytest.raises(
        InvalidArgumentError, match=r"contact 'a.nb' must be an address"
    ):
        Wikipedia().fetch(tmp_path, contact="a\nb")
    with pytest.raises(
        InvalidArgumentError, match="must be a name and an address of e"
    ):
        NportFilings().fetch(
            tmp_path,
            companies=["1"],
            start="2022-01-01",
            end="2022-01-02",
            identity="x",
        )


@pytest.mark.parametrize(
    "url", ["http://example.org", "file:///etc/passwd", "https://a:b@example.org", "x"]
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(InvalidArgumentError, match="https:// and hold no password"):
        ask(url)
