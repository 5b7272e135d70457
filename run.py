#!/usr/bin/env python3
"""One command for each job; needs nothing but Python 3.11 or newer.

python3 run.py book            set up, build the static site into _build/html (--pdf: and one printed file)
python3 run.py test            set up, pass every test, strict nbval included (or: test FOLDER -k WORD)
python3 run.py lab             set up, open JupyterLab on trainee workbooks (--fresh CHAPTER starts one over)
python3 run.py store           set up, execute the chapters and store their outputs (or: store NOTEBOOK)
python3 run.py data            set up, make the sample company's stored tables again
python3 run.py speed           set up, measure time and memory, ours and others' (an hour)
python3 run.py trial           set up, try the intervals where the truth is known (half an hour)
python3 run.py check           set up, lint, format check, types
"""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import IO, NoReturn

ROOT = Path(__file__).resolve().parent
ENV = ROOT / ".venv"
READY = ENV / ".ready"
BIN = ENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
GIGABYTE = 10**9
NEEDED = 3 * GIGABYTE

NBVAL = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=120"]
BUILD = "from jupyter_book.cli.main import main; main()"
LAB = [
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
]
QUIET = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}


def main(job: str = "help", *rest: str) -> int:
    """Run one job; leave with its exit status."""
    jobs = {"book": book, "test": test, "lab": lab, "store": store, "data": data}
    jobs |= {"speed": speed, "trial": trial, "check": check}
    if job in ("help", "-h", "--help"):
        print(__doc__)
        return 0
    if job not in jobs:
        stop("There is no job {!r}; the jobs are {}.".format(job, ", ".join(jobs)))
    place = wait_for_my_turn()
    set_up()
    if job not in ("book", "test", "store", "data"):
        place.close()  # it writes into no folder that another job writes into
    return jobs[job](*rest)


def book(*rest: str) -> int:
    is_printed = "--pdf" in rest
    rest = tuple(part for part in rest if part != "--pdf")
    status = python("-c", BUILD, "build", ".", "-W", "--keep-going", "-q", *rest)
    if status:
        stop("The book was not built: the lines above name the page and the line.", status)
    missing = [page for page in pages() if not page.is_file()]
    if missing:
        stop("The book was built without " + ", ".join(page.name for page in missing) + ".")
    tell("The book is in _build/html: open _build/html/book/index.html in a browser.")
    if is_printed:
        return python("book/_site/printed.py", "_build/html", "_build/book.pdf")
    return 0


def test(*rest: str) -> int:
    chosen = [part for part in rest if not part.startswith("-")]
    if chosen:
        status = python("-m", "pytest", *NBVAL, *rest)
    else:
        # The workers must not build one book each, in one place: it is built first, and they visit it.
        book()
        os.environ["CX_SITE"] = str(ROOT / "_build" / "html")
        workers = ["-n", str(min(4, cores())), "--dist=loadfile"]
        status = python("-m", "pytest", *NBVAL, *workers, "cxmeasure", "tests", "book", *rest)
    tell("Every test passed." if status == 0 else "Some tests failed: each is named above, with what it saw.")
    return status


def cores() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def lab(*rest: str) -> int:
    status = python("book/_site/workbooks.py", *rest)
    if status:
        stop("The workbooks were not made; the lines above say why.", status)
    if "--fresh" in rest:
        return 0
    ask_nothing(ENV)
    tell("JupyterLab opens in your browser. Press Ctrl-C here to stop it.")
    as_root = ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    return python("-m", "jupyterlab", "--ServerApp.root_dir=" + str(ROOT / "workbooks"), *LAB, *as_root)


def ask_nothing(environment: Path) -> None:
    """Write the setting without which JupyterLab asks whether it may fetch news."""
    settings = environment / "share" / "jupyter" / "lab" / "settings"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "overrides.json").write_text(json.dumps(QUIET), encoding="utf-8")


def store(*rest: str) -> int:
    status = python("book/_site/store.py", *rest)
    tell(
        "The outputs are stored: now run `run.py book`."
        if status == 0
        else "Nothing was stored for that chapter."
    )
    return status


def data(*rest: str) -> int:
    status = python("-m", "cxmeasure.lantern.store", *rest)
    tell(
        "The tables are in data/lantern."
        if status == 0
        else "The tables of data/lantern were left as they were."
    )
    return status


def speed(*rest: str) -> int:
    status = python("tests/speed/everything.py", *rest)
    tell(
        "The figures are in data/speed; store book/how-fast-how-far.ipynb anew."
        if status == 0
        else "Nothing more was stored: the lines above say why."
    )
    return status


