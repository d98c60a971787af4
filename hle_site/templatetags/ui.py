"""Template tags and filters of the interface: badges, icons, dates in words, markup, differences. No query, no rule."""

import difflib
import re
from datetime import datetime
from typing import Any, NamedTuple

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, ClearableFileInput, RadioSelect
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import get_language_info, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from hle_site import markup as renderer

register = template.Library()


class Look(NamedTuple):
    """How a status is shown: words, hue (a class of the badge) and shape (an icon), so that none stands alone."""

    label: Any
    hue: str
    icon: str


LOOKS: dict[str, dict[str, Look]] = {
    "question": {
        "draft": Look(gettext_lazy("Draft"), "neutral", "pencil"),
        "checking": Look(gettext_lazy("Testing against models"), "info", "running"),
        "too_easy": Look(gettext_lazy("Models solved it"), "warn", "down"),
        "eligible": Look(gettext_lazy("Passed: add rationale and submit"), "good", "check"),
        "in_review": Look(gettext_lazy("In review"), "info", "eye"),
        "changes_requested": Look(gettext_lazy("Changes requested"), "warn", "reply"),
        "awaiting_decision": Look(gettext_lazy("Awaiting decision"), "info", "clock"),
        "approved": Look(gettext_lazy("Approved"), "good", "seal"),
        "rejected": Look(gettext_lazy("Declined"), "bad", "cross"),
        "duplicate": Look(gettext_lazy("Duplicate"), "neutral", "copy"),
        "withdrawn": Look(gettext_lazy("Withdrawn"), "neutral", "minus"),
        "retracted": Look(gettext_lazy("Retracted"), "bad", "slash"),
    },
    "check": {
        "queued": Look(gettext_lazy("Queued"), "neutral", "clock"),
        "running": Look(gettext_lazy("Running"), "info", "running"),
        "passed": Look(gettext_lazy("Passed"), "good", "check"),
        "failed": Look(gettext_lazy("Models solved it"), "warn", "down"),
        "parked": Look(gettext_lazy("Parked"), "warn", "pause"),
        "stale": Look(gettext_lazy("Out of date"), "neutral", "history"),
        "cancelled": Look(gettext_lazy("Cancelled"), "neutral", "minus"),
    },
    "prediction": {
        "waiting": Look(gettext_lazy("Waiting"), "neutral", "clock"),
        "due": Look(gettext_lazy("Waiting"), "neutral", "clock"),
        "asked": Look(gettext_lazy("Running"), "info", "running"),
        "answered": Look(gettext_lazy("Answered"), "neutral", "dot"),
        "unscored": Look(gettext_lazy("Unscored"), "warn", "slash"),
        "skipped": Look(gettext_lazy("Not asked"), "neutral", "minus"),
    },
    "verdict": {
        "correct": Look(gettext_lazy("Correct"), "good", "check"),
        "incorrect": Look(gettext_lazy("Incorrect"), "bad", "cross"),
        "unscored": Look(gettext_lazy("Unscored"), "warn", "slash"),
    },
    "assignment": {
        "invited": Look(gettext_lazy("Invited"), "info", "mail"),
        "accepted": Look(gettext_lazy("Accepted"), "neutral", "check"),
        "declined": Look(gettext_lazy("Declined"), "neutral", "cross"),
        "in_progress": Look(gettext_lazy("In progress"), "info", "pencil"),
        "submitted": Look(gettext_lazy("Submitted"), "good", "check"),
        "handed_back": Look(gettext_lazy("Handed back"), "neutral", "reply"),
        "expired": Look(gettext_lazy("Expired"), "warn", "clock"),
        "invalidated": Look(gettext_lazy("Invalidated"), "bad", "slash"),
    },
    "release": {
        "draft": Look(gettext_lazy("Draft"), "neutral", "pencil"),
        "frozen": Look(gettext_lazy("Frozen"), "info", "lock"),
        "discarded": Look(gettext_lazy("Discarded"), "neutral", "minus"),
        "published": Look(gettext_lazy("Published"), "good", "seal"),
        "superseded": Look(gettext_lazy("Superseded"), "neutral", "history"),
        "yanked": Look(gettext_lazy("Yanked"), "bad", "slash"),
    },
    "erratum": {
        "reported": Look(gettext_lazy("Reported"), "info", "flag"),
        "acknowledged": Look(gettext_lazy("Acknowledged"), "info", "eye"),
        "needs_info": Look(gettext_lazy("Needs information"), "warn", "reply"),
        "confirmed": Look(gettext_lazy("Confirmed"), "warn", "check"),
        "not_an_error": Look(gettext_lazy("Not an error"), "neutral", "cross"),
        "duplicate": Look(gettext_lazy("Duplicate"), "neutral", "copy"),
        "resolved": Look(gettext_lazy("Resolved"), "good", "seal"),
    },
    "appeal": {
        "open": Look(gettext_lazy("Open"), "info", "clock"),
        "upheld": Look(gettext_lazy("Upheld"), "good", "check"),
        "dismissed": Look(gettext_lazy("Dismissed"), "neutral", "cross"),
    },
    "finding": {
        "error": Look(gettext_lazy("Must be mended"), "bad", "cross"),
        "warning": Look(gettext_lazy("Worth a look"), "warn", "alert"),
        "info": Look(gettext_lazy("Note"), "info", "dot"),
    },
}
TRUNCATE_AT = 1_000


