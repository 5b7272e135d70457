"""run.py: plain sentences, the right exit status, no half-made environment that passes for a whole one."""

import importlib.util
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return run.py as a module that works in a folder of its own."""
    spec = importlib.util.spec_from_file_location("run", ROOT / "run.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("requirements.lock", "pyproject.toml", "_toc.yml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "ENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "READY", tmp_path / ".venv" / ".ready")
    monkeypatch.setattr(module.venv, "create", lambda env, **_: env.mkdir(exist_ok=True))
    return module


def test_it_imports_nothing_but_the_standard_library() -> None:
    lines = (ROOT / "run.py").read_text(encoding="utf-8").splitlines()
    modules = {line.split()[1].split(".")[0] for line in lines if line.startswith(("import ", "from "))}
    assert modules <= set(sys.stdlib_module_names)


def test_an_unknown_job_is_answered_with_the_jobs_there_are() -> None:
    said = subprocess.run(
        [sys.executable, ROOT / "run.py", "bok"], capture_output=True, text=True, check=False
    )
    assert said.returncode == 1
    assert "There is no job 'bok'; the jobs are book, test" in said.stderr


def test_too_old_a_python_is_told_so_in_one_sentence() -> None:
    program = (
        "import runpy, sys; sys.version_info = (3, 10, 4, 'final', 0); "
        f"sys.argv = ['run.py', 'book']; runpy.run_path({str(ROOT / 'run.py')!r}, run_name='__main__')"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert said.stderr.strip() == "run.py: Python 3.11 or newer is needed; this is 3.10."


def test_the_stamp_is_written_last(run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "install", lambda *_: None)
    run.set_up()
    assert run.READY.read_text(encoding="utf-8") == run.fingerprint()


def test_a_failed_download_leaves_no_environment_that_looks_whole(
    run: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "PYTHON", Path(sys.executable))
    (run.ROOT / "requirements.lock").write_text(
        "no-such-package-of-ours==0 --hash=sha256:00\n", encoding="utf-8"
    )
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(SystemExit) as stopped:
        run.set_up()
    assert stopped.value.code == 1
    assert "The packages could not be installed" in capsys.readouterr().err
    assert not run.READY.exists()


def test_a_broken_stamp_or_a_changed_lock_sets_up_again(
    run: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(run, "install", lambda *what: calls.append(what))
    run.set_up()
    run.set_up()
    assert len(calls) == 2, "a whole environment is left alone"
    (run.ROOT / "requirements.lock").write_text("changed", encoding="utf-8")
    run.set_up()
    assert len(calls) == 4
    run.READY.write_text("half", encoding="utf-8")
    run.set_up()
    assert len(calls) == 6


def test_a_full_disk_is_told_before_anything_is_made(
    run: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = run.shutil.disk_usage(run.ROOT)._replace(free=10**8)
    monkeypatch.setattr(run.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(SystemExit):
        run.set_up()
    assert "needs 3 GB of disk; here 0.1 are free" in capsys.readouterr().err
    assert not run.ENV.exists()


def test_every_page_of_the_contents_is_looked_for_after_a_build(run: ModuleType) -> None:
    names = [page.relative_to(run.ROOT / "_build" / "html").as_posix() for page in run.pages()]
    assert names[0] == "book/index.html"
    assert "book/start/start-here.html" in names


SLOW = """#!/bin/sh
echo begins >> log
sleep 1
echo ends >> log
"""


@pytest.fixture
def folder(tmp_path: Path, run: ModuleType) -> Path:
    """Return a project folder of an awkward name, whose environment looks whole and does nothing but wait."""
    place = tmp_path / "ein Ordner, 数 & Größe"
    place.mkdir()
    for name in ("run.py", "requirements.lock", "pyproject.toml", "_toc.yml"):
        (place / name).write_bytes((ROOT / name).read_bytes())
    run.ROOT = place
    binaries = place / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python").write_text(SLOW, encoding="utf-8")
    (binaries / "python").chmod(0o755)
    (place / ".venv" / ".ready").write_text(run.fingerprint(), encoding="utf-8")
    return place


def started(folder: Path, *words: str, **how: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(folder / "run.py"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **how,
    )


def log(folder: Path) -> list[str]:
    return (folder / "log").read_text(encoding="utf-8").split() if (folder / "log").exists() else []


def until_work_begins(folder: Path) -> None:
    for _ in range(200):
        if log(folder):
            return
        time.sleep(0.05)
    pytest.fail("no work was begun")


def test_two_at_once_work_one_after_the_other_in_a_folder_of_any_name(folder: Path) -> None:
    first = started(folder, "data")
    until_work_begins(folder)
    second = started(folder, "store")
    said = second.communicate(timeout=60)[0]
    assert "Another run.py is at work in this folder; this one waits for it." in said
    first.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0)
    assert log(folder) == ["begins", "ends"] * 2


def test_a_killed_run_leaves_the_place_to_the_next(folder: Path) -> None:
    first = started(folder, "data")
    until_work_begins(folder)
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=60)
    said = started(folder, "data").communicate(timeout=60)
    assert "Another run.py" not in said[0]
    assert not said[1]


def test_ctrl_c_ends_in_a_sentence_and_takes_its_child_along(folder: Path) -> None:
    first = started(folder, "data", start_new_session=True)
    until_work_begins(folder)
    os.killpg(first.pid, signal.SIGINT)
    said = first.communicate(timeout=60)[1]
    assert (first.returncode, said) == (130, "run.py: Stopped by you. Run the same command again to go on.\n")
    time.sleep(1.2)
    assert log(folder) == ["begins"], "the child went on"


def test_a_full_disk_ends_in_a_sentence_and_the_next_run_sets_up_anew(folder: Path) -> None:
    (folder / ".venv" / ".ready").write_text("half", encoding="utf-8")
    full = started(folder, "check", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
    said = full.communicate(timeout=60)[1]
    assert full.returncode == 1
    assert "Traceback" not in said
    assert "The folder .venv could not be made" in said
    assert not (folder / ".venv" / ".ready").exists(), "the next run would take the half for the whole"


def test_a_folder_that_cannot_be_written_to_is_said_so(
    run: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "ROOT", Path("/proc/self"))
    with pytest.raises(SystemExit):
        run.wait_for_my_turn()
    assert "This folder cannot be written to" in capsys.readouterr().err
