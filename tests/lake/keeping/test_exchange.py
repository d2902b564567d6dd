"""A lake counts the sessions of one exchange, and its days end where that is."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from lakebt.errors import InvalidArgumentError
from lakebt.facts import IndexChange
from lakebt.lake import Lake
from lakebt.lake.tables.schemas import EXCHANGE, LEDGER
from lakebt.sessions import Sessions
from lakebt.study import Study
from tests.lake.frames import clock

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

AS_OF = "2020-01-01T12:00:00Z"


def told(announced: object) -> pd.DataFrame:
    return pd.DataFrame(
        [["IX", "A", "addition", announced, "2019-03-25"]],
        columns=["index", "symbol", "side", "announced", "effective"],
    )


def march(exchange: str) -> pd.DataFrame:
    sessions = Sessions.of(exchange)
    days = [d for d in sessions.days if str(d).startswith("2019-03")]
    frame = pd.DataFrame({"symbol": "A", "session": days})
    return frame.assign(open=10.0, high=10.0, low=10.0, close=10.0, basis="raw")


# Where the day of an announcement ends, and the next session by a wall calendar.
ENDS = {
    "XNYS": ("America/New_York", "2019-03-14"),
    "XLON": ("Europe/London", "2019-03-14"),
    "XTKS": ("Asia/Tokyo", "2019-03-14"),
    "XHKG": ("Asia/Hong_Kong", "2019-03-14"),
    "XKRX": ("Asia/Seoul", "2019-03-14"),
    "XBOM": ("Asia/Calcutta", "2019-03-14"),
    "XASX": ("Australia/Sydney", "2019-03-14"),
    "XNZE": ("Pacific/Auckland", "2019-03-14"),
}


@pytest.mark.slow
@pytest.mark.parametrize("exchange", ENDS)
def test_a_date_ends_where_its_exchange_is(tmp_path: Path, exchange: str) -> None:
    zone, after = ENDS[exchange]
    lake = Lake.open(tmp_path / "lake", exchange=exchange, clock=clock)
    rows = {"index_changes": told("2019-03-13"), "prices": march(exchange)}
    lake.publish(rows, release="R1", as_of=AS_OF)
    view = lake.at("R1")
    end = dt.datetime(2019, 3, 13, 23, 59, 59, 999_999, tzinfo=ZoneInfo(zone))

    (change,) = view.changes(index="IX")
    handed = IndexChange(
        index="IX", symbol="A", side="addition", announced="2019-03-13"
    )

    assert change.announced == change.known_at == end
    assert view.read("index_changes")["change_id"][0] == "IX:A:addition:2019-03-13"
    assert view.changes(index="IX", where={"announced": "2019-03-13"}) == (change,)
    for source in ({"index": "IX"}, {"changes": [handed]}):
        study = Study(
            view, side="additions", entries=["AD+1@open"], exits=["+1"], **source
        )
        cell = study.plan()[0]
        assert cell.empty is None
        assert cell.fill is not None
        assert str(view.sessions.date(cell.fill.session)) == after
        assert cell.event.event_id.startswith("IX:2019-03-13:")


@pytest.mark.parametrize("hour", ["00:30", "11:30", "13:30", "23:30"])
def test_one_day_in_hong_kong_has_one_announcement_day(
    tmp_path: Path, hour: str
) -> None:
    lake = Lake.open(tmp_path / "lake", exchange="XHKG", clock=clock)
    rows = {
        "index_changes": told(f"2019-03-14T{hour}:00+08:00"),
        "prices": march("XHKG"),
    }
    lake.publish(rows, release="R1", as_of=AS_OF)

    (cell,) = Study(
        lake.at("R1"),
        index="IX",
        side="additions",
        entries=["AD+1@close"],
        exits=["+1"],
    ).plan()

    assert cell.fill is not None
    assert str(lake.at("R1").sessions.date(cell.fill.session)) == "2019-03-15"
    assert cell.event.event_id == "IX:2019-03-14:2019-03-25"


def test_a_lake_keeps_its_exchange_and_no_other_opens_it(path: Path) -> None:
    Lake.open(path, exchange="XHKG")

    Lake.open(path).publish({"prices": march("XHKG")}, release="R1", as_of=AS_OF)

    assert Lake.open(path, create=False).at("R1").sessions.exchange == "XHKG"
    assert Lake.open(path, exchange="XHKG").at("R1").sessions.exchange == "XHKG"
    for other in ("XNYS", "XLON"):
        with pytest.raises(
            InvalidArgumentError, match=f"of XHKG, not of {other}: open"
        ):
            Lake.open(path, exchange=other)


def test_a_lake_of_new_york_keeps_that_too(path: Path) -> None:
    Lake.open(path)

    with pytest.raises(InvalidArgumentError, match="of XNYS, not of XLON"):
        Lake.open(path, exchange="XLON")


def test_a_lake_from_before_exchanges_were_kept_takes_what_it_is_told(
    path: Path,
) -> None:
    lake = Lake.open(path)
    with lake._storage.tables()[LEDGER].transaction() as change:  # noqa: SLF001
        change.remove_properties(EXCHANGE)

    assert Lake.open(path, exchange="XLON").releases().empty
    assert Lake.open(path).releases().empty


TYPHOONS = ["2023-09-01", "2023-09-08"]


def test_closed_days_are_no_sessions_and_are_kept(path: Path) -> None:
    Lake.open(path, exchange="XHKG", closed=TYPHOONS[:1])
    lake = Lake.open(path, closed=[dt.date(2023, 9, 8)])
    days = pd.to_datetime(["2023-08-31", "2023-09-04", "2023-09-07", "2023-09-11"])
    frame = pd.DataFrame({"symbol": "A", "session": days, "basis": "raw"})
    frame = frame.assign(open=10.0, high=10.0, low=10.0, close=10.0)
    lake.publish({"prices": frame}, release="R1", as_of="2024-01-01T12:00:00Z")

    view = Lake.open(path, create=False).at("R1")
    panel = view.panel("close")

    assert view.sessions.closed == tuple(map(dt.date.fromisoformat, TYPHOONS))
    assert view.sessions.exchange == "XHKG"
    assert str(view.sessions) == "Sessions('XHKG closed 2023-09-01 2023-09-08')"
    assert not {pd.Timestamp(day) for day in TYPHOONS} & set(panel.index)
    between = view.sessions.number(dt.date(2023, 9, 4))
    assert between == view.sessions.on_or_after(dt.date(2023, 8, 31)) + 1


def test_a_day_with_bars_was_not_closed(path: Path) -> None:
    lake = Lake.open(path, exchange="XHKG")
    lake.publish({"prices": march("XHKG")}, release="R1", as_of=AS_OF)

    with pytest.raises(
        InvalidArgumentError, match=r"closed=2019-03-14: .* has prices of that day"
    ):
        Lake.open(path, closed=["2019-03-14"])

    assert Lake.open(path).at("R1").sessions.closed == ()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"closed": "2023-09-01"}, r"closed must be a list of days, was '2023"),
        ({"closed": ["1 September"]}, r"closed '1 September' is not a date"),
        ({"exchange": 5}, r"exchange must be a code such as XNYS, was 5"),
    ],
)
def test_what_is_no_calendar_is_refused(
    path: Path, argument: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        Lake.open(path, **argument)  # type: ignore[arg-type]

    assert not path.exists()
