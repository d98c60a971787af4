"""What the contributor reads of reviews and decisions."""

from dataclasses import asdict
from typing import Any

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hle_site.accounts.enums import Scope
from hle_site.accounts.tokens import HasScope
from questions.models import Question
from review import presenters


class FeedbackItemSerializer(serializers.Serializer[presenters.FeedbackItem]):
    """One review as the contributor reads it."""

    on = serializers.DateField()
    score = serializers.IntegerField()
    level = serializers.CharField()
    depth = serializers.CharField()
    doubts = serializers.ListField(child=serializers.CharField())
    feedback = serializers.CharField()
    solve = serializers.CharField()


class RoundFeedbackSerializer(serializers.Serializer[presenters.RoundFeedback]):
    """The feedback of one closed round."""

    number = serializers.IntegerField()
    label = serializers.CharField()
    revision = serializers.IntegerField()
    on = serializers.DateField()
    outcome_label = serializers.CharField()
    items = FeedbackItemSerializer(many=True)


class NewsSerializer(serializers.Serializer[presenters.DecisionNews]):
    """A decision as the contributor reads it."""

    label = serializers.CharField()
    reason = serializers.CharField()
    code = serializers.CharField()
    on = serializers.DateField()


class FeedbackSerializer(serializers.Serializer[Any]):
    """What the contributor is told."""

    rounds = RoundFeedbackSerializer(many=True)
    decisions = NewsSerializer(many=True)


class FeedbackView(APIView):
    """Feedback to the contributor."""

    permission_classes = [HasScope]
    scope = Scope.DRAFT

    @extend_schema(responses=FeedbackSerializer, operation_id="questions_feedback")
    def get(self, request: Request, pk: Any) -> Response:
        """Return the reviews of closed rounds and the decisions, without names."""
        user: Any = request.user
        question = get_object_or_404(Question.objects.visible_to(user).owned_by(user), pk=pk)
        if not user.has_perm("review.view_feedback", question):
            raise PermissionDenied
        told = {
            "rounds": [asdict(row) for row in presenters.feedback(question)],
            "decisions": [asdict(row) for row in presenters.decision_news(question)],
        }
        return Response(FeedbackSerializer(told).data)
