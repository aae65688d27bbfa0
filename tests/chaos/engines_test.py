"""A few rounds of the chaos run on real engines, for every change; `make chaos` makes many."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from broken_builds import PATCHES  # noqa: E402
from cluster import Stack  # noqa: E402
from herald import ROOT  # noqa: E402
from mishaps import DECK  # noqa: E402
from stack_rounds import OWN_STACK, run  # noqa: E402

ROUNDS = 6


@pytest.fixture(scope="module")
def harmed_stack():
    stack = Stack(**OWN_STACK).up()
    yield stack
    stack("down", "--wipe")


def test_whoever_is_killed_nothing_is_lost_and_no_duplicate_is_unexplained(harmed_stack):
    """Six rounds see every kind of mishap once."""
    seed = random.randrange(1 << 30)
    print("seed", seed)
    total = run(harmed_stack, ROUNDS, seed, mishaps=-(-len(DECK) // ROUNDS))
    assert total.good, f"seed {seed}\n{total.table()}"
    assert total.accepted > 100
    assert total.delivered_once > 100


@pytest.mark.parametrize("patch", PATCHES.values(), ids=lambda patch: patch.stem)
def test_the_broken_build_still_applies(patch):
    tried = subprocess.run(["git", "apply", "--check", "-p1", patch], cwd=ROOT, capture_output=True, text=True)
    assert tried.returncode == 0, tried.stderr
