"""What a person can go to and what waits for them: the main menu and the cards of the first page."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from grading import disagreements
from grading.enums import CheckStatus
from grading.models import DifficultyCheck
from hle_site.accounts.enums import Role
from hle_site.accounts.models import RoleProposal
from questions.enums import ReleaseStatus, Status
from questions.models import Question, Release
from review import assignment, dashboards


class Waiting(NamedTuple):
    """One card of the first page: what waits, in words, and the one thing to do about it."""

    title: str
    text: str
    url: str
    label: str
    count: int


class Entry(NamedTuple):
    """One entry of the main menu; `current` is the value of aria-current, empty for where the reader is not; g and `key` lead there."""

    label: str
    url: str
    current: str
    key: str = ""


class Menu(NamedTuple):
    """The main menu: the work with questions, and apart from it what keeps the site."""

    work: list[Entry]
    site: list[Entry]

    @property
    def is_at_site(self) -> bool:
        """True on a page of the second part."""
        return any(entry.current for entry in self.site)


WORK = (
    ("", gettext_lazy("My questions"), "questions:list"),
    ("review.view_pool", gettext_lazy("Review"), "review:dashboard"),
    ("review.view_desk", gettext_lazy("Desk"), "review:desk"),
    ("questions.view_duplicates", gettext_lazy("Duplicates"), "duplicates:index"),
)
SITE = (
    ("grading.view_operations", gettext_lazy("Operations"), "grading:operations"),
    ("grading.view_panels", gettext_lazy("Panels"), "panels:index"),
    ("grading.view_money", gettext_lazy("Money"), "money:index"),
    ("accounts.view_people", gettext_lazy("People"), "accounts:people"),
    ("audit.view_log", gettext_lazy("Audit log"), "accounts:audit"),
)


# after g, these keys lead to a place; the first page and the inbox have h and i in base.html
SHORTCUTS = {"questions:list": "q", "review:dashboard": "r", "review:desk": "d", "releases:index": "l"}


def menu(user: Any, path: str, *, is_at_others: bool = False) -> Menu:
    """Return the main menu of a person who reads the page at `path`; a question of somebody else is not among "My questions"."""
    work = [(label, name) for needed, label, name in WORK if _may_open(user, needed)]
    site = [(label, name) for needed, label, name in SITE if _may_open(user, needed)]
    work.append((_("Releases"), "releases:index"))
    # of two addresses that begin alike the longer one is meant
    begun = [url for _label, name in work + site if path.startswith(url := reverse(name))]
    nearest = max(begun, key=len, default="")
    if is_at_others and nearest == reverse("questions:list"):
        nearest = ""
    return Menu(*([_entry(label, name, path, nearest) for label, name in part] for part in (work, site)))


def _may_open(user: Any, needed: str) -> bool:
    return bool(user.is_authenticated and (not needed or user.has_perm(needed)))


def _entry(label: Any, name: str, path: str, nearest: str) -> Entry:
    url = reverse(name)
    current = "" if url != nearest else "page" if url == path else "true"
    return Entry(str(label), url, current, SHORTCUTS.get(name, ""))


def waiting_for(user: Any) -> list[Waiting]:
    """Return what waits for the user, most pressing first; a contributor always finds the way to a new question."""
    return [*_own(user), *_reviews(user), *_organising(user), *_disputes(user), *_keeping(user), _new()]


def _own(user: Any) -> list[Waiting]:
    counts = Question.objects.owned_by(user).aggregate(
        changes=Count("pk", filter=Q(status=Status.CHANGES_REQUESTED)),
        eligible=Count("pk", filter=Q(status=Status.ELIGIBLE)),
        easy=Count("pk", filter=Q(status=Status.TOO_EASY)),
        drafts=Count("pk", filter=Q(status=Status.DRAFT)),
    )
    rows = (
        (
            "changes",
            Status.CHANGES_REQUESTED,
            _("Changes requested"),
            _("Reviewers ask for changes. Read their feedback and revise."),
            _("See feedback"),
        ),
        (
            "eligible",
            Status.ELIGIBLE,
            _("Passed the models"),
            _("Add the rationale and submit for review."),
            _("Add rationale"),
        ),
        (
            "easy",
            Status.TOO_EASY,
            _("Solved by a model"),
            _("See what the models answered, and make the question harder."),
            _("See answers"),
        ),
        ("drafts", Status.DRAFT, _("Drafts"), _("Finish them and test them against the models."), _("Go on writing")),
    )
    url = reverse("questions:list")
    return [
        Waiting(title, text, f"{url}?status={status}", label, counts[key])
        for key, status, title, text, label in rows
        if counts[key]
    ]


def _reviews(user: Any) -> list[Waiting]:
    if not user.has_perm("review.view_pool"):
        return []
    url, load, pool = reverse("review:dashboard"), assignment.load(user), assignment.pool(user).count()
    found = []
    if asked := len(dashboards.asked(user)):
        text = _("An organiser asks for your judgement on a question outside review.")
        found.append(Waiting(_("You were asked to look"), text, url, _("See what it is about"), asked))
    if load:
        title = ngettext("%(n)d review in your hands", "%(n)d reviews in your hands", load) % {"n": load}
        found.append(Waiting(title, _("Finish what you have begun."), url, _("Continue"), load))
    if pool:
        text = _("Questions in your subjects wait for a reviewer; those with the fewest reviews come first.")
        found.append(Waiting(_("Open for review"), text, f"{url}?tab=pool", _("Choose one"), pool))
    return found


def _disputes(user: Any) -> list[Waiting]:
    if not user.has_perm("grading.view_disagreements"):
        return []
    count = len(disagreements.waiting_for(user))
    text = _("Judges differ on an answer, or none could decide; a person has to.")
    found = Waiting(_("Disagreements"), text, reverse("grading:disagreements"), _("Decide"), count)
    return [found] if count else []


def _organising(user: Any) -> list[Waiting]:
    if not user.has_role(Role.ORGANISER):
        return []
    decisions = (
        Question.objects.visible_to(user).filter(status=Status.AWAITING_DECISION).exclude(contributor=user).count()
    )
    parked = DifficultyCheck.objects.filter(status=CheckStatus.PARKED).count()
    frozen = Release.objects.filter(status=ReleaseStatus.FROZEN).exclude(frozen_by=user).count()
    rows = (
        (
            decisions,
            _("Awaiting a decision"),
            _("Reviewers have given their recommendation."),
            reverse("review:desk"),
            _("Decide"),
        ),
        (
            parked,
            _("Checks without a verdict"),
            _("A provider failed; nothing was counted."),
            reverse("grading:operations"),
            _("See why"),
        ),
        (
            frozen,
            _("Release to publish"),
            _("A colleague has frozen it; a second person publishes."),
            reverse("releases:index"),
            _("Look at it"),
        ),
    )
    return [Waiting(title, text, url, label, count) for count, title, text, url, label in rows if count]


def _keeping(user: Any) -> list[Waiting]:
    """Where those begin who neither write nor review: administrators, auditors, researchers."""
    people, found = reverse("accounts:people"), []
    if user.has_role(Role.ADMINISTRATOR):
        proposed = RoleProposal.objects.filter(decided_at=None).exclude(proposed_by=user).exclude(user=user).count()
        text = _("Find an account, see its roles, propose a change or confirm one that a colleague proposed.")
        found.append(Waiting(_("People and roles"), text, people, _("Open the list"), proposed))
    if user.has_role(Role.AUDITOR):
        text = _("Follow every act in its order, and verify that none was changed.")
        found.append(Waiting(_("The audit log"), text, reverse("accounts:audit"), _("Open the log"), 0))
    if user.is_researcher:
        text = _("Download a version, load it, and report what is wrong in it.")
        found.append(Waiting(_("Released questions"), text, reverse("releases:index"), _("See the releases"), 0))
    return found


def _new() -> Waiting:
    text = _("Something that you know and that models do not. It is tested at once.")
    return Waiting(_("Write a question"), text, reverse("questions:new"), _("Begin"), 0)


def stages() -> list[dict[str, str]]:
    """Return the way of a question, for the first page."""
    rows = (
        (_("Write"), _("one precise question with one short answer")),
        (_("Test"), _("frontier models try it; if one is right, it is too easy")),
        (_("Review"), _("experts solve it blind, then judge it, in two rounds")),
        (_("Decide"), _("an organiser approves; two people for every approval")),
        (_("Release"), _("numbered versions that never change")),
    )
    return [{"label": label, "note": note, "state": "todo"} for label, note in rows]
