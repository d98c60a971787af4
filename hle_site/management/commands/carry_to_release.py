"""Carry imported questions that models could not answer through review to a demonstration release, over HTTP, as different people.

Contributors and reviewers act by token; decisions, freeze and publication by log-in and CSRF token, as the site demands.
For trying a database that `replay` has filled; never for a site that people use.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from grading import checks
from grading.evidence import has_key_alarm
from hle_site.accounts import actions, tokens
from hle_site.accounts.enums import Field, Role, Scope
from hle_site.accounts.models import User
from questions.duplicates import search as duplicates
from questions.enums import Status
from questions.models import Question
from questions.releases import freeze

PEOPLE = {
    "first": (Role.REVIEWER,),
    "second": (Role.REVIEWER,),
    "senior": (Role.REVIEWER, Role.SENIOR_REVIEWER),
    "decider": (Role.ORGANISER,),
    "freezer": (Role.ORGANISER,),
    "publisher": (Role.ORGANISER,),
}
CHECKLIST = ("is_precise", "is_single_answer", "is_not_searchable", "is_not_artificial", "is_safe")
RATIONALE = "Imported without a derivation; the key stands as its source gives it, and the reviewers of this trial compare with it."


class Browser:
    """One person's connection: cookies, CSRF token, perhaps an API token."""

    def __init__(self, port: int, token: str = "") -> None:
        self.connection = HTTPConnection("localhost", port, timeout=120)
        self.cookies: SimpleCookie = SimpleCookie()
        self.token = token

    def send(self, method: str, path: str, body: Any = None, *, is_form: bool = False) -> Any:
        """Send a request and return the JSON of the answer, or its text. Raises CommandError with what the site said."""
        headers = {"Cookie": "; ".join(f"{key}={morsel.value}" for key, morsel in self.cookies.items())}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if "csrftoken" in self.cookies:
            headers["X-CSRFToken"] = self.cookies["csrftoken"].value
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded" if is_form else "application/json"
        data = (urlencode(body) if is_form else json.dumps(body)) if body is not None else None
        self.connection.request(method, path, data, headers)
        answer = self.connection.getresponse()
        text = answer.read().decode(errors="replace")
        self.connection.close()  # the server ends idle connections after two seconds, and others act in between
        for cookie in answer.msg.get_all("Set-Cookie") or []:
            self.cookies.load(cookie)
        if answer.status >= 400:
            raise CommandError(f"{method} {path} was answered with {answer.status}: {text[:300]}")
        return json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text

    def log_in(self, email: str, password: str) -> None:
        """Log in through the page, as a person does."""
        page = self.send("GET", "/accounts/login/")
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert found, "the log-in page has no CSRF token"
        self.send(
            "POST",
            "/accounts/login/",
            {"login": email, "password": password, "csrfmiddlewaretoken": found[1]},
            is_form=True,
        )


