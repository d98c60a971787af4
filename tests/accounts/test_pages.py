"""Pages about the own account and, for staff, about others."""

import pytest
from django.test import Client

from hle_site.accounts import actions
from hle_site.accounts.models import Affiliation, ApiToken, Conflict, RoleGrant, RoleProposal
from tests.factories import make_user

pytestmark = pytest.mark.django_db

PROFILE = {
    "name": "Ada",
    "credit_name": "",
    "is_credited": "on",
    "orcid": "",
    "subjects": ["Math", "Physics"],
    "time_zone": "Europe/Berlin",
    "institution": "North University",
}


@pytest.fixture(autouse=True)
def no_factor(settings):
    settings.REQUIRE_STAFF_FACTOR = False


@pytest.fixture
def admin():
    return make_user("admin", "administrator", institution="Office")


@pytest.fixture
def other_admin():
    return make_user("other admin", "administrator", institution="Office")


def test_profile_is_saved_with_the_institution(contributor, client_of):
    response = client_of(contributor).post("/people/me/", PROFILE | {"institution": "South College"})

    contributor.refresh_from_db()
    assert (response.status_code, response["Location"]) == (302, "/people/me/")
    assert (contributor.name, contributor.subjects, contributor.time_zone) == (
        "Ada",
        ["Math", "Physics"],
        "Europe/Berlin",
    )
    ended = Affiliation.objects.filter(user=contributor).order_by("institution")
    assert [(place.institution, place.ended_at is None) for place in ended] == [
        ("North University", False),
        ("South College", True),
    ]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("orcid", "0000-0002-1825-0098", "does not fit the others"),
        ("orcid", "12", "sixteen digits"),
        ("time_zone", "Mars/Base", "not a known time zone"),
        ("name", "", "This field is required"),
        ("name", "x" * 121, "at most 120 characters"),
        ("name", "\u200b", "without invisible characters"),
        ("name", "Ada \u202egnp.exe", "without invisible characters"),
        ("institution", "x" * 201, "at most 200 characters"),
        ("subjects", ["Alchemy"], "Alchemy is not one of the available choices"),
    ],
)
def test_profile_keeps_what_was_typed_and_says_what_is_wrong(contributor, client_of, field, value, said):
    response = client_of(contributor).post("/people/me/", PROFILE | {field: value, "credit_name": "A. Typed"})

    page = response.content.decode()
    assert response.status_code == 400
    assert said in page
    assert 'value="A. Typed"' in page
    contributor.refresh_from_db()
    assert contributor.credit_name == ""


def test_names_are_kept_on_one_line_and_subjects_once(contributor, client_of):
    data = PROFILE | {"name": "Ada\nvon  Ö", "credit_name": "می\u200cخواهم", "subjects": ["Math", "Math"]}

    client_of(contributor).post("/people/me/", data)

    contributor.refresh_from_db()
    assert (contributor.name, contributor.credit_name) == ("Ada von Ö", "می\u200cخواهم")
    assert contributor.subjects == ["Math"]


def test_a_declared_conflict_is_kept_and_shown(contributor, client_of):
    client = client_of(contributor)

    client.post("/people/me/conflicts/", {"institution": "Ünder  the Hill", "reason": "a friend"})

    assert Conflict.objects.get().institution_key == "under the hill"
    assert "under the hill: a friend" in client.get("/people/me/").content.decode()


def test_a_conflict_needs_a_name_that_can_be_compared(contributor, client_of):
    response = client_of(contributor).post("/people/me/conflicts/", {"institution": " ... "})

    assert response.status_code == 400
    assert "Write the name of the institution." in response.content.decode()
    assert not Conflict.objects.exists()


def test_a_token_is_shown_once_and_stored_as_a_hash(contributor, client_of):
    client = client_of(contributor)

    page = client.post("/people/me/tokens/", {"name": "Laptop", "scopes": ["draft"], "days": "30"}).content.decode()

    token = ApiToken.objects.get()
    key = page.split('id="token-key">')[1].split("<")[0]
    assert key.startswith("hle_")
    assert key not in token.key_hash
    assert (token.user, token.scopes) == (contributor, ["draft"])
    assert key not in client.get("/people/me/tokens/").content.decode()


def test_a_token_without_a_scope_is_refused(contributor, client_of):
    response = client_of(contributor).post("/people/me/tokens/", {"name": "Laptop", "days": "30"})

    assert (response.status_code, ApiToken.objects.count()) == (400, 0)


def test_an_administrator_has_no_token(admin, client_of):
    response = client_of(admin).post("/people/me/tokens/", {"name": "Laptop", "scopes": ["draft"], "days": "30"})

    assert (response.status_code, ApiToken.objects.count()) == (400, 0)
    assert "Administrators cannot have tokens." in response.content.decode()


def test_a_token_is_revoked_by_its_owner_only(contributor, reviewer, client_of):
    client_of(contributor).post("/people/me/tokens/", {"name": "Laptop", "scopes": ["draft"], "days": "30"})
    token = ApiToken.objects.get()
    address = f"/people/me/tokens/{token.pk}/revoke/"

    assert client_of(reviewer).post(address).status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None
    assert client_of(contributor).post(address).status_code == 302
    token.refresh_from_db()
    assert token.revoked_at is not None


