"""What the contributor reads of reviews and decisions, and answers to them."""

from dataclasses import asdict
from typing import Any

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hle_site.accounts.enums import Scope
from hle_site.accounts.tokens import HasScope, SessionOnly
from hle_site.api_fields import Text
from questions.models import Question
from review import actions, presenters
from review.api.shapes import LONGEST, FeedbackItemSerializer, MessageSerializer, read
from review.enums import Audience
from review.models import Appeal, Round


class RoundFeedbackSerializer(serializers.Serializer[presenters.RoundFeedback]):
    """The feedback of one closed round."""

    number = serializers.IntegerField()
    label = serializers.CharField()
    revision = serializers.IntegerField()
    on = serializers.DateField()
    outcome_label = serializers.CharField()
    items = FeedbackItemSerializer(many=True)
    messages = MessageSerializer(many=True)


class NewsSerializer(serializers.Serializer[presenters.DecisionNews]):
    """A decision as the contributor reads it."""

    label = serializers.CharField()
    reason = serializers.CharField()
    code = serializers.CharField()
    on = serializers.DateField()


class AppealSerializer(serializers.ModelSerializer[Appeal]):
    """The one objection to a decision."""

    text = Text(max_length=LONGEST)

    class Meta:
        model = Appeal
        fields = ["text", "status", "filed_at"]
        read_only_fields = ["status", "filed_at"]


class FeedbackSerializer(serializers.Serializer[Any]):
    """What the contributor is told."""

    rounds = RoundFeedbackSerializer(many=True)
    decisions = NewsSerializer(many=True)


class ReplySerializer(serializers.Serializer[Any]):
    """A message to the reviewers of a closed round."""

    text = Text(max_length=LONGEST)


class _OfOwnQuestion(APIView):
    permission_classes = [HasScope]
    scope = Scope.DRAFT

    def question(self, permission: str) -> Question:
        """Return the reader's own question that the address names."""
        user: Any = self.request.user
        question = get_object_or_404(Question.objects.visible_to(user).owned_by(user), pk=self.kwargs["pk"])
        if not user.has_perm(permission, question):
            raise PermissionDenied
        return question


class FeedbackView(_OfOwnQuestion):
    """Feedback to the contributor."""

    @extend_schema(responses=FeedbackSerializer, operation_id="questions_feedback")
    def get(self, request: Request, pk: Any) -> Response:
        """Return the reviews of closed rounds, the messages beside them and the decisions, without names."""
        question = self.question("review.view_feedback")
        told = {
            "rounds": [asdict(row) for row in presenters.feedback(question)],
            "decisions": [asdict(row) for row in presenters.decision_news(question)],
        }
        return Response(FeedbackSerializer(told).data)


class ReplyView(_OfOwnQuestion):
    """The contributor's reply to a round."""

    @extend_schema(request=ReplySerializer, responses={201: RoundFeedbackSerializer}, operation_id="questions_reply")
    def post(self, request: Request, pk: Any, number: int) -> Response:
        """Answer the reviewers of the closed round of that number."""
        question = self.question("review.comment_to_contributor")
        told = Round.objects.released_to_contributor().select_related("question")
        round_ = get_object_or_404(told, question=question, number=number)
        said = read(request, ReplySerializer)
        actions.comment(round_=round_, by=request.user, audience=Audience.CONTRIBUTOR, text=said["text"])
        row = next(row for row in presenters.feedback(question) if row.number == number)
        return Response(RoundFeedbackSerializer(asdict(row)).data, status=status.HTTP_201_CREATED)


class AppealView(_OfOwnQuestion):
    """The contributor's objection to a decision: for the signed-in person, since a token's rights end with the feedback."""

    permission_classes = [SessionOnly]

    @extend_schema(request=AppealSerializer, responses={201: AppealSerializer}, operation_id="questions_appeal")
    def post(self, request: Request, pk: Any) -> Response:
        """Object to the decision, once per question; an organiser who was not involved answers."""
        question = self.question("review.file_appeal")
        appeal = actions.file_appeal(question=question, by=request.user, **read(request, AppealSerializer))
        return Response(AppealSerializer(appeal).data, status=status.HTTP_201_CREATED)
