"""Running a trial again from what was recorded of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lakebt.errors import InvalidArgumentError
from lakebt.inputs.user_code import blaming
from lakebt.lake.api.trials import view_of
from lakebt.strategy.backtest import Backtest
from lakebt.strategy.factory import load_class
from lakebt.strategy.terms import Terms
from lakebt.strategy.trials import as_made, run_row
from lakebt.study.arguments import Arguments
from lakebt.study.scope import Scope
from lakebt.study.trading import trade
from lakebt.study.trials import rows_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    import pandas as pd

    from lakebt.lake.lake import Lake


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The recipe of a trial: everything that decides its numbers, but for the code.

    Attributes
    ----------
    release, as_of
        The data.
    rule
        Arguments of the study without its costs; a cell's has one entry and one exit.
    costs
    engine
    """

    release: str
    as_of: dt.datetime
    rule: Mapping[str, Any]
    costs: Mapping[str, float]
    engine: str

    @classmethod
    def of(cls, row: pd.Series) -> Recipe:
        """Return what a row of the trials asks.

        Raises
        ------
        InvalidArgumentError
            If it is a strategy's, of which only the name was recorded.
        """
        if row["kind"] == "backtest":
            msg = (
                f"trial {row['trial_id'][:10]} is of the strategy {row['strategy']}: "
                f"only cells of a study can be taken apart"
            )
            raise InvalidArgumentError(msg)
        rule = json.loads(row["rule"])
        if row["kind"] == "cell":
            rule = {
                **{k: v for k, v in rule.items() if k not in {"entry", "exit"}},
                "entries": [rule["entry"]],
                "exits": [rule["exit"]],
            }
        return cls(
            release=row["release"],
            as_of=row["as_of"].to_pydatetime(),
            rule=rule,
            costs=json.loads(row["costs"]),
            engine=row["engine"],
        )

    def cell(self, entry: str, exit_: str) -> Recipe:
        """Return what one cell of it asks."""
        return replace(self, rule={**self.rule, "entries": [entry], "exits": [exit_]})


def rerun(lake: Lake, recipe: Recipe) -> pd.DataFrame:
    """Run a trial again, and return the rows that the trials would have of it.

    Nothing is recorded: the row of the result itself comes last, its cells before.

    Raises
    ------
    LakebtError
        If the release cannot be read, or the study cannot be run.
    """
    view = view_of(lake, release=recipe.release, as_of=recipe.as_of)
    arguments = Arguments.read({**recipe.rule, "costs": recipe.costs})
    study = trade(Scope(view, arguments), engine=recipe.engine)
    return rows_of(study, run_at=recipe.as_of)


def rerun_strategy(lake: Lake, row: pd.Series, target: str | None) -> pd.Series:
    """Run a backtest again, and return the row that the trials would have of it.

    Parameters
    ----------
    lake
    row
        Of the trials.
    target
        ``FILE.py:Name`` of the strategy.

    Raises
    ------
    InvalidArgumentError
        If no target is given, or it is of another name.
    """
    if target is None or target.rpartition(":")[2] != row["strategy"]:
        msg = (
            f"trial {row['trial_id'][:10]} is of the strategy {row['strategy']}, whose "
            f"code was not recorded: pass --strategy "
            f"FILE.py:{row['strategy']}"
        )
        raise InvalidArgumentError(msg)
    path, strategy_class = load_class(target)
    rule = json.loads(row["rule"])
    with blaming(path):
        strategy = strategy_class(**as_made(strategy_class, rule["parameters"]))
    view = view_of(lake, release=row["release"], as_of=row["as_of"].to_pydatetime())
    terms = Terms.read(rule, json.loads(row["costs"]))
    backtest = Backtest(view, strategy, **{n: getattr(terms, n) for n in terms.names()})
    with blaming(path):
        run = backtest.run(row["engine"], record=False)
    now = run_row(run.traded, family=None, run_at=row["run_at"], seconds=0.0)
    return now.iloc[0]
