"""The rule that finds the impartial among many accounts agrees with the one that is asked of one account."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from hle_site.accounts import actions as accounts
from hle_site.accounts.models import Affiliation, User
from review import rounds
from tests import factories

pytestmark = pytest.mark.django_db


def left(name: str, *, years: float) -> Any:
    """Somebody who left the contributor's university so many years ago."""
    person = factories.make_user(name, institution="North University")
    ended = (timezone.now() - timedelta(days=365 * years)).date()
    Affiliation.objects.filter(user=person).update(ended_at=ended)
    return person


def test_both_rules_find_the_same_people(contributor: Any, reviewer: Any) -> None:
    User.objects.filter(pk=contributor.pk).update(orcid="0000-0002-1825-0097")
    question = factories.make_draft(by=contributor)
    maintainer = factories.make_user("maintainer", institution="East School")
    question.maintainer = maintainer
    question.save(update_fields=["maintainer"])
    twin = factories.make_user("twin")
    User.objects.filter(pk=twin.pk).update(orcid="0000-0002-1825-0097")
    partial = {
        contributor,
        maintainer,
        twin,
        factories.make_user("colleague", institution="NORTH  university"),
        factories.make_user("colleague of the maintainer", institution="East School"),
        left("left lately", years=2),
    }
    names = ("names contributor", "named by contributor", "names school", "names question", "names both")
    first, second, third, fourth, fifth = (factories.make_user(name) for name in names)
    accounts.declare_conflict(user=first, by=first, other=contributor)
    accounts.declare_conflict(user=contributor, by=contributor, other=second)
    accounts.declare_conflict(user=third, by=third, institution="East school")
    accounts.declare_conflict(user=fourth, by=fourth, question_id=question.pk)
    accounts.declare_conflict(user=fifth, by=fifth, other=reviewer, institution="Elsewhere")
    partial |= {first, second, third, fourth}
    left("left long ago", years=4)
    long_ago = (timezone.now() - timedelta(days=4 * 365)).date()
    Affiliation.objects.create(user=contributor, institution="Old", institution_key="old", ended_at=long_ago)
    factories.make_user("colleague of old", institution="Old")
    accounts.declare_conflict(user=contributor, by=contributor, institution="South College")

    found = set(User.objects.filter(rounds.impartial(question)))
    one_by_one = {person for person in User.objects.all() if not rounds.is_conflicted(person, question)}

    assert found == one_by_one == set(User.objects.all()) - partial
