"""Fill the demo: its people carry each question to where the demo shows it, by the same actions as on the site."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db import connection

from grading import checks, engine, evidence
from grading.enums import CheckStatus
from grading.models import DifficultyCheck
from hle_site import pipeline
from hle_site.accounts import actions as accounts
from hle_site.accounts.enums import DocumentKind
from hle_site.accounts.models import User
from hle_site.audit import log
from hle_site.audit.models import AuditEvent
from hle_site.demo import pictures, provider
from hle_site.demo.accounts import DEMO_PASSWORD, DEMO_PEOPLE, DemoPerson
from hle_site.demo.content import QUESTIONS, DemoQuestion, DemoReview
from questions import actions
from questions.enums import ErratumStatus, Status
from questions.models import Call, Question, Release
from questions.releases import errata, files, freeze
from review import actions as reviewing
from review import assignment, rubric
from review.enums import AssignmentStatus, DecisionOutcome, RoundKind, RoundOutcome
from review.models import Assignment, Round

Say = Callable[[str], None]

DONE = "demo.seed"
VERSION = "0.1.0-demo"
LONGEST_CHECK_S = 120
PEOPLE_AT_ONCE = 3
KIND = {1: RoundKind.FIRST, 2: RoundKind.SECOND}
# The first words of each point of the checklist, as the content names them.
POINTS = {check.field.removeprefix("is_"): check.field for check in rubric.CHECKLIST}
SUBMITTED = {
    Status.IN_REVIEW,
    Status.CHANGES_REQUESTED,
    Status.AWAITING_DECISION,
    Status.APPROVED,
    Status.REJECTED,
    Status.DUPLICATE,
    Status.RETRACTED,
}
DECIDED = {Status.APPROVED, Status.RETRACTED}


class Unfinished(Exception):
    """A seed was cut short here, or a question is not where it should be."""


def is_done() -> bool:
    """Return whether the demo was filled before."""
    return AuditEvent.objects.filter(action=DONE).exists()


def run(say: Say) -> bool:
    """Fill an empty site; return False, having changed nothing, when that was done before.

    Many transactions, as in life: a seed that was cut short is not resumed but begun again in an empty database.
    """
    if is_done():
        return False
    if User.objects.filter(is_demonstration=True).exists():
        raise Unfinished("The example data was cut short earlier. Begin again with an empty database.")
    with provider.answering_at_once():
        try:
            Seed(say).run()
        finally:
            engine.shut_down()
    return True


class Seed:
    """One run: the people by key, and the questions by key beside what the content says of them."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.call = Call.objects.get(is_default=True)
        self.people: dict[str, User] = {}
        self.questions: dict[str, Question] = {}

    def run(self) -> None:
        """Do everything in the order in which it would happen."""
        password = make_password(DEMO_PASSWORD)  # made to be slow, and it is the same for all
        for person in DEMO_PEOPLE:
            self.people[person.key] = _account(person, password, self.call)
        self.say(f"{len(self.people)} people signed up")
        with self._answered():
            _together(self._write, QUESTIONS)
        self.say(f"{len(QUESTIONS)} questions written and tested against the simulated models")
        self._submit([item for item in QUESTIONS if item.target in SUBMITTED])
        self._review()
        self._decide()
        self._release()
        self._follow_up()
        self._verify()
        log.record(DONE, by=None, on=self.call)

    # --- writing and testing ---

    def _write(self, item: DemoQuestion) -> None:
        by = self.people[item.author]
        self.questions[item.key] = actions.create(call=self.call, by=by, content=_tested_part(item, by))
        if item.target != Status.DRAFT:
            self._start_test(item)

    def _start_test(self, item: DemoQuestion) -> None:
        version = self.call.contributor_terms.version
        actions.start_check(question=self._fresh(item), by=self.people[item.author], terms_version=version)

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """Let a worker go on with the tests that begin inside, and see all of them settled at the end."""
        all_started = threading.Event()
        with ThreadPoolExecutor(1) as worker:
            settled = worker.submit(_in_own_connection, _work_off, all_started)
            try:
                yield
            finally:
                all_started.set()
            settled.result()

    def _submit(self, items: list[DemoQuestion]) -> None:
        _together(self._complete, items)
        for item in QUESTIONS:
            if item.target == Status.WITHDRAWN and item.decision:
                self._withdraw(item, item.decision.reason)
        self.say("questions submitted for review")

    def _complete(self, item: DemoQuestion) -> None:
        content = _supporting_part(item)
        actions.save(question=self._fresh(item), by=self.people[item.author], content=content)
        self._hand_in(item)

    def _hand_in(self, item: DemoQuestion) -> None:
        version = self.call.data_licence.version
        question = self._fresh(item)
        if evidence.has_key_alarm(question):
            reason = "I worked it out once more and come to the same answer."
            checks.confirm_key(question=question, by=self.people[item.author], reason=reason)
        actions.submit_for_review(question=question, by=self.people[item.author], licence_version=version)

    def _withdraw(self, item: DemoQuestion, reason: str) -> None:
        actions.withdraw(question=self._fresh(item), by=self.people[item.author], reason=reason)

    # --- review ---

    def _review(self) -> None:
        """The reviews of all questions; those that will be reworded come first, since they are tested once more."""
        reworded = [item for item in QUESTIONS if item.rewording]
        others = [item for item in QUESTIONS if not item.rewording]
        self._review_round(1, reworded, revision=1)
        self._comment(reworded)
        with self._answered():
            for item in reworded:
                self._reword(item)
                self._start_test(item)
            self._review_round(1, others, revision=1)
            self._comment([item for item in others if item.target != Status.DUPLICATE])
            self._review_round(2, others, revision=1)
        for item in reworded:
            self._hand_in(item)
        self._review_round(1, reworded, revision=2)
        self._review_round(2, reworded, revision=2)
        pipeline.sweep()
        self.say(f"{sum(len(item.reviews) for item in QUESTIONS)} reviews written")

    def _review_round(self, number: int, items: list[DemoQuestion], *, revision: int) -> None:
        def write(item: DemoQuestion) -> None:
            for review in item.reviews:
                if (review.round, review.revision) == (number, revision):
                    self._write_review(item, review)

        _together(write, items)

    def _write_review(self, item: DemoQuestion, review: DemoReview) -> None:
        by = self.people[review.reviewer]
        round_ = self.questions[item.key].rounds.open().get(kind=KIND[review.round])
        place = _take_place(round_, by)
        if round_.is_blind_solve:
            reviewing.record_solve(
                assignment=place,
                by=by,
                answer=review.answer,
                is_unsolved=bool(review.cannot_solve),
                reason=review.cannot_solve,
                confidence=review.confidence,
            )
        points = {field: name not in review.unmet for name, field in POINTS.items()}
        content = {
            "score": review.score,
            "depth": review.depth,
            "feedback": review.feedback,
            "private_note": review.note,
            **points,
        }
        reviewing.submit_review(assignment=place, by=by, content=content)

    def _comment(self, items: Iterable[DemoQuestion]) -> None:
        for item in items:
            round_ = self.questions[item.key].rounds.filter(settled_at__isnull=False).order_by("number").first()
            for comment in item.comments:
                assert round_ is not None
                by = self.people[comment.author]
                reviewing.comment(round_=round_, by=by, audience=comment.audience, text=comment.text)

    def _reword(self, item: DemoQuestion) -> None:
        assert item.rewording is not None
        by, question = self.people[item.author], self._fresh(item)
        actions.revise(question=question, by=by)
        content = {"prompt": item.rewording.prompt, "rationale": item.rewording.rationale}
        actions.save(question=question, by=by, content=content)

    # --- decisions and the release ---

    def _decide(self) -> None:
        for item in QUESTIONS:
            if item.target in DECIDED and item.released:
                self._approve(item)
            elif item.target == Status.REJECTED:
                self._reject(item)
            elif item.target == Status.DUPLICATE and item.decision:
                original = self._fresh_by_key(item.duplicate_of)
                by, reason = self.people[item.decision.by], item.decision.reason
                actions.mark_duplicate(question=self._fresh(item), by=by, original=original, reason=reason)
        pipeline.sweep()
        self._comment([item for item in QUESTIONS if item.target == Status.DUPLICATE])
        self.say("decisions taken")

    def _approve(self, item: DemoQuestion) -> None:
        decision = item.decision
        assert decision is not None
        # what the content says of a retracted question is why it was retracted
        is_retracted = item.target == Status.RETRACTED
        by = decision.second_by if is_retracted else decision.by
        reason = "Independent solutions match the key; recommended in round 2." if is_retracted else decision.reason
        approve = DecisionOutcome.APPROVE
        reviewing.decide(question=self._fresh(item), by=self.people[by], outcome=approve, reason=reason)

    def _reject(self, item: DemoQuestion) -> None:
        """A senior reviewer settles the disagreement, then an organiser decides."""
        decision, question = item.decision, self._fresh(item)
        assert decision is not None
        senior = self.people[decision.by]
        place = assignment.take(round_=question.rounds.open().get(), by=senior)
        reviewing.adjudicate(assignment=place, by=senior, outcome=RoundOutcome.REJECTION, reason=decision.reason)
        reviewing.decide(
            question=self._fresh(item),
            by=self.people[decision.second_by],
            outcome=DecisionOutcome.REJECT,
            reason=decision.reason,
            reason_code=decision.code,
        )

    def _release(self) -> None:
        first, second = self.people["organiser1"], self.people["organiser2"]
        release = freeze.draft(
            version=VERSION,
            title="Demonstration release",
            calls=[self.call],
            by=first,
            is_demonstration=True,
            notes="Made from the example questions of the demonstration. Its models are simulated.",
        )
        files.delete_files(release)  # those of a seed that was cut short, whose database is gone
        freeze.freeze(release=release, by=first)
        freeze.build(release)
        freeze.publish(release=Release.objects.get(pk=release.pk), by=second)
        self.say(f"release {VERSION} published")

    def _follow_up(self) -> None:
        """What came after the release: an error reported and a question retracted for it, further approvals."""
        for item in QUESTIONS:
            if item.target == Status.RETRACTED:
                self._report_and_retract(item)
            elif item.target == Status.APPROVED and not item.released:
                self._approve(item)
        pipeline.sweep()
        self.say("an error reported, a question retracted, more questions approved")

    def _report_and_retract(self, item: DemoQuestion) -> None:
        decision, question = item.decision, self._fresh(item)
        assert decision is not None
        first, second = self.people[decision.by], self.people[decision.second_by]
        released = question.release_items.get(release__version=VERSION)
        erratum = errata.report(item=released, text=decision.reason, by=self.people["researcher"])
        errata.answer(
            erratum=erratum,
            status=ErratumStatus.CONFIRMED,
            resolution="You are right, both readings are possible. The question will be retracted.",
            by=first,
        )
        retraction = reviewing.propose_retraction(
            question=question, by=first, reason=decision.reason, public_reason=decision.reason
        )
        reviewing.confirm_retraction(retraction=retraction, by=second)

    # --- helpers ---

    def _fresh(self, item: DemoQuestion) -> Question:
        return self._fresh_by_key(item.key)

    def _fresh_by_key(self, key: str) -> Question:
        return Question.objects.select_related("call").get(pk=self.questions[key].pk)

    def _verify(self) -> None:
        """Refuse to call the demo filled while a question is elsewhere than the content says."""
        astray = {item.key: status for item in QUESTIONS if (status := self._fresh(item).status) != item.target}
        if astray:
            raise Unfinished(f"Some questions did not come to where they belong: {astray}")


