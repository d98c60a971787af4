"""A mail backend that keeps mails in the database: the demo and the tests have no mail server."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from hle_site.notifications.models import DemoMail


class MailboxBackend(BaseEmailBackend):
    """Stores each message as a DemoMail row."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Store the messages and return how many."""
        rows = [
            DemoMail(
                recipients=", ".join(message.recipients()),
                sender=str(message.from_email),
                subject=str(message.subject),
                body=str(message.body),
            )
            for message in email_messages
        ]
        DemoMail.objects.bulk_create(rows)
        return len(rows)
