"""Names under which people and questions appear to those who may not know the real ones."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from questions.models import Question
from review.models import Round


def pseudonym(question: Question, user: Any) -> str:
    """Return the name under which a reviewer appears to colleagues: the same through one question, another in the next."""
    message = f"{question.pk}:{user.pk}".encode()
    digest = hmac.new(settings.PSEUDONYM_KEY.encode(), message, hashlib.sha256).digest()
    return _("Reviewer %(number)d") % {"number": 100 + int.from_bytes(digest[:4]) % 9900}


def pool_handle(round_: Round, user: Any) -> str:
    """Return the short name of a pool card, another one for each reader."""
    message = f"pool:{round_.pk}:{user.pk}".encode()
    return "P-" + hmac.new(settings.PSEUDONYM_KEY.encode(), message, hashlib.sha256).hexdigest()[:6].upper()
