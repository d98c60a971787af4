"""Every setting of the site, read once from the environment. `HLE_MODE` is set by `demo` and `test` only; unset means production."""

import sys
from datetime import timedelta
from pathlib import Path

import structlog
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from hle_site.variables import Env, broker_address, log_level

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()

HLE_MODE = env.str("HLE_MODE", default="production")
if HLE_MODE not in {"production", "demo", "test"}:
    sys.exit(f"HLE_MODE is {HLE_MODE!r}; leave it unset in production, only demo and test set it.")
IS_DEMO = HLE_MODE == "demo"
IS_PRODUCTION = HLE_MODE == "production"

DEBUG = False
SITE_NAME = env.str("SITE_NAME", default="Open Frontier Exam")
SITE_URL = env.str("SITE_URL", default="http://localhost")

# --- secrets: no defaults, so that a site without them does not start ---
SECRET_KEY = env.str("SECRET_KEY")
RELEASE_KEY = env.str("RELEASE_KEY")  # keyed hash of release ids and split labels
PSEUDONYM_KEY = env.str("PSEUDONYM_KEY")  # keyed hash of per-question pseudonyms

# --- web ---
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost"] if not IS_PRODUCTION else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
ROOT_URLCONF = "hle_site.urls"
WSGI_APPLICATION = "hle_site.wsgi.application"
SECURE_SSL_REDIRECT = IS_PRODUCTION
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # probes come from inside, without TLS
BEHIND_TLS_PROXY = env.bool("BEHIND_TLS_PROXY", default=False)
PROXIES = 1 if BEHIND_TLS_PROXY else 0  # whose word on a visitor's address counts for the limits of tries
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS_PROXY else None
SECURE_HSTS_SECONDS = 31_536_000 if IS_PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_PRODUCTION
SECURE_HSTS_PRELOAD = IS_PRODUCTION
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PRODUCTION
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = int(timedelta(days=14).total_seconds())
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
    }
}

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "django_filters",
    "django_htmx",
    "template_partials",
    "django_structlog",
    "csp",
    "rules",
    "hle_site.accounts",
    "hle_site.audit",
    "hle_site.notifications",
    "questions",
    "grading",
    "review",
    "hle_site.apps.SiteConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "hle_site.bodies.BodyLimitMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "hle_site.request_log.RequestLogMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",  # deny first: a view is open only when it says so
    "hle_site.accounts.middleware.NoStoreMiddleware",
    "hle_site.accounts.middleware.StaffFactorMiddleware",
    "hle_site.accounts.middleware.FormErrorMiddleware",
    "hle_site.accounts.middleware.SharedLookupsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "hle_site.views.site_context",
            ],
            "builtins": [
                "hle_site.templatetags.ui",
                "django.templatetags.i18n",
                "template_partials.templatetags.partials",
            ],
        },
    }
]

# --- database and broker ---
DATABASES = {"default": env.db("DATABASE_URL")}
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
DATABASES["default"]["TEST"] = {"TEMPLATE": env.str("HLE_TEST_TEMPLATE", default="template1")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.get_value("REDIS_URL", cast=broker_address)
# Celery names a unix socket redis+socket://, redis-py unix://
CACHE_URL = REDIS_URL.replace("redis+socket://", "unix://").replace("?virtual_host=", "?db=")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CACHE_URL,
        "KEY_PREFIX": "hle",
    }
}

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": "hle:", "visibility_timeout": 3600}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
# what needs an encoder goes to a queue of its own, so that one worker with its library can serve it
CELERY_TASK_ROUTES = {"questions.tasks.embed_texts": {"queue": "embeddings"}}
SWEEP_INTERVAL_S = env.float("SWEEP_INTERVAL_S", default=30.0)
HEARTBEAT_INTERVAL_S = env.float("HEARTBEAT_INTERVAL_S", default=15.0)
WORKER_DEAD_AFTER_S = env.float("WORKER_DEAD_AFTER_S", default=60.0)
CALLS_IN_FLIGHT = env.int("CALLS_IN_FLIGHT", default=512)  # most model calls of one worker process at a time
PARK_RETRY_S = env.list("PARK_RETRY_S", cast=float, default=[120.0, 300.0, 900.0, 1800.0])
PROVIDER_PAUSE_S = env.float("PROVIDER_PAUSE_S", default=5.0)  # between two probes of a provider that fails
STOP_CANCELS_YOUNGER_S = env.float("STOP_CANCELS_YOUNGER_S", default=0.0)  # a stopping worker's calls; 0: all may end

