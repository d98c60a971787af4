import io

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from hle_site.accounts.enums import DocumentKind
from hle_site.accounts.models import Acceptance
from questions.enums import ReleaseStatus, Split
from questions.models import Erratum, Release
from questions.releases import errata, freeze, selection
from tests import factories
from tests.questions.releases.worlds import World

pytestmark = pytest.mark.django_db
SECRET = "Which prime follows the secret one"


@pytest.fixture
def world(db, settings):
    settings.REQUIRE_STAFF_FACTOR = False
    return World()


@pytest.fixture
def released(world):
    """A published release of one question with a picture and one without."""
    world.approve(prompt=f"{SECRET}, counted from the picture?", image=world.picture(), image_alt="A red field")
    world.approve()
    return world.published()


def body_of(response):
    return (b"".join(response.streaming_content) if response.streaming else response.content).decode(errors="replace")


def status_of(response):
    """Read a file to its end, so that it is closed."""
    body_of(response)
    return response.status_code


def test_strangers_see_ids_categories_and_hashes_only(released):
    client = Client()

    page = body_of(client.get(reverse("releases:detail", args=["1.0.0"])))
    listed = body_of(client.get(reverse("releases:index")))
    manifest = client.get(reverse("releases:manifest", args=["1.0.0"]))

    for item in released.items.all():
        assert item.public_id in page
        assert item.row_hash in page
        assert item.row["question"] not in page + listed
        assert item.row["rationale"] not in page + listed
        assert item.row["author_name"] not in page
    assert released.canary in page
    assert "Math" in listed
    assert manifest["Content-Type"] == "application/json"
    assert body_of(manifest).startswith('{\n "format": 1')


@pytest.mark.parametrize("name", ["item", "picture", "download"])
def test_strangers_are_asked_to_log_in(released, name):
    item = released.items.exclude(image=None).get()
    args = {
        "item": ["1.0.0", item.public_id],
        "picture": ["1.0.0", item.public_id, "question"],
        "download": ["1.0.0", "questions.jsonl"],
    }

    response = Client().get(reverse(f"releases:{name}", args=args[name]))

    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


def test_download_needs_the_licence_and_the_form_gives_it(released, client_of):
    person = factories.make_user("newcomer")
    client = client_of(person)
    address = reverse("releases:download", args=["1.0.0", "questions.jsonl"])
    item = reverse("releases:item", args=["1.0.0", released.items.first().public_id])
    accept = reverse("releases:accept", args=["1.0.0"])

    refused = client.get(address)

    assert refused.status_code == 403
    assert SECRET not in body_of(refused)
    assert accept in body_of(refused)
    assert client.get(item).status_code == 403
    assert client.post(accept, {}).status_code == 400
    assert client.post(accept, {"is_accepted": "on"}).status_code == 302
    assert Acceptance.objects.get(user=person).version == "1"
    assert SECRET in body_of(client.get(address))
    assert client.get(item).status_code == 200


def test_files_come_with_safe_headers_and_an_etag(released, world, client_of):
    client = client_of(world.researcher)
    (entry,) = [entry for entry in released.manifest["files"] if entry["path"].endswith(".parquet")]
    address = reverse("releases:download", args=["1.0.0", entry["path"]])

    response = client.get(address)
    content = b"".join(response.streaming_content)

    assert len(content) == entry["size"]
    assert response["Content-Disposition"] == 'attachment; filename="test-00000-of-00001.parquet"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["ETag"] == f'"{entry["sha256"]}"'
    assert response["Cache-Control"] == "private, no-cache"
    assert client.get(address, headers={"If-None-Match": response["ETag"]}).status_code == 304
    assert Client().get(address, headers={"If-None-Match": response["ETag"]}).status_code == 302


FOREIGN_PATHS = [
    "../held_out/questions.jsonl",
    "data/../../held_out/questions.jsonl",
    "%2e%2e/held_out/questions.jsonl",
    "data",
    "x",
    "manifest.json",
]


