"""What Django and its REST framework get wrong by default, held against the code of the site."""

import ast
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import get_resolver, reverse
from rest_framework.permissions import AllowAny, DjangoModelPermissions

from hle_site.accounts.models import User
from hle_site.accounts.tokens import DenyAll, HasScope, SessionOnly
from tests.access.oracle import REGISTRY
from tests.access.test_registry import patterns
from tests.access.walker import Reader
from tests.access.world import World
from tests.test_architecture import sources, tree

# what opens everything that nobody thought of
WHOLE = {"__all__"}
BY_EXCLUSION = {"exclude", "depth"}
# what a request holds, which must not become the arguments of a query
OF_REQUEST = {"GET", "POST", "data", "query_params"}
OF_PERSON = {"contributor", "reviewer", "by", "user", "assigned_by", "decided_by", "reported_by", "maintainer"}


def api_views() -> dict[str, Any]:
    """The view classes of the API by the name of their address."""
    found = {name: getattr(pattern.callback, "cls", None) for name, pattern in patterns(get_resolver())}
    return {name: view for name, view in found.items() if view is not None}


def test_every_view_of_the_api_says_who_may() -> None:
    views = api_views()
    asked = {name: set(view.permission_classes) for name, view in views.items()}
    closed = [DenyAll], {HasScope, SessionOnly}

    assert settings.REST_FRAMEWORK["DEFAULT_PERMISSION_CLASSES"] == [
        f"{DenyAll.__module__}.{DenyAll.__qualname__}" for DenyAll in closed[0]
    ]
    assert [name for name, classes in asked.items() if not classes or not classes <= closed[1]] == []
    assert [name for name, classes in asked.items() if classes & {AllowAny, DjangoModelPermissions}] == []
    assert set(views) >= {line.name for line in REGISTRY.values() if line.name.startswith("api-")}


def test_the_api_knows_sessions_and_own_tokens_only() -> None:
    framework = settings.REST_FRAMEWORK

    assert [path.rpartition(".")[2] for path in framework["DEFAULT_AUTHENTICATION_CLASSES"]] == [
        "TokenAuthentication",
        "SessionAuthentication",
    ]
    assert framework["DEFAULT_RENDERER_CLASSES"] == ["rest_framework.renderers.JSONRenderer"]
    assert [framework[name] for name in ("DEFAULT_METADATA_CLASS", "FORMAT_SUFFIX_KWARG", "URL_FORMAT_OVERRIDE")] == [
        None,
        None,
        None,
    ]
    assert {view.authentication_classes for view in map(_authenticated, api_views().values())} == {()}


def _authenticated(view: Any) -> Any:
    class Own:
        authentication_classes = tuple(vars(view).get("authentication_classes", ()))

    return Own


def test_there_is_no_admin_site() -> None:
    assert [name for name in settings.INSTALLED_APPS if "admin" in name] == []


def _metas() -> Iterator[tuple[str, ast.Assign]]:
    for module in sources():
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ClassDef) and node.name == "Meta":
                yield from ((module, part) for part in node.body if isinstance(part, ast.Assign))


def test_fields_are_listed() -> None:
    metas = list(_metas())

    wrong = [
        f"{module}:{part.lineno}"
        for module, part in metas
        if {name.id for name in part.targets if isinstance(name, ast.Name)} & BY_EXCLUSION
        or {value.value for value in ast.walk(part) if isinstance(value, ast.Constant)} & WHOLE
    ]

    assert wrong == []
    assert len(metas) > 50


def test_no_query_takes_its_arguments_from_a_request() -> None:
    wrong = [
        f"{module}:{node.lineno}"
        for module in sources()
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg is None and _is_of_request(keyword.value)
    ]

    assert wrong == []


def _is_of_request(value: ast.expr) -> bool:
    names = {part.attr for part in ast.walk(value) if isinstance(part, ast.Attribute)}
    roots = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
    return "request" in roots | names and bool(names & OF_REQUEST)


def test_no_filter_or_order_of_the_api_crosses_to_a_person() -> None:
    named = {
        name: {*getattr(view, "filterset_fields", ()), *getattr(view, "ordering_fields", ()), *_order(view)}
        for name, view in api_views().items()
    }

    assert {field for fields in named.values() for field in fields} == {"status", "created_at", "id"}
    assert [name for name, fields in named.items() if any(set(field.split("__")) & OF_PERSON for field in fields)] == []


def _order(view: Any) -> set[str]:
    ordering = getattr(getattr(view, "pagination_class", None), "ordering", ())
    return {field.lstrip("-") for field in ([ordering] if isinstance(ordering, str) else ordering or ())}


# --- pages are made from values without people in them ---


class NamesSomebody(Exception):
    """A page has asked for the name of a person."""


class _Hidden:
    """An attribute of accounts that only one of them gives away."""

    def __init__(self, name: str, reader: Any) -> None:
        self.name, self.reader = name, reader

    def __set__(self, person: Any, value: Any) -> None:
        person.__dict__[self.name] = value

    def __get__(self, person: Any, _owner: Any = None) -> Any:
        if person is None:
            return self
        if person.__dict__.get("id") != self.reader.pk:
            raise NamesSomebody(self.name)
        return person.__dict__[self.name]


@pytest.fixture
def hide_all_but(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function after which names and addresses of everybody else raise."""

    def hide(reader: Any) -> None:
        for name in ("name", "email", "orcid"):
            monkeypatch.setattr(User, name, _Hidden(name, reader))

    return hide


def pages_of(world: World, code: str, place: str) -> list[str]:
    """The pages on which a person meets what others wrote on a question."""
    here = world[place]
    names = {
        "CO": ("questions:detail", "questions:history", "review:feedback", "grading:check", "api-questions-feedback"),
        "RA": ("questions:detail", "questions:history", "review:work", "api-assignments-detail"),
        "SR": ("questions:detail", "questions:history", "review:work", "grading:check", "api-assignments-detail"),
    }[code]
    of_place = {"review:work", "api-assignments-detail"}
    return [reverse(name, args=[here.assignments[code].pk if name in of_place else here.question.pk]) for name in names]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("code", "place"), [("CO", "rejected"), ("CO", "changes"), ("RA", "last-round"), ("SR", "awaiting")]
)
def test_blinded_pages_ask_for_no_name(
    world: World, clients: dict[str, Client], hide_all_but: Any, code: str, place: str
) -> None:
    hide_all_but(world.people[code])

    answers = {url: clients[code].get(url).status_code for url in pages_of(world, code, place)}

    assert set(answers.values()) == {200}


@pytest.mark.django_db
def test_a_page_that_names_somebody_is_found(world: World, clients: dict[str, Reader], hide_all_but: Any) -> None:
    hide_all_but(world.people["OR"])

    url = reverse("review:question", args=[world["awaiting"].question.pk])

    assert clients["OR"].get(url).status_code == 500
