"""The transition table against the product's own, every action in every status, and who was faster."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection

from hle_site.audit import log
from hle_site.audit.models import AuditEvent
from hle_site.notifications.models import Mail, Notice
from questions import actions, guards, workflow
from questions.enums import Action, Status
from questions.models import Question, StatusChange
from questions.workflow import TRANSITIONS, InvalidTransition, Refused
from tests import factories

pytestmark = pytest.mark.django_db

ORACLE = Path(__file__).parents[1] / "oracle" / "transitions.txt"


class Line(NamedTuple):
    """One line of the oracle."""

    sources: frozenset[str]
    targets: tuple[str, ...]
    by: frozenset[str]

    def is_open_to(self, code: str, status: str) -> bool:
        """Whether people of that code take the step from that status."""
        return status in self.sources and bool({code, f"{code}@{status}"} & self.by)


def _read() -> Iterator[tuple[str, Line]]:
    for line in ORACLE.read_text().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        action, sources, targets, by, _condition = (part.strip() for part in line.split("|"))
        yield action, Line(frozenset(sources.split(",")), tuple(targets.split(",")), frozenset(by.split(",")))


LINES = list(_read())
EXPECTED = dict(LINES)
CASES = [(action, status) for action in Action.values for status in Status.values]


def put(question: Question, status: str) -> Question:
    """Set a status by force, with what the database asks beside it."""
    changes: dict[str, Any] = {"status": status}
    if status == Status.DUPLICATE:
        changes["original"] = factories.make_draft(by=question.contributor)
    Question.objects.filter(pk=question.pk).update(**changes)
    return Question.objects.get(pk=question.pk)


@pytest.fixture
def no_guards(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table alone: the guards of later stages have tests of their own."""
    monkeypatch.setattr(guards, "_guards", {action: [] for action in Action.values})


def test_oracle_names_each_action_once() -> None:
    assert sorted(action for action, _line in LINES) == sorted(Action.values)


def test_table_has_the_arrows_of_the_product() -> None:
    table = {action: (frozenset(row.sources), row.targets) for action, row in TRANSITIONS.items()}

    assert table == {action: (line.sources, line.targets) for action, line in EXPECTED.items()}


def test_platform_acts_where_the_product_says() -> None:
    assert {action for action, row in TRANSITIONS.items() if row.is_automatic} == {
        action for action, line in EXPECTED.items() if "PF" in line.by
    }
    assert {action for action, row in TRANSITIONS.items() if not row.is_personal} == {
        action for action, line in EXPECTED.items() if line.by == {"PF"}
    }


@pytest.mark.parametrize(("action", "status"), CASES)
@pytest.mark.usefixtures("no_guards")
def test_every_action_in_every_status(contributor: Any, organiser: Any, action: str, status: str) -> None:
    line = EXPECTED[action]
    question = put(factories.make_draft(by=contributor), status)
    by = None if "PF" in line.by else contributor if "CO" in line.by else organiser
    changes = {"original": factories.make_draft(by=contributor)} if action == Action.MARK_DUPLICATE else {}
    if action == Action.REOPEN:
        changes = {"original": None}

    if status in line.sources:
        change = workflow.advance(question, action, by=by, reason="why", **changes)
        assert (change.before, change.after, change.by) == (status, line.targets[0], by)
        assert Question.objects.get(pk=question.pk).status == question.status == line.targets[0]
        assert AuditEvent.objects.filter(action=f"question.{action}", object_id=str(question.pk)).count() == 1
    else:
        with pytest.raises(InvalidTransition):
            workflow.advance(question, action, by=by, reason="why", **changes)
        assert Question.objects.get(pk=question.pk).status == status
        assert not StatusChange.objects.filter(question=question).exists()
        assert not AuditEvent.objects.filter(action=f"question.{action}").exists()


@pytest.mark.parametrize("status", Status.values)
def test_offered_actions_are_those_of_the_table(contributor: Any, organiser: Any, status: str) -> None:
    question = put(factories.make_draft(by=contributor), status)

    for person, code in ((contributor, "CO"), (organiser, "OR")):
        offered = set(workflow.available_actions(question, person))
        # the product lets organisers read what is not theirs in every status, so rights follow from the line alone
        assert offered == {action for action, line in EXPECTED.items() if line.is_open_to(code, status)}, code


@pytest.mark.parametrize("status", Status.values)
@pytest.mark.parametrize("role", ["", "reviewer", "senior_reviewer", "auditor", "administrator"])
def test_nothing_is_offered_to_people_without_a_part_in_it(contributor: Any, status: str, role: str) -> None:
    question = put(factories.make_draft(by=contributor), status)
    person = factories.make_user("someone", *([role] if role else []))

    assert workflow.available_actions(question, person) == []


@pytest.mark.parametrize("action", [action for action, line in LINES if "CO" not in line.by])
def test_contributor_cannot_take_steps_of_others(contributor: Any, action: str) -> None:
    question = put(factories.make_draft(by=contributor), next(iter(EXPECTED[action].sources)))

    with pytest.raises(PermissionDenied):
        workflow.advance(question, action, by=contributor, reason="why")


@pytest.mark.parametrize("action", [action for action, line in LINES if line.by == {"OR"} or line.by == {"SR", "OR"}])
def test_organiser_cannot_act_on_the_own_question(organiser: Any, action: str) -> None:
    question = put(factories.make_draft(by=organiser), next(iter(EXPECTED[action].sources)))

    with pytest.raises(PermissionDenied):
        workflow.advance(question, action, by=organiser, reason="why")


