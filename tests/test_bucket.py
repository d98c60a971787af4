"""Files in an S3 bucket: the site's storage against a server of that protocol, over HTTP on loopback.

The server and the client's library are fetched into a place of their own under the state directory, never into the
project's environment. A proxy in front of the server loses replies, fails and damages what is stored.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse

from questions import actions as question_actions
from questions.enums import ReleaseStatus
from questions.models import Release
from questions.releases import files, freeze
from questions.releases.verification import MANIFEST
from tests.questions.releases.worlds import World, png

pytestmark = [
    pytest.mark.long,
    pytest.mark.django_db,
    pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning"),
]
ROOT = Path(__file__).resolve().parent.parent
SERVER = "moto[server]>=5,<6"
BUCKET = "exam-files"
FETCH_S = 600
JSONL = "questions.jsonl"


def _run(*words: Any) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=FETCH_S, check=False)
    if done.returncode:
        pytest.skip(f"the packages for a bucket cannot be fetched: {done.stderr.strip()[-300:]}")


@pytest.fixture(scope="module")
def packages() -> Iterator[Path]:
    """The folder with the server's environment; the library of the client is importable while the module runs."""
    place = site.STATE_DIR / "s3"
    lock = (ROOT / "hle_site/s3.lock").read_text()
    stamp, wanted = place / "stamp", hashlib.sha256(f"{lock}{SERVER}{sys.version}".encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        place.mkdir(parents=True, exist_ok=True)
        _run(sys.executable, "-m", "venv", "--clear", place / "server")
        pip = (place / "server/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        _run(*pip, SERVER)
        # what the client shares with the project comes from the project, as in the image
        _run(*pip, "--no-deps", "--require-hashes", "--target", place / "client", "-r", ROOT / "hle_site/s3.lock")
        stamp.write_text(wanted)
    sys.path.append(str(place / "client"))
    yield place
    sys.path.remove(str(place / "client"))


@pytest.fixture(scope="module")
def server(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running server."""
    log = tmp_path_factory.mktemp("s3") / "server.log"
    command = [packages / "server/bin/moto_server", "-H", "127.0.0.1", "-p", "0"]
    with log.open("w") as stream:
        process = subprocess.Popen([str(word) for word in command], stdout=stream, stderr=stream)
    try:
        yield _address(process, log)
    finally:
        process.terminate()
        process.wait(20)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text()):
            return found[0]
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-2000:])


Fault = Callable[["Handler", "Reply", str], bool]


class Reply:
    """What the server said."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


class Handler(BaseHTTPRequestHandler):
    """Hands a request on; the fault of the moment may spoil the reply, and says whether one is sent at all."""

    server: "Proxy"
    protocol_version = "HTTP/1.1"

    def log_message(self, *_words: Any) -> None:
        """Stay silent."""

    def _pass_on(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        self.server.journal.append(f"{self.command} {self.path.partition('?')[0]}")
        reply = self.ask(self.command, self.path, body, dict(self.headers))
        if self.server.fault and not self.server.fault(self, reply, self.path):
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                self.send_header(name, value)
        size = reply.headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(reply.body))
        self.send_header("Content-Length", size)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on  # noqa: N815 - named by the standard library

    def ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        """Return what the server answers."""
        kept = {k: v for k, v in headers.items() if k.lower() not in {"connection", "expect", "accept-encoding"}}
        request = urllib.request.Request(f"{self.server.behind}{path}", data=body or None, headers=kept, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return Reply(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Reply(error.code, dict(error.headers), error.read())


class Proxy(ThreadingHTTPServer):
    """Stands before the server, on a port of the system's choice."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind, self.fault, self.journal = behind, None, []
        self.behind: str
        self.fault: Fault | None
        self.journal: list[str]

    @contextmanager
    def broken(self, fault: Fault) -> Iterator[None]:
        """Let one fault happen while the block runs."""
        self.fault = fault
        try:
            yield
        finally:
            self.fault = None


@pytest.fixture
def bucket(server: str, settings: Any) -> Iterator[Proxy]:
    """The site's storage as its settings read it from the environment, in an empty bucket behind the proxy."""
    urllib.request.urlopen(urllib.request.Request(f"{server}/moto-api/reset", method="POST"), timeout=20).close()
    urllib.request.urlopen(urllib.request.Request(f"{server}/{BUCKET}", method="PUT"), timeout=20).close()
    proxy = Proxy(server)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    settings.STORAGES = settings.STORAGES | {"default": _as_the_site_reads(proxy.server_address[1])}
    yield proxy
    proxy.shutdown()
    proxy.server_close()


def _as_the_site_reads(port: int) -> dict[str, Any]:
    names = {
        "STORAGE_BUCKET": BUCKET,
        "STORAGE_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "STORAGE_ACCESS_KEY": "access",
        "STORAGE_SECRET_KEY": "secret",
        "STORAGE_REGION": "us-east-1",
    }
    program = "import json; from django.conf import settings; print(json.dumps(settings.STORAGES['default']))"
    told = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **names, "DJANGO_SETTINGS_MODULE": "hle_site.settings"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: dict[str, Any] = json.loads(told.stdout)
    return found


@pytest.fixture
def world(bucket: Proxy) -> World:
    """People, and a place for their files."""
    return World()


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person, backend=site.AUTHENTICATION_BACKENDS[0])
    return client


def body_of(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_a_picture_is_put_and_read(world: World) -> None:
    picture = question_actions.store_picture(data=png(), by=world.author)

    answer = signed_in(world.author).get(reverse("questions:picture", args=[picture.pk]))

    assert default_storage.__class__.__module__ == "storages.backends.s3"
    assert answer.status_code == 200
    assert hashlib.sha256(body_of(answer)).hexdigest() == picture.sha256
    assert signed_in(world.researcher).get(reverse("questions:picture", args=[picture.pk])).status_code == 404


def test_a_release_is_frozen_built_published_and_downloaded(world: World) -> None:
    world.approve(image=world.picture(), image_alt="A red field")
    world.approve(2)

    release = world.published()

    client = signed_in(world.researcher)
    for entry in release.manifest["files"]:
        answer = client.get(reverse("releases:download", args=[release.version, entry["path"]]))
        assert hashlib.sha256(body_of(answer)).hexdigest() == entry["sha256"]
    assert release.status == ReleaseStatus.PUBLISHED
    assert files.verify_stored(release) == []
    assert sorted(files._names(release.prefix)) == sorted(
        f"{release.prefix}/{path}" for path in (*(entry["path"] for entry in release.manifest["files"]), MANIFEST)
    )


def test_a_sealed_release_is_not_overwritten(world: World) -> None:
    world.approve(2)
    release = world.frozen()
    sealed = f"{release.prefix}/{JSONL}"
    before = files.stored_sha256(sealed)
    default_storage.delete(sealed)
    default_storage.save(sealed, ContentFile(b"another content"))

    with pytest.raises(files.BuildFailed, match="is not overwritten"):
        files._build_split(release, "public", release.canary)

    assert before != files.stored_sha256(sealed) == hashlib.sha256(b"another content").hexdigest()
    assert [damage.file for _split, damage in files.verify_stored(release)] == [JSONL]


def test_nobody_reads_or_writes_without_a_key(bucket: Proxy) -> None:
    name = default_storage.save("pictures/one.png", ContentFile(b"first"))
    address = f"{bucket.behind}/{BUCKET}/{name}"

    for request in (address, urllib.request.Request(address, data=b"second", method="PUT")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=20)
        assert refused.value.code == 403

    with default_storage.open(name) as stream:
        assert stream.read() == b"first"


def test_a_name_in_use_gives_another_name(bucket: Proxy) -> None:
    names = {default_storage.save("pictures/one.png", ContentFile(content)) for content in (b"first", b"second")}

    assert len(names) == 2
    with default_storage.open("pictures/one.png") as stream:
        assert stream.read() == b"first"


def test_files_of_a_discarded_release_go(world: World, django_capture_on_commit_callbacks: Any) -> None:
    world.approve(2)
    release = world.frozen()
    before = sorted(files._names(release.prefix))

    with django_capture_on_commit_callbacks(execute=True):
        freeze.discard(release=release, by=world.first, reason="Not now.")

    assert len(before) > 3
    assert list(files._names(release.prefix)) == []


def once(do: Callable[[Handler, Reply, str], bool], *, method: str = "PUT", path: str = "") -> Fault:
    """A fault that happens to the first matching request only."""
    left = [1]

    def fault(handler: Handler, reply: Reply, asked: str) -> bool:
        if handler.command != method or path not in asked or not left:
            return True
        left.pop()
        return do(handler, reply, asked)

    return fault


def lose(_handler: Handler, _reply: Reply, _path: str) -> bool:
    return False


def answer_500(_handler: Handler, reply: Reply, _path: str) -> bool:
    reply.status, reply.body = 500, b"<Error><Code>InternalError</Code></Error>"
    return True


def lie_about_the_etag(_handler: Handler, reply: Reply, _path: str) -> bool:
    reply.headers["ETag"] = '"00000000000000000000000000000000"'
    return True


def damage(handler: Handler, _reply: Reply, path: str) -> bool:
    # the server lets only the owner write, so the signature stays; what speaks of the body goes
    kept = {name: handler.headers[name] for name in ("Authorization", "X-Amz-Date") if name in handler.headers}
    spoiled = handler.ask("PUT", path.partition("?")[0], b"not what was sent", kept)
    return spoiled.status == 200


@pytest.mark.parametrize("fault", [lose, answer_500, lie_about_the_etag], ids=["lost reply", "500", "wrong ETag"])
def test_one_bad_reply_to_a_put_changes_nothing(world: World, bucket: Proxy, fault: Any) -> None:
    world.approve(3)
    release = freeze.freeze(release=world.draft(), by=world.first)

    with bucket.broken(once(fault, path=JSONL)):
        built = freeze.build(release)

    puts = [line for line in bucket.journal if line.startswith("PUT") and JSONL in line]
    assert len(puts) == (1 if fault is lie_about_the_etag else 2)
    assert files.verify_stored(built) == []
    assert len(list(files._names(built.prefix))) == len(built.manifest["files"]) + 1


def test_damage_in_the_bucket_is_found_by_reading_back_and_mended_by_the_next_build(
    world: World, bucket: Proxy
) -> None:
    world.approve(3)
    release = freeze.freeze(release=world.draft(), by=world.first)

    with bucket.broken(once(damage, path=JSONL)), pytest.raises(files.BuildFailed, match="another SHA-256"):
        freeze.build(release)
    failed = Release.objects.get(pk=release.pk)
    built = freeze.build(release)

    assert (failed.built_at, bool(failed.build_failed_at)) == (None, True)
    assert JSONL in failed.build_problem
    assert files.verify_stored(built) == []


def test_a_bucket_that_stays_away_fails_the_build_with_a_reason(world: World, bucket: Proxy) -> None:
    world.approve(1)
    release = freeze.freeze(release=world.draft(), by=world.first)

    with bucket.broken(answer_500), pytest.raises(files.BuildFailed):
        freeze.build(release)

    failed = Release.objects.get(pk=release.pk)
    assert (failed.built_at, bool(failed.build_failed_at)) == (None, True)
    assert failed.build_problem
    assert files.verify_stored(freeze.build(release)) == []
