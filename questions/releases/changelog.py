"""What changed between two releases, question by question. Pure: field hashes in, changes and their renderings out."""

import hashlib
import json
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

ADD, REMOVE, READD, UPDATE = VERBS = ("add", "remove", "readd", "update")
HEADINGS = {ADD: "Added", REMOVE: "Removed", READD: "Added again", UPDATE: "Updated"}

# The marker names a benchmark, not a question: a new one alone updates nothing.
# The preview holds the bytes of `image` once more.
NOT_COMPARED = frozenset({"id", "canary", "image_preview"})

NOTHING: Mapping[str, str] = MappingProxyType({})


class InconsistentChangesError(ValueError):
    """A retracted question is in the release that should leave it out, or a change speaks of the wrong question."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a change log. `fields` names the columns that an update touched; `reason` is public."""

    verb: str
    id: str
    reason: str = ""
    fields: tuple[str, ...] = ()
    is_tombstone: bool = False


def field_hashes(columns: Mapping[str, object]) -> dict[str, str]:
    """Return column name -> SHA-256 for one question, to be kept with the release and compared with the next.

    Values are hashed by their JSON form, so numbers and texts differ. Markers and derived columns are left out.
    """
    return {name: _hash(columns[name]) for name in sorted(columns) if name not in NOT_COMPARED}


def row_hash(hashes: Mapping[str, str]) -> str:
    """Return one SHA-256 for a question from its field hashes, the same whatever their order."""
    return _hash(dict(hashes))


def diff(
    previous: Mapping[str, Mapping[str, str]],
    current: Mapping[str, Mapping[str, str]],
    *,
    formerly: Container[str] = frozenset(),
    reasons: Mapping[str, str] = NOTHING,
    retracted: Mapping[str, str] = NOTHING,
) -> list[Change]:
    """Return the changes from one release to the next, ordered by question id.

    `previous` and `current` map release ids to `field_hashes`; `formerly` holds every id of any earlier release, which
    tells `readd` from `add`. `reasons` and `retracted` map ids to public sentences; a retracted question that the
    previous release held is removed with a tombstone. Raises InconsistentChangesError if the current one holds it.
    """
    if kept := sorted(set(retracted) & set(current)):
        raise InconsistentChangesError(f"retracted but in the release: {', '.join(kept)}")
    changes = [
        _updated(item, previous, current, reasons) if item in previous else _entered(item, item in formerly, reasons)
        for item in current
        if item not in previous or row_hash(previous[item]) != row_hash(current[item])
    ]
    changes += [_removed(item, reasons, retracted) for item in previous if item not in current]
    return sorted(changes, key=lambda change: change.id)


def check(changes: Iterable[Change], ids: Container[str]) -> None:
    """Raise InconsistentChangesError unless exactly the removed questions are missing from the ids of the release."""
    for change in changes:
        if change.verb not in VERBS:
            raise InconsistentChangesError(f"unknown verb {change.verb!r} for {change.id}")
        if (change.verb == REMOVE) == (change.id in ids):
            raise InconsistentChangesError(f"{change.verb} of {change.id} contradicts the rows of the release")


def counts(changes: Iterable[Change]) -> dict[str, int]:
    """Return verb -> number of changes, all four verbs in their fixed order."""
    found = Counter(change.verb for change in changes)
    return {verb: found[verb] for verb in VERBS}


def as_text(changes: Iterable[Change], *, version: str, previous_version: str, level: int = 1) -> str:
    """Return the change log as Markdown, grouped by verb, its heading of the given level.

    Without a previous version the additions are not listed.
    """
    changes = list(changes)
    lines = [f"{'#' * level} Changes in {inline(version)}", "", _summary(changes, previous_version)]
    for verb in VERBS:
        found = [change for change in changes if change.verb == verb]
        if found and (previous_version or verb != ADD):
            lines += ["", f"#{'#' * level} {HEADINGS[verb]}", "", *(_line(change) for change in found)]
    return "\n".join(lines) + "\n"


def as_json(changes: Iterable[Change], *, version: str, previous_version: str) -> str:
    """Return the change log as JSON text: every change with its verb, id, reason, fields, and whether a tombstone."""
    changes = list(changes)
    content = {
        "version": version,
        "previous_version": previous_version or None,
        "counts": counts(changes),
        "changes": [
            {
                "verb": change.verb,
                "id": change.id,
                "reason": change.reason,
                "fields": list(change.fields),
                "tombstone": change.is_tombstone,
            }
            for change in changes
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def inline(text: str) -> str:
    """Return the text as one line of Markdown that shows it as typed, without line breaks and control characters."""
    flat = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return "".join("\\" + char if char in "\\`*_[]<>|#$~&" else char for char in flat)


def _entered(item: str, was_there_before: bool, reasons: Mapping[str, str]) -> Change:
    return Change(READD if was_there_before else ADD, item, reasons.get(item, ""))


def _updated(
    item: str,
    previous: Mapping[str, Mapping[str, str]],
    current: Mapping[str, Mapping[str, str]],
    reasons: Mapping[str, str],
) -> Change:
    before, after = previous[item], current[item]
    fields = tuple(name for name in sorted({*before, *after}) if before.get(name) != after.get(name))
    return Change(UPDATE, item, reasons.get(item, ""), fields)


def _removed(item: str, reasons: Mapping[str, str], retracted: Mapping[str, str]) -> Change:
    return Change(REMOVE, item, retracted.get(item, reasons.get(item, "")), is_tombstone=item in retracted)


def _summary(changes: list[Change], previous_version: str) -> str:
    found = counts(changes)
    if not previous_version:
        return "This is the first release."
    if not changes:
        return f"The questions are those of {inline(previous_version)}."
    listed = ", ".join(f"{HEADINGS[verb].lower()}: {number}" for verb, number in found.items())
    return f"Since {inline(previous_version)}: {listed}."


def _line(change: Change) -> str:
    parts = [f"- `{change.id}`"]
    if change.is_tombstone:
        parts.append("retracted")
    if change.fields:
        parts.append(", ".join(f"`{name}`" for name in change.fields))
    if change.reason:
        parts.append(inline(change.reason))
    return ": ".join(parts)


def _hash(value: object) -> str:
    content = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()
