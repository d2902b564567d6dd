from __future__ import annotations

import itertools

from tests.nightly import IS_NIGHTLY, covering


def test_combinations_hold_every_two_values_of_two_axes() -> None:
    axes = (("a", "b", "c", "d"), ("x", "y", "z"), ("0", "1"), ("-", "+"))

    chosen = covering(*axes)

    for one, other in itertools.combinations(range(len(axes)), 2):
        there = {(names[one], names[other]) for names in chosen}
        assert there == set(itertools.product(axes[one], axes[other]))
    assert len(chosen) == len(set(chosen))
    assert (len(chosen) == 4 * 3 * 2 * 2) == IS_NIGHTLY
