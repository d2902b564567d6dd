"""Every leak is caught, and named by its first decision; nobody else is accused."""

from __future__ import annotations

import collections
import functools
import importlib
import sys
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import pytest

import lakebt
from lakebt.strategy.audit.verdict import Audit, Difference, Verdict
from tests.strategy.audit.clean import CLEAN, CachedByInstant, Hysteresis, PastReturns
from tests.strategy.audit.leaky import LEAKY, OUTER, NextRow, equal, today
from tests.strategy.audit.market import END, START, publish

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

pytestmark = pytest.mark.lake


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> lakebt.View:
    folder: Path = tmp_path_factory.mktemp("audit")
    lake = publish(folder, with_adjusted=True)
    OUTER.path = folder / "lake"
    OUTER.view = lake.at("R2")
    return lake.at("R2")


def backtest(view: lakebt.View, strategy: Any, **asked: Any) -> lakebt.Backtest:
    dates = {"start": START, "end": END, "rebalance": "weekly"}
    return lakebt.Backtest(view, strategy, **{**dates, **asked})


def name(strategy: Any) -> str:
    return str(getattr(strategy, "__name__", type(strategy).__name__))


def test_there_are_at_least_fifteen_of_each() -> None:
    assert min(len(LEAKY), len(CLEAN)) >= 15


@pytest.mark.slow
@pytest.mark.parametrize("strategy", LEAKY, ids=name)
def test_a_leak_is_caught_at_the_first_decision_that_can_differ(
    view: lakebt.View, strategy: Any
) -> None:
    asked = backtest(view, strategy)

    audit = asked.audit()

    assert audit.verdict is Verdict.LOOK_AHEAD, str(audit)
    assert audit.difference is not None
    assert str(audit.difference.session) == strategy.first, str(audit)
    assert not asked.run().audited


@pytest.mark.slow
@pytest.mark.parametrize("strategy", CLEAN, ids=name)
def test_a_clean_strategy_passes(view: lakebt.View, strategy: Any) -> None:
    audit = backtest(view, strategy).audit()

    assert audit.passed, str(audit)
    assert audit.n_checked == audit.n_decisions


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_no_other_future_makes_a_clean_strategy_look_ahead(
    view: lakebt.View, seed: int
) -> None:
    for strategy in (Hysteresis, PastReturns, CachedByInstant):
        audit = backtest(view, strategy).audit(seed=seed, decisions=6)

        assert audit.passed, str(audit)


def test_the_first_decision_is_named_though_few_are_cut_at(view: lakebt.View) -> None:
    class Late:
        """Looks ahead from June on."""

        def target_weights(self, view: lakebt.View) -> pd.Series:
            if today(view) < pd.Timestamp("2021-05-10"):
                return equal(["AAA"])
            last = OUTER.view.panel("close", symbols=["AAA", "BBB"]).iloc[-1]
            return 0.5 * last / last.sum()

    audit = backtest(view, Late).audit(decisions=3)

    assert audit.difference is not None
    assert str(audit.difference.session) == "2021-05-10"


class FixedList:
    """Holds those of a fixed list that have a price, and names all of them."""

    def target_weights(self, known: lakebt.View) -> pd.Series:
        """GGG begins in March; a name that never comes is seen as one that is to."""
        names = ["AAA", "GGG", "NEVER"]
        close = known.panel("close", symbols=names, start="2021-01-04")
        priced = close.ffill().iloc[-1].notna()
        assert known.read("prices", where={"symbol": "NEVER"}).empty
        return priced / max(priced.sum(), 1)


def test_a_fixed_list_runs_before_the_last_of_it_is_listed(view: lakebt.View) -> None:
    asked = backtest(view, FixedList, end="2021-04-30", rebalance="monthly")

    weights = asked.run(record=False).weights()

    assert list(weights.columns) == ["AAA", "GGG"]
    assert list(weights["GGG"]) == [0.0, 0.0, 0.5]
    assert asked.audit().passed


def test_both_weights_are_told(view: lakebt.View) -> None:
    class Cutoff:
        def target_weights(self, view: lakebt.View) -> pd.Series:
            reaches = OUTER.view.cutoff > view.instant
            return pd.Series({"AAA": 0.5 if reaches else 0.25})

    audit = backtest(view, Cutoff).audit()

    assert str(audit) == (
        "Cutoff looks ahead: decision of 2021-02-01, AAA: 0.5, but 0.25 with the "
        "future removed"
    )
    assert not audit.passed
    assert "looks ahead" in audit._repr_html_()


