"""The command that gives the first roles of a site works until the site has its founders."""

import pytest
from django.core.management import CommandError, call_command

from hle_site.accounts.models import RoleGrant, User
from hle_site.audit.models import AuditEvent
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def grant(user, role):
    call_command("grant_role", user.email, role)


def test_the_first_roles_come_from_the_command_line_and_are_logged(capsys):
    user = make_user("first")

    grant(user, "administrator")

    assert RoleGrant.objects.get(user=user).role == "administrator"
    event = AuditEvent.objects.get(action="role.grant")
    assert (event.actor_id, event.object_id, event.after) == (None, str(user.pk), "administrator")
    assert f"{user.email} is now administrator." in capsys.readouterr().out


def test_the_command_refuses_once_the_site_is_founded():
    for name, role in (("a", "administrator"), ("b", "organiser"), ("c", "organiser")):
        grant(make_user(name), role)
    latecomer = make_user("d")

    with pytest.raises(CommandError, match="proposed and confirmed on the site"):
        grant(latecomer, "reviewer")

    assert not RoleGrant.objects.filter(user=latecomer).exists()


def test_one_organiser_short_is_not_founded():
    for name, role in (("a", "administrator"), ("b", "organiser")):
        grant(make_user(name), role)

    grant(make_user("c"), "organiser")

    assert RoleGrant.objects.filter(role="organiser").count() == 2


def test_an_unverified_address_is_refused():
    user = User.objects.create_user("new@example.org", "x", name="New")

    with pytest.raises(CommandError, match="not verified yet"):
        grant(user, "administrator")

    assert not RoleGrant.objects.exists()


def test_an_unknown_address_is_refused():
    with pytest.raises(CommandError, match="sign up on the site first"):
        call_command("grant_role", "nobody@example.org", "administrator")
