"""Decisions: for signed-in organisers, never by token."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hle_site.accounts.tokens import SessionOnly
from hle_site.api_fields import Text
from questions.enums import ReasonCode
from questions.models import Question
from review import actions
from review.api.shapes import LONGEST, read
from review.enums import DecisionOutcome
from review.models import Decision


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    """A decision of an organiser."""

    outcome = serializers.ChoiceField(choices=DecisionOutcome.choices)
    reason = Text(max_length=LONGEST)
    reason_code = serializers.ChoiceField(choices=ReasonCode.choices, required=False, allow_blank=True)

    class Meta:
        model = Decision
        fields = ["id", "outcome", "reason", "reason_code", "at"]
        read_only_fields = ["id", "at"]


class DecisionView(APIView):
    """Deciding: for signed-in organisers, never by token."""

    permission_classes = [SessionOnly]

    @extend_schema(request=DecisionSerializer, responses={201: DecisionSerializer}, operation_id="questions_decide")
    def post(self, request: Request, pk: Any) -> Response:
        """Decide over a question that waits for it."""
        user: Any = request.user
        question = get_object_or_404(Question.objects.visible_to(user), pk=pk)
        if not user.has_perm("review.decide", question):
            raise PermissionDenied
        decision = actions.decide(question=question, by=user, **read(request, DecisionSerializer))
        return Response(DecisionSerializer(decision).data, status=status.HTTP_201_CREATED)
