"""A small world for the walker: one question for each place in its life, every secret field with a canary of its own."""

import uuid
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from django.db.models import Model
from django.utils import timezone

from grading import checks
from grading.enums import JudgeSeat
from grading.models import Contest, DifficultyCheck, Judgement, ModelSpec, Prediction
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
from review.enums import Audience
from review.models import Assignment, BlindSolve, Recommendation, Review, Round
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

REVIEWERS = ("RA", "RX", "SR")
# what each reviewer of a question says or holds for themselves
BY_REVIEWER = ("review.feedback", "review.private_note", "solve.answer")
CHECKS = ("is_precise", "is_single_answer", "is_not_searchable", "is_not_artificial", "is_safe")


@dataclass
class Place:
    """One question in the world: its phase, and the ids that addresses need."""

    name: str
    phase: str
    question: Question
    blinding: str = "B2"
    told: bool = False  # the contributor was given feedback
    ids: dict[str, Any] = field(default_factory=dict)
    assignments: dict[str, Any] = field(default_factory=dict)  # reader -> the own assignment
    answered: set[str] = field(default_factory=set)  # readers whose own answer is in
    reviewed: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)  # senior reviewers asked to look outside review

    def canary(self, of: str, by: str = "") -> str:
        """Return the canary of a field, of one reviewer's where each has their own."""
        author = f"-by-{by.lower()}" if by else ""
        return f"cnry-{of.replace('.', '-').replace('_', '-')}-{self.name}{author}"

    def canaries(self, of: str) -> dict[str, str]:
        """Return the canaries of a field by the reviewer who wrote it; of what no reviewer wrote, the one canary."""
        return {by: self.canary(of, by) for by in (REVIEWERS if of in BY_REVIEWER else ("",))}