@pytest.mark.parametrize("address", ["/people/all/", "/people/me/", "/people/me/tokens/", "/people/me/activity/"])
def test_strangers_are_sent_to_the_login(address):
    response = Client().get(address)

    assert (response.status_code, response["Location"]) == (302, f"/accounts/login/?next={address}")


@pytest.mark.parametrize(
    ("roles", "status"),
    [
        ((), 403),
        (("reviewer",), 403),
        (("senior_reviewer",), 403),
        (("organiser",), 200),
        (("auditor",), 200),
        (("administrator",), 200),
    ],
)
def test_only_staff_reads_about_other_people(contributor, client_of, roles, status):
    client = client_of(make_user("reader", *roles))

    for address in ("/people/all/", f"/people/all/{contributor.pk}/"):
        response = client.get(address)
        assert response.status_code == status
        assert (contributor.email in response.content.decode()) == (status == 200)


def found(client, **query):
    page = client.get("/people/all/", query).content.decode()
    body = page.split("<tbody>")[1].split("</tbody>")[0] if "<tbody>" in page else ""
    return [row.split("</a>")[0].rsplit(">", 1)[1] for row in body.split("<tr")[1:]]


def test_people_are_found_by_name_address_and_role(admin, client_of):
    reviewer = make_user("zoe", "reviewer")
    make_user("yan")
    client = client_of(admin)

    assert found(client) == ["Admin", "Yan", "Zoe"]
    assert found(client, q="zO") == ["Zoe"]
    assert found(client, q=reviewer.email.upper()) == ["Zoe"]
    assert found(client, role="reviewer") == ["Zoe"]
    assert found(client, role="auditor") == []


def test_people_come_in_pages(admin, client_of):
    for number in range(35):
        make_user(f"same {number % 2}")
    client = client_of(admin)

    first = client.get("/people/all/")
    second = client.get("/people/all/", {"after": first.context["next_mark"]})

    names = [person.pk for page in (first, second) for person in page.context["people"]]
    assert (len(names), len(set(names)), second.context["next_mark"]) == (36, 36, "")
    assert client.get("/people/all/", {"after": "nonsense"}).context["people"] == first.context["people"]


def test_a_role_takes_two_people(contributor, admin, other_admin, organiser, client_of):
    client_of(organiser).post(f"/people/all/{contributor.pk}/role/", {"role": "reviewer", "reason": "knows the field"})
    proposal = RoleProposal.objects.get()
    decide = f"/people/all/proposals/{proposal.pk}/"

    assert client_of(organiser).post(decide, {"decision": "confirm"}).status_code == 403
    assert not RoleGrant.objects.filter(user=contributor).exists()
    assert client_of(admin).post(decide, {"decision": "confirm"}).status_code == 302
    assert RoleGrant.objects.get(user=contributor).role == "reviewer"
    assert client_of(other_admin).post(decide, {"decision": "confirm"}).status_code == 302
    assert RoleGrant.objects.filter(user=contributor).count() == 1


def test_an_administrator_does_not_confirm_the_own_proposal(contributor, admin, client_of):
    client = client_of(admin)
    client.post(f"/people/all/{contributor.pk}/role/", {"role": "reviewer", "reason": "knows the field"})

    page = client.post(f"/people/all/proposals/{RoleProposal.objects.get().pk}/", {"decision": "confirm"}, follow=True)

    assert "you cannot confirm your own proposal" in page.content.decode()
    assert not RoleGrant.objects.filter(user=contributor).exists()


def test_a_role_is_taken_back_by_two_people(reviewer, admin, other_admin, client_of):
    data = {"role": "reviewer", "is_removal": "on", "reason": "asked for it"}
    client_of(admin).post(f"/people/all/{reviewer.pk}/role/", data)

    client_of(other_admin).post(f"/people/all/proposals/{RoleProposal.objects.get().pk}/", {"decision": "confirm"})

    assert not RoleGrant.objects.filter(user=reviewer, revoked_at=None).exists()


def test_a_proposal_that_changes_nothing_is_refused_with_a_sentence(reviewer, admin, client_of):
    response = client_of(admin).post(f"/people/all/{reviewer.pk}/role/", {"role": "reviewer", "reason": "typed words"})

    assert response.status_code == 409
    assert "Nothing would change" in response.content.decode()
    assert 'value="typed words"' in response.content.decode()


def test_an_auditor_changes_no_role(contributor, client_of):
    client = client_of(make_user("auditor", "auditor"))

    response = client.post(f"/people/all/{contributor.pk}/role/", {"role": "reviewer", "reason": "x"})

    assert (response.status_code, RoleProposal.objects.count()) == (403, 0)


def test_one_proposal_waits_at_a_time(contributor, admin):
    actions.propose_role(user=contributor, role="reviewer", by=admin, reason="x")

    with pytest.raises(actions.RoleRefused, match="already proposed"):
        actions.propose_role(user=contributor, role="reviewer", by=admin, reason="x")
