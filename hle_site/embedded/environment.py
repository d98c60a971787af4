"""The environment of the processes that a launcher starts: small, without what the user's shell happens to hold."""

import hashlib
import json
import os
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path

from hle_site.embedded import Services
from hle_site.embedded.places import CHECKOUT

KEPT = (
    *("HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "no_proxy"),
)
SECRETS = ("SECRET_KEY", "RELEASE_KEY", "PSEUDONYM_KEY")


def base(also: Iterable[str] = ()) -> dict[str, str]:
    """Return the few variables that every process gets, with those of ours that are named besides."""
    kept = {name: os.environ[name] for name in (*KEPT, *also) if name in os.environ}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {"LANG": "C.UTF-8", **kept, "PATH": path, "PYTHONUNBUFFERED": "1"}


def provider_keys() -> list[str]:
    """Return the names of our variables that hold keys of providers, by the custom that they end so."""
    return [name for name in os.environ if name.endswith("_API_KEY")]


def of_site(mode: str, services: Services, keys: dict[str, str]) -> dict[str, str]:
    """Return the settings of the site that lead to these services."""
    return {
        "HLE_MODE": mode,
        "DJANGO_SETTINGS_MODULE": "hle_site.settings",
        "DATABASE_URL": services.database_url,
        "REDIS_URL": services.redis_url,
        "HLE_STATE_DIR": str(services.state),
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        **keys,
    }


def kept_secrets(state: Path) -> dict[str, str]:
    """Return the secrets of a state directory, made at its first start and readable to us alone."""
    path = state / "secrets.json"
    if not path.exists():
        half = path.with_suffix(".half")
        half.unlink(missing_ok=True)
        with open(os.open(half, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:  # noqa: PTH123  mode at birth
            json.dump({name: secrets.token_urlsafe(48) for name in SECRETS}, file)
        half.replace(path)
    return dict(json.loads(path.read_text()))


def test_secrets() -> dict[str, str]:
    """Return secrets that are none: the same in every test run, so that keyed hashes repeat."""
    return {name: f"only-for-tests-{name.lower().replace('_', '-')}-{'0123456789' * 3}" for name in SECRETS}


def migrations_hash(checkout: Path = CHECKOUT) -> str:
    """Return a name for the database schema: a hash of all migrations, those of dependencies by the lock file."""
    digest = hashlib.sha256((checkout / "requirements.lock").read_bytes())
    for path in _migrations(checkout):
        digest.update(f"{path.relative_to(checkout)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def unknown_migrations(applied: Iterable[str], checkout: Path = CHECKOUT) -> list[str]:
    """Return which applied migrations, named `app.name`, belong to apps of this code and are not in it."""
    known = {f"{path.parent.parent.name}.{path.stem}" for path in _migrations(checkout)}
    apps = {name.split(".")[0] for name in known}
    return sorted(name for name in applied if name.split(".")[0] in apps and name not in known)


def _migrations(checkout: Path) -> list[Path]:
    roots = ("hle_site", "questions", "grading", "review")
    return [path for root in roots for path in sorted((checkout / root).glob("**/migrations/*.py"))]
