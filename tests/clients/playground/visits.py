"""The page as somebody opens it: Chromium without a window, where the system has one."""

import shutil
from collections.abc import Iterator

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    expect,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

NARROW, WIDE = 400, 1280


class Visit:
    """A page that is open, and what went on in it beside what is shown."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._follow)
        page.goto(f"http://{address}/")
        expect(page.locator("#server")).to_contain_text("The server is there, with ")
        self.text = page.get_by_label("Text", exact=True)
        self.translation = page.locator("#translation")

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _follow(self, request: Request) -> None:
        self.requests.append(request.url)

    def overflow(self) -> int:
        """Pixels by which it is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def visit(browser: Browser, address: str, width: int = WIDE, **context: str) -> Iterator[Visit]:
    size = ViewportSize(width=width, height=800)
    with browser.new_context(viewport=size, **context) as opened:  # type: ignore[arg-type]
        yield Visit(opened.new_page(), address)
