"""Who reads what of the audit log, and what its page says when somebody has tampered with it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hle_site.accounts import actions as accounts
from hle_site.audit import log
from hle_site.audit.models import AuditEvent
from questions import actions
from questions.models import Question
from review import assignment
from tests.factories import make_draft, make_in_review, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_factor(settings):
    settings.REQUIRE_STAFF_FACTOR = False


@pytest.fixture
def auditor():
    return make_user("auditor", "auditor", institution="Chamber")


def acts(user):
    return list(AuditEvent.objects.visible_to(user).order_by("sequence").values_list("action", "object_type"))


def kinds(user):
    return {kind for _action, kind in acts(user)}


def test_others_have_no_log(contributor, reviewer, client_of):
    for user in (contributor, reviewer):
        assert client_of(user).get("/people/audit/").status_code == 403
        assert client_of(user).post("/people/audit/verify/").status_code == 403


def test_everybody_reads_the_own_acts(contributor, reviewer, client_of):
    make_draft(by=contributor)

    mine = client_of(contributor).get("/people/me/activity/").context["rows"]
    others = client_of(reviewer).get("/people/me/activity/").context["rows"]

    assert [row.event.action for row in mine] == ["question.create"]
    assert others == []


def test_an_auditor_reads_everything_but_the_own_questions(contributor, auditor):
    make_in_review(by=contributor)
    make_draft(by=auditor)
    outside = AuditEvent.objects.exclude(action="question.create", actor_id=auditor.pk)

    assert set(AuditEvent.objects.visible_to(auditor)) >= set(outside)
    assert AuditEvent.objects.visible_to(auditor).filter(actor_id=auditor.pk).count() == 1


def test_an_organiser_reads_events_of_open_questions_only(contributor, organiser):
    question = make_in_review(by=contributor)
    before = kinds(organiser)
    accounts.declare_conflict(user=organiser, by=organiser, question_id=question.pk)

    after = kinds(organiser)

    assert {"questions.question", "review.round", "accounts.user"} <= before
    assert after & {"questions.question", "review.round", "grading.difficultycheck"} == set()
    assert "accounts.user" in after


def test_a_contributor_with_a_role_does_not_learn_who_reviews(reviewer, client_of):
    author = make_user("author", "organiser", institution="Far away")
    question = make_in_review(by=author)
    assignment.take(round_=question.rounds.get(), by=reviewer)

    rows = client_of(author).get("/people/audit/").context["rows"]

    assert AuditEvent.objects.filter(action="assignment.take", actor_id=reviewer.pk).exists()
    assert reviewer.pk not in {row.event.actor_id for row in rows}


def test_an_organiser_who_owes_a_blind_answer_reads_nothing_of_the_question(contributor):
    both = make_user("both", "organiser", "reviewer", institution="Far away")
    question = make_in_review(by=contributor)
    assert "review.round" in kinds(both)

    assignment.take(round_=question.rounds.get(), by=both)

    assert "review.round" not in kinds(both)


def test_an_administrator_reads_of_accounts_and_nothing_of_questions(contributor):
    admin = make_user("admin", "administrator", institution="Office")
    make_in_review(by=contributor)

    assert {kind.split(".")[0] for kind in kinds(admin)} == {"accounts"}


def test_every_kind_of_event_has_readers(contributor, reviewer, organiser, auditor):
    question = make_in_review(by=contributor)
    assignment.take(round_=question.rounds.get(), by=reviewer)
    actions.withdraw(question=Question.objects.get(pk=question.pk), by=contributor)

    assert kinds(auditor) == set(AuditEvent.objects.values_list("object_type", flat=True))


def test_filters_narrow_the_log(contributor, organiser, client_of):
    one, two = make_draft(by=contributor), make_draft(by=contributor, prompt="Another text that is long enough?")
    client = client_of(organiser)

    def objects(**query):
        return {row.event.object_id for row in client.get("/people/audit/", query).context["rows"]}

    assert objects(action="question.") == {str(one.pk), str(two.pk)}
    assert objects(object=str(one.pk)) == {str(one.pk)}
    assert objects(actor=str(contributor.pk)) == {str(one.pk), str(two.pk)}
    assert client.get("/people/audit/", {"actor": "nobody"}).status_code == 200


def test_pages_follow_each_other(contributor, client_of):
    for _number in range(35):
        make_draft(by=contributor)
    client = client_of(contributor)

    first = client.get("/people/me/activity/")
    second = client.get("/people/me/activity/", {"before": first.context["older"]})

    numbers = [row.event.sequence for page in (first, second) for row in page.context["rows"]]
    assert len(numbers) == 35
    assert numbers == sorted(numbers, reverse=True)
    assert second.context["older"] == ""
    assert client.get("/people/me/activity/", {"before": "x" * 40}).status_code == 200


def test_a_whole_chain_is_said_to_be_whole(contributor, auditor, client_of):
    make_draft(by=contributor)

    page = client_of(auditor).post("/people/audit/verify/", follow=True).content.decode()

    assert "The chain is whole" in page


def test_tampering_shows_on_the_row_and_breaks_the_chain(contributor, auditor, client_of):
    make_draft(by=contributor)
    event = AuditEvent.objects.get(action="question.create")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_auditevent DISABLE TRIGGER USER")
        cursor.execute("UPDATE audit_auditevent SET after = 'approved' WHERE sequence = %s", [event.sequence])
        cursor.execute("ALTER TABLE audit_auditevent ENABLE TRIGGER USER")
    client = client_of(auditor)

    rows = client.get("/people/audit/").context["rows"]

    assert [row.event.sequence for row in rows if not row.is_intact] == [event.sequence]
    assert log.verify() == [event.sequence]
    page = client.post("/people/audit/verify/", follow=True).content.decode()
    assert f"The chain is broken at event {event.sequence}." in page


def test_the_log_asks_as_often_for_many_as_for_few(contributor, auditor, client_of):
    client = client_of(auditor)
    make_draft(by=contributor)
    with CaptureQueriesContext(connection) as few:
        client.get("/people/audit/")
    for _number in range(3):
        make_draft(by=contributor)

    with CaptureQueriesContext(connection) as many:
        client.get("/people/audit/")

    assert len(many) == len(few) <= 10
