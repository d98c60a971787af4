"""Chance without a generator: every choice is a hash of its reason, so that a second run repeats the first."""

import hashlib


def number(*parts: object) -> int:
    """A whole number in [0, 2^64) made from the parts."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def unit(*parts: object) -> float:
    """A number in [0, 1) made from the parts."""
    return number(*parts) / 2**64