def test_what_a_strategy_raises_without_its_future_is_told(view: lakebt.View) -> None:
    class Needs:
        def __init__(self, view: lakebt.View) -> None:
            self.closes = view.panel("close", symbols=["AAA"])

        def target_weights(self, view: lakebt.View) -> pd.Series:
            self.closes.loc[today(view)]
            return equal(["AAA"])

    audit = backtest(view, Needs).audit()

    assert "decision of 2021-02-01: with the future removed it raised KeyError: " in (
        str(audit)
    )
    assert audit.difference is not None
    assert audit.difference.symbol is None


class Undecided:
    """Draws without a seed."""

    def target_weights(self, view: lakebt.View) -> pd.Series:
        del view
        return pd.Series({"AAA": float(np.random.default_rng().uniform(0.1, 0.9))})


def test_a_strategy_that_is_not_reproducible_is_not_accused(view: lakebt.View) -> None:
    audit = backtest(view, Undecided).audit()

    assert audit.verdict is Verdict.NOT_REPRODUCIBLE
    told = "Undecided is not reproducible: decision of 2021-02-01, AAA: 0."
    assert str(audit).startswith(told)
    assert str(audit).endswith("with the same data again")


@pytest.mark.slow
def test_a_passed_audit_is_told_by_every_run_after_it(
    view: lakebt.View, tmp_path: Path
) -> None:
    asked = backtest(view, PastReturns)
    before = asked.run()

    audit = asked.audit()
    after = asked.run()
    after.report(tmp_path / "run.html")

    assert str(audit) == (
        "PastReturns passed: 22 of 22 decisions stood with the future removed and with "
        "it replaced (seed 0)"
    )
    assert (before.audited, after.audited) == (False, True)
    assert "audited=True" in repr(after)
    assert "Not audited" in before._repr_html_()
    assert "Not audited" not in after._repr_html_()
    assert "Not audited" not in (tmp_path / "run.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_an_object_is_audited_as_it_was_before_its_first_run(
    view: lakebt.View,
) -> None:
    """What it learnt there would be the future of the audit's decisions."""

    class Learns:
        def __init__(self) -> None:
            self.seen: list[float] = []

        def target_weights(self, view: lakebt.View) -> pd.Series:
            self.seen.append(view.panel("close", symbols=["AAA"])["AAA"].iloc[-1])
            return pd.Series({"AAA": min(1.0, 0.01 * len(self.seen))})

    asked = backtest(view, Learns())
    first = asked.run()

    assert asked.audit().passed
    assert first.weights()["AAA"].iloc[0] == 0.01
    assert asked.run().weights()["AAA"].iloc[0] == 0.23  # it is one object, and goes on


def test_an_object_made_with_a_frame_cannot_be_audited(view: lakebt.View) -> None:
    """What its rows say may have been computed from what came after them."""
    audit = backtest(view, NextRow(view)).audit()

    assert audit.verdict is Verdict.UNSEEN
    assert str(audit) == (
        "NextRow cannot be audited, for it holds data made before the audit: "
        "self.closes is a DataFrame up to 2021-07-14; it was made with a view. Give "
        "its class, or a function of the view that makes it with its data"
    )


def test_nor_one_whose_class_is_made_with_a_view(view: lakebt.View) -> None:
    """A few numbers do not say from which future they were computed."""
    made = FullSampleMean(view)

    assert backtest(view, FullSampleMean).audit().verdict is Verdict.LOOK_AHEAD
    audit = backtest(view, made).audit()
    assert audit.unseen == ("it was made with a view",)


class FullSampleMean:
    """Holds one number: the mean of all closes there will ever be."""

    def __init__(self, view: lakebt.View) -> None:
        self.mean = float(view.panel("close")["AAA"].mean())

    def target_weights(self, view: lakebt.View) -> pd.Series:
        del view
        return pd.Series({"AAA": self.mean / 1e3})


def test_a_class_made_with_the_view_can_be_run_too(view: lakebt.View) -> None:
    run = backtest(view, NextRow).run()

    assert run.name == "NextRow"
    assert len(run.weights()) == 22


