"""What people do with accounts: roles by two people, affiliations, acceptance of documents."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hle_site.accounts.conflicts import institution_key
from hle_site.accounts.enums import Role
from hle_site.accounts.models import Acceptance, Affiliation, Conflict, RoleGrant, RoleProposal, User
from hle_site.audit import log

FOUNDERS = {Role.ADMINISTRATOR: 1, Role.ORGANISER: 2}


class RoleRefused(Exception):
    """The role cannot be given this way; the message says why."""


def is_founded() -> bool:
    """Return whether the first administrator and the first two organisers exist, so that roles go through the site."""
    held = RoleGrant.objects.filter(revoked_at=None)
    return all(held.filter(role=role).count() >= count for role, count in FOUNDERS.items())


@transaction.atomic
def grant_role(*, user: User, role: str, by: Any, reason: str) -> RoleGrant:
    """Give a role; the caller has made sure that it may. Giving it twice changes nothing."""
    grant, is_new = RoleGrant.objects.get_or_create(
        user=user, role=role, revoked_at=None, defaults={"granted_by": by, "reason": reason}
    )
    if is_new:
        log.record("role.grant", by=by, on=user, after=role, reason=reason)
    user.__dict__.pop("held", None)
    return grant


@transaction.atomic
def revoke_role(*, user: User, role: str, by: Any, reason: str) -> None:
    """Take a role away."""
    taken = RoleGrant.objects.filter(user=user, role=role, revoked_at=None).update(
        revoked_at=timezone.now(), revoked_by=by
    )
    if taken:
        log.record("role.revoke", by=by, on=user, before=role, reason=reason)
    user.__dict__.pop("held", None)


@transaction.atomic
def propose_role(*, user: User, role: str, by: Any, reason: str, is_removal: bool = False) -> RoleProposal:
    """Propose that a role be given or taken; an administrator who did not propose it confirms."""
    if not by.has_perm("accounts.propose_role"):
        raise PermissionDenied("accounts.propose_role")
    if RoleProposal.objects.filter(user=user, role=role, decided_at=None).exists():
        raise RoleRefused(_("This change is already proposed and waits for an administrator."))
    if user.has_role(role) != is_removal:
        raise RoleRefused(_("Nothing would change: the account has the role already, or does not have it."))
    proposal = RoleProposal.objects.create(user=user, role=role, is_removal=is_removal, reason=reason, proposed_by=by)
    log.record("role.propose", by=by, on=user, after=role, reason=reason)
    return proposal


@transaction.atomic
def decide_role(*, proposal: RoleProposal, by: Any, is_confirmed: bool) -> RoleProposal:
    """Confirm or refuse a proposal; never one's own, never for oneself."""
    if not by.has_perm("accounts.confirm_role"):
        raise PermissionDenied("accounts.confirm_role")
    locked = RoleProposal.objects.select_for_update().select_related("user").get(pk=proposal.pk)
    if locked.decided_at:
        raise RoleRefused(_("Somebody has decided on this proposal in the meantime."))
    if by.pk in {locked.proposed_by_id, locked.user_id}:
        raise RoleRefused(
            _("A role change needs two people: you cannot confirm your own proposal, nor a role for yourself.")
        )
    locked.decided_at, locked.decided_by, locked.is_confirmed = timezone.now(), by, is_confirmed
    locked.save(update_fields=["decided_at", "decided_by", "is_confirmed"])
    if is_confirmed:
        act = revoke_role if locked.is_removal else grant_role
        act(user=locked.user, role=locked.role, by=by, reason=locked.reason)
    else:
        log.record("role.refuse", by=by, on=locked.user, after=locked.role)
    return locked


@transaction.atomic
def save_profile(*, user: User, form: Any) -> None:
    """Save a valid profile form and the institution that it names."""
    form.save()
    set_institution(user=user, institution=form.cleaned_data["institution"])


@transaction.atomic
def set_institution(*, user: User, institution: str) -> None:
    """Make one institution the current one; earlier ones end today and count for three more years."""
    key = institution_key(institution)
    Affiliation.objects.filter(user=user, ended_at=None).exclude(institution_key=key).update(
        ended_at=timezone.now().date()
    )
    if key:
        Affiliation.objects.update_or_create(
            user=user, institution_key=key, defaults={"institution": institution.strip(), "ended_at": None}
        )


@transaction.atomic
def declare_conflict(
    *, user: User, by: Any, other: User | None = None, institution: str = "", question_id: Any = None, reason: str = ""
) -> Conflict:
    """Declare a conflict of interest of `user`; it holds from this commit on."""
    conflict = Conflict.objects.create(
        user=user,
        other=other,
        institution_key=institution_key(institution),
        question_id=question_id,
        reason=reason,
        declared_by=by,
    )
    log.record("conflict.declare", by=by, on=conflict)
    return conflict


@transaction.atomic
def accept(*, user: User, kind: str, version: str) -> Acceptance:
    """Record that the user accepted a version of a document."""
    acceptance, is_new = Acceptance.objects.get_or_create(user=user, kind=kind, version=version)
    if is_new:
        log.record("document.accept", by=user, on=user, after=f"{kind} {version}")
    user.__dict__.pop("held", None)
    return acceptance
