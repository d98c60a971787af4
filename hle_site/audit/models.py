"""The audit log: append-only, chained by hash, without foreign keys, so that nothing that is erased touches it."""

from django.db import models

from hle_site.audit.querysets import AuditEventQuerySet


class AuditEvent(models.Model):
    """One act. Holds ids and hashes, never text, names or addresses."""

    sequence = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    actor_id = models.UUIDField(null=True, db_index=True)
    acted_as_id = models.UUIDField(null=True)
    action = models.CharField(max_length=60, db_index=True)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=64, db_index=True)
    before = models.CharField(max_length=80, blank=True)
    after = models.CharField(max_length=80, blank=True)
    reason_hash = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering = ["sequence"]

    def __str__(self) -> str:
        return f"{self.sequence} {self.action}"


class AuditReason(models.Model):
    """The words behind a reason hash; may be erased without breaking the chain."""

    event = models.OneToOneField(
        AuditEvent, on_delete=models.DO_NOTHING, db_constraint=False, related_name="reason", primary_key=True
    )
    text = models.TextField()

    def __str__(self) -> str:
        return f"reason of {self.event_id}"
