"""Which questions go into a release, which do not and why, under which id and label. Reads, never writes."""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from questions import guards
from questions.enums import ItemChange, ReleaseStatus, Split, Status
from questions.models import Question, Release, ReleaseItem, Revision
from questions.querysets import PUBLISHED

EVER_PUBLISHED = (*PUBLISHED, ReleaseStatus.YANKED)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An approved question of the calls. It goes in when no reason stands against it."""

    question: Question
    revision: Revision
    evidence: Mapping[str, Any]
    reasons: tuple[str, ...] = ()
    is_held_back: bool = False

    @property
    def is_simulated(self) -> bool:
        """True unless models of a real provider are known to have tested it."""
        return bool(self.evidence.get("is_simulated", True))


@dataclass(frozen=True, slots=True)
class Choice:
    """All candidates of a release, and how many other questions of its calls stand in which status."""

    candidates: tuple[Candidate, ...]
    others: Mapping[str, int] = field(default_factory=dict)

    @property
    def included(self) -> list[Candidate]:
        """The questions that go in."""
        return [candidate for candidate in self.candidates if not candidate.reasons]

    @property
    def left_out(self) -> list[Candidate]:
        """The approved questions that stay out, each with its reasons."""
        return [candidate for candidate in self.candidates if candidate.reasons]

    @property
    def simulated(self) -> list[Candidate]:
        """Those going in that only simulated models have tested."""
        return [candidate for candidate in self.included if candidate.is_simulated]


def approved(release: Release) -> QuerySet[Question]:
    """Return the approved questions of the release's calls, ordered by id."""
    return Question.objects.filter(call__in=release.calls.all(), status=Status.APPROVED).order_by("pk")


def candidates(release: Release, *, lock: bool = False) -> Choice:
    """Return the approved questions of the release's calls, each with the reasons that keep it out, ordered by id.

    With `lock` the questions are locked until the end of the transaction. The queries do not grow with the questions.
    """
    calls = release.calls.all()
    in_calls = approved(release).select_for_update(of=("self",)) if lock else approved(release)
    held_back = dict(release.hold_backs.values_list("question_id", "reason"))
    others = Question.objects.filter(call__in=calls).exclude(status=Status.APPROVED).order_by()
    found = list(_with_newest(in_calls))
    evidence = guards.evidence([question.newest for question in found])
    return Choice(
        tuple(_candidate(question, evidence[question.newest.pk], held_back) for question in found),
        dict(others.values_list("status").annotate(Count("pk"))),
    )


def _with_newest(questions: QuerySet[Question]) -> QuerySet[Question]:
    return questions.for_list().prefetch_related(
        "newest_revisions__image", "newest_revisions__rationale_image"
    )  # the rest of a row comes without further queries


def _candidate(question: Question, evidence: Mapping[str, Any], held_back: Mapping[UUID, str]) -> Candidate:
    revision = question.newest
    reasons = [*_unfit(revision), *_unproven(evidence)]
    is_held_back = question.pk in held_back
    if is_held_back:
        reasons.insert(0, _("Held back: %s") % held_back[question.pk])
    return Candidate(question, revision, evidence, tuple(reasons), is_held_back)


def _unfit(revision: Revision) -> Iterable[str]:
    if revision.frozen_at is None:
        yield _("Its newest text is not the one that was approved.")
    if not revision.category:
        yield _("It has no category.")
    if revision.image and not revision.image_alt.strip() and not revision.question.batch_id:
        yield _("Its picture has no description.")


def _unproven(evidence: Mapping[str, Any]) -> Iterable[str]:
    if evidence.get("check_stands") is False:
        yield _("This exact text has no standing test against models.")
    if evidence.get("has_key_alarm"):
        yield _("Several models agree on an answer that is not the key, and nobody has cleared the alarm.")
    if evidence.get("solves_matching_key") == 0 and not evidence.get("key_checked_by_derivation"):
        yield _("No reviewer has reached the key independently.")
    if evidence.get("decided_by_two_people") is False:
        yield _("Its approval does not rest on two people.")


def public_id(question_id: UUID) -> str:
    """Return the id under which a question is released: 24 hexadecimal digits, the same in every release."""
    return _keyed("id", question_id)[:24]


