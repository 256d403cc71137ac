"""The page in a real browser: Debian's Chromium, headless, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving.running_service import ROOT, Service, serving

playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
# Screenshots stay after the tests, for people to look at.
SHOTS = Path(os.environ.get("ACKD_SCREENSHOTS", ROOT / ".cache" / "screenshots"))

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (apt-get install chromium)"),
    # Playwright's own transport leaves these behind on Python 3.11.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    SHOTS.mkdir(parents=True, exist_ok=True)
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


class Visit:
    """A page, with everything that went wrong in it and every address it asked."""

    def __init__(self, browser: Any, url: str, width: int, height: int, **options: Any) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height}, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.trouble: list[str] = []
        self.addresses: set[str] = set()
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("console", lambda line: self.trouble.append(line.text) if line.type == "error" else None)
        self.page.on("request", lambda request: self.addresses.add("/".join(request.url.split("/")[:3])))
        self.page.goto(url)


@pytest.fixture
def wide(browser: Any, service: Service) -> Iterator[Visit]:
    visit = Visit(browser, service.url, 1000, 900)
    yield visit
    assert visit.addresses <= {service.url, "data:,"}
    visit.context.close()


def test_type_submit_and_see_the_answer(wide: Visit):
    page = wide.page
    page.wait_for_selector("#examples button")
    assert page.text_content("#model") == "tiny"
    page.fill("#text", "a warm and funny film")
    page.click("#submit")
    page.wait_for_selector("#results li")
    assert page.text_content("#results .answer span") in {"negative", "positive"}
    assert page.locator("#results .bar").count() == 2
    assert "ms in the service" in page.text_content("#timing")
    page.screenshot(path=SHOTS / "page-wide.png", full_page=True)
    assert wide.trouble == []


def test_keyboard_alone(wide: Visit):
    page = wide.page
    page.wait_for_selector("#examples button")
    assert page.evaluate("document.activeElement.id") == "text"
    page.keyboard.type("two hours that feel like a wet afternoon")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#results li")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "submit"
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert page.is_checked("#lines")
    # On to the first example, and Enter.
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('#examples') !== null"):
            break
    wanted = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    page.locator("#results .text").get_by_text(wanted, exact=True).wait_for()
    assert wide.trouble == []


def test_a_batch_is_one_text_a_line_with_blank_lines_left_out(wide: Visit):
    page = wide.page
    page.wait_for_selector("#examples button")
    page.check("#lines")
    page.fill("#text", "a film\n\n  \n" + "film " * 60 + "\n<b>bold</b> & 😀")
    page.click("#submit")
    page.wait_for_selector("#results li:nth-child(3)")
    assert page.text_content("#results-title") == "3 results"
    assert "not all of it was read" in page.text_content("#results li:nth-child(2)")
    # Text is shown, never interpreted.
    assert page.text_content("#results li:nth-child(3) .text") == "<b>bold</b> & 😀"
    assert page.locator("#results b").count() == 0
    assert page.is_visible("#copy")


def test_errors_are_said_in_words(wide: Visit):
    page = wide.page
    page.wait_for_selector("#examples button")
    page.click("#submit")
    assert "no text yet" in page.text_content("#problem-text")
    page.fill("#text", "x" * 20_001)
    page.click("#submit")
    page.locator("#problem-text").filter(has_text="20001 characters").wait_for()
    page.screenshot(path=SHOTS / "page-error.png", full_page=True)
    page.fill("#text", "a film")
    page.click("#submit")
    page.wait_for_selector("#results li")
    assert page.is_hidden("#problem")


def test_a_narrow_screen_in_the_dark_has_no_sideways_scroll(browser: Any, service: Service):
    visit = Visit(browser, service.url, 320, 640, color_scheme="dark", has_touch=True, is_mobile=True)
    page = visit.page
    page.wait_for_selector("#examples button")
    page.fill("#text", "a" * 300)
    page.tap("#submit")
    page.wait_for_selector("#results li")
    page.screenshot(path=SHOTS / "page-narrow.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    # Fingers need 44 pixels.
    heights = page.eval_on_selector_all("button:not([hidden] *)", "all => all.map(b => b.offsetHeight).filter(h => h)")
    assert min(heights) >= 44
    visit.context.close()


def test_every_field_has_a_name_and_the_page_a_language(wide: Visit):
    page = wide.page
    assert page.get_attribute("html", "lang") == "en"
    unnamed = "all => all.filter(e => !e.labels.length).map(e => e.id)"
    assert page.eval_on_selector_all("textarea, input", unnamed) == []
    assert page.get_attribute("#results-part", "aria-live") == "polite"
    assert page.get_attribute("#problem", "role") == "alert"


def test_a_token_is_asked_for_when_the_service_wants_one(browser: Any, tiny_artifact: Path, tmp_path: Path):
    with serving(tiny_artifact, tmp_path, ACKD_TOKEN="s3cret") as service:
        page = Visit(browser, service.url, 800, 800).page
        page.wait_for_selector("#token-part:not([hidden])")
        page.fill("#text", "a film")
        page.click("#submit")
        page.wait_for_selector("#problem:not([hidden])")
        assert "asks for a token" in page.text_content("#problem-text")
        page.fill("#token", "s3cret")
        page.click("#submit")
        page.wait_for_selector("#results li")
        page.context.close()
