"""Answers of the API, held against the schema that it gives of itself."""

import json
import re
from typing import Any

import jsonschema
import pytest
from django.test import Client
from django.urls import reverse

from tests.access.oracle import API, Line, scope_of
from tests.access.walker import Answer, address, call
from tests.access.world import World

pytestmark = pytest.mark.django_db


def nullable(part: Any) -> Any:
    """Return a part of an OpenAPI schema as JSON Schema has it: null is a type of its own."""
    if isinstance(part, list):
        return [nullable(one) for one in part]
    if not isinstance(part, dict):
        return part
    plain = {name: nullable(value) for name, value in part.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if part.get("nullable") else plain


def against_schema(schema: dict[str, Any], line: Line, url: str, answer: Answer) -> list[str]:
    """Return what the schema of an address has against a good answer."""
    patterns = {path: re.sub(r"\{\w+\}", "[^/]+", path.replace("{path}", ".+")) for path in schema["paths"]}
    path = next(path for path, pattern in patterns.items() if re.fullmatch(pattern, url))
    content = schema["paths"][path]["get"]["responses"]["200"]["content"].get("application/json")
    if content is None:
        return []
    rule = {**content["schema"], "components": schema["components"]}
    body = json.loads(answer.body[: answer.body.rindex("}" if answer.body.startswith("{") else "]") + 1])
    errors = jsonschema.Draft202012Validator(rule).iter_errors(body)
    return [f"{line.name} {url}: {error.json_path}: {error.message[:200]}" for error in errors]


def test_answers_are_as_the_schema_says(world: World, clients: dict[str, Client]) -> None:
    accepted = {"Accept": "application/vnd.oai.openapi+json"}
    schema = nullable(json.loads(clients["CO"].get(reverse("schema"), headers=accepted).content))
    readers = {"draft": ("CO",), "review": ("RA", "SR"), "release": ("RS",)}
    lines = [line for line in API if "GET" in line.methods]
    cases = [(line, code) for line in lines for code in readers[scope_of(line.name)]]

    wrong, good = [], 0
    for line, code in cases:
        for place in world.places if line.of_question else [None]:
            url = address(line, world, place, code)
            answer = call(clients[code], "GET", url) if url else None
            if answer and answer.status == 200:
                wrong += against_schema(schema, line, url, answer)
                good += 1

    assert wrong == []
    assert good > 50
