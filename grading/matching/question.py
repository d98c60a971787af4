"""What a question asks for: the unit of the answer, and whether 0 and 1 may stand for no and yes."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from grading.matching import units
from grading.matching.text import unwrap
from grading.matching.units import Unit

MAX_CHARS = 20_000
_NAMED = re.compile(r"\bunits?\s*(?::|is|are|of|=)\s*(?P<unit>[^()?,;]{1,30}(?:\([^()]{1,20}\))?)", re.IGNORECASE)
_AT_END = re.compile(
    r"\bin (?:units of )?(?P<unit>[^\s,;?()][^,;?()]{0,30}(?:\([^()]{1,20}\))?)\s*(?=[?)]|\.?\s*$|\.\s)"
)
_TRUTH = re.compile(
    r"\b(?:yes|true|false|truth|whether|valid|correct|boolean|logic\w*|gate|predicate|proposition|statement|output|print\w*|if)\b"
    r"|(?:^|[.?!:;,]\s+|\b(?:and|then|or)\s+)(?:is|are|was|were|do|does|did|can|could|may|must|should|would|will|has|have)\b",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"\b(?:what|how|find|compute|calculate|evaluate|determine|derive|estimate|solve|give|return the num|value)\b",
    re.IGNORECASE,
)


class Asked(NamedTuple):
    """The unit that the question names for its answer, if it names one; whether it plainly asks for a value."""

    unit: Unit | None = None
    is_value: bool = False


@lru_cache(maxsize=256)
def read(question: str) -> Asked:
    """What the question asks for, as far as its wording tells. Never raises on text."""
    if not question or len(question) > MAX_CHARS:
        return Asked()
    text = unwrap(question)
    phrases = list(_NAMED.finditer(text)) or _where(text)
    named = {units.parse(phrase["unit"].strip(" .")) for phrase in phrases} - {None}
    # Two units belong to two values: which is whose cannot be told.
    unit = named.pop() if len(named) == 1 else None
    return Asked(unit, bool(_VALUE.search(text)) and not _TRUTH.search(text))


def _where(text: str) -> list[re.Match[str]]:
    """The phrase `in ...` that ends the question, else all that end a clause."""
    phrases = list(_AT_END.finditer(text))
    return phrases[-1:] if phrases and not text[phrases[-1].end() :].strip(" .?)") else phrases
