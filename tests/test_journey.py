"""One question from the first keystroke to the download of its release, in a real browser on the real demo, by different people.

The demo is started as a stranger starts it, on a data directory of its own; pictures of the way are kept in `test-artifacts/`.
"""

import io
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow.parquet
import pytest

from hle_site.embedded import environment
from hle_site.embedded.places import CHECKOUT
from tests import browser

pytestmark = pytest.mark.browser

PROMPT = (
    "Let $a_1 = 2$ and $a_{n+1} = a_n^2 - a_n + 1$. What is the smallest $n$ for which $a_n$ has more than "
    "$1000$ decimal digits? This question costs $5 and not $6."
)
KEY = "14"
RATIONALE = (
    "The terms of this sequence grow like $c^{2^n}$ with $c$ about $1.264$. The logarithm to base ten of $c$ is about "
    "$0.1018$, so the number of digits passes a thousand when $2^n$ passes about $9820$, which first happens at $n = 14$."
)
CHECKLIST = ("is_precise", "is_single_answer", "is_not_searchable", "is_not_artificial", "is_safe")
CHORDS = ["g h", "g q", "g l", "g i"]
# the main pages of each person; "" is a visitor, and " > " follows the first such link of the page
PAGES = {
    "": ("/", "/accounts/login/", "/accounts/signup/", "/releases/ > .release-card h2 a", "/nowhere/"),
    "contributor1": (
        "/",
        "/questions/",
        "/questions/ > .row-title",
        "/questions/?status=draft > .row-title",
        "/search/?q=picture",
        "/search/?q=nothing-holds-this",
        "/inbox/",
        "/people/me/",
        "/people/me/tokens/",
    ),
    "reviewer1": ("/", "/review/", "/review/?tab=done > .row-title a"),
    "senior": ("/review/?tab=adjudicate", "/review/?tab=done > .row-title a"),
    "organiser1": (
        "/",
        "/review/desk/ > .row-title a",
        "/duplicates/",
        "/grading/operations/",
        "/grading/disagreements/",
        "/panels/",
        "/panels/new/",
        "/panels/providers/simulated/",
        "/money/",
        "/people/all/ > tbody a",
        "/people/audit/",
        "/releases/new/",
        "/releases/errata/",
    ),
    "auditor": ("/", "/review/desk/", "/money/"),
    "administrator": ("/", "/people/all/"),
    "researcher": ("/releases/0.1.0-demo/ > th a[href*=items]",),
}
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    """Yield the address of a seeded demo, and see to it that nothing of it is left running."""
    browser.executable()
    with tempfile.TemporaryDirectory(prefix="hle-journey-") as base:
        Path(base).chmod(0o755)
        log = Path(base) / "demo.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "demo", "--port", "0", "--data-dir", str(Path(base) / "state")],
                cwd=CHECKOUT,
                env=environment.base(),
                stdout=output,
                stderr=output,
            )
        try:
            yield _address(process, log)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, log.read_text()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    ends_at = time.monotonic() + 150
    while "What to try" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < ends_at, log.read_text()
        time.sleep(0.3)
    return next(word for word in log.read_text().split() if word.startswith("http://"))


