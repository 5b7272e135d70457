"""run.py: plain sentences, the right exit status, no half-made environment that passes for a whole one."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

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
