"""The doors between apps and the layers inside them, held against what the modules import."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("questions", "grading", "review")
GROUND = "ground"
ROOF = "roof"

# hle_site is two floors: what any app may stand on, and what stands on all apps
GROUND_MODULES = (
    "hle_site.accounts",
    "hle_site.audit",
    "hle_site.notifications",
    "hle_site.lookups",
    "hle_site.markup",
    "hle_site.uploads",
    "hle_site.embedded",
    "hle_site.bootstrap",
    "hle_site.templatetags",
    "hle_site.statics",
    "hle_site.api_fields",
    "hle_site.api_pages",
)
DOORS = {
    GROUND: {GROUND},
    "questions": {GROUND, "questions"},
    "grading": {GROUND, "questions", "grading"},
    "review": {GROUND, "questions", "grading", "review"},
    ROOF: {GROUND, *APPS, ROOF},
}
# review reads grading and writes nothing there
READ_ONLY_DOOR = {
    "grading.models",
    "grading.enums",
    "grading.querysets",
    "grading.evidence",
    "grading.matching",
    "grading.metrics",
    "grading.presenters",
    "grading.charts",
}

# from top to bottom: a module may import its own row and those below
LAYERS = (
    ("urls",),
    ("views", "api", "tasks", "admin", "management", "desk", "editor_views", "cards"),
    ("forms", "dashboards", "editor_steps", "templatetags", "presenters", "apps"),
    ("actions", "checks", "evaluations", "freeze", "errata", "rounds", "assignment", "deadlines", "engine"),
    ("workflow",),
    ("models",),
    ("querysets",),
    ("enums",),
)
# values in, values out: no rows, no network
PURE = (
    "grading.matching",
    "grading.judging",
    "grading.prompts",
    "grading.policy",
    "grading.metrics",
    "review.policy",
    "review.rubric",
    "questions.releases.export",
    "questions.releases.contents",
    "questions.releases.card",
    "questions.releases.changelog",
    "questions.linter",
    "questions.duplicates.text",
)
FORBIDDEN_TO_PURE = ("django.db", "grading.llm", "grading.models", "questions.models", "review.models", "openai")
FORBIDDEN_NAMES = {"utils", "common", "helpers", "services", "core", "misc", "lib"}
LONGEST_MODULE = 400
# the phases of one check, locks and all, are read in one go
LONGER = {"grading.checks"}
MARKS_TEXT_SAFE = {"mark_safe", "SafeString", "SafeText", "SafeData"}


class Import(NamedTuple):
    """One import statement: who imports what, where, and whether it runs (not for type checkers only)."""

    module: str
    target: str
    line: int
    is_late: bool


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def sources() -> dict[str, Path]:
    """Every module of the application by name."""
    paths = [path for folder in ("hle_site", *APPS) for path in (ROOT / folder).rglob("*.py")]
    return {module_of(path): path for path in paths if "migrations" not in path.parts}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(sources()[module].read_text())


def imports_of(module: str) -> Iterator[Import]:
    """Each import of a module, with `from package import module` resolved to that module; not those for type checkers."""
    body = tree(module)
    top = set(map(id, body.body))
    for node in walk_running(body):
        is_late = id(node) not in top
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(module, name.name, node.lineno, is_late)
        elif isinstance(node, ast.ImportFrom):
            base = absolute(module, node)
            for name in node.names:
                full = f"{base}.{name.name}"
                yield Import(module, full if full in sources() else base, node.lineno, is_late)


def walk_running(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        yield child
        yield from walk_running(child)


def absolute(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module if sources()[module].name == "__init__.py" else module.rpartition(".")[0]
    base = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def under(module: str, *roots: str) -> bool:
    return any(module == root or module.startswith(root + ".") for root in roots)


def floor_of(module: str) -> str | None:
    """Where a module lives, None for what is not ours. Commands of every app stand on the roof."""
    head = module.split(".", 1)[0]
    if ".management" in module:
        return ROOF
    if head in APPS:
        return head
    if head != "hle_site":
        return None
    return GROUND if module == "hle_site" or under(module, *GROUND_MODULES) else ROOF


def layer_of(module: str) -> int | None:
    for part in module.split(".")[1:]:
        for number, names in enumerate(LAYERS):
            if part in names:
                return number
    return None


def all_imports() -> list[Import]:
    return [found for module in sources() for found in imports_of(module)]


def told(found: list[Import]) -> list[str]:
    return [f"{row.module}:{row.line} imports {row.target}" for row in found]


def test_doors_between_apps_are_used_in_one_direction() -> None:
    wrong = [
        row
        for row in all_imports()
        if (target := floor_of(row.target)) and target not in DOORS[floor_of(row.module) or ROOF]
    ]

    assert told(wrong) == []


def test_review_only_reads_grading() -> None:
    wrong = [
        row
        for row in all_imports()
        if floor_of(row.module) == "review"
        and floor_of(row.target) == "grading"
        and not under(row.target, *READ_ONLY_DOOR)
    ]

    assert told(wrong) == []


def test_layers_inside_an_app_point_downwards() -> None:
    wrong = []
    for row in all_imports():
        own, other = layer_of(row.module), layer_of(row.target)
        is_inside = row.module.split(".")[0] == row.target.split(".")[0] and row.target.split(".")[0] in APPS
        if is_inside and own is not None and other is not None and other < own and not row.is_late:
            wrong.append(row)

    assert told(wrong) == []


def test_pure_modules_know_neither_rows_nor_network() -> None:
    wrong = [row for row in all_imports() if under(row.module, *PURE) and under(row.target, *FORBIDDEN_TO_PURE)]

    assert told(wrong) == []


def test_only_one_package_speaks_to_providers() -> None:
    wrong = [row for row in all_imports() if under(row.target, "openai") and not under(row.module, "grading.llm")]

    assert told(wrong) == []


def test_tests_are_not_imported_by_the_application() -> None:
    wrong = [row for row in all_imports() if under(row.target, "tests")]
    reads_oracle = [module for module, path in sources().items() if "tests/oracle" in path.read_text()]

    assert told(wrong) == []
    assert reads_oracle == []


def test_modules_are_named_for_a_thing() -> None:
    wrong = [module for module in sources() if FORBIDDEN_NAMES & set(module.split("."))]

    assert wrong == []


def test_a_module_that_grows_long_becomes_a_package() -> None:
    lengths = {module: path.read_text().count("\n") for module, path in sources().items()}

    assert {module: lines for module, lines in lengths.items() if lines > LONGEST_MODULE and module not in LONGER} == {}


def test_only_the_renderer_marks_text_safe() -> None:
    def marks(node: ast.AST) -> bool:
        called = node.func if isinstance(node, ast.Call) else None
        return getattr(called, "id", getattr(called, "attr", "")) in MARKS_TEXT_SAFE

    marking = sorted(module for module in sources() if any(map(marks, ast.walk(tree(module)))))

    assert marking == ["hle_site.markup"]


def test_no_template_marks_text_safe() -> None:
    marks = ("|safe", "| safe", "autoescape off", "|safeseq")
    templates = [*(ROOT / "templates").rglob("*.html"), *(ROOT / "templates").rglob("*.txt")]
    wrong = [
        str(path.relative_to(ROOT))
        for path in templates
        if path.suffix == ".html" and any(mark in path.read_text() for mark in marks)  # a text mail escapes nothing
    ]

    assert len(templates) > 20
    assert wrong == []


def test_status_is_written_by_the_workflow_only() -> None:
    def writes_status(node: ast.AST) -> bool:
        targets = node.targets if isinstance(node, ast.Assign) else []
        names = [child for target in targets for child in ast.walk(target)]
        return any(
            isinstance(name, ast.Attribute)
            and name.attr == "status"
            and isinstance(name.value, ast.Name)
            and name.value.id == "question"
            for name in names
        )

    writers = sorted(module for module in sources() if any(map(writes_status, ast.walk(tree(module)))))

    assert writers == ["questions.workflow"]


@pytest.mark.parametrize(
    ("module", "floor"),
    [
        ("hle_site.accounts.models", GROUND),
        ("hle_site.permissions", ROOF),
        ("hle_site.demo.seed", ROOF),
        ("hle_site.markup", GROUND),
        ("questions.models", "questions"),
        ("questions.management.commands.import_questions", ROOF),
        ("django.db", None),
    ],
)
def test_floor_of_a_module(module: str, floor: str | None) -> None:
    assert floor_of(module) == floor
