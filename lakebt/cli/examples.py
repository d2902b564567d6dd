"""Examples that stand at the end of each command's help."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "demo": ("lakebt demo", "lakebt demo --out my-demo"),
    "new": ("lakebt new mine", "lakebt new . --seed 7"),
    "formats": ("lakebt formats", "lakebt formats csv-folder"),
    "fetch": ("lakebt fetch yahoo actions --symbols AAPL,MSFT --start 2020-01-01",),
    "publish": (
        "lakebt publish prices=bars.parquet --release R1 --as-of 2022-11-28T20:50:55Z",
        (
            "lakebt publish prices=prices --format csv-folder --basis raw --release R2 "
            "--as-of 2022-11-28T20:50:55Z --dry-run"
        ),
    ),
    "releases": ("lakebt releases", "lakebt releases --label regime=calm --json"),
    "diff": ("lakebt diff etf_holdings Q1_2022 Q3_2022",),
    "declare": (
        (
            "lakebt declare earnings --key symbol,period --column symbol=text "
            "--column period=text --column eps_usd=number?"
        ),
    ),
    "tables": ("lakebt tables", "lakebt tables --json"),
    "rows": (
        (
            "lakebt rows prices --release R1 --where symbol=PENN "
            "--where 'session>=2020-01-01'"
        ),
        "lakebt rows prices --release R1 --out bars.parquet",
    ),
    "vintages": (
        "lakebt vintages index_changes SP500:PENN:deletion:2022-09-02 --release R1",
    ),
    "lineage": (
        "lakebt lineage R1 --svg lineage.svg",
        "lakebt lineage 5858e34e7d --json",
    ),
    "duckdb": (
        "lakebt duckdb > views.sql",
        "lakebt duckdb R1 cleaned --lake /data/lake",
    ),
    "branch": (
        "lakebt branch",
        "lakebt branch cleaned --at R1",
        "lakebt branch cleaned --adopt R2",
        "lakebt branch cleaned --drop --because 'nothing came of it'",
    ),
    "doctor": ("lakebt doctor", "lakebt doctor --deep --lake /data/lake"),
    "retain": (
        "lakebt retain --dry-run",
        "lakebt retain --drop R1 --because 'published by mistake'",
    ),
    "erase": (
        "lakebt erase prices --where symbol=ACME --dry-run",
        "lakebt erase prices --where symbol=ACME --reason 'the licence ended'",
        "lakebt erase --list",
    ),
    "cluster": ("lakebt cluster symbol --dry-run", "lakebt cluster symbol"),
    "upgrade": ("lakebt upgrade --dry-run", "lakebt upgrade --lake /data/lake"),
    "move": ("lakebt move /data/lake", "lakebt move --lake ./lake --from /old/lake"),
    "export": (
        "lakebt export /disk/copy",
        "lakebt export s3://bucket/lakes/r1 --release R1 --no-trials",
    ),
    "import": ("lakebt import s3://bucket/lakes/r1 --lake ./r1",),
    "backup": ("lakebt backup /disk/backup", "lakebt backup s3://bucket/lakes/nightly"),
    "serve": (
        "lakebt serve --lake /data/lake",
        "lakebt serve --lake /data/lake --tokens tokens",
    ),
    "token": (
        "lakebt token ann --tokens tokens --scope publish --days 30",
        "lakebt token --tokens tokens",
    ),
    "study": (
        "lakebt study --release R1 --index SP500 --report report.html",
        (
            "lakebt study --release R1 --index SP500 --entries AD+1@open --exits +1,1w "
            "--where 'effective>=2015-01-01' --significance"
        ),
    ),
    "upcoming": (
        "lakebt upcoming --release R1 --index SP500 --entries AD+1@open --exits +1,1w",
    ),
    "backtest": (
        (
            "lakebt backtest my.py:Momentum --release R1 --start 2010-01-04 "
            "--end 2014-12-31 --set lookback=126"
        ),
    ),
    "audit": (
        (
            "lakebt audit my.py:Momentum --release R1 --start 2010-01-04 "
            "--end 2014-12-31 --decisions 20"
        ),
    ),
    "sweep": ("lakebt sweep SWEEP.toml", "lakebt sweep SWEEP.toml --best 20"),
    "trials": (
        "lakebt trials --study SP500 --last 5",
        "lakebt trials --where 'sharpe>1' --out trials.csv",
    ),
    "reproduce": (
        "lakebt reproduce 2d9303baad",
        "lakebt reproduce 2a999a14db --strategy my.py:Momentum",
    ),
    "explain": ("lakebt explain 2d9303baad 0e2df2a632",),
}
"""By command. Each is a line that can be typed, with names in the place of yours."""


def epilog(name: str) -> str:
    r"""Return the end of a command's help: a line for each example.

    Examples
    --------
    >>> epilog("sweep").split("\n\n")[1]
    'lakebt sweep SWEEP.toml'
    """
    lines = EXAMPLES.get(name, ())
    title = "Example:" if len(lines) == 1 else "Examples:"
    return "\n\n".join([title, *lines]) if lines else ""