class World:
    """People by reader code, and places by name."""

    def __init__(self) -> None:
        make = factories.make_user
        self.people: dict[str, Any] = {
            "CO": make("cnry-contributor-name", institution="North University"),
            "CX": make("foreign contributor", institution="Lake School"),
            "RA": make("cnry-reviewer-name-1", "reviewer", institution="cnry-reviewer-name-1 College"),
            "RX": make("cnry-reviewer-name-2", "reviewer", institution="cnry-reviewer-name-2 College"),
            "RU": make("idle reviewer", "reviewer", institution="Far Academy"),
            "RC": make("close reviewer", "reviewer", institution="North University"),
            "SR": make("cnry-reviewer-name-3", "senior_reviewer", institution="cnry-reviewer-name-3 College"),
            "OR": make("organiser", "organiser", institution="Exam Office"),
            "OC": make("close organiser", "organiser", institution="North University"),
            "AU": make("auditor", "auditor", institution="Audit Office"),
            "AD": make("administrator", "administrator", institution="Server Room"),
            "RS": make("cnry-researcher-name", institution="Data House"),
        }
        self.second = make("second organiser", "organiser", institution="Other Office")
        account_actions.accept(user=self.people["RS"], kind=DocumentKind.DATA_LICENCE, version="1")
        self.picture = question_actions.store_picture(data=png(), by=self.people["CO"])
        self.draft_picture = question_actions.store_picture(data=png((9, 9, 9)), by=self.people["CO"])
        self.places: list[Place] = []
        self._by_name: dict[str, Place] = {}
        self.secrets: dict[str, Any] = {}  # what each canary stands for, once somebody has asked
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
        for place in self.places:
            self._find_ids(place)
            self._talk(place)
        self._prepare()
        Question.objects.filter(pk=self["held-out"].question.pk).update(split=Split.HELD_OUT)
        self._fix_ids()
        gone = factories.make_draft(by=self.people["CO"])
        self.deleted = gone.pk
        gone.revisions.all().delete()
        gone.delete()

    def __getitem__(self, name: str) -> Place:
        return self._by_name[name]

    def _content(self, name: str) -> dict[str, Any]:
        return {
            "by": self.people["CO"],
            "prompt": f"On {dict(WORDS)[name]}: what is meant by cnry-question-prompt-{name}?",
            "answer": f"cnry-question-key-{name}",
            "image": self.draft_picture if name == "draft" else self.picture,
            "image_alt": f"A picture of cnry-question-image-alt-{name}.",
            "rationale": f"It follows from cnry-question-rationale-{name} in three steps of reasoning.",
            "sources": f"The tables of cnry-question-sources-{name}.",
            "ai_use_note": f"Only spelling, says cnry-question-ai-use-note-{name}.",
            "conflict_note": f"None but cnry-question-conflict-note-{name}.",
        }

    def _add(self, name: str, phase: str, question: Question) -> Place:
        place = Place(name, phase, Question.objects.get(pk=question.pk))
        self.places.append(place)
        self._by_name[name] = place
        for code in REVIEWERS:
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
            question=self[name].question,
            senior=self.people[code],
            by=self.people["OR"],
            reason=f"Is the verdict right? cnry-triage-reason-{name}",
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
                reply=f"cnry-judgement-reply-{name}",
            )
        self._ask_again(name, question)
        return Question.objects.get(pk=question.pk)

    def _ask_again(self, name: str, question: Question) -> None:
        """Two further draws of the panel before the verdict, all of them wrong."""
        DifficultyCheck.objects.filter(question=question).update(confirmation_rounds=2)
        first = list(Prediction.objects.filter(revision__question=question, draw=0, verdict="incorrect"))
        for number, (row, draw) in enumerate(product(first, (1, 2))):
            row.pk, row._state.adding, row.draw = uuid.uuid4(), True, draw
            row.answer = f"cnry-confirmation-answer-{name} {97 * (number + 1)}000"
            row.reply = f"cnry-confirmation-answer-{name}"
            row.save(force_insert=True)

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
            words = f"The same in other words, cnry-solve-answer-{name}-by-{code.lower()}."
            solve = actions.record_solve(assignment=mine, by=by, answer=words)
            # as a person would confirm it: the own words must not be the key's canary
            BlindSolve.objects.filter(pk=solve.pk).update(matches_key=True)
        content = {
            "score": 4 if mine.round.kind == "first" else 5,
            "depth": "solved",
            **dict.fromkeys(CHECKS, True),
            "feedback": f"Clear and hard, says cnry-review-feedback-{name}-by-{code.lower()} for the contributor.",
            "private_note": f"Between us: cnry-review-private-note-{name}-by-{code.lower()}.",
        }
        actions.save_review(assignment=mine, by=by, content=content)
        actions.submit_review(assignment=mine, by=by)

    def _awaiting(self, name: str, phase: str = "E") -> Place:
        question = self._reviewed(name, "RA", "RX")
        mine = Assignment.objects.get(reviewer=self.people["SR"], round__question=question)
        self._review(mine, "SR", name)
        # as a senior reviewer writes who settles a disagreement
        Recommendation.objects.filter(round__question=question).update(
            reason=f"So says cnry-recommendation-reason-{name}."
        )
        return self._add(name, phase, question)

    def _decided(self, name: str, phase: str, outcome: str) -> None:
        place = self._awaiting(name, phase)
        actions.decide(
            question=place.question,
            by=self.second,
            outcome=outcome,
            reason=f"Decided as it should be: cnry-decision-reason-{name}.",
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
        question = self["published"].question
        question.refresh_from_db()
        assert question.split == Split.PUBLIC

    def _prepare(self) -> None:
        """A release that is frozen and built, and one that is not frozen yet."""
        details = {"calls": [factories.default_call()], "by": self.people["OR"], "is_demonstration": True}
        frozen = freeze.draft(version="2.0.0", title="Second", **details)
        question = self["held-out"].question
        freeze.hold_back(release=frozen, question=question, reason="It is held out.", by=self.people["OR"])
        freeze.build(freeze.freeze(release=frozen, by=self.people["OR"], accepts_duplicates=True))
        freeze.draft(version="3.0.0", title="Third", **details)

    def _talk(self, place: Place) -> None:
        """Say something in the first round, where there is one, to reviewers and to the contributor; an organiser does."""
        first = Round.objects.filter(question=place.question).order_by("number").first()
        for audience in Audience.values if first else ():
            if audience == Audience.REVIEWERS or place.told:
                text = f"What does {place.canary(f'comment.{audience}')} mean?"
                actions.comment(round_=first, by=self.second, audience=audience, text=text)

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
        words = "The second step does not follow from cnry-erratum-text-published."
        erratum = errata.report(item=item, text=words, by=self.people["RS"])
        words = "No reviewer has read this with care, says cnry-appeal-text-rejected."
        actions.file_appeal(question=self["rejected"].question, by=self.people["CO"], text=words)
        too_easy = self["too-easy"]
        prediction = Prediction.objects.get(revision__question=too_easy.question, verdict="correct")
        contest = checks.contest(
            prediction=prediction,
            question=too_easy.question,
            by=self.people["CO"],
            reason="Not cnry-contest-reason-too-easy.",
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
