"""Corporate actions from outside: splits, dividends, spin-offs, renames, endings.

Each source is an object: `fetch` asks the network and keeps the answer as it came, with
the instant of the download; `convert` reads what was kept, without the network.
"""