def test_progress_goes_up_to_the_end(view: lakebt.View) -> None:
    told: list[tuple[int, int]] = []

    backtest(view, PastReturns).audit(
        decisions=4, progress=lambda done, total: told.append((done, total))
    )

    done = [each for each, _ in told]
    assert done == sorted(done)
    assert all(done <= total for done, total in told)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "arguments", "message"),
    [
        (PastReturns, {"decisions": 0}, r"decisions must be .* > 0, was 0"),
        (lambda: 3, {}, r"returned 3, which has no method target_weights"),
        (Hysteresis(), {}, None),
    ],
)
def test_what_cannot_be_audited_is_told(
    view: lakebt.View, strategy: Any, arguments: dict[str, Any], message: str | None
) -> None:
    asked = backtest(view, strategy)

    if message is None:
        assert asked.audit(**arguments).passed
        return
    with pytest.raises(ValueError, match=message):
        asked.audit(**arguments)


def test_an_object_that_cannot_be_copied_is_told(view: lakebt.View) -> None:
    class Generator:
        def __init__(self) -> None:
            self.left = (n for n in range(100))

        def target_weights(self, view: lakebt.View) -> pd.Series:
            del view
            return pd.Series({"AAA": 0.01 * next(self.left) + 0.01})

    asked = backtest(view, Generator())

    assert asked.run(record=False).weights()["AAA"].iloc[1] == 0.02
    with pytest.raises(ValueError, match=r"Generator cannot be copied \(TypeError: "):
        asked.audit()


def in_a_class() -> Any:
    class Memo:
        memo: ClassVar[dict[str, float]] = {}

        def target_weights(self, view: lakebt.View) -> pd.Series:
            return from_memo(self.memo, view)

    return Memo


def in_a_closure() -> Any:
    memo: dict[str, float] = {}

    class Memo:
        def target_weights(self, view: lakebt.View) -> pd.Series:
            return from_memo(memo, view)

    return Memo


def in_a_cell() -> Any:
    mean: float | None = None

    class Memo:
        def target_weights(self, view: lakebt.View) -> pd.Series:
            nonlocal mean
            mean = mean or from_memo({}, view)["AAA"]
            return pd.Series({"AAA": mean})

    return Memo


def in_a_default() -> Any:
    class Memo:
        def target_weights(
            self,
            view: lakebt.View,
            memo: dict[str, float] = {},  # noqa: B006 - the very mistake
        ) -> pd.Series:
            return from_memo(memo, view)

    return Memo


def in_an_attribute_of_a_function() -> Any:
    class Memo:
        def target_weights(self, view: lakebt.View) -> pd.Series:
            memo = Memo.target_weights.__dict__.setdefault("memo", {})
            return from_memo(memo, view)

    return Memo


def in_an_object() -> Any:
    class Memo:
        def __init__(self) -> None:
            self.memo: dict[str, float] = {}

        def target_weights(self, view: lakebt.View) -> pd.Series:
            return from_memo(self.memo, view)

    return Memo()


def in_an_array() -> Any:
    memo = np.zeros(1)

    class Memo:
        def target_weights(self, view: lakebt.View) -> pd.Series:
            memo[0] = memo[0] or from_memo({}, view)["AAA"]
            return pd.Series({"AAA": memo[0]})

    return Memo


def in_a_series() -> Any:
    memo = pd.Series(dtype=float)

    class Memo:
        def target_weights(self, view: lakebt.View) -> pd.Series:
            if "AAA" not in memo.index:
                memo.loc["AAA"] = from_memo({}, view)["AAA"]
            return pd.Series({"AAA": memo["AAA"]})

    return Memo


def in_a_dictionary_of_ones_own() -> Any:
    memo: collections.UserDict[str, float] = collections.UserDict()

    class Memo:
        def target_weights(self, view: lakebt.View) -> pd.Series:
            return from_memo(memo, view)

    return Memo


def in_a_name_like_the_language_s() -> Any:
    class Memo:
        __memo__: ClassVar[float | None] = None

        def target_weights(self, view: lakebt.View) -> pd.Series:
            mean = Memo.__memo__ or from_memo({}, view)["AAA"]
            Memo.__memo__ = mean
            return pd.Series({"AAA": mean})

    return Memo


def from_memo(memo: MutableMapping[str, float], view: lakebt.View) -> pd.Series:
    """A weight by the mean of the whole sample, which is read once."""
    del view
    if not memo:
        memo["AAA"] = float(OUTER.view.panel("close", symbols=["AAA"])["AAA"].mean())
    return pd.Series({"AAA": memo["AAA"] % 1.0})


