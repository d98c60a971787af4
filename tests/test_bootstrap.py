"""The environment in `.venv`: when it fits, when it is updated or made again, and the sentences of a failure."""

import ast
import os
import signal
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from hle_site import bootstrap
from hle_site.bootstrap import CHECKOUT, Paths
from hle_site.embedded import processes

PYPROJECT = '[project]\nname = "x"\n[project.optional-dependencies]\ns3 = ["storage~=1.0"]\n'


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """Return a checkout with two locks and an environment that has no stamp yet."""
    paths = Paths.of(tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "requirements.lock").write_text("django==5.2\n")
    (tmp_path / "tests/requirements.lock").write_text("pytest==9.2\n")
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    paths.python.parent.mkdir(parents=True)
    paths.python.symlink_to(sys.executable)
    return paths


def test_environment_without_stamp_does_not_fit(paths):
    assert not bootstrap.fits(paths, ["core"])


def test_stamp_covers_the_sets_that_it_names(paths):
    bootstrap.write_stamp(paths, ["core"])

    assert bootstrap.fits(paths, ["core"])
    assert not bootstrap.fits(paths, ["core", "dev"])


def test_environment_with_both_sets_serves_the_demo(paths):
    bootstrap.write_stamp(paths, ["core", "dev"])

    assert bootstrap.fits(paths, bootstrap.SETS["demo"])


@pytest.mark.parametrize(("lock", "demo_fits"), [("requirements.lock", False), ("tests/requirements.lock", True)])
def test_changed_lock_unfits_its_own_set(paths, lock, demo_fits):
    bootstrap.write_stamp(paths, ["core", "dev"])
    (paths.checkout / lock).write_text("changed==1\n")

    assert bootstrap.fits(paths, ["core"]) == demo_fits
    assert not bootstrap.fits(paths, ["core", "dev"])


def test_moved_checkout_does_not_fit(paths):
    bootstrap.write_stamp(paths, ["core"])
    moved = paths.checkout.with_name(paths.checkout.name + "-moved")
    paths.checkout.rename(moved)

    assert not bootstrap.fits(Paths.of(moved), ["core"])


def test_lost_interpreter_does_not_fit(paths):
    bootstrap.write_stamp(paths, ["core"])
    paths.python.unlink()

    assert not bootstrap.fits(paths, ["core"])


def test_cut_off_stamp_does_not_fit(paths):
    bootstrap.write_stamp(paths, ["core"])
    paths.stamp.write_text(paths.stamp.read_text()[:80])

    assert not bootstrap.fits(paths, ["core"])


def test_extra_is_part_of_the_stamp_and_unknown_ones_are_refused(paths):
    bootstrap.write_stamp(paths, ["core", "s3"])

    assert bootstrap.fits(paths, ["core", "s3"])
    with pytest.raises(bootstrap.SetupError, match=r"There is no extra 'gpu'; pyproject\.toml knows s3\."):
        bootstrap.fits(paths, ["gpu"])


EXTRAS = 'a = ["first==1.0"]\nb = ["second==1.0"]\n'


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    """Return a checkout with an environment of its own, two extras, and wheels for them in a folder: pip needs no index."""
    paths = Paths.of(tmp_path)
    for lock in bootstrap.LOCKS.values():
        (tmp_path / lock).parent.mkdir(exist_ok=True)
        (tmp_path / lock).touch()
    (tmp_path / "pyproject.toml").write_text("[project]\n[project.optional-dependencies]\n" + EXTRAS)
    for name in ("first", "second"):
        _make_wheel(tmp_path / "wheels", name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setattr(bootstrap, "_find_uv", lambda _paths: None)
    venv.create(paths.venv, symlinks=True)
    bootstrap.write_stamp(paths, ["core", "dev"])
    return paths


def _make_wheel(folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def _modules(paths: Paths) -> list[Path]:
    return sorted(paths.venv.glob("lib/python3*/site-packages/*.py"))


def test_runs_with_and_without_an_extra_take_turns_at_no_cost(real):
    bootstrap.build(real, ["core", "dev", "a"])
    (module,) = _modules(real)
    module.write_text("# as it was left\n")

    for wanted in (["core", "dev"], ["core", "dev", "a"], ["core"]):
        assert bootstrap.fits(real, wanted)
        bootstrap.build(real, wanted)

    assert module.read_text() == "# as it was left\n"


def test_a_second_extra_leaves_the_first_in_place(real):
    bootstrap.build(real, ["core", "dev", "a"])
    (first,) = _modules(real)
    first.write_text("# as it was left\n")

    bootstrap.build(real, ["core", "dev", "b"])

    assert [path.stem for path in _modules(real)] == ["first", "second"]
    assert first.read_text() == "# as it was left\n"
    assert bootstrap.fits(real, ["core", "dev", "a", "b"])


def test_a_changed_lock_brings_back_only_the_wanted_extras(real):
    bootstrap.build(real, ["core", "dev", "a"])
    bootstrap.build(real, ["core", "dev", "b"])
    (real.checkout / "requirements.lock").write_text("# another one\n")

    bootstrap.build(real, ["core", "dev", "b"])

    assert [path.stem for path in _modules(real)] == ["second"]
    assert sorted(bootstrap.read_stamp(real)) == ["b", "core", "dev", "home"]


def test_an_extra_that_is_listed_no_more_is_forgotten(real):
    bootstrap.build(real, ["core", "dev", "a"])
    (real.checkout / "pyproject.toml").write_text('[project]\n[project.optional-dependencies]\nb = ["second==1.0"]\n')

    bootstrap.build(real, ["core", "dev", "b"])

    assert sorted(bootstrap.read_stamp(real)) == ["b", "core", "dev", "home"]


def test_what_a_lock_names_keeps_its_version_beside_an_extra(real):
    (real.checkout / "tests/requirements.lock").write_text("first==2.0 \\\n    --hash=sha256:00\n")
    bootstrap.write_stamp(real, ["core", "dev"])

    with pytest.raises(bootstrap.SetupError, match=r"Cannot install first==1\.0"):
        bootstrap.build(real, ["core", "dev", "a"])

    assert _modules(real) == []


def test_build_deletes_an_environment_that_was_cut_short(paths, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(paths.checkout / "cache"))
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setattr(bootstrap, "UV_LOCK", paths.checkout / "requirements.lock")
    half = paths.venv / "lib/half-written.py"
    half.parent.mkdir()
    half.touch()
    half_fetched = paths.boot / "half-fetched"
    half_fetched.mkdir(parents=True)

    with pytest.raises(bootstrap.SetupError, match=r"^The package index cannot be reached\."):
        bootstrap.build(paths, ["core"])

    assert not half.exists()
    assert not half_fetched.exists()
    assert not paths.stamp.exists()


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("error: failed to write: No space left on device (os error 28)", "The disk is full"),
        ("The virtual environment was not created because ensurepip is not available", "install the system package"),
        ("Hash mismatch for `django==5.2.19`", "does not have the recorded hash"),
        ("error: Failed to fetch: `https://index.invalid/simple/`", "The package index cannot be reached"),
        ("NewConnectionError: Temporary failure in name resolution", "The package index cannot be reached"),
        ("ProxyError('Cannot connect to proxy.', OSError())", "The package index cannot be reached"),
        ("invalid peer certificate: UnknownIssuer", "The certificate of the package index is not trusted here"),
        ("ERROR: No matching distribution found for x==1", "The package index does not offer x==1."),
        ("error: Permission denied (os error 13)", "run this as its owner"),
        ("resolver met a dragon", "the installer said:\n    resolver met a dragon"),
    ],
)
def test_failures_become_sentences(output, sentence):
    assert sentence in bootstrap.explain(output)


