"""``python -m system.osago_aggregator [serve]``."""

import argparse


def main() -> None:
    """Serve; what it keeps is in Redis, so there is nothing to prepare."""
    parser = argparse.ArgumentParser(prog="system.osago_aggregator")
    parser.add_argument("command", nargs="?", choices=["serve"], default="serve")
    parser.parse_args()

    from system.osago_aggregator.app import make  # noqa: PLC0415
    from system.shared.service import serve  # noqa: PLC0415

    serve(*make())


if __name__ == "__main__":
    main()
