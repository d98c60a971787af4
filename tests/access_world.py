"""A small world for the walker: one question for each place in its life, every secret field with a canary of its own."""

from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model
from django.utils import timezone

from grading import checks
from grading.enums import JudgeSeat
from grading.models import Contest, Judgement, ModelSpec, Prediction
from hle_site import pipeline
from hle_site.accounts import actions as account_actions
from hle_site.accounts.enums import DocumentKind
from hle_site.accounts.models import RoleProposal
from hle_site.notifications.models import Notice
from questions import actions as question_actions
from questions.duplicates import search
from questions.enums import Split
from questions.models import DuplicatePair, Question, Release
from questions.releases import errata, freeze
from review import actions, assignment
from review.models import Assignment, BlindSolve, Review, Round
from tests import factories
from tests.questions.releases.worlds import png

# each place has words of its own: near texts of one contributor share their tries
WORDS = (
    ("draft", "violin strings, bow pressure, resin, damping and overtones of a cello"),
    ("checking", "glacier flow, basal sliding, crevasse depth and melting in summer"),
    ("too-easy", "verb endings, vowel harmony, case marking and stress in Turkic languages"),
    ("eligible", "enzyme kinetics, inhibitor binding, substrate affinity and turnover numbers"),
    ("in-review", "tax incidence, demand elasticity, surplus and deadweight of a levy"),
    ("last-round", "graph colouring, chromatic polynomials, planar minors and forbidden cliques"),
    ("awaiting", "tax incidence, demand elasticity, surplus and deadweight of a levy"),
    ("rejected", "medieval charters, seal wax, scribal hands and dating by witnesses"),
    ("changes", "stellar spectra, absorption lines, metallicity and rotation of giants"),
    ("approved", "contract remedies, mitigation, foreseeable loss and liquidated damages"),
    ("published", "alloy phases, eutectic cooling, grain boundaries and creep at heat"),
    ("held-out", "bird migration, magnetic compass, stopover fat and moult timing"),
)

CHECKS = ("is_precise", "is_single_answer", "is_not_searchable", "is_not_artificial", "is_safe")


@dataclass
class Place:
    """One question in the world: its phase, and the ids that addresses need."""

    name: str
    phase: str
    question: Question
    told: bool = False  # the contributor was given feedback
    ids: dict[str, Any] = field(default_factory=dict)
    assignments: dict[str, Any] = field(default_factory=dict)  # reader -> the own assignment
    answered: set[str] = field(default_factory=set)  # readers whose own answer is in
    reviewed: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)  # senior reviewers asked to look outside review

    def canary(self, of: str) -> str:
        """Return the canary of a field."""
        return f"cnry-{of.replace('.', '-').replace('_', '-')}-{self.name}"