@pytest.mark.parametrize("is_another", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        *(in_a_class, in_a_closure, in_a_cell, in_a_default),
        *(in_an_attribute_of_a_function, in_an_object, in_an_array, in_a_series),
        *(in_a_dictionary_of_ones_own, in_a_name_like_the_language_s),
    ],
    ids=name,
)
def test_what_a_run_remembers_hides_nothing_from_an_audit(
    view: lakebt.View,
    make: Any,
    is_another: bool,  # noqa: FBT001 - a case
) -> None:
    strategy = make()
    asked = backtest(view, strategy)
    first = asked.run()
    if is_another:
        asked = backtest(view, strategy)

    audit = asked.audit(decisions=2)
    again = asked.run()

    assert audit.verdict is Verdict.LOOK_AHEAD, str(audit)
    assert not again.audited
    pd.testing.assert_frame_equal(first.weights(), again.weights())
    if make is not in_an_object:  # which is another one, with what it has learnt
        assert first.id == again.id


@pytest.mark.slow
def test_a_module_that_is_imported_on_the_way_hides_nothing(
    view: lakebt.View, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it computed when it was imported, no audit makes anew."""
    (tmp_path / "lakebt_test_late.py").write_text(
        "from tests.strategy.audit.leaky import OUTER\n"
        "MEANS = dict(OUTER.view.panel('close').mean(axis=1))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    class Imports:
        def target_weights(self, view: lakebt.View) -> pd.Series:
            means = importlib.import_module("lakebt_test_late").MEANS
            tomorrow = min(day for day in means if day > today(view))
            return pd.Series({"AAA": means[tomorrow] % 1})

    audit = backtest(view, Imports).audit(decisions=2)
    del sys.modules["lakebt_test_late"]

    assert audit.verdict is Verdict.UNSEEN
    assert "MEANS is a dict" in str(audit)


def test_what_a_run_leaves_stays_until_the_next_one(view: lakebt.View) -> None:
    seen: list[str] = []

    class Tells:
        def target_weights(self, view: lakebt.View) -> pd.Series:
            seen.append(str(today(view).date()))
            return equal(["AAA"])

    asked = backtest(view, Tells)
    asked.run()
    assert len(seen) == 22
    assert asked.audit(decisions=2).passed
    assert len(seen) == 22
    asked.run()
    assert len(seen) == 22
    seen.append("by hand")
    asked.run()
    assert len(seen) == 45


def test_a_strategy_that_draws_without_a_seed_is_not_recorded_twice(
    view: lakebt.View,
) -> None:
    asked = backtest(view, Undecided)
    first = asked.run()

    with pytest.raises(ValueError, match=rf"^trial {first.id[:10]} was recorded on .*"):
        asked.run()
    assert asked.run(record=False).id == first.id


def test_a_class_that_needs_something_else_is_told(view: lakebt.View) -> None:
    class Needy:
        def __init__(self, share: float) -> None: ...

        def target_weights(self, view: lakebt.View) -> pd.Series:
            raise NotImplementedError

    with pytest.raises(ValueError, match=r"Needy needs the arguments share: give"):
        backtest(view, Needy)


@pytest.mark.slow
def test_what_an_audit_leaves_in_classes_and_caches_is_taken_back(
    view: lakebt.View,
) -> None:
    class Leaves:
        known: ClassVar[dict[str, float]] = {}
        last: ClassVar[float | None] = None

        @staticmethod
        @functools.cache
        def of(day: str) -> float:
            return float(OUTER.view.panel("close", end=day)["AAA"].iloc[-1])

        def target_weights(self, view: lakebt.View) -> pd.Series:
            day = str((today(view) - pd.Timedelta(days=1)).date())
            type(self).last = self.known[day] = self.of(day)
            return pd.Series({"AAA": 0.01 * self.known[day]})

    assert backtest(view, Leaves).audit().passed
    assert Leaves.known == {}
    assert Leaves.last is None
    assert Leaves.of.cache_info().currsize == 0


def test_an_audit_tells_itself_in_one_line() -> None:
    difference = Difference(
        session=pd.Timestamp("2021-02-01").date(),
        symbol=None,
        weight=None,
        other=None,
        how="the future replaced",
        error="KeyError: 'A'",
    )
    audit = Audit(
        strategy="<Mine>",
        release="R1",
        verdict=Verdict.LOOK_AHEAD,
        n_decisions=3,
        difference=difference,
    )

    assert str(audit) == (
        "<Mine> looks ahead: decision of 2021-02-01: with the future replaced it "
        "raised KeyError: 'A'"
    )
    assert "&lt;Mine&gt;" in audit._repr_html_()
