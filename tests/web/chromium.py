"""Chromium as a person has it: with a microphone that plays a file, with none, or with one that is refused."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
# Debian's chromium is a script around this one.
_PROGRAM = Path("/usr/lib/chromium/chromium")
PATIENCE_MS = 120_000


def program() -> str:
    """The browser that is installed."""
    found = os.environ.get("CHROMIUM") or (str(_PROGRAM) if _PROGRAM.exists() else None)
    found = found or next(filter(None, map(shutil.which, _NAMES)), None)
    assert found, "There is no Chromium: run scripts/bootstrap web, or name one in CHROMIUM."
    return found


@contextmanager
def chromium(playwright: Playwright, *, hears: Path | None = None, flags: tuple[str, ...] = ()) -> Iterator[Browser]:
    """A browser whose microphone plays the file `hears`, again and again; without one it has no microphone."""
    arguments = list(flags)
    if hears is not None:
        arguments += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={hears}"]
    browser = playwright.chromium.launch(executable_path=program(), args=arguments)
    try:
        yield browser
    finally:
        browser.close()


def window(browser: Browser, *, microphone: bool | None = True, **options: object) -> BrowserContext:
    """A window with nothing kept from others; `microphone`: whether the person allows it, None: nobody asks them."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    context.set_default_timeout(PATIENCE_MS)
    if microphone is not None:
        context.grant_permissions(["microphone"] if microphone else [])
    return context