@register.simple_tag(name="status_look")
def look(kind: str, status: str) -> Look:
    """Return the look of a status; an unknown one keeps its own name and stays neutral."""
    known = LOOKS.get(kind, {}).get(str(status))
    return known or Look(str(status).replace("_", " ").capitalize(), "neutral", "dot")


@register.inclusion_tag("components/status_badge.html")
def badge(kind: str, status: str, label: str = "") -> dict[str, Any]:
    """Show a status as text, shape and hue; `label` replaces the words, as in "In review, round 2"."""
    return {"kind": kind, "status": status, "label": label}


@register.inclusion_tag("components/icon.html")
def icon(name: str, size: str = "") -> dict[str, str]:
    """Show one symbol of img/icons.svg, hidden from screen readers because words stand beside it."""
    return {"name": name, "size": size}


@register.filter(name="markup", is_safe=True)
def markup_filter(text: str) -> SafeString:
    """Render Markdown with mathematics as blocks."""
    return renderer.render(text)


@register.filter(name="markup_inline", is_safe=True)
def markup_inline_filter(text: str) -> SafeString:
    """Render Markdown with mathematics as one line, for an option or a heading."""
    return renderer.render_inline(text)


@register.filter
def plain(text: str) -> str:
    """Return the text without Markdown, for titles and rows of a list."""
    return renderer.plain(text)


@register.filter
def language(code: str) -> str:
    """Return the name of a language, or its code when it is none that is known."""
    try:
        return _(get_language_info(code)["name"])
    except KeyError:
        return code


_UNITS = (
    (60 * 60 * 24 * 365, lambda n: ngettext("%d year", "%d years", n)),
    (60 * 60 * 24 * 30, lambda n: ngettext("%d month", "%d months", n)),
    (60 * 60 * 24, lambda n: ngettext("%d day", "%d days", n)),
    (60 * 60, lambda n: ngettext("%d hour", "%d hours", n)),
    (60, lambda n: ngettext("%d minute", "%d minutes", n)),
)


def _in_words(seconds: float) -> str:
    for size, name in _UNITS:
        if seconds >= size:
            count = int(seconds // size)
            return name(count) % count
    return ""


@register.filter
def relative(when: datetime | None, now: datetime | None = None) -> str:
    """Return "3 hours ago", "in 2 days" or "just now" for an aware time; "" for None."""
    if when is None:
        return ""
    seconds = ((now or timezone.now()) - when).total_seconds()
    words = _in_words(abs(seconds))
    if not words:
        return _("just now") if seconds >= 0 else _("in a moment")
    return _("%(span)s ago") % {"span": words} if seconds > 0 else _("in %(span)s") % {"span": words}


@register.filter
def duration(seconds: float | None) -> str:
    """Return a span of seconds as "0.8 s", "42 s", "3 min" or "2 h 5 min"; "" for None."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


@register.filter
def capped(count: int | None) -> str:
    """Return a count as people read it, "1,000+" from there on, so that no list is counted to its end."""
    if count is None:
        return ""
    return f"{TRUNCATE_AT:,}+" if count > TRUNCATE_AT else f"{count:,}"


@register.filter
def letter(index: int) -> str:
    """Return the letter of an option by its index from 0: A, B ... Z, AA."""
    index = int(index)
    return (chr(ord("A") + index // 26 - 1) if index >= 26 else "") + chr(ord("A") + index % 26)


_BOX_WIDGETS = (
    (CheckboxSelectMultiple, "checks"),
    (RadioSelect, "radios"),
    (ClearableFileInput, "file"),
    (CheckboxInput, "check"),
)


@register.filter
def box(field: BoundField) -> str:
    """Return the shape of a form field: checks, radios, file, check or line."""
    return next((name for widget, name in _BOX_WIDGETS if isinstance(field.field.widget, widget)), "line")


class Change(NamedTuple):
    """One stretch of a difference: op is same, removed or added."""

    op: str
    text: str


_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


def changes(old: str, new: str) -> list[Change]:
    """Return the difference of two texts word by word, in reading order; without one side it is the other text."""
    old_words, new_words = _WORDS.findall(old), _WORDS.findall(new)
    found: list[Change] = []
    matcher = difflib.SequenceMatcher(a=old_words, b=new_words, autojunk=len(old_words) + len(new_words) > 2_000)
    for op, a, b, c, d in matcher.get_opcodes():
        if op == "equal":
            found.append(Change("same", "".join(old_words[a:b])))
            continue
        found += [Change("removed", "".join(old_words[a:b]))] if b > a else []
        found += [Change("added", "".join(new_words[c:d]))] if d > c else []
    return found


@register.inclusion_tag("components/diff_text.html")
def diff(old: str, new: str) -> dict[str, Any]:
    """Show the difference of two source texts with `ins` and `del`."""
    return {"changes": changes(old or "", new or "")}


@register.simple_tag
def share(part: float, whole: float) -> int:
    """Return part of whole in whole percent, 0 to 100; 0 when there is no whole."""
    return max(0, min(100, round(100 * part / whole))) if whole else 0
