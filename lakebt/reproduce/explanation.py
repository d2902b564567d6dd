"""Why two results differ: which of data, rule, costs, engine or code moved them."""

from __future__ import annotations

import html
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt._messages import as_words
from lakebt.inputs.in_words import in_words
from lakebt.lake.api.trials import view_of
from lakebt.lake.spark.diff import diff
from lakebt.reproduce.rerun import Recipe, rerun

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lakebt.lake.lake import Lake
    from lakebt.lake.reading.diff import Diff


_FIGURES = ("sharpe", "net_bps", "n_events")
_FIRST = ("prices", "index_changes", "etf_holdings")
"""The tables whose differences are told first."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """The steps from one trial to another, one change at a time.

    Attributes
    ----------
    steps : DataFrame
        A row per difference, in the order of the changes: ``what``, ``before``,
        ``after``, the figures after the change (``sharpe``, ``net_bps``, ``n_events``),
        and how much it moved them (``sharpe_moved``, ``net_bps_moved``). The first row
        is the first trial. The moves add up to the difference of the two trials.
    rows : DataFrame
        Facts that differ between the two views: ``table``, ``added``, ``removed``,
        ``changed``; counts of keys.
    diffs : mapping of str to Diff
        The rows themselves, for each table in `rows`.

    Notes
    -----
    If changes interact, the share of each depends on the order: data first, then the
    rule, the costs and the engine. Only the present code can run, so differences of
    code are what remains at both ends.
    """

    first: str
    second: str
    steps: pd.DataFrame
    rows: pd.DataFrame
    diffs: Mapping[str, Diff]

    @as_words
    def __str__(self) -> str:
        begin, end = self.steps["sharpe"].iloc[0], self.steps["sharpe"].iloc[-1]
        lines = [f"Sharpe {begin:.4f} → {end:.4f}"]
        if len(self.steps) == 1:
            return f"{lines[0]}: nothing differs."
        lines += [
            f"  {step['what']} {step['before']} → {step['after']}: "
            f"{step['sharpe_moved']:+.4f} ({step['net_bps_moved']:+.1f} bp)"
            for step in self.steps.iloc[1:].to_dict("records")
        ]
        lines += [
            f"  {row['table']}: {row['added']:,} keys added, {row['removed']:,} "
            f"removed, {row['changed']:,} changed"
            for row in self.rows.to_dict("records")
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        shown = self.steps.to_html(index=False, border=0, float_format="{:.4f}".format)
        rows = "" if self.rows.empty else self.rows.to_html(index=False, border=0)
        return f"<p>{html.escape(f'{self.first} → {self.second}')}</p>{shown}{rows}"


def explain(lake: Lake, first: str, second: str) -> Explanation:
    """Explain why two trials differ: what changed, and how much each change moved.

    Parameters
    ----------
    lake
        That has both trials.
    first, second
        Ids, or their first digits. For a result the best cell is compared.

    Returns
    -------
    Explanation
        The way from the first to the second, one change at a time.

    Raises
    ------
    InvalidArgumentError
        If there is no such trial, or it is of a strategy.
    LakebtError
        If a release cannot be read, or a step between the two cannot be run.

    Examples
    --------
    >>> import tempfile
    >>> import lakebt
    >>> from lakebt.reproduce import explain
    >>> from lakebt.sources.simulated import simulated_market
    >>> market = simulated_market(seed=1, n_events=3)
    >>> directory = tempfile.TemporaryDirectory()
    >>> lake = lakebt.Lake.open(directory.name)
    >>> release = lake.publish(market.tables, release="R1", as_of=market.as_of)
    >>> study = lakebt.Study(
    ...     lake.at("R1"), index="SIM", entries=["AD+1@open"], exits=["+1", "1w"]
    ... )
    >>> result = study.run()
    >>> one, other = lake.trials(where={"kind": "cell"})["trial_id"]
    >>> explain(lake, one, other).steps["what"].tolist()
    ['start', 'exits']
    >>> directory.cleanup()
    """
    rows = [lake.trial(first), lake.trial(second)]
    one, other = (Recipe.of(row).cell(row["entry"], row["exit"]) for row in rows)
    steps = [{"what": "start", **{name: rows[0][name] for name in _FIGURES}}]
    now = _run(lake, one)
    steps.append(_step("code", rows[0]["code_version"], "as it is now", now))
    for what, before, after, recipe in _way(one, other):
        now = _run(lake, recipe)
        steps.append(_step(what, before, after, now))
    end = {name: rows[1][name] for name in _FIGURES}
    steps.append(_step("code", "as it is now", rows[1]["code_version"], end))
    frame = pd.DataFrame(steps, columns=["what", "before", "after", *_FIGURES]).fillna(
        {"before": "", "after": ""}
    )
    for name in ("sharpe", "net_bps"):
        frame[f"{name}_moved"] = frame[name].astype("float64").diff()
    # Code that moved nothing is no news.
    still = (frame["what"] == "code") & (frame["sharpe_moved"].fillna(0.0) == 0.0)
    still &= frame["net_bps_moved"].fillna(0.0) == 0.0
    diffs = _diffs(lake, one, other)
    counts = [
        (table, len(table_diff.added), len(table_diff.removed), len(table_diff.changed))
        for table, table_diff in diffs.items()
    ]
    return Explanation(
        first=rows[0]["trial_id"],
        second=rows[1]["trial_id"],
        steps=frame[~still].reset_index(drop=True),
        rows=pd.DataFrame(counts, columns=["table", "added", "removed", "changed"]),
        diffs=diffs,
    )


def _step(what: str, before: object, after: object, now: Mapping[str, Any]) -> Any:
    return {"what": what, "before": before, "after": after, **now}


def _run(lake: Lake, asked: Recipe) -> dict[str, Any]:
    row = rerun(lake, asked).iloc[0]
    return {name: row[name] for name in _FIGURES}


def _way(one: Recipe, other: Recipe) -> Iterator[tuple[str, str, str, Recipe]]:
    """Yield what differs, one thing after the other, and what is asked from then on."""
    recipe = one
    if (one.release, one.as_of) != (other.release, other.as_of):
        recipe = replace(recipe, release=other.release, as_of=other.as_of)
        yield "data", *_data(one, other), recipe
    for name in dict.fromkeys((*one.rule, *other.rule)):
        before, after = one.rule.get(name), other.rule.get(name)
        if before != after:
            recipe = replace(recipe, rule={**recipe.rule, name: after})
            yield name, in_words(name, before), in_words(name, after), recipe
    for name in dict.fromkeys((*one.costs, *other.costs)):
        before, after = one.costs.get(name, 0.0), other.costs.get(name, 0.0)
        if before != after:
            recipe = replace(recipe, costs={**recipe.costs, name: after})
            yield name, f"{before:g}", f"{after:g}", recipe
    if one.engine != other.engine:
        recipe = replace(recipe, engine=other.engine)
        yield "engine", one.engine, other.engine, recipe


def _data(one: Recipe, other: Recipe) -> tuple[str, str]:
    """Return what tells the data of two trials apart."""
    if one.as_of == other.as_of:
        return one.release, other.release
    both = (
        f"{recipe.release} as of {recipe.as_of.isoformat()}" for recipe in (one, other)
    )
    return next(both), next(both)


def _diffs(lake: Lake, one: Recipe, other: Recipe) -> dict[str, Diff]:
    """Return the facts that differ between two views, by table."""
    if (one.release, one.as_of) == (other.release, other.as_of):
        return {}
    views = [view_of(lake, release=a.release, as_of=a.as_of) for a in (one, other)]
    known = {name for view in views for name in view.provenance()["snapshots"]}
    tables = (*_FIRST, *sorted(known.difference(_FIRST)))
    diffs = {table: diff(table, *views) for table in tables}
    return {
        table: differs
        for table, differs in diffs.items()
        if len(differs.added) + len(differs.removed) + len(differs.changed)
    }
