"""A system check: the encoder that the site names is there. Seen without loading it; the pages work without it."""

from typing import Any

from django.conf import settings
from django.core import checks

from questions.duplicates import embedders


@checks.register
def embedder_is_there(**_kwargs: Any) -> list[checks.CheckMessage]:
    """Warn when this process could not load the encoder. A site whose worker alone can may silence questions.W001."""
    problem = embedders.problem_of(settings.DUPLICATE_EMBEDDER)
    return [checks.Warning(problem, id="questions.W001")] if problem else []
