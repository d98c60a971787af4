"""A site as it stood some migrations ago: `python -m tests.kept_data write` brings a database there and fills it.

`read` says as JSON what today's site shows of it. A process of its own, because models of two ages meet here.
"""

import json
import sys
from typing import Any

import django
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.test.utils import setup_test_environment
from django.urls import reverse
from django.utils import timezone

from hle_site.accounts.enums import DocumentKind

PREVIOUS = {
    "questions": "0004_frozen_releases",
    "grading": "0002_parking_and_alarms",
    "review": "0002_rounds_and_answers",
}
PROMPT = "Which number did the site keep through its migrations?"
HASH = "a" * 64


def write() -> None:
    """Bring an empty database to the previous state and put a passed check into it, through the models of that time."""
    executor = MigrationExecutor(connection)
    latest = [key for key in executor.loader.graph.leaf_nodes() if key[0] not in PREVIOUS]
    targets = [*PREVIOUS.items(), *latest]
    needed = [key for key in targets if not _reaches_further(executor, key)]
    executor.migrate(needed)
    old = MigrationExecutor(connection).loader.project_state(needed).apps

    def make(name: str, /, **fields: Any) -> Any:
        return old.get_model(name).objects.create(**fields)

    author = make("accounts.User", email="author@example.org", name="Author", password="!")
    documents = {kind: make("questions.Terms", kind=kind, version="1", text="Be fair.") for kind in DocumentKind.values}
    call = make(
        "questions.Call",
        slug="first-call",
        title="First call",
        is_default=True,
        opens_at=timezone.now(),
        contributor_terms=documents[DocumentKind.CONTRIBUTOR_TERMS],
        data_licence=documents[DocumentKind.DATA_LICENCE],
    )
    question = make("questions.Question", call=call, contributor=author, status="eligible")
    text = {"prompt": PROMPT, "answer": "192", "tested_hash": HASH, "supporting_hash": HASH}
    revision = make("questions.Revision", question=question, number=1, created_by=author, **text)
    provider = make("grading.Provider", slug="elder", name="Elder", base_url_env="SIMULATOR_URL", is_simulated=True)
    model = make("grading.ModelSpec", provider=provider, name="elder-model", label="elder-model")
    panel = make("grading.Panel", slug="elder", title="Elder panel", judge=model)
    make("grading.PanelMember", panel=panel, model=model, wave=1, position=0)
    policy = make("grading.Policy", version="elder-1")
    make("grading.CallPanel", call=call, panel=panel, policy=policy)
    kept = {"panel": panel, "revision": revision, "tested_hash": HASH}
    versions = {"prompt_version": "1", "matcher_version": "1", "judge_version": "1"}
    ended = {"status": "passed", "settled_at": timezone.now(), "is_simulated": True}
    make("grading.DifficultyCheck", question=question, policy=policy, **kept, **versions, **ended)
    answered = {"state": "settled", "outcome": "answer", "answer": "7", "verdict": "incorrect", "decided_by": "matcher"}
    make("grading.Prediction", model=model, wave=1, **kept, **answered)


def _reaches_further(executor: MigrationExecutor, key: tuple[str, str]) -> bool:
    before = executor.loader.graph.forwards_plan(key)
    return any(app in PREVIOUS and name > PREVIOUS[app] for app, name in before)


def read() -> dict[str, Any]:
    """Return what today's models and pages make of the kept rows."""
    from grading.evidence import stands  # today's models load after `django.setup`
    from grading.models import Prediction
    from hle_site.accounts.models import User
    from questions.models import Question

    setup_test_environment()
    question, client = Question.objects.get(), Client()
    client.force_login(User.objects.get(email="author@example.org"), backend=settings.AUTHENTICATION_BACKENDS[0])
    pages = [
        client.get(reverse("questions:list")),
        client.get(reverse("questions:detail", args=[question.pk])),
        client.get(reverse("grading:check", args=[question.pk])),
        client.get(reverse("questions:submit", args=[question.pk])),
    ]
    return {
        "status": question.status,
        "check_stands": stands(question, question.newest),
        "answers": list(Prediction.objects.values_list("answer", "verdict", "model__name")),
        "panel": question.call.panel_choice.panel.slug,
        "pages": [page.status_code for page in pages],
        "shows": [PROMPT in page.content.decode() for page in pages[:2]],
        "shows_model": "elder-model" in pages[2].content.decode(),
    }


if __name__ == "__main__":
    django.setup()
    if sys.argv[1] == "write":
        write()
    else:
        sys.stdout.write(json.dumps(read()))
