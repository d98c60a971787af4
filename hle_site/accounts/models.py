"""People: accounts, roles, affiliations, conflicts, accepted documents and API tokens. Knows nothing of questions."""

import uuid
from typing import NamedTuple

import rules
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, Q
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from hle_site import lookups
from hle_site.accounts.enums import STAFF_ROLES, DocumentKind, Field, Role, Scope


class Held(NamedTuple):
    """What an account holds now: its roles, the licence of released data, a second factor."""

    roles: frozenset[str] = frozenset()
    has_licence: bool = False
    has_factor: bool = False


class UserManager(BaseUserManager["User"]):
    """Creates accounts by e-mail; there is no superuser."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        """Create an account with a usable password, or none."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, email: str | None) -> "User":
        """Find an account by its address, whatever its case."""
        return self.get(email__iexact=email)


class User(AbstractBaseUser):
    """One person's account. Rights come from roles and rules only, so nobody is above them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=120)
    credit_name = models.CharField(_("name in credits"), max_length=120, blank=True)
    is_credited = models.BooleanField(_("show my name with released questions"), default=True)
    orcid = models.CharField("ORCID", max_length=19, blank=True)
    subjects = ArrayField(
        models.CharField(max_length=40, choices=Field.choices), verbose_name=_("subjects"), default=list, blank=True
    )
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    is_active = models.BooleanField(default=True)
    is_demonstration = models.BooleanField(default=False)
    joined_at = models.DateTimeField(default=timezone.now)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []

    def __str__(self) -> str:
        return self.name or self.email

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Ask the one permission table; an inactive account has no right."""
        if not self.is_active:
            return False
        with lookups.shared():
            return rules.has_perm(perm, self, obj)

    @cached_property
    def held(self) -> Held:
        """What the rules ask of an account again and again, in one look-up."""
        roles = ArraySubquery(self.grants.filter(revoked_at=None).values("role"))
        licence = Exists(self.acceptances.filter(kind=DocumentKind.DATA_LICENCE))
        factor = Exists(self.authenticator_set.all())
        found = User.objects.filter(pk=self.pk).values_list(roles, licence, factor).first()
        return Held(frozenset(found[0]), *found[1:]) if found else Held()

    @property
    def roles(self) -> frozenset[str]:
        """The roles held now."""
        return self.held.roles if self.is_active else frozenset()

    def has_role(self, *roles: str) -> bool:
        """True when at least one of the roles is held."""
        return not self.roles.isdisjoint(roles)

    @property
    def is_staff_member(self) -> bool:
        """True for the roles that need a second factor."""
        return not self.roles.isdisjoint(STAFF_ROLES)

    @property
    def is_researcher(self) -> bool:
        """True once the licence of released data is accepted."""
        return self.held.has_licence

    @property
    def public_name(self) -> str:
        """The name for credits, by consent."""
        return (self.credit_name or self.name) if self.is_credited else ""


class RoleGrant(models.Model):
    """A role given to a person by somebody, perhaps taken back."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="grants")
    role = models.CharField(max_length=20, choices=Role.choices)
    reason = models.CharField(max_length=300)
    granted_at = models.DateTimeField(default=timezone.now)
    granted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "role"], condition=Q(revoked_at=None), name="one_live_grant"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.role} of {self.user_id}"


class RoleProposal(models.Model):
    """A role change that one administrator or organiser proposes and another administrator confirms."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="proposals")
    role = models.CharField(max_length=20, choices=Role.choices)
    is_removal = models.BooleanField(default=False)
    reason = models.CharField(max_length=300)
    proposed_at = models.DateTimeField(default=timezone.now)
    proposed_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    is_confirmed = models.BooleanField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "role"], condition=Q(decided_at=None), name="one_open_proposal"),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=models.F("proposed_by")), name="proposal_needs_two_people"
            ),
        ]

    def __str__(self) -> str:
        return f"{'-' if self.is_removal else '+'}{self.role} for {self.user_id}"


class Affiliation(models.Model):
    """Where a person works or worked; decides conflicts of interest."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="affiliations")
    institution = models.CharField(_("institution"), max_length=200)
    institution_key = models.CharField(max_length=200, editable=False, db_index=True)
    ended_at = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "institution_key"], name="affiliation_once")]

    def __str__(self) -> str:
        return self.institution


class Conflict(models.Model):
    """A declared conflict of interest with a person, an institution or one question (by id, as this floor knows no questions)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="conflicts")
    other = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="conflicts_named")
    institution_key = models.CharField(max_length=200, blank=True)
    question_id = models.UUIDField(null=True, blank=True, db_index=True)
    reason = models.CharField(max_length=300, blank=True)
    declared_at = models.DateTimeField(default=timezone.now)
    declared_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(other__isnull=False) | ~Q(institution_key="") | Q(question_id__isnull=False),
                name="conflict_names_something",
            )
        ]

    def __str__(self) -> str:
        return f"conflict of {self.user_id}"


class Acceptance(models.Model):
    """The version of a document that a person accepted, and when."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="acceptances")
    kind = models.CharField(max_length=20, choices=DocumentKind.choices)
    version = models.CharField(max_length=20)
    accepted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "kind", "version"], name="acceptance_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.version}"


class ApiToken(models.Model):
    """A key for the API: shown once, stored as a hash, limited by scope and date."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(_("name"), max_length=80)
    scopes = ArrayField(models.CharField(max_length=12, choices=Scope.choices))
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name
