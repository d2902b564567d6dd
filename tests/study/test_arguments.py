"""A study's arguments are listed once; all that is derived from them is held here."""

from __future__ import annotations

import dataclasses
import datetime as dt
import inspect
import itertools
import shlex
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import lakebt
from lakebt.cli import app
from lakebt.cli.study import study as command
from lakebt.cli.where import where_option
from lakebt.errors import InvalidArgumentError
from lakebt.events.clock import lead_text, parse_lead
from lakebt.inputs.roles import Decides, option_name
from lakebt.sources.simulated import simulated_market
from lakebt.study.arguments import GRID, SOURCES, Arguments, one_writing
from lakebt.study.report import study_command
from lakebt.study.scope import Scope
from lakebt.study.study import Study
from lakebt.sweep.grid import VARIED
from lakebt.sweep.passes import Memory
from lakebt.sweep.sweep import Sweep
from lakebt.values.keys import canonical_json, content_key

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lake

RULES: dict[str, Any] = {
    "entries": ["AD@close", "AD+1@open", "MD+1@open"],
    "exits": ["+1", "1w"],
}

OTHERS: dict[str, tuple[Any, ...]] = {
    "entries": (["AD+2@open"],),
    "exits": (["+2", "1w"],),
    "where": ({"side": ["addition"]}, {"cause": [None]}),
    "period": (("2010-04-01", "2010-05-20"), ("2010-05-20", "2011-12-31")),
    "size": ((1, 2), (3, 9)),
    "side": ("additions", "deletions"),
    "hedge": ("MKT",),
    "gross": (0.5, 1.7),
    "max_gross": (3.0,),
    "capital_usd": (5e4,),
    "missing": ("drop_leg", "raise"),
    "delisting_return": (-1.0, -0.3, 0),
    "aggregate": ("calendar",),
    "weighting": ("leg",),
    "max_weight": (0.25,),
    "costs": (lakebt.CostModel(commission_bps=1.0, borrow_bps_per_year=300.0),),
    "on_look_ahead": ("allow", "raise"),
    "min_lead": ("3D", "601s", dt.timedelta(microseconds=1)),
}
"""Other values of each argument than the default."""

NEEDED: dict[str, dict[str, Any]] = {
    "weighting": {"aggregate": "calendar"},
    "max_weight": {"aggregate": "calendar"},
}
"""What an argument asks for beside it."""

EACH = [(name, value) for name, values in OTHERS.items() for value in values]
CASES = [pytest.param(*case, id=f"{case[0]}={case[1]}") for case in EACH]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("arguments") / "lake"


@pytest.fixture(scope="module")
def lake(path: Path) -> lakebt.Lake:
    """Events of one to four legs, one of one side, one without a price."""
    market = simulated_market(seed=3, n_events=6, n_members=2)
    changes = market.index_changes
    gone = ["DEL0003", "DEL0004", "ADD0006", "DEL0006", "ADD0008"]
    changes = changes[~changes["symbol"].isin(gone)].copy()
    changes["cause"] = changes["cause"].astype(object)
    changes.loc[changes["symbol"].isin(["ADD0011", "DEL0011"]), "cause"] = "merger"
    changes.loc[changes["symbol"].isin(["ADD0009", "DEL0009"]), "cause"] = None
    prices = market.prices[market.prices["symbol"] != "DEL0008"]
    lake = lakebt.Lake.open(path)
    tables = {**market.tables, "index_changes": changes, "prices": prices}
    lake.publish(tables, release="R1", as_of=market.as_of)
    return lake


def parsed(name: str | None = None, value: object = None) -> Arguments:
    asked = {**RULES, **NEEDED.get(name or "", {})}
    return Arguments.parse(index="SIM", **{**asked, **({name: value} if name else {})})


def test_every_parameter_of_a_study_is_a_field_with_a_role() -> None:
    of_study = list(inspect.signature(Study.__init__).parameters.values())[2:]
    of_parse = inspect.signature(Arguments.parse).parameters

    assert [p.name for p in of_study] == list(Arguments.names())
    assert {p.name: p.default for p in of_study} == {
        name: p.default for name, p in of_parse.items()
    }
    assert set(OTHERS) == {*Arguments.names()} - {*SOURCES}
    assert all(Arguments.names(role) for role in Decides), "no role is without a field"
    assert set(VARIED) == {*OTHERS} - {*GRID, "costs", "max_gross"}


