"""Give the first roles of a new site: works until one administrator and two organisers exist."""

from typing import Any

from allauth.account.models import EmailAddress
from django.core.management.base import BaseCommand, CommandError, CommandParser

from hle_site.accounts import actions
from hle_site.accounts.enums import Role
from hle_site.accounts.models import User


class Command(BaseCommand):
    """`manage.py grant_role E-MAIL ROLE`"""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the account and the role."""
        parser.add_argument("email")
        parser.add_argument("role", choices=Role.values)

    def handle(self, *args: Any, **options: Any) -> None:
        """Grant the role, or say why not."""
        if actions.is_founded():
            raise CommandError(
                "This site has its administrator and two organisers: roles are proposed and confirmed on the site now."
            )
        user = User.objects.filter(email__iexact=options["email"]).first()
        if user is None:
            raise CommandError(
                f"There is no account {options['email']}: sign up on the site first, then run this again."
            )
        if not EmailAddress.objects.filter(user=user, verified=True).exists():
            raise CommandError(f"The address {options['email']} is not verified yet: open the link in the mail first.")
        actions.grant_role(
            user=user, role=options["role"], by=None, reason="first accounts of the site, from the command line"
        )
        self.stdout.write(f"{user.email} is now {options['role']}.")
