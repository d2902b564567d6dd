"""Running a trial again from what the ledger has of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lakebt.arguments import read_arguments
from lakebt.errors import InvalidArgumentError
from lakebt.lake.trials.ledger import view_of
from lakebt.study import Study
from lakebt.tried import rows_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    import pandas as pd

    from lakebt.lake.lake import Lake


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a trial asks: everything that decides its numbers, but for the code.

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
    def of(cls, row: pd.Series) -> Asked:
        """Return what a row of the ledger asks.

        Raises
        ------
        InvalidArgumentError
            If it is a strategy's, which the ledger has only the name of.
        """
        if row["kind"] == "backtest":
            msg = (
                f"trial {row['trial_id'][:10]} is of the strategy {row['strategy']}: "
                f"the ledger has its name and what it was run on, not its code. Run it "
                f"again with lakebt backtest"
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

    def cell(self, entry: str, exit_: str) -> Asked:
        """Return what one cell of it asks."""
        return replace(self, rule={**self.rule, "entries": [entry], "exits": [exit_]})


def rerun(lake: Lake, asked: Asked) -> pd.DataFrame:
    """Run a trial again, and return the rows that the ledger would have of it.

    Nothing is recorded: the row of the result itself comes last, its cells before.

    Raises
    ------
    LakebtError
        If the release cannot be read, or the study not be run.
    """
    view = view_of(lake, release=asked.release, as_of=asked.as_of)
    arguments = read_arguments({**asked.rule, "costs": asked.costs})
    study = Study(view, **arguments)
    result = study.trade(engine=asked.engine)
    return rows_of(result, run_at=asked.as_of)
