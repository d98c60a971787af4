"""The dataset card of a release, README.md of its folder. Pure: facts and counts in, Markdown out, no question text."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from questions.releases.changelog import as_text, inline
from questions.releases.contents import COLUMNS, EXTRA_COLUMNS, ExportRow, ReleaseInfo

# Upper bounds of the sizes that dataset hubs know.
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))

DEMONSTRATION = (
    "> **Demonstration only.** Some or all of these questions were tested by simulated models alone. This release "
    "shows how the platform works. It is no benchmark: report no score on it."
)
CONTAMINATION = (
    "This is an evaluation set. Do not train on it, do not index it, and do not publish its questions or answers where "
    "they can be collected. Every row and this page carry the marker below: leave it in place, filter your training "
    "data for it."
)
MADE = """Questions are written by people under a public call and go through these steps:

1. The author writes question, key and options. A fixed panel of language models answers it, and the policy of the call
   decides: as a rule, a question with a short answer passes only if no model was right, one with options only if at
   most one was right and the mean accuracy is below chance. An answer that a provider failed to give counts as
   neither right nor wrong.
2. The author adds a rationale. Reviewers of the subject solve the question without seeing the key, then score it.
3. Senior reviewers judge in a second round, and an organiser who did not recommend the question decides.
4. Two organisers freeze and publish. A release never changes: corrections go into the next version, with a reason."""
LIMITS = """- "All models failed" selects hard questions and wrong keys alike. Keys are solved independently before
  approval, and errors are still to be expected; report them, and they appear as changes of a later version.
- The set was selected against the models of its time. Later models meet it without that selection, so scores of panel
  models and of others do not compare.
- Scores on different versions do not compare either: always name the version.
- Subjects and languages are uneven; see the counts above, and report by category."""


@dataclass(slots=True)
class Tally:
    """Counts over the rows of a release, filled while they are written."""

    rows: int = 0
    pictures: int = 0
    categories: Counter[str] = field(default_factory=Counter)
    answer_types: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)

    def add(self, row: ExportRow) -> None:
        """Count one row."""
        self.rows += 1
        self.pictures += row.image is not None
        self.categories[row.category] += 1
        self.answer_types[row.answer_type] += 1
        self.languages[row.language] += 1


def render(info: ReleaseInfo, tally: Tally) -> str:
    """Return the card: front matter that dataset readers take the configuration from, then the page for people."""
    blocks = [
        _front_matter(info, tally),
        f"# {inline(info.title)} {inline(info.version)}",
        DEMONSTRATION if info.is_demonstration else "",
        CONTAMINATION,
        _code(info.canary),
        _facts(info, tally),
        _section("Counts", _table(("", "questions"), _counts(tally))),
        _section("Columns", _columns(info)),
        _section("How the questions were made", MADE),
        _section("Limits", LIMITS),
        _section("Access and licence", _licence(info)),
        _section("Citation", _code(info.citation)) if info.citation else "",
        as_text(info.changes, version=info.version, previous_version=info.previous_version, level=2).rstrip(),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _front_matter(info: ReleaseInfo, tally: Tally) -> str:
    lines = [
        f"license: {_yaml(_licence_id(info.licence))}",
        *([f"license_name: {_yaml(info.licence)}"] if _licence_id(info.licence) == "other" else []),
        f"pretty_name: {_yaml(f'{info.title} {info.version}')}",
        *_yaml_list("language", sorted(language for language in tally.languages if language)),
        *_yaml_list("size_categories", [_size(tally.rows)]),
        *_yaml_list("task_categories", ["question-answering"]),
        *_yaml_list("tags", ["benchmark", "demonstration"] if info.is_demonstration else ["benchmark"]),
        "configs:",
        '- config_name: "default"',
        "  data_files:",
        f"  - split: {_yaml(info.split)}",
        f"    path: {_yaml(f'data/{info.split}-*')}",
        "  default: true",
        f"extra_gated_prompt: {_yaml(_gate(info))}",
        f"canary: {_yaml(info.canary)}",
    ]
    return "\n".join(["---", *lines, "---"])


def _facts(info: ReleaseInfo, tally: Tally) -> str:
    facts = [
        ("Version", info.version),
        ("Previous version", info.previous_version or "none"),
        ("Created", info.created),
        ("Split", info.split),
        ("Questions", str(tally.rows)),
        ("Calls", "; ".join(info.calls) or "none"),
        ("Licence", info.licence),
    ]
    listed = "\n".join(f"- {name}: {inline(value)}" for name, value in facts)
    return (
        f"{listed}\n\n`manifest.json` names the SHA-256 of every file and of the rows. `questions.jsonl` holds the "
        "same rows as the parquet file, with more about how each question was tested."
    )


def _counts(tally: Tally) -> list[tuple[str, str]]:
    named = [(inline(name), str(number)) for name, number in sorted(tally.categories.items())]
    types = [(f"`{name}`", str(number)) for name, number in sorted(tally.answer_types.items())]
    return [*named, *types, ("with a picture", str(tally.pictures)), ("all", str(tally.rows))]


def _columns(info: ReleaseInfo) -> str:
    noted = {name: inline(note) for name, note in info.column_notes.items()}
    return (
        _table(("column", "content"), _described(COLUMNS, noted))
        + "\n\nOnly in `questions.jsonl`:\n\n"
        + _table(("field", "content"), _described(EXTRA_COLUMNS, noted))
    )


def _described(columns: Mapping[str, str], notes: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(f"`{name}`", notes.get(name, content)) for name, content in columns.items()]


def _licence(info: ReleaseInfo) -> str:
    return f"{inline(info.licence)}. {_gate(info)}"


def _gate(info: ReleaseInfo) -> str:
    return (
        f"By downloading you accept the licence ({inline(info.licence)}) and agree not to train models on these "
        "questions and not to share them in a form that can be collected automatically."
    )


def _section(heading: str, body: str) -> str:
    return f"## {heading}\n\n{body}"


def _table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"| {left} | {right} |" for left, right in [head, ("---", "---"), *rows])


def _code(text: str) -> str:
    # Indented code ends for no fence inside it.
    return "\n".join(f"    {line}".rstrip() for line in text.strip("\n").splitlines())


def _size(rows: int) -> str:
    return next((name for bound, name in SIZES if rows < bound), "100K<n<1M")


def _licence_id(licence: str) -> str:
    plain = licence.lower()
    return plain if plain.replace("-", "").replace(".", "").isalnum() and plain.isascii() else "other"


def _yaml(text: str) -> str:
    # A JSON text is a YAML text, once the characters are gone that only JSON may hold as they are.
    return json.dumps("".join(char if char.isprintable() else " " for char in text), ensure_ascii=False)


def _yaml_list(name: str, values: list[str]) -> list[str]:
    return [f"{name}:", *(f"- {_yaml(value)}" for value in values)] if values else []
