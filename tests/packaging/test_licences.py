"""What the environment is made of: each file by its hash, each licence one that lets all use the book."""

import re
from importlib.metadata import PackageMetadata, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PINS = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==\S+(.*(?:\n    .*)*)", LOCK, re.MULTILINE)
PERMISSIVE = re.compile(
    r"\b(MIT|BSD|0BSD|ISC|Apache|PSF|Python Software Foundation|Zlib|CC0|Public Domain|Unlicense)\b|"
    r"\b(MPL|Mozilla Public License)\b",  # files of the Mozilla licence are used as they are, not changed
    re.IGNORECASE,
)
# Several licences, of which the first named lets anybody use them; and what says its licence in a file only.
CHOSEN = {
    "docutils": "public domain, but for parts under BSD and Python's licence; the GPL file is an Emacs mode",
    "text-unidecode": "Artistic licence, at the user's choice",
    "axe-playwright-python": "MIT, in its file LICENSE; the engine inside is under MPL-2.0",
}


def licence(metadata: PackageMetadata) -> str:
    """Return what a package says of its licence: expression, classifiers, or the first line of the field."""
    classifiers = [line for line in metadata.get_all("Classifier") or [] if line.startswith("License ::")]
    field = (metadata.get("License") or "").split("\n")[0]
    return metadata.get("License-Expression") or " ".join(classifiers) or field


def installed() -> dict[str, PackageMetadata]:
    found = {}
    for name, _ in PINS:
        try:
            found[name] = distribution(name).metadata
        except PackageNotFoundError:  # of another system
            assert re.search(
                rf"^{name}==\S+ ;.*(sys_platform|platform_system|os_name)", LOCK, re.MULTILINE
            ), name
    return found


def test_every_package_of_the_lock_has_hashes() -> None:
    assert len(PINS) > 100
    assert not [name for name, rest in PINS if "--hash=sha256:" not in rest]
    assert not re.search(
        r"^\s*(-e|git\+|https?:|--index-url|--extra-index-url|--trusted-host)", LOCK, re.MULTILINE
    )


def test_every_licence_is_one_that_lets_anybody_use_the_book() -> None:
    packages = installed()
    assert len(packages) > 100
    odd = {
        name: licence(metadata)
        for name, metadata in packages.items()
        if name not in CHOSEN and (not PERMISSIVE.search(licence(metadata)) or "GPL" in licence(metadata))
    }
    assert not odd, f"look at these licences: {odd}"
    assert set(CHOSEN) <= set(packages), "a package that is gone needs no exception"


def test_run_py_installs_by_hash_and_from_the_lock() -> None:
    text = (ROOT / "run.py").read_text(encoding="utf-8")
    assert '"--require-hashes", "-r", "requirements.lock"' in text
    assert "run.py test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8"), "these checks run in the gate"
