"""The oracle of who may see what, read from `tests/oracle/`: a line for each address, one for each cell that may be read.

What is not written there does not exist: an address without a line fails, and a secret without a cell is a leak.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

from tests.access.world import Place

ORACLE = Path(__file__).parent.parent / "oracle"
PHASES = "DGSEXAPH"
BLINDINGS = ("B0", "B1", "B2")
CODES = ("CO", "CX", "RA", "RX", "RU", "RC", "SR", "OR", "OC", "AU", "AD", "RS")
# readers without any right to write on questions of others
IDLE = ("CX", "RU", "RC", "OC", "AU", "AD", "RS")
OF_QUESTION = {"question", "round", "assignment", "solve", "picture", "prediction"}


class Line(NamedTuple):
    """One address of the registry."""

    name: str
    methods: tuple[str, ...]
    objects: dict[str, str]
    shows: tuple[str, ...]
    step_up: str
    throttle: str
    cache: str
    readers: tuple[str, ...]

    @property
    def of_question(self) -> bool:
        """True when an id leads to one question."""
        return any(kind in OF_QUESTION for kind in self.objects.values())

    @property
    def reads(self) -> bool:
        """True when the address is read, and reading it changes nothing."""
        return "GET" in self.methods and self.name != "account_logout"


def rows(name: str) -> Iterator[list[str]]:
    """The lines of a file of the oracle, cut into their columns."""
    for text in (ORACLE / name).read_text().splitlines():
        if text.strip() and not text.startswith("#"):
            yield [part.strip() for part in text.split("|")]


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


def read_registry() -> dict[str, Line]:
    """The registry by name; two lines for one name are an error."""
    lines: dict[str, Line] = {}
    for name, methods, objects, shows, step_up, throttle, cached, readers in rows("registry.txt"):
        assert name not in lines, f"two lines for {name}"
        ids = dict(pair.split("=", 1) for pair in _words(objects))
        lines[name] = Line(name, _words(methods), ids, _words(shows), step_up, throttle, cached, _words(readers))
    return lines


REGISTRY = read_registry()
API = [line for line in REGISTRY.values() if line.name.startswith("api-")]


class Cell(NamedTuple):
    """Where a cell lies: which field, in which phase, under which blinding, for whom."""

    name: str
    phase: str
    blinding: str
    reader: str


def read_cells() -> dict[Cell, set[str]]:
    """Cell -> conditions under which it is read."""
    cells: dict[Cell, set[str]] = {}
    for name, phases, blindings, readers, condition in rows("cells.txt"):
        where = (
            PHASES if phases == "*" else _words(phases),
            BLINDINGS if blindings == "*" else _words(blindings),
            _words(readers),
        )
        for cell in (Cell(name, *rest) for rest in product(*where)):
            assert condition not in cells.get(cell, set()), f"two lines for {cell}"
            cells.setdefault(cell, set()).add(condition)
    return cells


CELLS = read_cells()
FIELDS = sorted({cell.name for cell in CELLS})


def may_read(name: str, place: Place, code: str, *, by: str = "") -> bool:
    """What the oracle says: whether a reader reads a field of the question at this place, of a review that of the reviewer `by`."""
    reader = "RA" if code == "RX" else code
    if by and by == code:
        return True  # the own words stay the own
    if reader in {"RA", "SR"} and code not in {*place.assignments, *place.asked}:
        return False
    if by == "SR" and reader == "RA" and place.phase in "SE":
        return False  # a later round is closed to the reviewers of an earlier one
    facts = {
        "": True,
        "own_answer": code in place.answered,
        "own_review": code in place.reviewed,
        "told": place.told,
        "triage": code in place.asked,
    }
    return any(facts[condition] for condition in CELLS.get(Cell(name, place.phase, place.blinding, reader), ()))


SCOPES = ("draft", "review", "release")
SCOPE_OF = dict(rows("scopes.txt"))
# where a scope opens text at all; the feedback has no phase of its own
PHASES_OF = {"draft": "DG", "review": "SEXAPH", "release": "P"}


def scope_of(name: str) -> str:
    """The scope that the oracle asks of a token at an address of the API."""
    return SCOPE_OF[max((start for start in SCOPE_OF if name.startswith(start)), key=len)]