def test_only_paths_of_the_manifest_are_served(world, client_of):
    world.hold_out("0.5")
    world.approve(2)
    world.published()
    assert default_storage.exists("releases/1.0.0/held_out/questions.jsonl")

    for person in (world.researcher, world.first):
        client = client_of(person)
        answers = [client.get(f"/releases/1.0.0/files/{path}").status_code for path in FOREIGN_PATHS]
        assert answers == [404] * len(FOREIGN_PATHS)


def test_held_out_questions_have_no_page(world, client_of):
    world.hold_out("0.5")
    world.approve(2)
    release = world.published()
    secret = release.items.get(split=Split.HELD_OUT)

    for person in (world.researcher, world.first, world.author):
        client = client_of(person)
        pages = body_of(client.get("/releases/1.0.0/")) + body_of(client.get("/releases/"))
        assert secret.public_id not in pages
        assert "1 question" in pages
        assert client.get(reverse("releases:item", args=["1.0.0", secret.public_id])).status_code == 404
        assert client.get(reverse("releases:report", args=["1.0.0", secret.public_id])).status_code in {404, 405}


def test_frozen_release_is_unknown_outside(world, client_of):
    world.approve()
    release = world.frozen()
    item = release.items.get()
    addresses = [
        reverse("releases:detail", args=["1.0.0"]),
        reverse("releases:manifest", args=["1.0.0"]),
        reverse("releases:download", args=["1.0.0", "questions.jsonl"]),
        reverse("releases:item", args=["1.0.0", item.public_id]),
    ]

    outside = [status_of(client_of(world.researcher).get(address)) for address in addresses]
    inside = [status_of(client_of(world.second).get(address)) for address in addresses]

    assert outside == [404, 404, 404, 404]
    assert inside == [302, 200, 200, 200]
    assert "1.0.0" not in body_of(client_of(world.researcher).get("/releases/"))


def test_yanked_release_keeps_its_page_and_closes_its_files(released, world, client_of):
    freeze.yank(release=released, by=world.first, reason="A picture is not ours.")
    client = client_of(world.researcher)

    page = client.get("/releases/1.0.0/")

    assert "A picture is not ours." in body_of(page)
    assert client.get("/releases/1.0.0/files/questions.jsonl").status_code == 403
    assert status_of(client.get("/releases/1.0.0/manifest.json")) == 200
    assert status_of(client_of(world.second).get("/releases/1.0.0/files/questions.jsonl")) == 200


def test_picture_is_served_with_its_type(released, world, client_of):
    item = released.items.exclude(image=None).get()
    bare = released.items.filter(image=None).get()
    client = client_of(world.researcher)

    response = client.get(reverse("releases:picture", args=["1.0.0", item.public_id, "question"]))

    assert response["Content-Type"] == "image/png"
    assert body_of(response).startswith("�PNG")
    assert client.get(reverse("releases:picture", args=["1.0.0", bare.public_id, "question"])).status_code == 404
    outsider = client_of(factories.make_user("outsider"))
    assert outsider.get(reverse("releases:picture", args=["1.0.0", item.public_id, "question"])).status_code == 404


