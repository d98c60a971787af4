"""The inbox shows the own notices only, and a notice is read when it is opened."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hle_site.notifications import outbox
from hle_site.notifications.models import DemoMail, Mail, Notice
from hle_site.notifications.sending import send_due
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def notify(user, key, **fields):
    outbox.notify(recipient=user, kind="test", key=key, **{"subject": f"Subject {key}", "path": "/inbox/"} | fields)
    return Notice.objects.get(key=f"test:{key}:{user.pk}")


def shown(client, query=""):
    return [notice.subject for notice in client.get(f"/inbox/{query}").context["notices"]]


def test_unread_notices_come_first_and_the_newest_of_them(contributor, client_of):
    client = client_of(contributor)
    for key in ("1", "2", "3"):
        notify(contributor, key)

    client.post(f"/inbox/{Notice.objects.get(subject='Subject 3').pk}/")

    assert shown(client) == ["Subject 2", "Subject 1"]
    assert shown(client, "?show=all") == ["Subject 2", "Subject 1", "Subject 3"]


def test_opening_a_notice_marks_it_as_read_and_goes_on(contributor, client_of):
    notice = notify(contributor, "1", path="/people/me/")

    response = client_of(contributor).post(f"/inbox/{notice.pk}/")

    notice.refresh_from_db()
    assert response["Location"] == "/people/me/"
    assert notice.read_at is not None


def test_a_look_marks_nothing(contributor, client_of):
    notice = notify(contributor, "1")
    client = client_of(contributor)

    client.get("/inbox/")

    assert client.get(f"/inbox/{notice.pk}/").status_code == 405
    notice.refresh_from_db()
    assert notice.read_at is None


@pytest.mark.parametrize("path", ["https://elsewhere.example/", "//elsewhere.example/", ""])
def test_a_notice_leads_nowhere_else(contributor, client_of, path):
    notice = notify(contributor, "1", path=path)

    assert client_of(contributor).post(f"/inbox/{notice.pk}/")["Location"] == "/inbox/"


def test_others_notices_are_neither_shown_nor_marked(contributor, client_of):
    notice = notify(contributor, "1")
    client = client_of(make_user("other"))

    assert shown(client, "?show=all") == []
    assert client.post(f"/inbox/{notice.pk}/").status_code == 404
    client.post("/inbox/read/")
    notice.refresh_from_db()
    assert notice.read_at is None


def test_all_are_marked_at_once(contributor, client_of):
    client = client_of(contributor)
    for key in ("1", "2"):
        notify(contributor, key)

    client.post("/inbox/read/")

    assert shown(client) == []
    assert Notice.objects.filter(read_at=None).count() == 0


def test_a_notice_is_written_and_mailed_once(contributor, settings):
    settings.EMAIL_BACKEND = "hle_site.notifications.mailbox.MailboxBackend"
    for _time in range(2):
        notify(contributor, "1", body="Something happened.")

    sent = [send_due(), send_due()]

    assert sent == [1, 0]
    assert Mail.objects.get().sent_at is not None
    mail = DemoMail.objects.get()
    assert (mail.recipients, mail.subject) == (contributor.email, "Subject 1")
    assert "http://localhost/inbox/" in mail.body


def test_the_inbox_asks_as_often_for_three_as_for_one(contributor, client_of):
    client = client_of(contributor)
    notify(contributor, "1")
    with CaptureQueriesContext(connection) as few:
        client.get("/inbox/")
    for key in ("2", "3"):
        notify(contributor, key)

    with CaptureQueriesContext(connection) as many:
        client.get("/inbox/")

    assert len(many) == len(few) <= 10