@pytest.mark.parametrize(("name", "value"), CASES)
def test_each_argument_is_written_read_and_decides_as_it_says(
    name: str, value: object
) -> None:
    usual, other = parsed(), parsed(name, value)
    assert getattr(other, name) != getattr(usual, name)

    again = Arguments.read(other.plain())
    refuses = name in Arguments.names(Decides.REFUSAL)

    assert again == other.replaced(max_gross=again.max_gross)
    if name in NEEDED:
        usual = parsed("aggregate", "calendar")
    key, usual_key = content_key(other.plain()), content_key(usual.plain())
    assert (key == usual_key) is refuses
    for role in Decides:
        is_other = canonical_json(other.plain(role)) != canonical_json(
            usual.plain(role)
        )
        assert is_other is (name in Arguments.names(role)), role


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize(("name", "value"), CASES)
def test_the_command_asks_the_same(
    name: str, value: object, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    arguments = parsed(name, value)
    asked: list[Arguments] = []

    def keep(_study: Study, _view: object, **given: Any) -> None:
        asked.append(Arguments.parse(**given))
        msg = "no need to run it"
        raise InvalidArgumentError(msg)

    monkeypatch.setattr(Study, "__init__", keep)
    words = [
        word
        for option, texts in arguments.options(always=("index", *GRID)).items()
        for text in (texts if isinstance(texts, list) else [texts])
        for word in (option, text)
    ]

    CliRunner().invoke(app, ["study", "--release", "R1", "--lake", str(path), *words])

    assert asked == [arguments], shlex.join(words)


@pytest.fixture(scope="module")
def usual(lake: lakebt.Lake) -> lakebt.Result:
    return lakebt.Study(lake.at("R1"), index="SIM", **RULES).run(record=False)


TEXTS = ("-X", "--index", "a'b", 'a"b', " a", "a ", "日本", "=x", "$HOME", "a\nb", "")


@pytest.mark.parametrize("op", ["=", "!=", "<", ">="])
@pytest.mark.parametrize("text", TEXTS)
def test_a_filter_is_read_back_or_there_is_no_command(
    usual: lakebt.Result, op: str, text: str
) -> None:
    asked = Arguments.parse(index="SIM", where={"source": {op: [text]}})
    scope = Scope(usual.view, asked)

    command = study_command(dataclasses.replace(usual.traded, scope=scope))

    if command.startswith("none: "):
        assert repr(f"source{op}{text}") in command
        assert not text.strip() or text != text.strip() or text[0] == "="
        return
    words = shlex.split(command)
    given = [words[n + 1] for n, word in enumerate(words) if word == "--where"]
    again = Arguments.parse(index="SIM", where=where_option(given, example=""))
    assert one_writing(again.plain()) == one_writing(asked.plain())


def test_every_argument_has_an_option_of_its_name_with_its_default() -> None:
    parameters = inspect.signature(command).parameters
    usual = Arguments.parse(index="SIM")

    for name, value in usual.options(always=Arguments.names()).items():
        default = parameters[name.removeprefix("--").replace("-", "_")].default
        if name != "--index":
            assert str(default).replace(", ", ",") == value, name
    for name in Arguments.names():
        if name not in {"changes", "costs"}:
            assert name in parameters, option_name(name)


@pytest.mark.parametrize("name", VARIED)
def test_a_sweep_over_any_argument_equals_its_studies(
    lake: lakebt.Lake, name: str
) -> None:
    view = lake.at("R1")
    usual = inspect.signature(Study.__init__).parameters[name].default
    values = [
        value
        for value in (usual if usual is not None else {}, *OTHERS[name])
        if value != "raise"
    ]
    if name in {"period", "size", "hedge", "delisting_return"}:
        values[0] = None
    if name == "min_lead":
        values[-1] = "1us"
    given: dict[str, Any] = {**RULES, **NEEDED.get(name, {})}
    given.pop(name, None)

    grid: dict[str, Any] = {name: values, **given}
    swept = Sweep(view, index="SIM", **grid).run(record=False)

    table = swept.table()
    studies = [
        lakebt.Study(view, index="SIM", **{name: value}, **given).run(record=False)
        for value in values
    ]
    expected = pd.concat([result.table() for result in studies], ignore_index=True)
    figures = ["entry", "exit", "sharpe", "n_returns", "n_events", "net_bps"]
    pd.testing.assert_frame_equal(
        table[figures], expected[figures], check_exact=True, check_dtype=False
    )
    # All figures are relative to the capital, and nothing is delisted here.
    if name not in {"capital_usd", "delisting_return"}:
        of_each = {result.table()[figures].to_csv() for result in studies}
        assert len(of_each) > 1, f"no value of {name} changes a number here"


def test_what_a_sweep_keeps_is_what_no_changed_argument_decides(
    lake: lakebt.Lake,
) -> None:
    view = lake.at("R1")
    first = Scope(view, parsed())
    for name, value in EACH:
        other = Scope(view, parsed(name, value))
        base = Scope(view, parsed("aggregate", "calendar")) if name in NEEDED else first
        memory = Memory("event")

        same_orders = memory.book_key(base) == memory.book_key(other)

        decides = name in Arguments.names(Decides.BOOKS)
        assert same_orders is not decides, name


@given(st.integers(min_value=0, max_value=30 * 86_400 * 10**6))
def test_a_lead_is_read_back_exactly(microseconds: int) -> None:
    lead = dt.timedelta(microseconds=microseconds)

    assert parse_lead(lead_text(lead)) == lead


def test_two_leads_are_two_trials() -> None:
    leads = ["601s", "601002ms", "10min", "1us", "0s"]

    texts = {lead_text(parse_lead(lead)) for lead in leads}

    assert len(texts) == len(leads)


def test_a_trial_with_a_short_lead_is_run_again(lake: lakebt.Lake) -> None:
    from lakebt.reproduce import reproduce  # noqa: PLC0415

    result = lakebt.Study(lake.at("R1"), index="SIM", min_lead="1us", **RULES).run()

    assert reproduce(lake, result.id).is_same


OLD = (
    '{"aggregate":"pooled","capital_usd":100000,"costs":{"borrow_bps_per_year":0,'
    '"commission_bps":0,"half_spread_bps":0},"entries":["AD@close","AD+1@open","MD+1@open"],'
    '"exits":["+1","1w"],"gross":1,"hedge":null,"index":"SIM","max_weight":1,'
    '"min_lead":"10min","missing":"exclude","on_look_ahead":"mask","period":null,'
    '"side":"both","size":null,"weighting":"event","where":{}}'
)
"""What version 0.1.0 recorded, before arguments were fields."""


def test_a_rule_is_written_as_before() -> None:
    assert canonical_json(parsed().plain()) == OLD


def test_an_argument_of_another_version_is_told() -> None:
    with pytest.raises(InvalidArgumentError, match="arguments have colour, which this"):
        Arguments.read({**parsed().plain(), "colour": "red"})
    with pytest.raises(InvalidArgumentError, match="costs have tax_bps, which this"):
        Arguments.read({**parsed().plain(), "costs": {"tax_bps": 1.0}})


@pytest.mark.slow
@pytest.mark.parametrize("is_supplied", [False, True])
def test_the_page_tells_every_argument(
    lake: lakebt.Lake,
    tmp_path: Path,
    is_supplied: bool,  # noqa: FBT001
) -> None:
    view = lake.at("R1")
    source: dict[str, Any] = {"index": "SIM"}
    if is_supplied:
        source = {"changes": view.changes(index="SIM")}
    asked: dict[str, Any] = {
        "period": ("2010-01-04", "2010-12-31"),
        "size": (1, 9),
        "max_gross": 7.5,
        "gross": 1.25,
        "capital_usd": 250_000.0,
        "hedge": "MKT",
        "min_lead": "601s",
        "on_look_ahead": "allow",
        "missing": "drop_leg",
        "where": {"side": ["addition", "deletion"]},
    }

    result = lakebt.Study(view, **source, **RULES, **asked).run(record=False)

    result.report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    for text in (
        *("2010-01-04 to 2010-12-31", "1 to 9 legs", "7.5", "1.25", "250,000"),
        *("601s", "allow", "drop_leg", "addition or deletion", "hedge MKT"),
    ):
        assert text in page, text
    if is_supplied:
        change = view.changes(index="SIM")[0]
        assert f"{change.side} of {change.symbol} (" in page


def test_every_pair_of_arguments_makes_its_own_trial() -> None:
    plains = [parsed(*case) for case in EACH if case[0] != "max_gross"]
    keys = [content_key(arguments.plain()) for arguments in plains]

    for one, other in itertools.combinations(range(len(keys)), 2):
        assert (keys[one] == keys[other]) is (plains[one] == plains[other])
