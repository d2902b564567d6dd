"""Results are evidence: run one again, and compare it bit for bit."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from lakebt._messages import as_words
from lakebt.errors import LakebtError, LakeError
from lakebt.lake.api.trials import erased_since, view_of
from lakebt.reproduce.rerun import Recipe, rerun, rerun_strategy
from lakebt.study.trials import FIGURES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakebt.lake.lake import Lake


_COMPARED = (*FIGURES, "metrics", "digest")
_ASIDE = ("audited", "source")
"""Parts of the metrics that are no figures: what is known of a strategy's file."""


_DAMAGE = frozenset({"file_damaged", "file_gone", "release_changed"})
"""Findings of the doctor by which a release gives another answer."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reproduction:
    """The result of running a trial again.

    Attributes
    ----------
    trial_id : str
        Of the trial that was run again.
    differences : DataFrame
        A row per figure that is not the same to the last bit: ``figure``, ``recorded``,
        ``now``. Empty if all are the same.
    moved : DataFrame
        What has changed since: ``what`` (data, code or a library), ``recorded``,
        ``now``. For erased data ``now`` has the day, the reason and the certificate.
    n_events : int
        The number of events that the digest covers.
    """

    trial_id: str
    differences: pd.DataFrame
    moved: pd.DataFrame
    n_events: int

    @property
    def is_same(self) -> bool:
        """Whether every figure is the same to the last bit."""
        return self.differences.empty

    @as_words
    def __str__(self) -> str:
        name = self.trial_id[:10]
        changed = "; ".join(
            f"{row.what} {row.recorded} → {row.now}"
            for row in self.moved.itertuples(index=False)
        )
        if self.is_same:
            since = f" Since then moved: {changed}." if changed else ""
            return (
                f"{name}: reproduced. {len(_COMPARED)} figures, among them the digest "
                f"of every event, are the same to the last bit.{since}"
            )
        figures = ", ".join(
            f"{row.figure} {row.recorded} → {row.now}"
            for row in self.differences.itertuples(index=False)
            if row.figure not in {"digest", "metrics"}
        )
        why = (
            f"moved since then: {changed}"
            if changed
            else "nothing that is recorded moved: the machine did, or a library's build"
        )
        return f"{name}: not reproduced. {figures or 'The events differ'}; {why}."

    def _repr_html_(self) -> str:
        shown = "" if self.is_same else self.differences.to_html(index=False, border=0)
        return f"<p>{html.escape(str(self))}</p>{shown}"


def reproduce(
    lake: Lake, trial_id: str, *, strategy: str | None = None
) -> Reproduction:
    """Run a trial again from its release, and compare it bit for bit.

    Parameters
    ----------
    lake
        That has the trial.
    trial_id
        The id of a cell, a result or a backtest, or its first digits.
    strategy
        For a backtest: ``FILE.py:Name``. The trials hold a strategy's name, its
        parameters and a digest of its file, but not its code.

    Returns
    -------
    Reproduction
        What differs, and what is not as it was then.

    Raises
    ------
    InvalidArgumentError
        If there is no such trial, or it needs a strategy and none is given.
    LakeError
        If it can no longer run, because of an erasure from its release.
    LakebtError
        If its release cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> import lakebt
    >>> from lakebt.reproduce import reproduce
    >>> from lakebt.sources.simulated import simulated_market
    >>> market = simulated_market(seed=1, n_events=3)
    >>> directory = tempfile.TemporaryDirectory()
    >>> lake = lakebt.Lake.open(directory.name)
    >>> release = lake.publish(market.tables, release="R1", as_of=market.as_of)
    >>> study = lakebt.Study(
    ...     lake.at("R1"), index="SIM", entries=["AD+1@open"], exits=["+1", "1w"]
    ... )
    >>> result = study.run()
    >>> reproduce(lake, result.id).is_same
    True
    >>> directory.cleanup()
    """
    recorded = lake.trial(trial_id)
    erased = _erased(lake, recorded)
    try:
        now = _run_again(lake, recorded, strategy)
    except LakebtError as error:
        if not erased:
            raise
        msg = (
            f"trial {recorded['trial_id'][:10]} cannot be run again, for its release "
            f"{recorded['release']!r} was redacted since "
            f"({'; '.join(erased.values())}): {error}"
        )
        raise LakeError(msg) from error
    differences = [
        (name, _shown(recorded[name]), _shown(now[name]))
        for name in _COMPARED
        if not _same(recorded[name], now[name])
    ]
    moved = _moved(recorded, now, erased)
    if differences and moved.empty:  # before it is laid to the machine
        moved = _damage(lake)
    return Reproduction(
        trial_id=str(recorded["trial_id"]),
        differences=pd.DataFrame(differences, columns=["figure", "recorded", "now"]),
        moved=moved,
        n_events=int(recorded["n_events"]),
    )


def _run_again(lake: Lake, recorded: pd.Series, strategy: str | None) -> pd.Series:
    """Return the row that the trials would have of a trial now."""
    if recorded["kind"] == "backtest":
        return rerun_strategy(lake, recorded, strategy)
    rows = rerun(lake, Recipe.of(recorded))
    return rows.iloc[-1] if recorded["kind"] == "result" else rows.iloc[0]


def _erased(lake: Lake, recorded: pd.Series) -> dict[str, str]:
    """Return in words what was erased from a trial's release since, by table."""
    as_of = recorded["as_of"].to_pydatetime()
    view = view_of(lake, release=recorded["release"], as_of=as_of)
    since = erased_since(view, recorded["run_at"].to_pydatetime())
    return {table: "; ".join(words) for table, words in since.items()}


def _moved(
    recorded: pd.Series, now: pd.Series, erased: Mapping[str, str]
) -> pd.DataFrame:
    rows = [
        (f"data of {table}", "as published", words) for table, words in erased.items()
    ]
    for name, what in (("snapshots", "snapshot of"), ("environment", "")):
        then, today = json.loads(recorded[name]), json.loads(now[name])
        rows += [
            (f"{what} {part}".strip(), str(then.get(part)), str(today.get(part)))
            for part in sorted({*then, *today})
            if then.get(part) != today.get(part)
        ]
    then, today = (json.loads(row["metrics"]).get("source") for row in (recorded, now))
    if then != today:
        rows.append(("the strategy's file", str(then), str(today)))
    if recorded["code_version"] != now["code_version"]:
        rows.append(("code", recorded["code_version"], now["code_version"]))
    return pd.DataFrame(rows, columns=["what", "recorded", "now"])


def _damage(lake: Lake) -> pd.DataFrame:
    """Return which data of the lake is not what was published."""
    rows = [
        (f"data of {each.table}", "as published", each.problem)
        for each in lake.doctor(deep=True)
        if each.code in _DAMAGE
    ]
    return pd.DataFrame(rows, columns=["what", "recorded", "now"])


def _same(recorded: Any, now: Any) -> bool:
    if isinstance(recorded, str) and recorded.startswith("{"):
        values = [json.loads(text) for text in (recorded, now)]
        return _figures(values[0]) == _figures(values[1])
    if pd.isna(recorded) or pd.isna(now):
        return bool(pd.isna(recorded) and pd.isna(now))
    return bool(recorded == now)


def _figures(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: v for name, v in metrics.items() if name not in _ASIDE}


def _shown(value: Any) -> str:
    return repr(float(value)) if isinstance(value, float) else str(value)