def _account(person: DemoPerson, password: str, call: Call) -> User:
    user = User.objects.create(
        email=person.email,
        password=password,
        name=person.name,
        subjects=list(person.subjects),
        is_demonstration=True,
    )
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    for role in person.roles:
        accounts.grant_role(user=user, role=role, by=None, reason="a person of the demonstration")
    accounts.set_institution(user=user, institution=person.affiliation)
    if person.accepts_licence:
        accounts.accept(user=user, kind=DocumentKind.DATA_LICENCE, version=call.data_licence.version)
    return User.objects.get(pk=user.pk)


def _tested_part(item: DemoQuestion, by: User) -> dict[str, Any]:
    picture = {}
    if item.picture:
        image = actions.store_picture(data=pictures.draw(item.picture), by=by)
        picture = {"image": image, "image_alt": item.alt}
    return {
        "answer_type": item.answer_type,
        "prompt": item.prompt,
        "options": list(item.options),
        "answer": item.answer,
        "category": item.category,
        "raw_subject": item.raw_subject,
        "language": item.language,
        **picture,
    }


def _supporting_part(item: DemoQuestion) -> dict[str, Any]:
    return {"rationale": item.rationale, "sources": item.sources, "ai_use_note": item.ai_use}


def _take_place(round_: Round, by: User) -> Assignment:
    invitation = round_.assignments.filter(reviewer=by, status=AssignmentStatus.INVITED).first()
    if invitation:
        return assignment.accept(assignment=invitation, by=by)
    return assignment.take(round_=round_, by=by)


def _together(act: Callable[[DemoQuestion], None], items: Sequence[DemoQuestion]) -> None:
    """Do one thing with each question, some people at a time."""

    def do_share(number: int) -> None:
        for item in items[number::PEOPLE_AT_ONCE]:
            act(item)

    with ThreadPoolExecutor(PEOPLE_AT_ONCE) as people:
        shares = [people.submit(_in_own_connection, do_share, number) for number in range(PEOPLE_AT_ONCE)]
        for share in shares:
            share.result()


def _in_own_connection(act: Callable[[Any], None], what: Any) -> None:
    try:
        act(what)
    finally:
        connection.close()


def _work_off(all_started: threading.Event) -> None:
    """Do here what a worker does, until every check has a verdict or is parked."""
    unsettled = DifficultyCheck.objects.filter(status__in=[CheckStatus.QUEUED, CheckStatus.RUNNING])
    deadline = time.monotonic() + LONGEST_CHECK_S
    while not all_started.is_set() or unsettled.exists():
        if time.monotonic() > deadline:
            raise Unfinished(f"{unsettled.count()} checks were not settled after {LONGEST_CHECK_S} s")
        due_s = engine.current().work()
        time.sleep(min(max(due_s or 0, 0.1), 1))
