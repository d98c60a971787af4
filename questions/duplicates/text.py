"""How two texts are compared by letters and words: disguises off, pieces, similarity, and a sketch to find them by. Pure.

The comparing form is never shown and never stored. It follows UTS 39 in taking look-alikes for one letter, with a small
table of its own: no well-kept library of confusables exists without ICU. What the table lacks costs a piece or two, not a match.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

VERSION = 1  # of everything below: a change makes every stored sketch due again
PIECE, PIECE_IDEOGRAPHIC = 5, 2  # letters in a piece of a text
SAMPLE_SIZE = 256  # pieces that stand for a long text in its sketch
BANDS, BAND_ROWS = 64, 5

# letters that look like a Latin one, by what they look like; both cases of a letter go the same way, so that a text that
# is honestly in its script still compares with itself
LOOK_ALIKES = {
    "a": "аАαΑ",
    "b": "вВΒЬьƄ",
    "c": "сСϲϹ",
    "d": "ԁԀ",
    "e": "еЕΕεёЁ",
    "g": "ɡԌԍ",
    "h": "һҺнНΗ",
    "i": "іІιΙɩӀӏl1|ıǀ",
    "j": "јЈϳ",
    "k": "кКκΚ",
    "m": "мМΜ",
    "n": "ηΝո",
    "o": "оОοΟσ0օՕ",
    "p": "рРρΡ",
    "q": "ԛԚգ",
    "s": "ѕЅՏ",
    "t": "тТτΤ",
    "u": "υսՍ",
    "v": "νѵѴ",
    "w": "ԝԜωѡ",
    "x": "хХχΧ",
    "y": "уУγΥүҮ",
    "z": "Ζ",
}
SKELETON = str.maketrans({alike: letter for letter, alikes in LOOK_ALIKES.items() for alike in alikes})
# fillers are letters to Unicode, and shown as nothing
FILLERS = dict.fromkeys([0x115F, 0x1160, 0x3164, 0xFFA0])

SPACING = re.compile(
    r"\\(?:[,;:! ]|(?:q?quad|hspace|hfill|thinspace|enspace|left|right|displaystyle|big|Big)(?![a-zA-Z]))"
)
STYLE = re.compile(r"\\(?:mathrm|mathbf|mathit|mathsf|text|textbf|textit|operatorname|boldsymbol)(?![a-zA-Z])")
FRACTION = re.compile(r"\\[dtc]frac(?![a-zA-Z])")
THOUSANDS = re.compile(r"(?<=\d)(?:[,'’_ ]|\{,\})(?=\d{3}(?!\d))")
LAST_ZEROS = re.compile(r"(\d\.\d*?)0+(?!\d)")
WORD = re.compile(r"[^\W_]+")
IDEOGRAPHIC = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]")


class Comparable(NamedTuple):
    """A text as it is compared: its words and the pieces of its letters, without order."""

    words: Counter[str]
    pieces: frozenset[str]


def comparable(parts: Iterable[str]) -> Comparable:
    """Return the comparing form of a text given in parts, such as a prompt and its options; the order of the parts is nothing."""
    words: Counter[str] = Counter()
    pieces: set[str] = set()
    for part in parts:
        found = _words(part)
        words.update(found)
        pieces |= _pieces("".join(found))
    return Comparable(words, frozenset(pieces))


def similarity(one: Comparable, other: Comparable) -> float:
    """Similarity of two texts in [0, 1]; 1 for texts that differ in disguise only.

    Let c be the Dice coefficient of the sets of pieces, 2 |A and B| / (|A| + |B|), and w that of the bags of words. The
    result is max(c, (c + w) / 2): pieces withstand moved spaces, words withstand a changed word in a short text. 0 when a
    text has no letter or digit. Source of the coefficient: Dice 1945.
    """
    by_pieces = _dice(len(one.pieces), len(other.pieces), len(one.pieces & other.pieces))
    by_words = _dice(one.words.total(), other.words.total(), (one.words & other.words).total())
    return max(by_pieces, (by_pieces + by_words) / 2)


def _dice(size: int, other: int, shared: int) -> float:
    return 2 * shared / (size + other) if size and other else 0.0


def sketch(text: Comparable) -> list[int]:
    """Marks of a text, 64 numbers in [0, 2^63), of which near texts share some and others mostly none; none without pieces.

    MinHash in bands: a mark is the hash of the five least pieces under five orders. Texts whose pieces have the Jaccard index
    j share a given mark with probability j^5, and any with 1 - (1 - j^5)^64: 99.4 % at j = 0.6, which is a Dice coefficient
    of 0.75; 6 % at j = 0.25. Pieces are drawn down to the 256 with the lowest hashes first. Source: Broder 1997; Leskovec,
    Rajaraman, Ullman, Mining of Massive Datasets, 3.4.
    """
    hashes = sorted(map(_hash, text.pieces))[:SAMPLE_SIZE]
    if not hashes:
        return []
    least = [min(map(order.__xor__, hashes)) for order in ORDERS]
    return [_hash(str((at, least[at : at + BAND_ROWS]))) for at in range(0, len(least), BAND_ROWS)]


def _hash(piece: str) -> int:
    digest = hashlib.blake2b(piece.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


# an exclusive or with a random number puts hashes in another order
ORDERS = [_hash(f"order {number}") for number in range(BANDS * BAND_ROWS)]


def _words(text: str) -> list[str]:
    visible = "".join(char for char in text.translate(FILLERS) if unicodedata.category(char) != "Cf")
    plain = unicodedata.normalize("NFKC", visible)
    plain = FRACTION.sub(r"\\frac", STYLE.sub(" ", SPACING.sub(" ", plain)))
    plain = LAST_ZEROS.sub(r"\1", THOUSANDS.sub("", plain))
    bare = (char for char in unicodedata.normalize("NFKD", plain) if not unicodedata.category(char).startswith("M"))
    return WORD.findall("".join(bare).translate(SKELETON).casefold().translate(SKELETON))


def _pieces(letters: str) -> set[str]:
    is_ideographic = len(IDEOGRAPHIC.findall(letters)) * 2 > len(letters)
    size = PIECE_IDEOGRAPHIC if is_ideographic else PIECE
    if not letters:
        return set()
    return {letters[at : at + size] for at in range(max(1, len(letters) - size + 1))}


def parts_of(prompt: str, options: Sequence[str]) -> list[str]:
    """Return what of a question is compared; the key is not part of it."""
    return [prompt, *options]
