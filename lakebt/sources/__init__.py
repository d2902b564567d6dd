"""Sources of data: each module returns frames that `lakebt.Lake.publish` takes.

- `lakebt.sources.files` reads CSV and Parquet, with a mapping of columns.
- `lakebt.sources.rebalances` and `lakebt.sources.prices` convert tables of two common
  layouts; `lakebt.sources.nport` reads SEC N-PORT documents.
- `lakebt.sources.corporate` has splits, dividends, renames and endings: from tables,
  LEAN, Yahoo and EDGAR.
- `lakebt.sources.funds` has what funds hold, as iShares, State Street, Invesco and
  Vanguard publish it.
- `lakebt.sources.formats` knows them all by name, for the command line;
  `lakebt.sources.source` is what they have in common.
- `lakebt.sources.sample` is the article's published facts, shipped with the package.
- `lakebt.sources.simulated` makes a market with a planted effect, from a seed.

A source never writes, never judges whether a fact is plausible (the lake audits), and
never drops a row without counting it: see `lakebt.sources.converted.Converted`.
"""
