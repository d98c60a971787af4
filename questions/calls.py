"""The default call that every site starts with; organisers change it or add others."""

from typing import Any

from django.utils import timezone

from hle_site.accounts.enums import DocumentKind, Field
from questions.models import Call, Category, Terms

TERMS = """You submit your own work, or work that you may submit, and nothing that is confidential.

You let the organisers test it against language models, have it reviewed, edit its form with you, and publish it under the licence of the released data with the credit that you choose.

Questions that may help to cause mass harm are not accepted.
"""
LICENCE = """Released questions are available under the MIT licence.

Please do not publish them where they can be collected as training data, and keep the canary string with every copy.
"""


def ensure_default_call(**_kwargs: Any) -> Call:
    """Create the default call with its terms and eight categories, once."""
    terms, _new = Terms.objects.get_or_create(
        kind=DocumentKind.CONTRIBUTOR_TERMS, version="1", defaults={"text": TERMS}
    )
    licence, _new = Terms.objects.get_or_create(kind=DocumentKind.DATA_LICENCE, version="1", defaults={"text": LICENCE})
    call, is_new = Call.objects.get_or_create(
        is_default=True,
        defaults={
            "slug": "first-call",
            "title": "First call for questions",
            "description": "Questions at the frontier of human knowledge: precise, original, with one short answer that can be checked.",
            "opens_at": timezone.now(),
            "contributor_terms": terms,
            "data_licence": licence,
        },
    )
    if is_new:
        Category.objects.bulk_create(Category(call=call, name=name) for name in Field.values)
    return call