class Walk:
    """A browser window that changes hands, and what went wrong in it."""

    def __init__(self, page: Any, address: str) -> None:
        self.page, self.address, self.number, self.troubles = page, address, 0, []
        page.on("console", lambda message: self._note(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on(
            "response", lambda answer: self._note(f"{answer.status} {answer.url}") if answer.status >= 500 else None
        )

    def _note(self, trouble: str) -> None:
        self.troubles.append(trouble)

    def become(self, person: str, path: str) -> None:
        """Choose a demo person in the banner and go to a page."""
        self.page.goto(self.address)
        banner = self.page.locator("form[action='/demo/switch/']")
        banner.locator("select[name=account]").select_option(person)
        with self.page.expect_navigation():
            banner.get_by_role("button", name="Switch").click()
        self.page.goto(self.address + path)

    def press(self, button: Any) -> None:
        """Press a button that leads to another page, wait for that page, and see that it refuses nothing."""
        with self.page.expect_navigation() as navigation:
            button.click()
        assert navigation.value.status < 400, self.page.locator("main").inner_text()

    def picture(self, name: str) -> None:
        """Keep a picture at desk and phone width, and see that nothing sticks out."""
        self.number += 1
        browser.ARTIFACTS.mkdir(exist_ok=True)
        self.page.evaluate("window.scrollTo(0, 0)")
        for width in (1280, 360):
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.screenshot(path=browser.ARTIFACTS / f"{self.number:02}-{name}-{width}.png", full_page=True)
            sticks_out = self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
            assert not sticks_out, f"{name} scrolls sideways at {width} px"
        self.page.set_viewport_size({"width": 1280, "height": 900})

    def accessible(self) -> None:
        """Ask axe about the page."""
        self.page.wait_for_timeout(300)  # colours that fade are measured at rest
        assert self._violations() == []

    def _violations(self) -> list[tuple[str, str, str]]:
        from axe_playwright_python.sync_playwright import Axe  # slow import

        found = Axe().run(self.page, options=AXE).response["violations"]
        nodes = [(finding["id"], finding["nodes"][0]) for finding in found]
        return [(name, node["html"], node["failureSummary"]) for name, node in nodes]

    def follow(self, path: str) -> None:
        """Go to a page, and from there through the first link that is named behind " > "."""
        path, _arrow, link = path.partition(" > ")
        self.page.goto(self.address + path)
        if link:
            self.press(self.page.locator(f"main {link}").first)

    def findings(self) -> list[Any]:
        """Return what sticks out or is not accessible, light at desk width and dark at phone width."""
        found: list[Any] = []
        for width, colours in ((1280, "light"), (360, "dark")):
            self.page.emulate_media(color_scheme=colours, reduced_motion="reduce")
            self.page.set_viewport_size({"width": width, "height": 900})
            found += self._violations()
            if self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                found.append(f"scrolls sideways at {width} px")
        self.page.set_viewport_size({"width": 1280, "height": 900})
        return found


def test_question_travels_from_keystroke_to_release(demo: str) -> None:
    with browser.chromium() as chromium:
        walk = Walk(chromium.new_page(locale="en-GB", timezone_id="UTC", reduced_motion="reduce"), demo)
        page = walk.page
        page.goto(demo)
        walk.picture("first-page")
        walk.accessible()

        question = _submit(walk)
        _pass_models(walk, question)
        _add_rationale(walk, question)
        for person, score in (("reviewer1", "4"), ("reviewer2", "5")):
            _review(walk, person, score)
        _review(walk, "senior", "5")
        _decide(walk, question)
        version = _release(walk)
        rows = _download(walk, version)

        assert walk.troubles == []
        mine = [row for row in rows if row["question"].startswith("Let $a_1 = 2$")]
        assert [(row["answer"], row["answer_type"], row["category"]) for row in mine] == [(KEY, "exactMatch", "Math")]


def test_button_pressed_during_a_save_is_no_conflict(demo: str) -> None:
    with browser.chromium() as chromium:
        walk = Walk(chromium.new_page(locale="en-GB"), demo)
        page = walk.page
        walk.become("contributor2", "/questions/new/")
        page.locator("textarea[name=prompt]").fill("How many")
        walk.press(page.locator("button[name=do][value=draft]"))
        answered = []
        page.route("**/autosave/", lambda route: answered.append((route, route.fetch())))
        page.locator("textarea[name=prompt]").fill("How many knots are there?")
        for _tenth in range(100):  # until the site has saved, and the page does not know it yet
            if answered:
                break
            page.wait_for_timeout(100)

        page.locator("button[name=do][value=draft]").click()
        page.locator("textarea[name=prompt]").fill("How many knots with nine crossings are there?")
        route, answer = answered.pop()
        with page.expect_navigation() as navigation:
            route.fulfill(response=answer)

        assert answer.status == 200
        assert (navigation.value.status, navigation.value.url.partition("?")[2]) == (200, "saved=1")
        assert page.locator("textarea[name=prompt]").input_value() == "How many knots with nine crossings are there?"


def test_main_pages_of_each_person(demo: str) -> None:
    """Nothing sticks out and axe finds nothing, on a light desk and on a dark phone; keys and the site menu work."""
    with browser.chromium() as chromium:
        walk = Walk(chromium.new_page(locale="en-GB", timezone_id="UTC", reduced_motion="reduce"), demo)
        wrong = []
        for person, paths in PAGES.items():
            walk.become(person, "/")
            for path in paths:
                walk.follow(path)
                wrong += [f"{person} {path}: {finding}" for finding in walk.findings()]
        walk.become("organiser1", "/money/")
        _open_site_menu(walk.page)
        inks = _inks(walk.page)
        walk.become("contributor1", "/questions/")
        _search_by_keys(walk.page)

        assert wrong == []
        assert inks == {"screen": "light dark", "print": "light"}
        assert [trouble for trouble in walk.troubles if "404" not in trouble] == []


def _inks(page: Any) -> dict[str, str]:
    """On a dark screen: the schemes of screen and paper."""
    found = {}
    for media in ("print", "screen"):
        page.emulate_media(media=media, color_scheme="dark")
        found[media] = page.evaluate("getComputedStyle(document.documentElement).colorScheme")
    page.emulate_media(color_scheme="light")
    return found


def _open_site_menu(page: Any) -> None:
    menu = page.locator(".topnav details")
    menu.locator("summary").focus()
    for key in ("Enter", "Tab", "Tab", "Tab"):
        page.keyboard.press(key)
    assert menu.locator(":focus").inner_text() == "Money"
    assert menu.locator("[aria-current=page]").all_inner_texts() == ["Money"]
    page.keyboard.press("Escape")
    assert (menu.get_attribute("open"), menu.locator(":focus").inner_text()) == (None, "Site")


def _search_by_keys(page: Any) -> None:
    for key in ("j", "ArrowDown", "k"):
        page.keyboard.press(key)
    assert page.locator("tr[data-key-row]").first.locator(":focus").count() == 1
    page.keyboard.press("?")
    assert page.locator("dialog kbd").all_inner_texts() == ["?", "j", "k", "Ctrl Enter", "/", *CHORDS]
    page.keyboard.press("Escape")
    for chord, address in (("gl", "/releases/"), ("gq", "/questions/")):
        with page.expect_navigation():
            page.keyboard.type(chord)
        assert urlsplit(page.url).path == address
    page.keyboard.press("/")
    page.keyboard.type("picture")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.locator("mark").first.inner_text() == "picture"


def _submit(walk: Walk) -> str:
    page = walk.page
    walk.become("contributor1", "/questions/new/")
    page.locator("textarea[name=prompt]").fill(PROMPT)
    page.locator(".katex").first.wait_for(timeout=15_000)
    page.locator("[name=answer]").fill(KEY)
    page.locator("select[name=category]").select_option("Math")
    page.locator("[name=raw_subject]").fill("Number theory")
    walk.picture("new-question")
    walk.accessible()
    page.get_by_role("button", name="Save and test").click()
    page.wait_for_url("**/check/**")
    page.locator("input[name=accept]").check()
    walk.picture("before-the-test")
    page.get_by_role("button", name="Test against models").click()
    page.wait_for_url(re.compile(r"/questions/[0-9a-f-]{36}/$"))
    return page.url.removeprefix(walk.address).split("?")[0]


def _pass_models(walk: Walk, question: str) -> None:
    page = walk.page
    page.locator(".model-card").first.wait_for()
    walk.picture("models-answering")
    # the page moves by itself: nothing is reloaded here
    page.locator(".model-card [data-status=incorrect]").nth(5).wait_for(timeout=90_000)
    page.goto(walk.address + question)
    walk.picture("models-failed")
    walk.accessible()


def _add_rationale(walk: Walk, question: str) -> None:
    page = walk.page
    page.goto(walk.address + question + "support/")
    page.locator("textarea[name=rationale]").fill(RATIONALE)
    page.locator("[name=sources]").fill("Sylvester's sequence, any textbook on number theory")
    page.locator("[name=ai_use_note]").fill("None.")
    page.get_by_role("button", name="Save and submit").click()
    page.wait_for_url("**/submit/**")
    page.locator("input[name=accept]").check()
    walk.picture("submit-for-review")
    page.locator("main form button[type=submit].btn-primary").click()
    page.wait_for_url("**" + question)


def _review(walk: Walk, person: str, score: str) -> None:
    page = walk.page
    walk.become(person, "/review/?tab=pool")
    mine = page.locator(".row").filter(has_text="Number theory")
    for _second in range(60):  # a round is opened by a worker, after the review before it
        if mine.get_by_role("button").count():
            break
        page.wait_for_timeout(1_000)
        page.reload()
    if person == "reviewer1":
        walk.picture("reviewer-dashboard")
    walk.press(mine.get_by_role("button").first)
    assert "/assignments/" in page.url
    assert RATIONALE[:40] not in page.content(), "the rationale shows before the own answer"
    if page.locator("form[action$='/solve/']").count():
        walk.picture(f"solve-{person}")
        page.locator("[name=answer]").fill(KEY)
        page.locator("[name=answer]").blur()
        page.keyboard.press("r")  # goes to the button and leaves it to the reader
        assert page.locator(":focus").inner_text() == "Record my answer and reveal the key"
        with page.expect_navigation():
            page.keyboard.press("Enter")
    for name, digit in {"score": score, "depth": "1"}.items() | dict.fromkeys(CHECKLIST, "1").items():
        page.locator(f"input[name={name}]").first.focus()
        page.keyboard.press(digit)
    assert page.locator("#review :checked").evaluate_all("them => them.map(it => it.value)") == [
        score,
        "solved",
        *["yes"] * len(CHECKLIST),
    ]
    page.locator("textarea[name=feedback]").fill(
        "Precise and checkable. I came to the same answer by the same growth estimate."
    )
    walk.picture(f"review-{person}")
    walk.accessible()
    walk.press(page.locator("#review button[value=next]"))


def _decide(walk: Walk, question: str) -> None:
    page = walk.page
    walk.become("organiser1", "/review/desk/")
    walk.picture("desk")
    page.goto(walk.address + "/review" + question)
    page.locator("#decision input[name=outcome][value=approve]").check(force=True)
    page.locator("#decision textarea[name=reason]").fill("Two independent solves agree with the key.")
    walk.picture("decision")
    walk.press(page.get_by_role("button", name="Decide"))


def _release(walk: Walk) -> str:
    page, version = walk.page, "9.0.0"
    page.goto(walk.address + "/releases/new/")
    page.locator("[name=version]").fill(version)
    page.locator("[name=title]").fill("Journey")
    calls = page.locator("input[name=calls]")
    if calls.count():
        calls.first.check(force=True)
    page.locator("input[name=is_demonstration]").check(force=True)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"**/{version}/prepare/")
    walk.picture("release-prepared")
    page.locator("[data-dialog=freeze]").click()
    walk.press(page.locator("#freeze button[type=submit]"))
    page.get_by_text("built and verified").first.wait_for(timeout=90_000)
    walk.become("organiser2", f"/releases/{version}/prepare/")
    page.locator("[data-dialog=publish]").click()
    walk.press(page.locator("#publish button[type=submit]"))
    return version


def _download(walk: Walk, version: str) -> list[dict[str, Any]]:
    page = walk.page
    walk.become("researcher", f"/releases/{version}/")
    accept = page.locator("input[name=is_accepted]")
    if accept.count():
        accept.check(force=True)
        walk.press(page.get_by_role("button", name="Accept the licence"))
    walk.picture("release")
    walk.accessible()
    answer = page.request.get(f"{walk.address}/releases/{version}/files/data/test-00000-of-00001.parquet")
    assert answer.status == 200
    return pyarrow.parquet.read_table(io.BytesIO(answer.body())).to_pylist()
