"""Build the book and a sample that uses everything, and visit each page in headless Chromium."""

import gzip
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
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
AXE_RULES = {"resultTypes": ["violations"], "iframes": False}


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


@pytest.fixture(scope="session")
def axe_script() -> str:
    """Return axe-core, which finds what a screen reader would stumble over."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("NO AXE: install axe-playwright-python; accessibility has not been tested.")
    return (Path(found.origin).parent / "axe.min.js").read_text("utf-8")


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
    weight: int = 0
    weight_live: int = 0


def _weight(files: set[str]) -> int:
    total = 0
    for name in files:
        content = Path(name).read_bytes()
        total += len(content if name.endswith(".woff2") else gzip.compress(content, 6))
    return total


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
ALIVE = "() => !document.querySelector('figure.cx-chart:not([data-live=yes], [data-live=no])')"
DEAD = "() => document.querySelectorAll('figure.cx-chart:not([data-live=yes])').length"
OPEN_ALL = "() => { for (const fold of document.querySelectorAll('details')) fold.open = true; }"


def _visit(browser: Browser, site: Path, path: Path, pictures: Path) -> Visit:
    visit = Visit(path.relative_to(site).as_posix())
    name = visit.path.removesuffix(".html").replace("/", "--")
    for width in (1280, 360):
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page = context.new_page()
            _listen(page, visit)
            page.goto(path.as_uri())
            page.wait_for_load_state("load")
            visit.overflow[width] = max(visit.overflow.get(width, 0), page.evaluate(OVERFLOW))
            page.screenshot(path=pictures / f"{name}-{width}-{scheme}.png", full_page=True)
            if scheme == "light":
                seen = page.evaluate(CHARTS)
                visit.charts = len(seen)
                visit.without_picture += sum(not chart["picture"] for chart in seen)
                visit.unnamed_charts += sum(not chart["named"] for chart in seen)
            if (width, scheme) == (1280, "light"):
                visit.weight = _weight(visit.loaded)
            if scheme == "light" and visit.charts:
                for stage in page.locator(".cx-stage").all():
                    stage.focus()
                page.wait_for_function(ALIVE, timeout=20_000)
                visit.not_live += page.evaluate(DEAD)
                visit.overflow[width] = max(visit.overflow[width], page.evaluate(OVERFLOW))
                page.screenshot(path=pictures / f"{name}-{width}-live.png", full_page=True)
            context.close()
    visit.weight_live = _weight(visit.loaded)
    return visit


def pages_of(site: Path) -> list[Path]:
    """Return every page of a built site, but for those that only send on to another."""
    pages = (path for path in site.rglob("*.html") if not path.relative_to(site).parts[0].startswith("_"))
    return sorted(path for path in pages if 'http-equiv="refresh"' not in path.read_text("utf-8"))


def _visit_all(browser: Browser, site: Path, name: str) -> list[Visit]:
    pictures = ROOT / "_build" / "screenshots" / name
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    visits = [_visit(browser, site, path, pictures) for path in pages_of(site)]
    lines = [f"{'page':60} charts  kB  kB live"]
    lines += [f"{v.path:60} {v.charts:6} {v.weight / 1000:4.0f} {v.weight_live / 1000:5.0f}" for v in visits]
    (pictures / "figures.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return visits


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


@pytest.fixture
def violations(browser: Browser, axe_script: str) -> Callable[[Path], dict[str, list[str]]]:
    """Return a function that lists what axe finds on every page of a site, in light and dark."""

    def look(page: Page) -> list[str]:
        page.evaluate(axe_script)
        found = page.evaluate("(options) => axe.run(document, options)", AXE_RULES)
        return [
            f"{rule['id']}: {node['html'][:160]}" for rule in found["violations"] for node in rule["nodes"]
        ]

    def search(site: Path) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in pages_of(site):
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": 1280, "height": 900}, color_scheme=scheme, bypass_csp=True
                )
                page = context.new_page()
                page.goto(path.as_uri())
                page.evaluate(
                    "() => { for (const d of document.querySelectorAll('details')) d.open = true; }"
                )
                marks = look(page)
                context.close()
                if marks:
                    found[f"{path.relative_to(site)} {scheme}"] = marks
        return found

    return search