@pytest.mark.parametrize("action", [action for action, line in LINES if "PF" not in line.by])
def test_platform_cannot_take_steps_of_people(contributor: Any, action: str) -> None:
    question = put(factories.make_draft(by=contributor), next(iter(EXPECTED[action].sources)))

    with pytest.raises(PermissionDenied):
        workflow.advance(question, action, by=None)


def test_other_target_than_those_of_the_table_is_refused(contributor: Any) -> None:
    question = factories.make_draft(by=contributor)

    with pytest.raises(InvalidTransition):
        workflow.advance(question, Action.KEEP_CHECK, by=contributor, to=Status.APPROVED)


def test_guard_refuses_with_its_sentence(contributor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    question = factories.make_draft(by=contributor)
    monkeypatch.setitem(guards._guards, Action.WITHDRAW, [lambda _question, _user: ["Not on a Sunday."]])

    with pytest.raises(Refused) as refused:
        actions.withdraw(question=question, by=contributor)

    assert refused.value.sentences == ["Not on a Sunday."]
    assert Question.objects.get(pk=question.pk).status == Status.DRAFT


def test_maintainer_acts_for_the_contributor(contributor: Any) -> None:
    maintainer = factories.make_user("maintainer")
    question = factories.make_draft(by=contributor)
    Question.objects.filter(pk=question.pk).update(maintainer=maintainer)
    question.refresh_from_db()

    change = actions.withdraw(question=question, by=maintainer)

    assert (change.after, change.by) == (Status.WITHDRAWN, maintainer)


def test_second_of_two_readers_of_one_status_is_told(contributor: Any) -> None:
    question = factories.make_draft(by=contributor)
    stale = Question.objects.get(pk=question.pk)
    actions.withdraw(question=question, by=contributor)

    with pytest.raises(InvalidTransition, match="Somebody else was faster"):
        actions.start_check(question=stale, by=contributor, terms_version="1")


@pytest.mark.django_db(transaction=True)
def test_many_questions_move_as_each_would_alone(contributor: Any) -> None:
    alone, *others, left = [factories.make_checking(by=contributor, prompt=f"How many of the {n}?") for n in range(4)]
    workflow.advance(left, Action.CANCEL_CHECK, by=contributor)
    workflow.advance(alone, Action.FAIL_CHECK, by=None, reason="One was right.")

    moves = [workflow.Move(question, question.newest, "One was right.") for question in (*others, left)]
    changes = workflow.advance_all(moves, Action.FAIL_CHECK)

    assert [change.question for change in changes] == others
    asked = Question.objects.order_by("created_at").values_list("status", flat=True)
    assert list(asked) == [Status.TOO_EASY] * 3 + [Status.DRAFT]
    for written in (_changes, _events, _notices):
        assert [written(question) for question in others] == [written(alone)] * 2
    assert log.verify() == []


def _changes(question: Question) -> list[Any]:
    columns = ("action", "before", "after", "by", "reason", "revision__number")
    return list(StatusChange.objects.filter(question=question).order_by("pk").values_list(*columns))


def _events(question: Question) -> list[Any]:
    events = AuditEvent.objects.filter(object_id=question.pk).order_by("sequence")
    return list(events.values_list("action", "actor_id", "object_type", "before", "after", "reason__text"))


def _notices(question: Question) -> list[Any]:
    mails = Mail.objects.filter(body__contains=str(question.pk)).count()
    return [*Notice.objects.filter(path__contains=question.pk).values_list("kind", "body"), mails]


def test_figure_names_every_step() -> None:
    figure = workflow.figure()

    assert [action for action in TRANSITIONS if action not in figure] == []


def both(*steps: Callable[[], Any]) -> list[Any]:
    """Run steps at once, each in a thread with a connection of its own, and return what each gave or raised."""
    gate, results = threading.Barrier(len(steps)), [None] * len(steps)

    def run(place: int, step: Callable[[], Any]) -> None:
        try:
            gate.wait(10)
            results[place] = step()
        except (InvalidTransition, Refused, actions.EditConflict, PermissionDenied) as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(steps)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


@pytest.mark.django_db(transaction=True)
def test_one_of_two_simultaneous_steps_wins(contributor: Any) -> None:
    question = factories.make_draft(by=contributor)
    copies = [Question.objects.get(pk=question.pk) for _copy in range(2)]

    results = both(*[lambda copy=copy: actions.withdraw(question=copy, by=contributor) for copy in copies])

    assert sorted(type(result).__name__ for result in results) == ["InvalidTransition", "StatusChange"]
    assert StatusChange.objects.filter(question=question).count() == 1
    assert AuditEvent.objects.filter(action="question.withdraw").count() == 1
    assert log.verify() == []


@pytest.mark.django_db(transaction=True)
def test_autosave_never_slips_between_linter_and_freeze(contributor: Any) -> None:
    for attempt in range(5):
        question = factories.make_draft(by=contributor, prompt=f"What is the answer to question number {attempt}?")
        saver, starter = (Question.objects.get(pk=question.pk) for _copy in range(2))
        late = {"prompt": f"Typed while the check of question {attempt} began."}

        results = both(
            lambda saver=saver, late=late: actions.save(question=saver, by=contributor, content=late, version=1),
            lambda starter=starter: actions.start_check(question=starter, by=contributor, terms_version="1"),
        )

        assert isinstance(results[1], StatusChange)
        newest = Question.objects.get(pk=question.pk).newest
        assert newest.frozen_at is not None
        assert newest.tested_hash == newest.compute_tested_hash()
        saved = not isinstance(results[0], Exception)
        assert (newest.prompt == late["prompt"]) == saved
