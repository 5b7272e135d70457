"""Build the book and a sample that uses everything, and visit each page in headless Chromium."""

import gzip
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
BUILD = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE_RULES = {"resultTypes": ["violations"], "iframes": False, "preload": False}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


def build(folder: Path) -> Path:
    """Build the book in a folder as `run.py book` does; return where the site lies."""
    command = [sys.executable, "-c", BUILD, "build", str(folder), "-W", "--keep-going"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, f"the book does not build:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return folder / "_build" / "html"


@pytest.fixture(scope="session")
def site() -> Path:
    """Return the built book: the folder in CX_SITE, or one built now."""
    given = os.environ.get("CX_SITE")
    return Path(given).resolve() if given else build(ROOT)


@pytest.fixture(scope="session")
def sample_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a built book that uses every part of the site, with an attack in a user's text."""
    folder = tmp_path_factory.mktemp("sample")
    subprocess.run([sys.executable, str(ROOT / "tests/book/sample_book.py"), str(folder)], check=True)
    return build(folder)


@pytest.fixture(scope="session")
def served_sample(sample_site: Path) -> Iterator[str]:
    """Return the address of the sample on a server of this machine."""
    handler = partial(SimpleHTTPRequestHandler, directory=sample_site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return a headless Chromium."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("NO BROWSER: install chromium; nothing about the site in a browser has been tested.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """What was seen on one page."""

    path: str
    elsewhere: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    charts: int = 0
    unnamed_charts: int = 0
    without_picture: int = 0
    not_live: int = 0
    overflow: dict[int, int] = field(default_factory=dict)
    loaded: set[str] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)
    weight: int = 0
    weight_live: int = 0


@cache
def _compressed(name: str) -> int:
    content = Path(name).read_bytes()
    return len(content if name.endswith(".woff2") else gzip.compress(content, 6))


def _weight(files: set[str]) -> int:
    return sum(map(_compressed, files))


def _listen(page: Page, visit: Visit) -> None:
    def request(asked: Any) -> None:
        scheme, _, rest = asked.url.partition(":")
        if scheme == "file":
            visit.loaded.add(rest.removeprefix("//").partition("?")[0].partition("#")[0])
        elif scheme not in {"data", "blob", "about"}:
            visit.elsewhere.append(asked.url)

    page.on("request", request)
    page.on("requestfailed", lambda asked: visit.complaints.append(f"failed: {asked.url}"))
    page.on("pageerror", lambda error: visit.complaints.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (visit.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))

    def console(message: Any) -> None:
        if message.type in {"error", "warning"}:
            visit.complaints.append(f"{message.type}: {message.text}")

    page.on("console", console)


OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
CHARTS = """() => [...document.querySelectorAll('figure.cx-chart')].map((figure) => {
  const shown = [...figure.querySelectorAll('svg')].find((svg) => svg.getBoundingClientRect().height > 20);
  return { picture: Boolean(shown && shown.querySelector('path, line, text')),
           named: Boolean(shown?.getAttribute('aria-label')) };
})"""
SETTLED = "() => !document.querySelector('script[src*=cx]') || document.querySelector('html.cx-settled')"
ALIVE = "() => !document.querySelector('figure.cx-chart:not([data-live=yes], [data-live=no])')"
DEAD = "() => document.querySelectorAll('figure.cx-chart:not([data-live=yes])').length"
OPEN_ALL = "() => { for (const fold of document.querySelectorAll('details')) fold.open = true; }"

FOLD_CODE = """() => {
  for (const fold of [...document.querySelectorAll('details.cx-code')].slice(4)) fold.open = false;
}"""


@dataclass
class Eyes:
    """A browser, what it looks with, and where its pictures go."""

    browser: Browser
    axe: str
    pictures: Path

    def visit(self, site: Path, path: Path) -> Visit:
        """Open a page on a screen and on a phone, in light and in dark, and note all that is seen."""
        visit = Visit(path.relative_to(site).as_posix())
        for width in (1280, 360):
            context = self.browser.new_context(viewport={"width": width, "height": 900})
            page = context.new_page()
            _listen(page, visit)
            page.goto(path.as_uri())
            page.wait_for_function(SETTLED)
            self._look(page, visit, width)
            context.close()
        visit.weight_live = _weight(visit.loaded)
        return visit

    def _look(self, page: Page, visit: Visit, width: int) -> None:
        seen = page.evaluate(CHARTS)
        visit.charts = len(seen)
        visit.without_picture += sum(not chart["picture"] for chart in seen)
        visit.unnamed_charts += sum(not chart["named"] for chart in seen)
        if width == 1280:
            visit.weight = _weight(visit.loaded)
        name = visit.path.removesuffix(".html").replace("/", "--")
        scheme = "light" if width == 1280 else "dark"
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=self.pictures / f"{name}-{width}-{scheme}.png", full_page=True)
        page.evaluate(OPEN_ALL)
        self._bring_to_life(page, visit)
        visit.overflow[width] = page.evaluate(OVERFLOW)
        if self.axe and width == 1280:
            page.evaluate(self.axe)
            page.emulate_media(color_scheme="light")
            visit.violations += [f"light, {mark}" for mark in _violations(page, AXE_RULES)]
            # All that the dark page changes is its colours, and code has the same ones in every cell.
            page.evaluate(FOLD_CODE)
            page.emulate_media(color_scheme="dark")
            visit.violations += [f"dark, {mark}" for mark in _violations(page, AXE_RULES | COLOURS)]

    def _bring_to_life(self, page: Page, visit: Visit) -> None:
        for stage in page.locator(".cx-stage").all():
            stage.focus()
        page.wait_for_function(ALIVE, timeout=20_000)
        visit.not_live += page.evaluate(DEAD)


