"""What importing the package does and does not do."""

import subprocess
import sys

HEAVY = (
    "statsmodels",
    "scipy.optimize",
    "scipy.stats",
    "matplotlib",
    "networkx",
    "tqdm",
    "jupyter_core",
    "vl_convert",
)


def test_importing_brings_no_model_library() -> None:
    code = f"import sys, cxmeasure; print([name for name in {HEAVY!r} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "[]"
    assert said.stderr == ""


def test_importing_changes_no_setting_of_altair() -> None:
    code = "import altair as alt; before = alt.theme.active, alt.renderers.active; import cxmeasure; "
    code += "print(before == (alt.theme.active, alt.renderers.active))"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "True"
