"""From sign-up to a verified account, log-in, and the second factor that staff needs."""

import base64
import hmac
import re
import struct
import time

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client

from hle_site.accounts.models import User
from tests.factories import make_user

pytestmark = pytest.mark.django_db

ADDRESS = "ada@example.org"
PASSWORD = "a long and winding sentence"
FORM = {"name": "Ada", "email": ADDRESS, "password1": PASSWORD, "password2": PASSWORD}


def signed_in(client):
    return client.session.get("_auth_user_id")


def test_sign_up_verify_and_log_in():
    client = Client()

    asked = client.post("/accounts/signup/", FORM)

    user = User.objects.get()
    assert (asked.status_code, asked["Location"]) == (302, "/accounts/confirm-email/")
    assert (user.name, user.email, signed_in(client)) == ("Ada", ADDRESS, None)
    assert [message.to for message in mail.outbox] == [[ADDRESS]]
    link = re.search(r"http://[^/\s]+(/accounts/confirm-email/\S+)", mail.outbox[0].body)[1]

    refused = client.post("/accounts/login/", {"login": ADDRESS, "password": PASSWORD})

    assert (refused["Location"], signed_in(client)) == ("/accounts/confirm-email/", None)

    assert client.get(link).status_code == 200
    assert not EmailAddress.objects.get().verified  # a mail scanner that opens links verifies nothing
    client.post(link)

    assert EmailAddress.objects.get().verified

    client.post("/accounts/login/", {"login": ADDRESS.upper(), "password": PASSWORD})

    assert signed_in(client) == str(user.pk)


def test_a_wrong_password_is_answered_with_a_sentence_that_names_no_account():
    make_user("ada")
    user = User.objects.get()
    pages = []

    for login in (user.email, "nobody@example.org"):
        response = Client().post("/accounts/login/", {"login": login, "password": "wrong"})
        pages.append(re.findall(r"<li>.*?</li>", response.content.decode()))
        assert response.status_code == 400

    assert pages[0] == pages[1]
    assert any("not correct" in line for line in pages[0])


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "   ", "This field is required."),
        ("name", "\u200b", "Please write the name with letters and without invisible characters."),
        ("name", "x" * 121, "Ensure this value has at most 120 characters (it has 121)."),
        ("email", "ada", "Enter a valid email address."),
        ("password1", "abc", "This password is too short."),
        ("password2", "another sentence", "You must type the same password each time."),
    ],
)
def test_sign_up_keeps_what_was_typed_and_says_what_is_wrong(field, value, said):
    response = Client().post("/accounts/signup/", FORM | {field: value})

    page = response.content.decode()
    assert response.status_code == 400
    assert said in page
    assert f'value="{(FORM | {field: value})["email"]}"' in page
    assert not User.objects.exists()


def failed_log_in(name, address):
    data = {"login": f"{name}@example.org", "password": "wrong"}
    return Client().post("/accounts/login/", data, HTTP_X_FORWARDED_FOR=address).content.decode()


def test_behind_a_proxy_the_limit_of_log_ins_is_each_visitors_own(settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(10):
        failed_log_in(f"nobody{number}", f"203.0.113.{number}, 198.51.100.7")  # what comes before the last is invented

    assert "Too many failed login attempts." in failed_log_in("somebody", "198.51.100.7")
    assert "not correct" in failed_log_in("somebody", "198.51.100.8")


def test_a_known_address_is_not_given_away_at_sign_up():
    user = make_user("ada")

    response = Client().post("/accounts/signup/", FORM | {"email": user.email})

    assert (response.status_code, response["Location"]) == (302, "/accounts/confirm-email/")
    assert User.objects.count() == 1
    assert "/accounts/confirm-email/" not in mail.outbox[0].body


@pytest.mark.parametrize("role", ["organiser", "auditor", "administrator"])
def test_staff_without_a_second_factor_is_sent_to_set_it_up(client_of, settings, role):
    settings.REQUIRE_STAFF_FACTOR = True
    client = client_of(make_user("staff", role))

    response = client.get("/inbox/")

    assert (response.status_code, response["Location"]) == (302, "/accounts/2fa/totp/activate/")
    assert client.get("/api/anything/").status_code == 403


@pytest.mark.parametrize("roles", [(), ("reviewer",)])
def test_others_need_no_second_factor(client_of, settings, roles):
    settings.REQUIRE_STAFF_FACTOR = True

    assert client_of(make_user("somebody", *roles)).get("/inbox/").status_code == 200


def totp(secret):
    """The code of this half minute, after RFC 6238."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def set_up(client, secret):
    """Type the code of now; once more when its half minute has ended on the way."""
    for _try in range(2):
        if client.post("/accounts/2fa/totp/activate/", {"code": totp(secret)}).status_code == 302:
            return


def test_staff_sets_up_the_factor_and_is_asked_for_it_at_the_next_log_in(settings):
    settings.REQUIRE_STAFF_FACTOR = True
    user = make_user("staff", "organiser")
    client = Client()
    client.post("/accounts/login/", {"login": user.email, "password": "correct horse battery"})
    again = client.get("/accounts/2fa/totp/activate/")["Location"]  # the password once more, however fresh the log-in
    client.post(again, {"password": "correct horse battery"})
    page = client.get("/accounts/2fa/totp/activate/")
    secret = page.context["form"].secret

    set_up(client, secret)

    assert Authenticator.objects.filter(user=user, type="totp").exists()
    assert client.get("/inbox/").status_code == 200

    later = Client()
    asked = later.post("/accounts/login/", {"login": user.email, "password": "correct horse battery"})

    assert (asked["Location"], signed_in(later)) == ("/accounts/2fa/authenticate/", None)
    assert later.get("/inbox/").status_code == 302