def _violations(page: Page, rules: dict[str, Any]) -> list[str]:
    found = page.evaluate("(options) => axe.run(document, options)", rules)
    marks = [(rule["id"], node["html"]) for rule in found["violations"] for node in rule["nodes"]]
    return [f"{name}: {html[:160]}" for name, html in marks]


def pages_of(site: Path) -> list[Path]:
    """Return every page of a built site, but for those that only send on to another."""
    pages = (path for path in site.rglob("*.html") if not path.relative_to(site).parts[0].startswith("_"))
    return sorted(path for path in pages if 'http-equiv="refresh"' not in path.read_text("utf-8"))


def _visit_all(browser: Browser, site: Path, name: str) -> list[Visit]:
    pictures = ROOT / "_build" / "screenshots" / name
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    eyes = Eyes(browser, _axe_script(), pictures)
    visits = [eyes.visit(site, path) for path in pages_of(site)]
    lines = ["page,charts,kilobytes,kilobytes with charts alive,axe violations"]
    lines += [
        f"{v.path},{v.charts},{v.weight / 1000:.0f},{v.weight_live / 1000:.0f},{len(v.violations)}"
        for v in visits
    ]
    (pictures / "figures.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return visits


def _axe_script() -> str:
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        return ""
    return (Path(found.origin).parent / "axe.min.js").read_text("utf-8")


@pytest.fixture(scope="session")
def _needs_axe() -> None:
    if not _axe_script():
        pytest.skip("NO AXE: install axe-playwright-python; accessibility has not been tested.")


@pytest.fixture
def visit_folder(browser: Browser, tmp_path: Path) -> Callable[[Path], list[Visit]]:
    """Return a function that visits every page of a folder."""
    (tmp_path / "pictures").mkdir()
    eyes = Eyes(browser, _axe_script(), tmp_path / "pictures")
    return lambda folder: [eyes.visit(folder, path) for path in pages_of(folder)]


@pytest.fixture(scope="session")
def book_visits(browser: Browser, site: Path) -> list[Visit]:
    """Visit every page of the book."""
    return _visit_all(browser, site, "book")


@pytest.fixture(scope="session")
def sample_visits(browser: Browser, sample_site: Path) -> list[Visit]:
    """Visit every page of the sample."""
    return _visit_all(browser, sample_site, "sample")


@pytest.fixture(params=["book", "sample"])
def visits(request: pytest.FixtureRequest) -> list[Visit]:
    """Return the visits of the book, then those of the sample."""
    return request.getfixturevalue(f"{request.param}_visits")


@pytest.fixture
def everything(browser: Browser, sample_site: Path) -> Iterator[Callable[..., Page]]:
    """Return a function that opens the page which uses everything."""
    contexts = []

    def open_page(width: int = 1280, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(8000)
        contexts.append(context)
        page = context.new_page()
        page.goto((sample_site / "book/start/everything.html").as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