def test_organisers_make_and_publish_a_release_in_the_browser(world, client_of):
    world.approve(2, is_simulated=True)
    first, second = client_of(world.first), client_of(world.second)
    form = {"version": "0.1.0", "title": "Pilot", "calls": [str(world.call.pk)], "notes": ""}

    assert first.post("/releases/new/", form).status_code == 302
    assert "tested by simulated models only" in body_of(first.get("/releases/0.1.0/prepare/"))
    refused = first.post("/releases/0.1.0/freeze/")
    assert (refused.status_code, Release.objects.get().status) == (409, ReleaseStatus.DRAFT)
    assert first.post("/releases/0.1.0/discard/", {"reason": "It must be a demonstration."}).status_code == 302
    assert first.post("/releases/new/", form | {"version": "0.2.0", "is_demonstration": "on"}).status_code == 302
    assert first.post("/releases/0.2.0/freeze/").status_code == 302
    waiting = body_of(first.get("/releases/0.2.0/prepare/", headers={"HX-Request": "true"}))
    assert "data-poll=" in waiting
    freeze.build(Release.objects.get(version="0.2.0"))
    done = body_of(first.get("/releases/0.2.0/prepare/", headers={"HX-Request": "true"}))
    assert "data-poll=" not in done
    assert "another organiser has to publish it" in done
    assert first.post("/releases/0.2.0/publish/").status_code == 409
    assert second.post("/releases/0.2.0/publish/").status_code == 302
    assert "Demonstration only" in body_of(Client().get("/releases/0.2.0/"))


def test_organiser_holds_a_question_back_and_takes_it_in(world, client_of):
    question, _other = world.approve(2)
    world.draft()
    client = client_of(world.second)
    hold = reverse("releases:hold_back", args=["1.0.0", question.pk])

    assert client.get(hold).status_code == 200
    assert client.post(hold, {"reason": ""}).status_code == 400
    assert client.post(hold, {"reason": "Waits for a picture"}).status_code == 302
    assert "Held back: Waits for a picture" in body_of(client.get("/releases/1.0.0/prepare/"))
    assert client.post(reverse("releases:take_in", args=["1.0.0", question.pk])).status_code == 302
    assert "Held back" not in body_of(client.get("/releases/1.0.0/prepare/"))


def test_pages_of_organisers_are_closed_to_others(world, client_of):
    world.approve()
    world.frozen()
    auditor = client_of(factories.make_user("auditor", "auditor"))
    for person in (world.author, world.reviewer, world.senior, world.researcher):
        client = client_of(person)
        assert client.get("/releases/new/").status_code == 403
        assert client.get("/releases/errata/").status_code == 403
        assert client.get("/releases/1.0.0/prepare/").status_code in {403, 404}
        assert client.post("/releases/1.0.0/publish/").status_code in {403, 404}

    assert auditor.get("/releases/1.0.0/prepare/").status_code == 200
    assert auditor.get("/releases/errata/").status_code == 200
    assert auditor.post("/releases/1.0.0/publish/").status_code == 403
    assert Release.objects.get().status == ReleaseStatus.FROZEN


def test_conflicted_organiser_sees_the_handle_only(world, client_of):
    colleague = factories.make_user("colleague", "organiser", institution="North University")
    (question,) = world.approve(prompt=f"{SECRET}, as every school book says?")
    world.draft()

    conflicted = body_of(client_of(colleague).get("/releases/1.0.0/prepare/"))
    impartial = body_of(client_of(world.first).get("/releases/1.0.0/prepare/"))

    assert question.handle in conflicted
    assert [text in conflicted for text in (SECRET, "real models")] == [False, False]
    assert [text in impartial for text in (SECRET, "real models")] == [True, True]


def test_organiser_in_conflict_reads_files_under_the_licence_and_no_report(released, world, client_of):
    close = factories.make_user("close", "organiser", institution="North University")
    words = "REPORT-CANARY: the figure has another sign."
    errata.report(item=released.items.first(), text=words, by=world.researcher)
    file = reverse("releases:download", args=["1.0.0", "data/test-00000-of-00001.parquet"])
    client = client_of(close)

    before = status_of(client.get(file))
    reports = [body_of(client_of(person).get("/releases/errata/?show=all")) for person in (close, world.first)]
    factories.account_actions.accept(user=close, kind=DocumentKind.DATA_LICENCE, version="1")

    assert (before, status_of(client.get(file)), status_of(client_of(world.first).get(file))) == (403, 200, 200)
    assert ["REPORT-CANARY" in page for page in reports] == [False, True]


