"""Tested questions whose texts are compared, and the embedder of the tests."""

from collections.abc import Callable
from typing import Any

import pytest

from questions.duplicates import embedders, search
from questions.models import DuplicatePair, Question
from tests import factories

ONE = "How many edges has a complete graph with twelve vertices and no loops at all?"
NEAR = "How many edges has the complete graph with twelve vertices and no loops at all?"
FAR = "Which enzyme opens the double strand of a circular chromosome before it is copied?"
GERMAN = "Wieviele Kanten hat ein vollständiger Graph mit zwölf Knoten"
ENGLISH = "Many edges has a complete graph with twelve vertices"


@pytest.fixture(autouse=True)
def fresh_embedder() -> None:
    """Let each test load what its setting names."""
    embedders._loaded.clear()


@pytest.fixture
def word_bag(settings: Any) -> None:
    """Name the embedder of the tests."""
    settings.DUPLICATE_EMBEDDER = "tests.questions.duplicates.word_bag:make"


@pytest.fixture
def tested(contributor: Any) -> Callable[..., Question]:
    """Return a function that makes a question whose test has begun; it is not searched yet."""

    def make(prompt: str, *, by: Any = None, **content: Any) -> Question:
        return factories.make_checking(by=by or contributor, prompt=prompt, **content)

    return make


@pytest.fixture
def pair(tested: Callable[..., Question]) -> DuplicatePair:
    """A pair of near texts of one contributor, both in their test."""
    tested(ONE)
    tested(NEAR)
    search.search_due()
    return DuplicatePair.objects.get()
