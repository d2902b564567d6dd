"""A page in headless Chromium, and what happened in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

if TYPE_CHECKING:
    from pathlib import Path

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def start(chromium: str, chromedriver: str, profile: Path) -> webdriver.Chrome:
    """Start a browser that notes its errors and requests."""
    options = Options()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    return webdriver.Chrome(options=options, service=Service(chromedriver))


class Page:
    """A page in a window of a given width, and what happened in it.

    What is opened is opened in the first tab, each page in place of the one before.
    What is turned to has a tab of its own, and stays open for whoever turns to it next:
    to draw a page takes two seconds of processor.
    """

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self._first = driver.current_window_handle
        self._tabs: dict[str, str] = {}  # by address

    def resize(self, width: int) -> None:
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {
                "width": width,
                "height": 900,
                "deviceScaleFactor": 1,
                "mobile": width < 640,
            },
        )

    def prefer(self, scheme: str) -> None:
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [feature]}
        )

    def open(
        self,
        path: Path,
        *,
        width: int = 1280,
        scheme: str = "light",
        drawn: bool = True,
    ) -> None:
        self.begin()
        self._tabs = {at: tab for at, tab in self._tabs.items() if tab != self._first}
        self._load(path, width=width, scheme=scheme, drawn=drawn)
        self._tabs.setdefault(path.as_uri(), self._first)

    def begin(self) -> None:
        """Go to the first tab: for who changes how the next page is opened."""
        self._go_to(self._first)

    def _go_to(self, tab: str) -> None:
        self.driver.switch_to.window(tab)
        # A browser draws what is seen: a tab behind another waits.
        self.driver.execute_cdp_cmd("Page.bringToFront", {})

    def _load(self, path: Path, *, width: int, scheme: str, drawn: bool) -> None:
        self.log("browser")  # reading empties it
        self.log("performance")
        self.resize(width)
        self.prefer(scheme)
        self.driver.get(path.as_uri())
        if drawn:
            self.wait("return document.documentElement.dataset.state === 'drawn'")

    def turn_to(self, path: Path, *, width: int = 1280, scheme: str = "light") -> None:
        """Go to the tab of a page, which is opened if there is none.

        Whoever changes more of it than a reader can leaves it afterwards.
        """
        if tab := self._tabs.get(path.as_uri()):
            self._go_to(tab)
            self.prefer(scheme)
            self.resize(width)
            self.fit()
            return
        self.driver.switch_to.new_window("tab")
        self._load(path, width=width, scheme=scheme, drawn=True)
        self._tabs[path.as_uri()] = self.driver.current_window_handle

    def leave(self) -> None:
        """Close the page that was opened or turned to last."""
        tab = self.driver.current_window_handle
        self._tabs = {at: own for at, own in self._tabs.items() if own != tab}
        if tab == self._first:
            self.driver.get("about:blank")
            return
        self.driver.close()
        self.begin()

    def fit(self) -> None:
        """Wait until every chart is as wide as its place."""
        self.wait(
            "return [...document.querySelectorAll('.chart')].every(place =>"
            " !place.clientWidth || Math.abs(place.clientWidth"
            " - place.querySelector('.main-svg').getBoundingClientRect().width) <= 1)"
        )

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def wait(self, script: str) -> None:
        """Wait until a script returns true."""
        WebDriverWait(self.driver, timeout=30, poll_frequency=0.05).until(
            lambda driver: driver.execute_script(script)
        )

    def log(self, name: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.driver.get_log(name)  # type: ignore[no-untyped-call]
        return entries

    def errors(self) -> list[str]:
        return [entry["message"] for entry in self.log("browser")]

    def requests(self) -> list[str]:
        """Return every address asked for, but by the browser itself."""
        messages = [
            json.loads(entry["message"])["message"] for entry in self.log("performance")
        ]
        urls = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
        # The browser's start page is still loading when the first test begins.
        own = ("data:", "blob:", "chrome:")
        return [url for url in urls if not url.startswith(own)]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        overflow: int = self.run(
            "return document.documentElement.scrollWidth"
            " - document.documentElement.clientWidth"
        )
        return overflow

    def figures(self) -> list[str]:
        charts = self.driver.find_elements(By.CSS_SELECTOR, ".chart")
        return [str(chart.get_attribute("id")) for chart in charts]

    def count(self, selector: str) -> int:
        return len(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def background(self, selector: str) -> str:
        background: str = self.run(
            f"return getComputedStyle(document.querySelector('{selector}'))"
            f".backgroundColor"
        )
        return background