def trial(*rest: str) -> int:
    status = python("-m", "tests.trial", *(rest or ("survey",)))
    tell("The rates are in data/trial." if status == 0 else "Nothing was stored: the lines above say why.")
    return status


def check(*rest: str) -> int:
    jobs = (("ruff", "check"), ("ruff", "format", "--check"), ("mypy",))
    failed = [" ".join(job) for job in jobs if python("-m", *job, *rest)]
    tell("Nothing to complain about." if not failed else "To mend: " + ", ".join(failed) + ".")
    return len(failed)


def wait_for_my_turn() -> IO[str]:
    """Return a locked file: until it is closed, or this process ends, other run.py of this folder wait."""
    try:
        place = (ROOT / ".run.lock").open("a", encoding="utf-8")
    except OSError as error:
        stop(f"This folder cannot be written to ({error.strerror}); copy the project to a folder of yours.")
    is_told = False
    while not is_locked(place):
        if not is_told:
            tell("Another run.py is at work in this folder; this one waits for it. Ctrl-C gives up.")
            is_told = True
        time.sleep(0.2)
    return place


def is_locked(place: IO[str]) -> bool:
    """Lock a file unless another process has; the system unlocks it when this one ends, however it ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(place.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def set_up() -> None:
    """Make the pinned environment, or leave it alone when it is whole and current."""
    wanted = fingerprint()
    if READY.is_file() and READY.read_text(encoding="utf-8") == wanted:
        return
    free = shutil.disk_usage(ROOT).free
    if free < NEEDED:
        stop(
            f"The environment needs {NEEDED / GIGABYTE:.0f} GB of disk; here {free / GIGABYTE:.1f} are free."
        )
    tell("Setting up the environment, once; this takes about a minute and a half.")
    start = time.monotonic()
    try:
        # Without the stamp, written last, nobody takes a half-made environment for a whole one.
        READY.unlink(missing_ok=True)
        venv.create(ENV, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as error:
        stop(
            f"The folder .venv could not be made: {error}. Look at the room on the disk and at the rights of "
            "this folder, then run the same command again."
        )
    # Without compiling everything beforehand: Python compiles what is used, when it is used.
    install("--no-compile", "--require-hashes", "-r", "requirements.lock")
    install("--no-deps", "--no-build-isolation", "-e", ".")
    READY.write_text(wanted, encoding="utf-8")
    tell(f"The environment is ready after {time.monotonic() - start:.0f} s.")


def fingerprint() -> str:
    """Return a hash of all that the environment is made from."""
    parts = [(ROOT / name).read_bytes() for name in ("requirements.lock", "pyproject.toml")]
    parts.append((sys.version + str(ROOT)).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def install(*what: str) -> None:
    """Run pip, showing how far it is; stop with its own last words when it fails."""
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", *what]
    total = sum(1 for line in lock_lines() if line[:1].isalnum())
    said = []
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as pip:
        for line in pip.stdout or ():
            said.append(line)
            count = sum(1 for old in said if old.startswith("Collecting"))
            if line.startswith("Collecting") and count % 20 == 0:
                tell(f"  {count} of {total} packages found")
            if line.startswith("Installing collected"):
                tell("  installing")
    if pip.returncode:
        print("".join(said[-12:]), file=sys.stderr)
        stop(
            "The packages could not be installed: pip's last words are above. "
            "Check the network and the disk, then run the same command again."
        )


def lock_lines() -> list[str]:
    return (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()


def pages() -> list[Path]:
    """Return the built page of every entry of the table of contents."""
    lines = [line.strip() for line in (ROOT / "_toc.yml").read_text(encoding="utf-8").splitlines()]
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith(("- file:", "root:"))]
    return [ROOT / "_build" / "html" / (name + ".html") for name in names]


def python(*args: str) -> int:
    """Run the environment's Python in the root; return its exit status."""
    return subprocess.run([str(PYTHON), *args], cwd=ROOT, env=environment(), check=False).returncode


def environment() -> dict[str, str]:
    path = str(BIN) + os.pathsep + os.environ.get("PATH", "")
    return dict(os.environ, PATH=path, VIRTUAL_ENV=str(ENV), PYTHONHASHSEED="0", PYTHONUTF8="1")


def tell(sentence: str) -> None:
    print(sentence, flush=True)


def stop(sentence: str, status: int = 1) -> NoReturn:
    sys.stdout.flush()
    print("run.py: " + sentence, file=sys.stderr)
    sys.exit(status or 1)


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        stop("Python 3.11 or newer is needed; this is %d.%d." % sys.version_info[:2])
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        stop("Stopped by you. Run the same command again to go on.", 130)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            stop("The disk is full. Make room, then run the same command again.")
        stop(f"The system refused: {error}. Put that right, then run the same command again.")
