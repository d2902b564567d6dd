"""Answer a benchmark from an environment that has ArcticDB, which pins another pandas.

``python arctic.py FRAME.npz`` writes the frame into a store on LMDB. Then it reads it
back for every line it is sent, and answers with the seconds that took.
"""

from __future__ import annotations

import sys
import tempfile
import time

import numpy as np
import pandas as pd
from arcticdb import Arctic  # type: ignore[import-not-found]


def main() -> None:
    """Serve until the input ends."""
    with np.load(sys.argv[1]) as held:
        frame = pd.DataFrame(
            held["values"],
            index=pd.DatetimeIndex(held["days"]),
            columns=held["symbols"],
        )
    with tempfile.TemporaryDirectory() as directory:
        library = Arctic(f"lmdb://{directory}").create_library("bars")
        library.write("close", frame)
        for _ in sys.stdin:
            began = time.perf_counter()
            read = library.read("close").data
            took = time.perf_counter() - began
            print(took, float(np.nansum(read.to_numpy())), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
