"""Roles, categories of knowledge and token scopes: the closed lists that accounts are described with."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What an account may do beyond contributing, which every verified account may."""

    REVIEWER = "reviewer", _("Reviewer")
    SENIOR_REVIEWER = "senior_reviewer", _("Senior reviewer")
    ORGANISER = "organiser", _("Organiser")
    AUDITOR = "auditor", _("Auditor")
    ADMINISTRATOR = "administrator", _("Administrator")


STAFF_ROLES = frozenset({Role.ORGANISER, Role.AUDITOR, Role.ADMINISTRATOR})


class Field(models.TextChoices):
    """The eight categories, worded as in exported files."""

    MATH = "Math", _("Math")
    BIOLOGY = "Biology/Medicine", _("Biology/Medicine")
    COMPUTING = "Computer Science/AI", _("Computer Science/AI")
    PHYSICS = "Physics", _("Physics")
    HUMANITIES = "Humanities/Social Science", _("Humanities/Social Science")
    CHEMISTRY = "Chemistry", _("Chemistry")
    ENGINEERING = "Engineering", _("Engineering")
    OTHER = "Other", _("Other")


class Scope(models.TextChoices):
    """What a token may do; a token without a scope does nothing."""

    DRAFT = "draft", _("Write and submit own questions")
    REVIEW = "review", _("Review assigned questions")
    RELEASE = "release", _("Download releases")


class DocumentKind(models.TextChoices):
    """What a person accepts, each in numbered versions."""

    CONTRIBUTOR_TERMS = "contributor_terms", _("Contributor terms")
    DATA_LICENCE = "data_licence", _("Licence of released data")