# --- accounts ---
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
if HLE_MODE == "test":
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *PASSWORD_HASHERS]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
ALLAUTH_TRUSTED_PROXY_COUNT = PROXIES
ACCOUNT_ADAPTER = "hle_site.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_SIGNUP_FORM_CLASS = "hle_site.accounts.forms.SignupForm"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = False
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
REQUIRE_STAFF_FACTOR = env.bool("REQUIRE_STAFF_FACTOR", default=not IS_DEMO)

# --- mail ---
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="no-reply@localhost")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
if IS_PRODUCTION:
    vars().update(env.email("EMAIL_URL"))
    EMAIL_TIMEOUT = 20
else:
    EMAIL_BACKEND = "hle_site.notifications.mailbox.MailboxBackend"

# --- files ---
STATE_DIR = Path(env.str("HLE_STATE_DIR", default=str(BASE_DIR / ".state")))
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", default=str(STATE_DIR / "media")))
STORAGE_BUCKET = env.str("STORAGE_BUCKET", default="")
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(MEDIA_ROOT), "base_url": None},
    },
    "staticfiles": {"BACKEND": "hle_site.statics.StaticFiles"},
}
if STORAGE_BUCKET:
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": STORAGE_BUCKET,
            "endpoint_url": env.str("STORAGE_ENDPOINT_URL", default="") or None,
            "access_key": env.str("STORAGE_ACCESS_KEY"),
            "secret_key": env.str("STORAGE_SECRET_KEY"),
            "region_name": env.str("STORAGE_REGION", default="") or None,
            "signature_version": "s3v4",
            "default_acl": "private",
            "file_overwrite": False,
            "querystring_expire": 60,
        },
    }
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(STATE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
if not IS_PRODUCTION:
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    WHITENOISE_USE_FINDERS = True
    STATIC_ROOT = None  # nothing is collected: files come from where they lie

# --- providers and budgets ---
PROVIDER_HOSTS = env.list("PROVIDER_HOSTS", default=[])  # hosts that a provider's address may name
SIMULATOR_URL = env.str("SIMULATOR_URL", default="")
SIMULATOR_TOKEN = env.str("SIMULATOR_TOKEN", default="")
CHECKS_PER_DAY = env.int("CHECKS_PER_DAY", default=20)
TRIES_PER_FAMILY = env.int("TRIES_PER_FAMILY", default=5)
DAILY_BUDGET_USD = env.float("DAILY_BUDGET_USD", default=0.0)  # 0: only simulated providers run

# --- language and time ---
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
TIME_ZONE = "UTC"
USE_TZ = True

# --- API ---
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "hle_site.accounts.tokens.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["hle_site.accounts.tokens.DenyAll"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["hle_site.bodies.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "hle_site.api_pages.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.UserRateThrottle",
        "rest_framework.throttling.AnonRateThrottle",
    ],
    "NUM_PROXIES": PROXIES,
    "DEFAULT_THROTTLE_RATES": {"user": "600/min", "anon": "60/min"},
    "EXCEPTION_HANDLER": "hle_site.api_frame.exception_handler",
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS would list choices
    "FORMAT_SUFFIX_KWARG": None,
    "URL_FORMAT_OVERRIDE": None,
    "PAGE_SIZE": 30,
}
SPECTACULAR_SETTINGS = {
    "TITLE": SITE_NAME,
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "hle_site.api_frame.describe_refusals",
    ],
    "ENUM_NAME_OVERRIDES": {  # four kinds of status in one schema
        "QuestionStatus": "questions.enums.Status",
        "CheckStatus": "grading.enums.CheckStatus",
        "AssignmentStatus": "review.enums.AssignmentStatus",
        "ReleaseStatus": "questions.enums.ReleaseStatus",
    },
}

# --- logs: one JSON object a line, ids and no text ---
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_USER_ID_FIELD = "pk"
LOG_LEVEL = env.get_value("LOG_LEVEL", cast=log_level, default="INFO")
_log_processors = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
            "foreign_pre_chain": _log_processors,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
}
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_log_processors,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)

# --- near-duplicates ---
DUPLICATE_EMBEDDER = env.str("DUPLICATE_EMBEDDER", default="")  # a model directory, or package.module:function
DUPLICATE_COSINE = env.float("DUPLICATE_COSINE", default=0.85)  # for an encoder that names no threshold of its own

# --- rules with numbers that belong to the site, not to a call ---
ASSIGNMENT_DAYS = env.int("ASSIGNMENT_DAYS", default=14)
CHANGES_DAYS = env.int("CHANGES_DAYS", default=21)
