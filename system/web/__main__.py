"""``python -m system.web [serve | code CLIENT_ID | code --operator NAME]``."""

import argparse
from uuid import UUID


def main() -> None:
    """Serve the page, or print the code that signs somebody in."""
    parser = argparse.ArgumentParser(prog="system.web")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve")
    coding = commands.add_parser("code")
    who = coding.add_mutually_exclusive_group(required=True)
    who.add_argument("client", nargs="?", type=UUID, metavar="CLIENT_ID")
    who.add_argument("--operator", metavar="NAME")
    asked = parser.parse_args()
    if asked.command == "code":
        from system.web.issuer import IssuerSettings, code, name_of  # noqa: PLC0415

        key = IssuerSettings().login_key_file.read_bytes().strip()
        print(code(key, name_of(asked.client, asked.operator)))
    else:
        from system.shared.service import serve  # noqa: PLC0415
        from system.web.app import make  # noqa: PLC0415

        serve(*make())


if __name__ == "__main__":
    main()
