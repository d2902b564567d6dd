"""The audits that rows must pass before anything is written.

In the order in which a publication meets them:

1. `schemas`: the pandera schema of a table, value by value.
2. `alone`: keys, clocks and calendars, without looking at the lake.
3. `own`: the user's own functions.
4. `structure`, then `bars` and `reports`: beside what the lake holds.

`finding` is what each of them gives, `report` all of it together, `compare` the part
that looks at the lake.
"""

from __future__ import annotations
