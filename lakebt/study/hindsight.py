"""`Hindsight`: the rules of a study with look-ahead, and what that adds."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lakebt.study.hindsight_facts import facts
from lakebt.study.hindsight_scope import AS_KNOWN, KNOWLEDGE, NEWEST, HindsightScope
from lakebt.study.trading import trade
from lakebt.values.text import count

if TYPE_CHECKING:
    from lakebt.study.scope import Scope

_FIGURES = ("net_bps", "sharpe", "sharpe_se", "n_events", "n_refused")


class Hindsight:
    """The results of a study's rules with and without look-ahead.

    `lakebt.Study.hindsight` makes one. All rows look ahead and could not be earned,
    except ``as_known`` without retroactive adjustment. Nothing of it is recorded among
    the trials.

    Examples
    --------
    >>> import tempfile
    >>> import lakebt
    >>> from lakebt.sources.simulated import simulated_market
    >>> market = simulated_market(seed=1, n_events=30, jump_bps=220)
    >>> directory = tempfile.TemporaryDirectory()
    >>> lake = lakebt.Lake.open(directory.name)
    >>> release = lake.publish(market.tables, release="R1", as_of=market.as_of)
    >>> study = lakebt.Study(
    ...     lake.at("R1"), index="SIM", entries=["AD@close"], exits=["AD+1@open"]
    ... )
    >>> rows = study.hindsight().table()
    >>> rows[~rows["retro_adjusted"]][["knowledge", "n_events"]].values.tolist()
    [['as_known', 0], ['newest', 30], ['effective_dates', 0]]
    >>> directory.cleanup()
    """

    def __init__(self, scope: Scope, *, engine: str = "event") -> None:
        self._scope, self._engine = scope, engine

    @cached_property
    def _rules(self) -> dict[tuple[str, bool], pd.DataFrame]:
        return {
            (knowledge, retro): trade(
                HindsightScope(self._scope, knowledge=knowledge, retro_adjusted=retro),
                engine=self._engine,
            ).table
            for knowledge in KNOWLEDGE
            for retro in (False, True)
        }

    def table(self) -> pd.DataFrame:
        """Return a row per entry, exit, knowledge and adjustment.

        Returns
        -------
        DataFrame
            ``entry``, ``exit``; ``knowledge``: ``as_known``, ``newest`` (the newest
            vintage of every change, known from the start) or ``effective_dates`` (the
            newest, without its announcement, known at the open of its effective date);
            ``retro_adjusted``, whether prices have every split and dividend known in
            the end in them; ``mean_bps``, net mean per event in basis points of
            capital; ``sharpe`` and its error ``sharpe_se`` per year; ``n_events`` and
            ``n_refused``; ``looks_ahead``, False where it is a result. NaN without
            events.
        """
        frames = []
        for (knowledge, retro), rules in self._rules.items():
            figures = rules[["entry", "exit", *_FIGURES]]
            figures = figures.rename(columns={"net_bps": "mean_bps"})
            figures.insert(2, "knowledge", knowledge)
            figures.insert(3, "retro_adjusted", retro)
            is_known = knowledge == AS_KNOWN and not retro
            frames.append(figures.assign(looks_ahead=not is_known))
        whole = pd.concat(frames)
        return whole.sort_index(kind="stable").reset_index(drop=True)

    def facts(self) -> pd.DataFrame:
        """Return the facts that were different at first, or not known yet.

        Returns
        -------
        DataFrame
            A row per change and fact, by event: ``event_id``, ``change_id``,
            ``symbol``, ``knowledge``; ``fact``, the column that differs, or
            ``known_at`` if it is only known at another time; ``as_known``, as it was
            told first, and ``pretended``, in words; ``known_at``, when it was known,
            and ``pretended_known_at``, UTC.
        """
        return facts(self._scope)

    @property
    def sentence(self) -> str:
        """The largest gain from hindsight over all rules, in one line."""
        rows = self.table()
        rows = rows[~rows["retro_adjusted"]]
        known, newest = (
            rows[rows["knowledge"] == knowledge] for knowledge in (AS_KNOWN, NEWEST)
        )
        means, latest = (
            known["mean_bps"].to_numpy(),
            newest["mean_bps"].to_numpy(),
        )
        if np.isnan(latest).all():
            return "No rule could be traded, not even with hindsight."
        at = int(np.nanargmax(np.abs(latest - np.nan_to_num(means))))
        n_known = int(known["n_events"].to_numpy()[at])
        how = "cannot be traded as known"
        if n_known:
            how = f"earns {means[at]:+.0f} bp as known ({count(n_known, 'event')})"
        elif known["n_refused"].to_numpy()[at]:
            how = "is refused as known"
        n_newest = int(newest["n_events"].to_numpy()[at])
        rule = f"{newest['entry'].to_list()[at]} to {newest['exit'].to_list()[at]}"
        if n_known and latest[at] == means[at]:
            return (
                f"Hindsight adds nothing: with every fact known from the start, too, "
                f"{rule} earns {means[at]:+.0f} bp ({count(n_known, 'event')})."
            )
        return (
            f"{rule} {how}; with every fact known from the start it would show "
            f"{latest[at]:+.0f} bp ({count(n_newest, 'event')}), which nobody could "
            f"earn."
        )

    def plot(self) -> Any:
        """Return the mean of each rule by what was known, as a plotly figure."""
        from lakebt.report.charts import hindsight_figure  # noqa: PLC0415 - plotly is slow

        return hindsight_figure(self.table())

    def __repr__(self) -> str:
        return f"Hindsight(looks ahead: {self.sentence})"

    def _repr_html_(self) -> str:
        from lakebt.report.notebook import looking_ahead  # noqa: PLC0415 - notebooks only

        rows = self.table()
        return looking_ahead(
            f"Looks ahead: {self.sentence}",
            rows[~rows["retro_adjusted"]].drop(
                columns=["retro_adjusted", "looks_ahead"]
            ),
        )