class Command(BaseCommand):
    """`manage.py carry_to_release VERSION [--count N]`"""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the version and how many questions to carry."""
        parser.add_argument("version")
        parser.add_argument("--count", type=int, default=20)

    def handle(self, *args: Any, **options: Any) -> None:
        """Carry the questions and say where the release stands."""
        questions = _chosen(options["count"])
        if not questions:
            raise CommandError("No imported question has passed a check: run `replay` first.")
        started = time.monotonic()
        self.password = secrets.token_urlsafe(16)
        people = {name: self._person(name, roles) for name, roles in PEOPLE.items()}
        with _site() as port:
            by_token = {
                name: Browser(port, _token(people[name], Scope.REVIEW)) for name in ("first", "second", "senior")
            }
            owners = {
                user.pk: Browser(port, _token(user, Scope.DRAFT))
                for user in {question.contributor for question in questions}
            }
            by_login = {name: Browser(port) for name in ("decider", "freezer", "publisher")}
            for name, browser in by_login.items():
                browser.log_in(people[name].email, self.password)
            for question in questions:
                self._submit(owners[question.contributor_id], question)
                for name, score in (("first", 4), ("second", 5), ("senior", 5)):
                    _review(by_token[name], question, score)
                if has_key_alarm(question):
                    reason = {"reason": "Two people solved it and came to the key."}
                    by_login["decider"].send(
                        "POST", f"/grading/checks/{question.pk}/clear-alarm/", reason, is_form=True
                    )
                body = {"outcome": "approve", "reason": "Carried by script; two solves match the key."}
                by_login["decider"].send("POST", f"/api/v1/questions/{question.pk}/decide/", body)
            release = freeze.draft(
                version=options["version"],
                title="Trial",
                calls=list({question.call for question in questions}),
                is_demonstration=True,
                by=people["freezer"],
            )
            by_login["freezer"].send("POST", f"/api/v1/releases/{release.version}/freeze/", {})
            release.refresh_from_db()
            if not release.built_at:
                freeze.build(release=release)
            published = by_login["publisher"].send("POST", f"/api/v1/releases/{release.version}/publish/", {})
        release.refresh_from_db()
        self.stdout.write(
            f"{len(questions)} questions went through two rounds, {release.items.count()} are in release {release.version}, "
            f"status {published['status']}, marked as a demonstration: {release.is_demonstration}; "
            f"{time.monotonic() - started:.0f} s"
        )

    def _person(self, name: str, roles: tuple[Role, ...]) -> User:
        email = f"{name}-{secrets.token_hex(4)}@carry.invalid"
        user = User.objects.create_user(email, self.password, name=f"Script {name}", subjects=list(Field.values))
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
        for role in roles:
            actions.grant_role(user=user, role=role, by=None, reason="trial of a replayed database, by script")
        return user

    def _submit(self, owner: Browser, question: Question) -> None:
        path = f"/api/v1/questions/{question.pk}/"
        revision = owner.send("GET", path)["revision"]
        body = {"version": revision["version"], "rationale": RATIONALE, "ai_use_note": "None known."}
        owner.send("PATCH", path, body)
        if has_key_alarm(question):
            checks.confirm_key(question=question, by=question.contributor, reason="By script: the key is on record.")
        owner.send("POST", path + "submit/", {"licence_version": question.call.data_licence.version})


def _chosen(count: int) -> list[Question]:
    """The first imported questions that passed; those near to another are left for a person to look at."""
    passed = Question.objects.filter(status=Status.ELIGIBLE, batch__isnull=False)
    duplicates.finish(passed)
    pairs = duplicates.open_among(passed.values_list("pk", flat=True)).values_list("first", "second")
    near = {pk for pair in pairs for pk in pair}
    return list(passed.exclude(pk__in=near).select_related("call__data_licence").order_by("created_at", "id")[:count])


def _review(reviewer: Browser, question: Question, score: int) -> None:
    round_ = question.rounds.get(settled_at=None)
    place = reviewer.send("POST", f"/api/v1/review/rounds/{round_.pk}/take/", {})
    path = f"/api/v1/review/assignments/{place['id']}/"
    if place["asks_for_solve"]:
        reviewer.send("POST", path + "solve/", {"answer": question.newest.answer, "confidence": 90})
    body = {
        "score": score,
        "depth": "solved",
        "feedback": "Solved by script with the key of the source; the forms were checked.",
    }
    reviewer.send("POST", path + "submit/", body | dict.fromkeys(CHECKLIST, True))


def _token(user: User, scope: Scope) -> str:
    _row, key = tokens.create(by=user, name="trial", scopes=[scope], expires_at=timezone.now() + timedelta(hours=2))
    return key


@contextmanager
def _site() -> Iterator[int]:
    """The site's own web server on a socket that is bound before it starts."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        number, port = listener.fileno(), listener.getsockname()[1]
        with (Path(folder) / "web.log").open("wb") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "gunicorn",
                    "hle_site.wsgi",
                    "-b",
                    f"fd://{number}",
                    "--threads",
                    "4",
                    "--log-level",
                    "warning",
                ],
                cwd=settings.BASE_DIR,
                env={**os.environ, "ALLOWED_HOSTS": "localhost", "REQUIRE_STAFF_FACTOR": "0"},
                pass_fds=(number,),
                stdout=log,
                stderr=log,
            )
        try:
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
