"""Holdings on the command line: named by the instruments that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lakebt
from tests.sources.funds.fund_files import ISHARES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

ROWS = (
    "instrument_id,identifier,kind,valid_from,known_at\n"
    "alpha,AAA,symbol,2000-01-03,2020-01-01T15:00:00Z\n"
    "alpha,US0378331005,isin,2000-01-03,2020-01-01T15:00:00Z\n"
)
MORE = (
    "instrument_id,identifier,kind,valid_from,known_at\n"
    "beta,BRK.B,symbol,2000-01-03,2020-01-01T15:00:00Z\n"
    "beta,US0846707026,isin,2000-01-03,2020-01-01T15:00:00Z\n"
)


def test_instruments_of_the_lake_and_of_the_command_name_holdings(
    run: Run, tmp_path: Path
) -> None:
    paths = {}
    for name, text in (("fund", ISHARES), ("rows", ROWS), ("more", MORE)):
        paths[name] = tmp_path / f"XIV_{name}.csv"
        paths[name].write_text(text, encoding="utf-8")
    common = ["--as-of", "2026-01-01T00:00:00Z", "--lake", tmp_path / "lake"]
    fund = [f"etf_holdings={paths['fund']}", "--format", "ishares"]
    known = ["--known-at", "2023-03-27T13:00:00Z", *common]

    alone = run("publish", *fund, "--release", "A", *known)
    assert "3 of 3 holdings have TICKER:XYZ" in " ".join(alone.stdout.split())
    run("publish", f"instruments={paths['rows']}", "--release", "B", *common)
    both = run(
        *("publish", *fund, f"instruments={paths['more']}", "--release", "C", *known),
        *("--fund", "XYZ"),
    )
    assert both.exit_code == 0, both.stderr
    assert "1 of 3 holdings have TICKER:XYZ" in " ".join(both.stdout.split())

    held = lakebt.Lake.open(tmp_path / "lake").at("C").read("etf_holdings")
    named = held[held["fund"] == "XYZ"].set_index("symbol")["isin"].to_dict()
    assert named == {
        "AAA": "US0378331005",
        "BRK.B": "US0846707026",
        "ADRO": "TICKER:ADRO",
    }
