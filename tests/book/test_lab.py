"""A trainee's session, tried for real: JupyterLab with a workbook, in a browser, without a network."""

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-trainee"
CHAPTER = "start/three-questions"
CELLS = """() => window.jupyterapp?.shell.currentWidget?.content?.widgets
  ?.filter((cell) => cell.model.type === 'code')
  .map((cell) => [cell.model.executionCount, cell.prompt]) ?? []"""
OUTPUTS = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .filter((cell) => cell.model.type === 'code')
  .map((cell) => JSON.stringify(cell.model.outputs.toJSON()))"""


@pytest.fixture(scope="module")
def run() -> ModuleType:
    """Return run.py as a module: its flags and settings are those under test."""
    spec = importlib.util.spec_from_file_location("run", ROOT / "run.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a trainee's workbook: the first answer wrong, the second as in the chapter, the third open."""
    root = tmp_path_factory.mktemp("trainee")
    shutil.copytree(ROOT / "book", root / "book")
    shutil.copy(ROOT / "_toc.yml", root)
    (root / "data").symlink_to(ROOT / "data")
    subprocess.run([sys.executable, str(root / "book/_site/workbooks.py")], check=True, capture_output=True)
    path = root / "workbooks" / f"{CHAPTER}.ipynb"
    book, chapter = nbformat.read(path, 4), nbformat.read(ROOT / "book" / f"{CHAPTER}.ipynb", 4)
    turns = [cell for cell in book.cells if cell.source.startswith("# Your turn")]
    solutions = [cell.source for cell in chapter.cells if "solution" in cell.metadata.get("tags", [])]
    turns[0].source = turns[0].source.replace("= ...", "= -1.0")
    turns[1].source = solutions[1]
    nbformat.write(book, path)
    return path


@pytest.fixture(scope="module")
def server(run: ModuleType, workbook: Path) -> Iterator[str]:
    """Return the address of a JupyterLab started with run.py's own flags and settings."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run.ask_nothing(Path(sys.prefix))
    flags = [*run.LAB, f"--ServerApp.root_dir={workbook.parents[1]}", "--no-browser", f"--port={port}"]
    environment = {
        **os.environ,
        "PATH": str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"],
        "JUPYTER_TOKEN": TOKEN,
        "JUPYTERLAB_SETTINGS_DIR": str(workbook.parents[2] / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(workbook.parents[2] / "workspaces"),
    }
    command = [sys.executable, "-m", "jupyterlab", *flags, "--allow-root", "--expose-app-in-browser"]
    log = (workbook.parents[2] / "server.log").open("w")
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, "JupyterLab ended before it answered."
                time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


def test_a_workbook_runs_draws_and_answers_without_a_network(browser, server):
    elsewhere: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.on(
        "request", lambda asked: elsewhere.append(asked.url) if _is_elsewhere(asked.url, server) else None
    )
    page.goto(f"{server}/lab/tree/{CHAPTER}.ipynb?token={TOKEN}")
    page.locator(".jp-Notebook").first.wait_for()
    assert page.locator(".jp-Dialog").count() == 0, "JupyterLab asks something before the first cell."
    page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(
        f"() => {{ const cells = ({CELLS})(); "
        "return cells.length && cells.every(([count, prompt]) => count && prompt !== '*') }"
    )
    outputs = page.evaluate(OUTPUTS)
    assert not [text for text in outputs if '"output_type":"error"' in text and "Ellipsis" not in text]
    said = "".join(outputs)
    assert len(re.findall("Not yet", said)) == 2
    assert len(re.findall(r"Right\. That is what the table gives", said)) == 1
    assert re.search(r"1 of 3 exercises solved\. Still to do: three-questions/1, three-questions/3", said)
    drawn = page.locator(".jp-OutputArea-output .vega-embed :is(svg, canvas)")
    drawn.first.wait_for(state="attached")
    assert drawn.count() >= 1
    assert elsewhere == []
    context.close()


def _is_elsewhere(address: str, server: str) -> bool:
    return not address.startswith((server, server.replace("http", "ws", 1), "data:", "blob:"))
