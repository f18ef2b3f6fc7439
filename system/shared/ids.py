"""Ids that carry no sequence, so that what they name can be split over databases later."""

import os
import time
import uuid


def uuid7() -> uuid.UUID:
    """RFC 9562, 5.7: 48 bits of Unix milliseconds, then chance (Python has it from 3.14 on)."""
    milliseconds = time.time_ns() // 1_000_000
    number = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10))
    number = number & ~(0xF << 76) | 7 << 76
    return uuid.UUID(int=number & ~(0x3 << 62) | 2 << 62)


def seeded_client(seed: int, number: int) -> uuid.UUID:
    """The id of a seeded client, which load scenarios can compute without asking."""
    space = uuid.uuid5(uuid.NAMESPACE_URL, f"insure-system/{seed}")
    return uuid.uuid5(space, f"client-{number}")
