"""``python -m system.insurer_stub [serve]``."""

import argparse


def main() -> None:
    """Serve; it keeps nothing, so there is nothing to prepare."""
    parser = argparse.ArgumentParser(prog="system.insurer_stub")
    parser.add_argument("command", nargs="?", choices=["serve"], default="serve")
    parser.parse_args()

    from system.insurer_stub.app import make  # noqa: PLC0415
    from system.shared.service import serve  # noqa: PLC0415

    serve(*make())  # type: ignore[arg-type] # any ASGI application does


if __name__ == "__main__":
    main()
