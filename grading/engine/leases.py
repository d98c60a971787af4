"""The lease of a worker process: a row that beats. What a dead worker held is free again; a fence refuses its late writes."""

from __future__ import annotations

import os
import socket
import threading
import uuid

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models.functions import Now

from grading.models import Worker

logger = structlog.get_logger(__name__)


def sign_on() -> uuid.UUID:
    """Create the row of this process."""
    return Worker.objects.create(name=f"{socket.gethostname()}:{os.getpid()}"[:120]).pk


def beat(worker_id: uuid.UUID) -> None:
    """Say that the process is alive, by the database's clock."""
    Worker.objects.filter(pk=worker_id).update(beat_at=Now())


def sign_off(worker_id: uuid.UUID) -> None:
    """Free at once whatever the process still held."""
    Worker.objects.filter(pk=worker_id).update(stopped_at=Now())


class Heart(threading.Thread):
    """Beats until stopped; a failed beat is logged and tried again at the next interval."""

    def __init__(self, worker_id: uuid.UUID) -> None:
        super().__init__(name="heart", daemon=True)
        self.worker_id = worker_id
        self._stop_event = threading.Event()

    def run(self) -> None:
        """Beat."""
        while not self._stop_event.wait(settings.HEARTBEAT_INTERVAL_S):
            try:
                beat(self.worker_id)
            except DatabaseError as error:
                logger.warning("beat_failed", error=type(error).__name__)
            finally:
                connection.close()

    def stop(self) -> None:
        """End the thread."""
        self._stop_event.set()
        self.join(5)