def test_error_is_reported_and_answered(released, world, client_of):
    item = released.items.first()
    page = reverse("releases:item", args=["1.0.0", item.public_id])
    client = client_of(world.researcher)

    short = client.post(f"{page}report/", {"text": "wrong"})
    assert (short.status_code, Erratum.objects.count()) == (400, 0)
    assert "wrong" in body_of(short)
    assert client.post(f"{page}report/", {"text": "The key misses the case zero."}).status_code == 302
    erratum = Erratum.objects.get()
    desk = client_of(world.second)
    assert "The key misses the case zero." in body_of(desk.get("/releases/errata/"))
    answer = reverse("releases:answer", args=[erratum.pk])
    assert desk.post(answer, {"status": "confirmed", "resolution": ""}).status_code == 409
    assert desk.post(answer, {"status": "confirmed", "resolution": "You are right."}).status_code == 302
    assert "You are right." in body_of(client.get(page))
    assert client_of(world.author).post(answer, {"status": "confirmed"}).status_code == 403


def test_reports_are_hidden_until_confirmed(released, world, client_of):
    item = released.items.first()
    errata.report(item=item, text="The key misses the case zero.", by=world.researcher)
    page = reverse("releases:item", args=["1.0.0", item.public_id])
    client_of(world.author).post(reverse("releases:accept", args=["1.0.0"]), {"is_accepted": "on"})

    assert "case zero" not in body_of(client_of(world.author).get(page))
    assert "case zero" in body_of(client_of(world.researcher).get(page))


def queries_of(client, address):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_lists_take_the_same_queries_for_more_rows(world, client_of):
    world.approve(3)
    client = client_of(world.second)
    seen = []
    for number, version in enumerate(["1.0.0", "1.1.0", "1.2.0"]):
        item = world.published(version).items.order_by("public_id")[number]
        errata.report(item=item, text="The key misses the case zero.", by=world.researcher)
        client.get("/releases/")  # the session and the frame of the page
        seen.append((queries_of(client, "/releases/"), queries_of(client, "/releases/errata/")))

    assert seen[0] == seen[2]
    assert max(seen[0]) <= 14


def test_page_of_a_release_takes_the_same_queries_for_more_rows(world):
    seen = []
    for count, version in ((1, "1.0.0"), (1, "1.1.0"), (3, "1.2.0")):
        world.approve(count)
        world.published(version)
        seen.append(queries_of(Client(), f"/releases/{version}/"))

    assert seen[1] == seen[2] <= 12


def test_hostile_texts_stay_text(world, client_of):
    world.approve(
        prompt="<script>alert(1)</script> What is $1+1$, written <b>plainly</b>?", answer="<img src=x onerror=alert(1)>"
    )
    release = world.published(notes="<script>alert(2)</script>")
    client = client_of(world.researcher)

    pages = body_of(client.get("/releases/1.0.0/")) + body_of(
        client.get(reverse("releases:item", args=["1.0.0", release.items.get().public_id]))
    )

    assert "<script>alert" not in pages
    assert "<img src=x" not in pages


def test_download_is_what_datasets_shows(released, world, client_of, tmp_path):
    import datasets  # takes seconds

    client = client_of(world.researcher)
    for entry in released.manifest["files"]:
        target = tmp_path / entry["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        response = client.get(reverse("releases:download", args=["1.0.0", entry["path"]]))
        target.write_bytes(b"".join(response.streaming_content))

    loaded = datasets.load_dataset(str(tmp_path), split="test", cache_dir=str(tmp_path / "cache"))

    (shown,) = [row for row in loaded if row["image"]]
    with_picture = released.items.exclude(image=None).get()
    assert shown["id"] == with_picture.public_id == selection.public_id(with_picture.question_id)
    assert shown["image_preview"].size == (12, 8)
    stream = io.BytesIO()
    shown["image_preview"].save(stream, "PNG")
    assert stream.getvalue()[:4] == b"\x89PNG"
