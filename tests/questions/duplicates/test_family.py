"""The family of a question: what one person tried again, over all tested texts, without what organisers dismissed."""

from typing import Any

import pytest

from questions.duplicates import actions, search
from questions.duplicates.family import family_of
from questions.models import DuplicatePair
from tests import factories
from tests.questions.duplicates.conftest import FAR, NEAR, ONE

pytestmark = pytest.mark.django_db


def test_a_question_alone_is_its_own_family(contributor: Any, tested: Any) -> None:
    one = tested(ONE)
    tested(FAR)

    assert family_of(one) == {one.pk}


def test_a_draft_counts_with_the_tries_before_it_at_once(contributor: Any, tested: Any) -> None:
    one = tested(ONE)
    draft = factories.make_draft(by=contributor, prompt=NEAR.replace("o", "о"))

    assert family_of(draft) == {one.pk, draft.pk}


def test_a_family_is_closed_over_steps(contributor: Any, tested: Any) -> None:
    words = [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "omicron",
        "pi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
    ]
    steps = [" ".join(words[at : at + 16]) for at in range(0, 5, 2)]
    first, second, third = (tested(step) for step in steps)
    search.search_due()

    assert DuplicatePair.objects.of([first.pk, third.pk]).count() == 0  # too far from each other by themselves
    assert family_of(first) == family_of(third) == {first.pk, second.pk, third.pk}


def test_an_earlier_text_of_another_question_counts(contributor: Any, tested: Any) -> None:
    from tests.questions.duplicates.test_search import revise

    one = tested(ONE)
    revise(one, FAR)
    draft = factories.make_draft(by=contributor, prompt=NEAR)

    assert family_of(draft) == {one.pk, draft.pk}


def test_other_people_are_not_family(tested: Any, reviewer: Any) -> None:
    one = tested(ONE)
    tested(NEAR, by=reviewer)
    search.search_due()

    assert DuplicatePair.objects.count() == 1
    assert family_of(one) == {one.pk}


def test_what_organisers_dismissed_is_not_family(pair: DuplicatePair, organiser: Any) -> None:
    before = family_of(pair.first)

    actions.dismiss(pair=pair, by=organiser, reason="Loops matter here.")

    assert before == {pair.first_id, pair.second_id}
    assert family_of(pair.first) == {pair.first_id}


@pytest.mark.parametrize("count", [1, 3])
def test_queries_do_not_grow_with_the_family(
    contributor: Any, tested: Any, django_assert_num_queries: Any, count: int
) -> None:
    for number in range(count):
        tested(ONE + " " + "again " * number)
    draft = factories.make_draft(by=contributor, prompt=NEAR)

    with django_assert_num_queries(3):
        family_of(draft)
