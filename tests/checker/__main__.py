"""``python -m tests.checker --seconds 600``: the long campaign; ends with 1 for any fault."""

import argparse
import sys

from tests.checker.campaign import run

SHOWN = 50


def main() -> int:
    """Play it, and tell."""
    parser = argparse.ArgumentParser(prog="tests.checker", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long to hurt it")
    parser.add_argument("--seed", type=int, default=7, help="of what is killed when")
    parser.add_argument(
        "--without-offers", action="store_true", help="no osago-aggregator, no Redis"
    )
    asked = parser.parse_args()
    told = run(asked.seconds, asked.seed, offers=not asked.without_offers)
    print(told.line())
    for fault in told.faults[:SHOWN]:
        print(f"{fault.kind}: {fault.what}")
    return 1 if told.faults else 0


if __name__ == "__main__":
    sys.exit(main())