INSTALLER = "import os, pathlib, time; pathlib.Path({path!r}).write_text(str(os.getpid())); time.sleep(60)"
LAUNCHER = "import sys; from hle_site import bootstrap; bootstrap.stop_on_signals(); bootstrap._run([sys.executable, '-c', {0!r}])"


@pytest.mark.skipif(not processes.HAS_PROC, reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_installer_ends_with_its_launcher(tmp_path, number):
    note = tmp_path / "pid"
    program = LAUNCHER.format(INSTALLER.format(path=str(note)))
    launcher = subprocess.Popen([sys.executable, "-c", program], cwd=CHECKOUT, stderr=subprocess.DEVNULL)
    assert processes.wait_for(lambda: note.exists() and note.read_text(), 20)

    launcher.send_signal(number)
    launcher.wait(20)

    assert processes.wait_for(lambda: processes.identity(int(note.read_text())) is None, 5)


def test_foreign_variables_do_not_reach_the_installer(monkeypatch):
    for name in ("PYTHONPATH", "PYTHONSAFEPATH", "PYTHONINSPECT"):
        monkeypatch.setenv(name, "/elsewhere")
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.invalid/simple")

    env = bootstrap.clean_environment()

    assert [name for name in env if name.startswith("PYTHON")] == []
    assert "PIP_TARGET" not in env
    assert env["PIP_INDEX_URL"] == "https://mirror.invalid/simple"


def test_old_python_can_read_the_entry_point():
    ast.parse((CHECKOUT / "manage.py").read_text(), feature_version=(3, 4))


def test_command_without_django_names_the_remedy():
    done = subprocess.run(
        [sys.executable, "-S", "manage.py", "migrate"], cwd=CHECKOUT, env={}, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "This Python has no Django: run `python3 manage.py demo` first, then use `.venv/bin/python manage.py`.\n"
    )


def test_python_that_leaves_out_the_scripts_folder_finds_the_code(tmp_path):
    (tmp_path / "hle_site.py").write_text("raise SystemExit('somebody else')")

    done = subprocess.run(
        [sys.executable, "-S", "manage.py", "migrate"],
        cwd=CHECKOUT,
        env={"PYTHONSAFEPATH": "1", "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert done.stderr.startswith("This Python has no Django")


def test_files_that_the_shell_closed_are_opened_again():
    program = "from hle_site import bootstrap; import os; bootstrap._open_standard_files(); os.fstat(0), os.fstat(1), os.fstat(2)"
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", program]

    assert subprocess.run(command, cwd=CHECKOUT).returncode == 0


def test_locks_hold_no_address_and_only_hashed_wheels():
    for lock in (*bootstrap.LOCKS.values(), bootstrap.UV_LOCK):
        lines = (CHECKOUT / lock).read_text().splitlines()
        assert [line for line in lines if "://" in line] == []
        assert sum(line[:1].isalnum() for line in lines) == sum("==" in line for line in lines)
        assert all(line.startswith("    --hash=sha256:") for line in lines if not line[:1].isalnum())


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_read_only_checkout_is_named(paths):
    paths.checkout.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            bootstrap.build(paths, ["core"])
    finally:
        paths.checkout.chmod(0o700)
