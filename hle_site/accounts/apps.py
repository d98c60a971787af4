from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "hle_site.accounts"
    label = "accounts"
