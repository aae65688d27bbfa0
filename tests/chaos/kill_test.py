"""A few rounds of the chaos run on the embedded Herald, for every change; `make chaos ENGINES=embedded` makes many."""

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from embedded_rounds import POINTS, run  # noqa: E402


def test_five_random_kills_lose_nothing_and_repeat_only_what_was_in_doubt():
    seed = random.randrange(1 << 30)
    print("seed", seed)
    total = run(rounds=5, seed=seed)
    assert total.good, f"seed {seed}\n{total.table()}"
    assert total.accepted > 50


def test_every_crash_point_is_survived():
    seed = random.randrange(1 << 30)
    print("seed", seed)
    total = run(rounds=0, seed=seed, points=POINTS)
    assert total.good, f"seed {seed}\n{total.table()}"
