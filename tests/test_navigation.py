"""The main menu: who finds what in it, and where it says that the reader is."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser

from hle_site import navigation
from hle_site.accounts import actions as account_actions
from hle_site.accounts.enums import DocumentKind
from tests import factories

pytestmark = pytest.mark.django_db

WORK = {
    "contributor": ["My questions", "Releases"],
    "reviewer": ["My questions", "Review", "Releases"],
    "senior_reviewer": ["My questions", "Review", "Releases"],
    "organiser": ["My questions", "Desk", "Duplicates", "Releases"],
    "auditor": ["My questions", "Desk", "Duplicates", "Releases"],
    "administrator": ["My questions", "Releases"],
}
SITE = {
    "organiser": ["Operations", "Panels", "Money", "People", "Audit log"],
    "auditor": ["Operations", "Panels", "Money", "People", "Audit log"],
    "administrator": ["Operations", "Panels", "People", "Audit log"],
}


def labels(entries: list[navigation.Entry]) -> list[str]:
    return [entry.label for entry in entries]


@pytest.mark.parametrize("role", WORK)
def test_menu_by_role(role: str) -> None:
    user = factories.make_user(role, *([role] if role != "contributor" else []))

    menu = navigation.menu(user, "/")

    assert (labels(menu.work), labels(menu.site)) == (WORK[role], SITE.get(role, []))


def test_strangers_find_the_releases() -> None:
    menu = navigation.menu(AnonymousUser(), "/")

    assert (labels(menu.work), menu.site) == (["Releases"], [])


@pytest.mark.parametrize(
    ("person", "first"),
    [
        ("contributor", "Write a question"),
        ("administrator", "People and roles"),
        ("auditor", "The audit log"),
        ("researcher", "Released questions"),
    ],
)
def test_first_page_begins_with_what_somebody_came_for(person: str, first: str) -> None:
    user = factories.make_user(person, *([person] if person in {"administrator", "auditor"} else []))
    if person == "researcher":
        account_actions.accept(user=user, kind=DocumentKind.DATA_LICENCE, version="1")

    assert navigation.waiting_for(user)[0].title == first


@pytest.mark.parametrize(
    ("path", "current"),
    [
        ("/review/", {"Review": "page"}),
        ("/review/desk/", {"Desk": "page"}),
        ("/review/assignments/1/", {"Review": "true"}),
        ("/panels/new/", {"Panels": "true"}),
        ("/people/audit/", {"Audit log": "page"}),
        ("/people/me/", {}),
        ("/", {}),
    ],
)
def test_menu_says_where_the_reader_is(path: str, current: dict[str, str]) -> None:
    everybody: Any = factories.make_user("everybody", "reviewer", "organiser", "auditor", "administrator")

    menu = navigation.menu(everybody, path)

    assert {entry.label: entry.current for entry in menu.work + menu.site if entry.current} == current
    assert menu.is_at_site == any(label in SITE["organiser"] for label in current)