class World:
    """People by reader code, and places by name."""

    def __init__(self) -> None:
        make = factories.make_user
        self.people: dict[str, Any] = {
            "CO": make("cnry-contributor-name", institution="North University"),
            "CX": make("foreign contributor", institution="Lake School"),
            "RA": make("cnry-reviewer-name-1", "reviewer", institution="South College"),
            "RX": make("cnry-reviewer-name-2", "reviewer", institution="East Academy"),
            "RU": make("idle reviewer", "reviewer", institution="Far Academy"),
            "RC": make("close reviewer", "reviewer", institution="North University"),
            "SR": make("cnry-reviewer-name-3", "senior_reviewer", institution="West Institute"),
            "OR": make("organiser", "organiser", institution="Exam Office"),
            "OC": make("close organiser", "organiser", institution="North University"),
            "AU": make("auditor", "auditor", institution="Audit Office"),
            "AD": make("administrator", "administrator", institution="Server Room"),
            "RS": make("researcher", institution="Data House"),
        }
        self.second = make("second organiser", "organiser", institution="Other Office")
        account_actions.accept(user=self.people["RS"], kind=DocumentKind.DATA_LICENCE, version="1")
        self.picture = question_actions.store_picture(data=png(), by=self.people["CO"])
        self.draft_picture = question_actions.store_picture(data=png((9, 9, 9)), by=self.people["CO"])
        self.places: list[Place] = []
        self.fixed: dict[str, Any] = {}
        self._build()

    def _build(self) -> None:
        self._add("draft", "D", factories.make_draft(**self._content("draft")))
        self._add("checking", "D", factories.make_checking(**self._content("checking")))
        self._add("too-easy", "G", self._checked("too-easy", passes=False))
        self._ask("too-easy", "SR")
        self._add("eligible", "G", self._checked("eligible"))
        self._add("in-review", "S", self._reviewed("in-review", "RX"))
        self._add("last-round", "E", self._reviewed("last-round", "RA", "RX"))
        self._awaiting("awaiting")
        self._decided("rejected", "X", "reject")
        self._decided("changes", "S", "changes")
        self._decided("approved", "A", "approve")
        self._decided("published", "P", "approve")
        self._publish()
        self._decided("held-out", "H", "approve")
        Question.objects.filter(pk=self["held-out"].question.pk).update(split=Split.HELD_OUT)
        for place in self.places:
            self._find_ids(place)
        self._fix_ids()
        gone = factories.make_draft(by=self.people["CO"])
        self.deleted = gone.pk
        gone.revisions.all().delete()
        gone.delete()

    def __getitem__(self, name: str) -> Place:
        return next(place for place in self.places if place.name == name)

    def _content(self, name: str) -> dict[str, Any]:
        return {
            "by": self.people["CO"],
            "prompt": f"On {dict(WORDS)[name]}: what is meant by cnry-question-prompt-{name}?",
            "answer": f"cnry-question-key-{name}",
            "image": self.draft_picture if name == "draft" else self.picture,
            "image_alt": f"A picture of cnry-question-image-alt-{name}.",
            "rationale": f"It follows from cnry-question-rationale-{name} in three steps of reasoning.",
        }

    def _add(self, name: str, phase: str, question: Question) -> Place:
        place = Place(name, phase, Question.objects.get(pk=question.pk))
        self.places.append(place)
        for code in ("RA", "RX", "SR"):
            mine = Assignment.objects.filter(reviewer=self.people[code], round__question=question).last()
            if mine:
                place.assignments[code] = mine
                if BlindSolve.objects.filter(assignment=mine).exists() or not mine.round.is_blind_solve:
                    place.answered.add(code)
                if mine.status == "submitted":
                    place.reviewed.add(code)
        return place

    def _ask(self, name: str, code: str) -> None:
        actions.ask_senior(
            question=self[name].question, senior=self.people[code], by=self.people["OR"], reason="Is the verdict right?"
        )
        self[name].asked.add(code)

    def _checked(self, name: str, *, passes: bool = True) -> Question:
        question = factories.make_checking(**self._content(name))
        verdicts = ("incorrect",) * 6 if passes else ("correct", "incorrect")
        factories.settle_check(question, verdicts=verdicts)
        for number, row in enumerate(Prediction.objects.filter(revision__question=question)):
            answer = f"cnry-prediction-answer-{name} {83 * (number + 1)}000"
            Prediction.objects.filter(pk=row.pk).update(answer=answer, reply=f"cnry-prediction-reply-{name}")
            # a later judgement that differs puts the answer before a person
            Judgement.objects.create(
                prediction=row,
                model=row.panel.judge,
                seat=JudgeSeat.AGAIN,
                attempt=1,
                judge_version="test",
                answered_at=timezone.now(),
                is_correct=row.verdict != "correct",
                extracted_answer=f"cnry-prediction-answer-{name}",
                reasoning=f"cnry-prediction-reply-{name}",
            )
        return Question.objects.get(pk=question.pk)

    def _reviewed(self, name: str, *codes: str) -> Question:
        """A question in round 1: the named reviewers handed in; in an open round the first reviewer has only begun."""
        question = self._checked(name)
        question_actions.submit_for_review(
            question=question, by=self.people["CO"], licence_version=question.call.data_licence.version
        )
        pipeline.sweep()
        round_ = Round.objects.open().get(question=question)
        taken = {code: assignment.take(round_=round_, by=self.people[code]) for code in ("RA", "RX")}
        for code in codes:
            self._review(taken[code], code, name)
        if len(codes) == 2:
            last = Round.objects.open().get(question=question)
            assignment.take(round_=last, by=self.people["SR"])
        return Question.objects.get(pk=question.pk)

    def _review(self, mine: Assignment, code: str, name: str) -> None:
        by = self.people[code]
        if mine.round.is_blind_solve:
            solve = actions.record_solve(assignment=mine, by=by, answer="The same in other words.")
            # as a person would confirm it: the own words must not be the key's canary
            BlindSolve.objects.filter(pk=solve.pk).update(matches_key=True)
        content = {
            "score": 4 if mine.round.kind == "first" else 5,
            "depth": "solved",
            **dict.fromkeys(CHECKS, True),
            "feedback": f"Clear and hard, says cnry-review-feedback-{name} for the contributor.",
            "private_note": f"Between us: cnry-review-private-note-{name}.",
        }
        actions.save_review(assignment=mine, by=by, content=content)
        actions.submit_review(assignment=mine, by=by)

    def _awaiting(self, name: str, phase: str = "E") -> Place:
        question = self._reviewed(name, "RA", "RX")
        mine = Assignment.objects.get(reviewer=self.people["SR"], round__question=question)
        self._review(mine, "SR", name)
        return self._add(name, phase, question)

    def _decided(self, name: str, phase: str, outcome: str) -> None:
        place = self._awaiting(name, phase)
        actions.decide(
            question=place.question,
            by=self.second,
            outcome=outcome,
            reason="Decided as it should be.",
            reason_code="other" if outcome == "reject" else "",
        )
        pipeline.sweep()
        place.question.refresh_from_db()
        place.told = True

    def _publish(self) -> None:
        call = factories.default_call()
        release = freeze.draft(
            version="1.0.0", title="First", calls=[call], by=self.people["OR"], is_demonstration=True
        )
        freeze.hold_back(release=release, question=self["approved"].question, reason="Not yet.", by=self.people["OR"])
        freeze.build(freeze.freeze(release=release, by=self.people["OR"]))
        freeze.publish(release=Release.objects.get(), by=self.second)
        freeze.draft(version="2.0.0", title="Second", calls=[call], by=self.people["OR"], is_demonstration=True)
        question = self["published"].question
        question.refresh_from_db()
        assert question.split == Split.PUBLIC

    def _pair(self, *names: str) -> Any:
        """Compare all texts and return the pair of two; only their canaries tell them apart."""
        search.keep_missing()
        search.search_due()
        return DuplicatePair.objects.of(self[name].question.pk for name in names).get().pk

    def _find_ids(self, place: Place) -> None:
        question = place.question
        rounds = Round.objects.filter(question=question)
        place.ids = {
            "question": question.pk,
            "picture": question.newest.image_id,
            "prediction": _first(Prediction.objects.filter(revision__question=question)),
            "round": _first(rounds.order_by("-number")),
            "solve": _first(BlindSolve.objects.filter(revision__question=question)),
            "assignment": _first(Assignment.objects.filter(round__question=question)),
        }

    def _fix_ids(self) -> None:
        item = Release.objects.get(version="1.0.0").items.get()
        erratum = errata.report(item=item, text="The second step does not follow.", by=self.people["RS"])
        too_easy = self["too-easy"]
        prediction = Prediction.objects.get(revision__question=too_easy.question, verdict="correct")
        contest = checks.contest(
            prediction=prediction, question=too_easy.question, by=self.people["CO"], reason="It is another number."
        )
        proposal = account_actions.propose_role(
            user=self.people["CX"], role="reviewer", by=self.people["OR"], reason="A good contributor."
        )
        self.fixed = {
            "version": "1.0.0",
            "public_id": item.public_id,
            "erratum": erratum.pk,
            "contest": contest.pk,
            "modelspec": _first(ModelSpec.objects.all()),
            "pair": self._pair("in-review", "awaiting"),
            "proposal": proposal.pk,
            "person": self.people["CX"].pk,
            "notice": _first(Notice.objects.filter(recipient=self.people["CO"])),
        }
        assert isinstance(contest, Contest)
        assert isinstance(proposal, RoleProposal)
        assert Review.objects.filter(submitted_at__isnull=False).count() > 10


def _first(rows: Any) -> Any:
    row: Model | None = rows.first()
    return row.pk if row else None
