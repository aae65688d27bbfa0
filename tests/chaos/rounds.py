"""Rounds of load, faults and kill -9, each with a verdict. `make chaos ROUNDS=100 SEED=7`; ENGINES=embedded."""

import argparse
import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import embedded_rounds  # noqa: E402
import stack_rounds  # noqa: E402
from broken_builds import BROKEN, build  # noqa: E402
from cluster import Stack  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", choices=("stack", "embedded"), default="stack")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--mishaps", type=int, default=5, help="in each round on the stack")
    parser.add_argument("--longest", type=float, default=20, metavar="S", help="that anything is stopped on the stack")
    parser.add_argument("--points", type=int, default=0, help="embedded: rounds at each crash point")
    parser.add_argument("--defaults", action="store_true", help="embedded: with the default settings, minutes a round")
    parser.add_argument("--broken", choices=BROKEN, help="a build that breaks a promise on purpose: it must be caught")
    return parser.parse_args()


def main():
    args = arguments()
    if args.broken:
        os.environ["BUILD_DIR"] = str(build(args.broken))
    print(f"seed {args.seed}", flush=True)
    total = on_the_stack(args) if args.engines == "stack" else embedded(args)
    print(total.table())
    if args.broken:
        caught = bool(total.lost or total.duplicates_unexplained)
        print(f"{args.broken} was {'caught' if caught else 'NOT noticed'}")
        sys.exit(0 if caught else 1)
    sys.exit(0 if total.good else 1)


def report(line):
    print(line, flush=True)


def embedded(args):
    settings, patience_s = ({}, 900) if args.defaults else (embedded_rounds.FAST, 40)
    points = embedded_rounds.POINTS * args.points
    return embedded_rounds.run(args.rounds, args.seed, points, report, settings, patience_s)


def on_the_stack(args):
    stack = Stack(**stack_rounds.OWN_STACK).up()
    try:
        return stack_rounds.run(stack, args.rounds, args.seed, report, mishaps=args.mishaps, within_s=5.0,
                                longest_s=args.longest, sweeper_s=0 if args.broken else stack_rounds.SWEEPER_S)
    finally:
        stack("down", "--wipe")


if __name__ == "__main__":
    main()
