"""What `pip install cxmeasure` brings, and that it works on its own."""

import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIGHT = {"numpy", "scipy", "pandas", "statsmodels", "altair", "narwhals", "duckdb"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    assert list(out.glob("*.tar.gz")), "no source distribution"
    return next(out.glob("*.whl"))


def test_the_package_alone_stays_light() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {name.split(">")[0] for name in project["dependencies"]} == LIGHT
    assert all(">=" in name for name in project["dependencies"])


def test_the_wheel_has_types_and_stored_tables_and_nothing_of_the_book(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "cxmeasure/py.typed" in names
    assert "cxmeasure/_stored/published/copenhagen.csv" in names
    assert not [
        name for name in names if name.startswith(("book", "tests")) or name.endswith((".ipynb", ".js"))
    ]
    assert (
        sum(info.file_size for info in zipfile.ZipFile(wheel).infolist() if "_stored" in info.filename) < 6e6
    )


def test_a_clean_environment_runs_an_example_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    clean = tmp_path / "clean"
    venv.create(clean, with_pip=False)
    # The wheel is installed for real; the pinned packages it needs are lent by path, not downloaded again.
    binary = clean / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    site = Path(
        subprocess.run([binary, "-c", PURELIB], check=True, capture_output=True, text=True).stdout.strip()
    )
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(binary),
        "install",
        "--no-deps",
        "--quiet",
        str(wheel),
    ]
    subprocess.run(install, check=True, capture_output=True, text=True)
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    (site / "borrowed.pth").write_text("\n".join(borrowed), encoding="utf-8")
    said = subprocess.run(
        [binary, "-I", "-c", PROGRAM], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert said.returncode == 0, said.stderr
    place, failures, customers, says_how, verdict = said.stdout.strip().splitlines()[-5:]
    assert Path(place).is_relative_to(clean)
    assert failures == "0 failures"
    assert customers == "4000 customers"
    assert says_how == "True", "a world that the wheel lacks is answered with how to simulate it"
    assert verdict.startswith("Right")


PURELIB = "import sysconfig; print(sysconfig.get_path('purelib'))"
PROGRAM = """
import doctest
import cxmeasure
from cxmeasure.errors import StoreError
from cxmeasure.survey import scoring
print(cxmeasure.__file__)
print(doctest.testmod(scoring, optionflags=doctest.NORMALIZE_WHITESPACE).failed, "failures")
from cxmeasure import lantern
print(len(lantern.load("customers")), "customers")
try:
    lantern.load("answers", world="tilted")
except StoreError as error:
    print("simulate" in str(error))
print(cxmeasure.check("start-here/2", 1681))
"""
