"""The demo's switch signs in as its people and as nobody else; both of its pages exist in the demo only."""

import pytest
from django.core import mail
from django.test import Client, RequestFactory

from hle_site import demo
from hle_site.accounts.models import User
from hle_site.demo.accounts import DEMO_PEOPLE
from tests.factories import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.demo.urls")]


@pytest.fixture
def is_demo(settings):
    settings.IS_DEMO = True


@pytest.fixture
def ada():
    return User.objects.create_user("contributor1@demo.invalid", None, name="Ada", is_demonstration=True)


def signed_in(client):
    return client.session.get("_auth_user_id")


def test_switch_signs_in_as_a_person_of_the_demo(is_demo, ada):
    client = Client()

    response = client.post("/demo/switch/", {"account": "contributor1"})

    assert (response.status_code, response["Location"]) == (302, "/")
    assert signed_in(client) == str(ada.pk)


def test_switch_to_nobody_signs_out(is_demo, ada, client_of):
    client = client_of(ada)

    client.post("/demo/switch/", {"account": ""})

    assert signed_in(client) is None


@pytest.mark.parametrize("account", ["contributor2", "unknown", "contributor1@demo.invalid"])
def test_switch_to_somebody_who_is_not_here_signs_in_nobody(is_demo, ada, account):
    client = Client()

    client.post("/demo/switch/", {"account": account})

    assert signed_in(client) is None


def test_switch_never_opens_an_account_that_is_no_demonstration(is_demo):
    User.objects.create_user("contributor1@demo.invalid", None, name="A real person")
    client = Client()

    client.post("/demo/switch/", {"account": "contributor1"})

    assert signed_in(client) is None


def test_switch_asks_for_a_token_against_forgery(is_demo, ada):
    client = Client(enforce_csrf_checks=True)

    response = client.post("/demo/switch/", {"account": "contributor1"})

    assert (response.status_code, signed_in(client)) == (403, None)


def test_switch_is_never_a_link(is_demo, ada):
    assert Client().get("/demo/switch/", {"account": "contributor1"}).status_code == 405


@pytest.mark.parametrize(("method", "address"), [("post", "/demo/switch/"), ("get", "/demo/mailbox/")])
def test_other_sites_have_neither_page(ada, method, address):
    client = Client()

    response = getattr(client, method)(address, {"account": "contributor1"})

    assert (response.status_code, signed_in(client)) == (404, None)


def test_mailbox_shows_the_newest_mail_first_with_its_links(is_demo):
    for subject in ("First", "Second"):
        mail.EmailMessage(subject, "See http://localhost/accounts/x/", to=["a@example.org"]).send()
    _into_the_mailbox()

    page = Client().get("/demo/mailbox/").content.decode()

    assert page.index("Second") < page.index("First")
    assert '<a href="http://localhost/accounts/x/" rel="nofollow">' in page


def _into_the_mailbox():
    """The test runner keeps mails in memory; hand them to the backend that the demo uses."""
    from hle_site.notifications.mailbox import MailboxBackend

    MailboxBackend().send_messages(mail.outbox)


def test_banner_names_everybody_and_marks_who_one_is(is_demo, ada):
    request = RequestFactory().get("/")
    request.user = ada

    found = demo.context(request)

    assert [value for value, _label, _is_current in found["accounts"]] == ["", *(person.key for person in DEMO_PEOPLE)]
    assert [value for value, _label, is_current in found["accounts"] if is_current] == ["contributor1"]
    assert found["accounts"][1][1] == "Demo Contributor Ada (contributor)"
    assert found["switch_url"] == "/demo/switch/"


def test_banner_says_whether_a_second_factor_is_needed(is_demo, settings):
    request = RequestFactory().get("/")
    request.user = make_user("somebody")
    notes = {}
    for value in (False, True):
        settings.REQUIRE_STAFF_FACTOR = value
        notes[value] = demo.context(request)["note"]

    assert ("second factor" in notes[False], "second factor" in notes[True]) == (True, False)