def earlier_labels() -> dict[UUID, str]:
    """Return question id -> split for all questions that a freeze has labelled and that was not discarded."""
    labelled = ReleaseItem.objects.exclude(release__status=ReleaseStatus.DISCARDED).order_by()
    return dict(labelled.values_list("question_id", "split").distinct())


def split_labels(chosen: Iterable[Candidate], *, earlier: Mapping[UUID, str]) -> dict[UUID, str]:
    """Return question id -> split: earlier labels stand, new ones fill the share of each category by keyed hash.

    The share is that of the question's call, rounded down, so a category with few questions has nothing held out.
    """
    groups: dict[tuple[UUID, str], list[Question]] = defaultdict(list)
    for candidate in chosen:
        groups[candidate.question.call_id, candidate.revision.category].append(candidate.question)
    labels: dict[UUID, str] = {}
    for group in groups.values():
        labels |= _labels_of(group, earlier)
    return labels


def _labels_of(group: list[Question], earlier: Mapping[UUID, str]) -> dict[UUID, str]:
    labels = {question.pk: earlier[question.pk] for question in group if question.pk in earlier}
    fresh = sorted(
        (question.pk for question in group if question.pk not in earlier), key=lambda pk: _keyed("split", pk)
    )
    wanted = int(Decimal(group[0].call.held_out_share) * len(group))
    missing = max(0, wanted - sum(label == Split.HELD_OUT for label in labels.values()))
    labels |= dict.fromkeys(fresh[:missing], Split.HELD_OUT.value)
    return labels | dict.fromkeys(fresh[missing:], Split.PUBLIC.value)


def _keyed(purpose: str, question_id: UUID) -> str:
    # the purpose keeps public ids from telling anything of the rank by which the split is drawn
    return hmac.new(settings.RELEASE_KEY.encode(), f"{purpose}:{question_id}".encode(), hashlib.sha256).hexdigest()


def previous_of(release: Release) -> Release | None:
    """Return the last published release of the same kind; demonstrations and real releases do not follow each other."""
    published = Release.objects.filter(status__in=EVER_PUBLISHED, is_demonstration=release.is_demonstration)
    return published.exclude(pk=release.pk).order_by("-published_at").first()


def ever_released(release: Release) -> set[str]:
    """Return the ids of all questions that an earlier release of the same kind held."""
    items = ReleaseItem.objects.present().filter(
        release__status__in=EVER_PUBLISHED, release__is_demonstration=release.is_demonstration
    )
    return set(items.exclude(release=release).order_by().values_list("public_id", flat=True))


def next_version() -> str:
    """Return a number that no release has, one minor step after the newest."""
    newest = Release.objects.order_by("-created_at").values_list("version", flat=True).first()
    if newest is None:
        return "1.0.0"
    major, minor = (int(part) for part in newest.partition("-")[0].split(".")[:2])
    while Release.objects.filter(version=f"{major}.{minor}.0").exists():
        minor += 1
    return f"{major}.{minor}.0"


def preview_changes(release: Release, choice: Choice) -> dict[str, list[Question]]:
    """Return verb -> questions for what a freeze would change in the public list, told by revision, without reading pictures."""
    previous = previous_of(release)
    before = {} if previous is None else {item.question_id: item for item in _questions_of(previous)}
    formerly = ever_released(release)
    changes: dict[str, list[Question]] = {verb: [] for verb in ItemChange.values}
    for candidate in choice.included:
        changes[_verb(candidate, before, formerly)].append(candidate.question)
    going_in = {candidate.question.pk for candidate in choice.included}
    changes[ItemChange.REMOVE] = [item.question for key, item in before.items() if key not in going_in]
    return changes


def _questions_of(previous: Release) -> Iterable[ReleaseItem]:
    return previous.items.present().select_related("question").only("release", "question", "revision")


def _verb(candidate: Candidate, before: dict[Any, ReleaseItem], formerly: set[str]) -> str:
    item = before.get(candidate.question.pk)
    if item is not None:
        return ItemChange.SAME if item.revision_id == candidate.revision.pk else ItemChange.UPDATE
    return ItemChange.READD if public_id(candidate.question.pk) in formerly else ItemChange.ADD
