"""The seed leads every question to where the demo shows it, by acts that the audit log holds."""

from collections import Counter

import pytest
from django.core.management import call_command

from hle_site.accounts.models import User
from hle_site.audit import log
from hle_site.audit.models import AuditEvent
from hle_site.demo import seed
from hle_site.demo.accounts import DEMO_PEOPLE
from hle_site.demo.content import QUESTIONS
from questions.enums import ErratumStatus, ItemChange, ReleaseStatus, Split, Status
from questions.models import Erratum, Question, Release, StatusChange
from review.enums import RoundKind
from review.models import Review, Round


def rows_of_everything():
    return Counter(event.action for event in AuditEvent.objects.all()), Question.objects.count(), Review.objects.count()


@pytest.mark.django_db(transaction=True)
def test_seed_fills_the_demo_once(capsys):
    call_command("seed_demo")

    assert "The example data is complete." in capsys.readouterr().out
    by_prompt = {question.newest.prompt: question for question in Question.objects.all()}
    found = {item.key: by_prompt[item.rewording.prompt if item.rewording else item.prompt].status for item in QUESTIONS}
    assert found == {item.key: item.target for item in QUESTIONS}
    assert StatusChange.objects.filter(handled_at=None).count() == 0
    assert log.verify() == []
    assert User.objects.filter(is_demonstration=True).count() == len(DEMO_PEOPLE)
    assert Review.objects.counted().count() == sum(len(item.reviews) for item in QUESTIONS)
    _check_open_rounds()
    _check_release()
    _check_readers()
    before = rows_of_everything()

    call_command("seed_demo")

    assert "The example data is there already." in capsys.readouterr().out
    assert rows_of_everything() == before


def _check_open_rounds():
    """There is something to do for a reviewer, for a senior reviewer in both of the roles, and for an organiser."""
    in_review = Round.objects.open().filter(question__status=Status.IN_REVIEW)
    assert Counter(in_review.values_list("kind", flat=True)) == {
        RoundKind.FIRST: 4,
        RoundKind.SECOND: 2,
        RoundKind.ADJUDICATION: 1,
    }


def _check_release():
    release = Release.objects.get()
    released = {item.key for item in QUESTIONS if item.released}
    assert (release.status, release.version, release.is_demonstration) == (
        ReleaseStatus.PUBLISHED,
        seed.VERSION,
        True,
    )
    assert release.frozen_by.email != release.published_by.email
    assert release.items.filter(change=ItemChange.ADD, split=Split.PUBLIC).count() == len(released)
    erratum = Erratum.objects.get()
    assert (erratum.status, erratum.item.question.status) == (ErratumStatus.CONFIRMED, Status.RETRACTED)


def _check_readers():
    """The auditor reads every act; an administrator none that tells of a question."""
    auditor, administrator = (User.objects.get(email=f"{name}@demo.invalid") for name in ("auditor", "administrator"))
    assert AuditEvent.objects.visible_to(auditor).count() == AuditEvent.objects.count()
    kinds = AuditEvent.objects.visible_to(administrator).values_list("object_type", flat=True)
    assert {kind.split(".")[0] for kind in kinds} == {"accounts"}


def test_seed_refuses_what_an_earlier_one_left_half_done(db):
    User.objects.create_user("contributor1@demo.invalid", None, name="Half", is_demonstration=True)

    with pytest.raises(seed.Unfinished, match="cut short"):
        seed.run(lambda line: None)


def test_seed_refuses_a_production_site(settings):
    settings.IS_PRODUCTION = True

    with pytest.raises(Exception, match="runs in production mode"):
        call_command("seed_demo")
