from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "hle_site.notifications"
    label = "notifications"
