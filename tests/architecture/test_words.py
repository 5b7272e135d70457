"""Glossary and bibliography: nothing that nobody uses, nothing used that is not there, every mark said."""

import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
LISTED = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
GLOSSARY = (BOOK / "glossary.md").read_text(encoding="utf-8")
TERMS = re.findall(r"^(\S.*)\n  \S", GLOSSARY.split("```{glossary}")[1], re.MULTILINE)
BIBLIOGRAPHY = (BOOK / "references.bib").read_text(encoding="utf-8")
ENTRIES = {
    found.group(1): found.group(0)
    for found in re.finditer(r"^@\w+\{([^,]+),.*?^\}", BIBLIOGRAPHY, re.MULTILINE | re.DOTALL)
}
TERM = re.compile(r"\{term\}`(?:[^`<]*<([^>`]+)>|([^`]+))`")
CITED = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")
MARKS = re.compile(r"\b([Cc]hecked|[Vv]erified|[Pp]artly|[Uu]nchecked|reproduced)\b")
# Words that are also everyday English, where not every use is the term; and those that stand in headings.
EVERYDAY = {
    "passive",
    "driver",
    "weight",
    "world",
    "within",
    "mix",
    "tilt",
    "power",
    "journey",
    "segment",
    "halo",
    "peak",
    "surprise",
}


def words_of(path: Path) -> list[str]:
    """Return what a reader of a page reads and what its source says, a text a cell."""
    if path.suffix == ".md":
        return [path.read_text(encoding="utf-8")]
    texts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "markdown":
            texts.append("".join(cell["source"]))
        outputs = cell.get("outputs", [])
        texts += ["".join(output.get("data", {}).get("text/markdown", "")) for output in outputs]
    return texts


def page(name: str) -> Path:
    notebook = ROOT / f"{name}.ipynb"
    return notebook if notebook.exists() else ROOT / f"{name}.md"


PAGES = {name: "\n\n".join(words_of(page(name))) for name in LISTED if page(name).exists()}
READ = {name: text for name, text in PAGES.items() if not name.endswith(("glossary", "bibliography"))}


def named(link: re.Match[str]) -> str:
    """Return the term that a link names, in the glossary's own letters."""
    said = (link.group(1) or link.group(2)).strip()
    return next((term for term in TERMS if term.lower() == said.lower()), said)


def terms_in(text: str) -> set[str]:
    return {named(link) for link in TERM.finditer(text)}


def sources_in_claims(text: str) -> set[str]:
    rows = re.findall(r"^\| S\d-\d{3} \|.*\| ([^|]+) \|$", text, re.MULTILINE)
    return {key.strip() for row in rows for key in re.split(r"[;,]", row)}


def prose(text: str) -> str:
    """Return a page's running text: what announces it (lead, strip, takeaways, skills) left out."""
    text = text.split("## In a hurry", 1)[-1]
    announced = r"```\{admonition\} Takeaways.*?```|^## You can.*?(?=^## )|^(?:#|\||\s*:)[^\n]*$"
    text = re.sub(announced, " ", text, flags=re.DOTALL | re.MULTILINE)
    aside = r"\[[^\]]*\]\([^)]*\)|\$[^$]*\$|(\{[\w:-]+\})?`[^`]*`"
    text = re.sub(aside, lambda part: part[0] if TERM.fullmatch(part[0]) else " ", text)
    return text


def test_every_term_of_the_glossary_is_linked_from_some_page() -> None:
    used = set().union(*map(terms_in, READ.values()))
    twice = sorted({term for term in TERMS if TERMS.count(term) > 1})
    assert not twice, f"defined twice: {twice}"
    unused = sorted(set(TERMS) - used)
    assert not unused, f"terms that no page uses: {unused}"


def test_every_term_a_page_links_is_in_the_glossary() -> None:
    unknown = set().union(*map(terms_in, PAGES.values())) - set(TERMS)
    assert not unknown, sorted(unknown)


@pytest.mark.parametrize("name", [name for name in READ if name.split("/")[1] not in {"reference", "index"}])
def test_a_page_that_links_a_term_does_so_where_it_first_says_it(name: str) -> None:
    text = prose(PAGES[name])
    late = []
    plain = TERM.sub(lambda link: " " * len(link.group(0)), text)
    for term in terms_in(text) - EVERYDAY:
        marked = min(link.start() for link in TERM.finditer(text) if named(link) == term)
        flags = re.IGNORECASE if term.islower() else 0
        said = re.search(rf"(?<![\w`<{{-]){re.escape(term)}(?![\w>-])", plain, flags)
        if said and said.start() < marked:
            late.append(f"{term}: … {plain[max(said.start() - 40, 0) : said.end() + 40]} …")
    assert not late


def test_no_reference_stands_twice() -> None:
    keys = re.findall(r"^@\w+\{([^,]+),", BIBLIOGRAPHY, re.MULTILINE)
    assert sorted({key for key in keys if keys.count(key) > 1}) == []
    assert set(keys) == set(ENTRIES)


def test_every_reference_is_cited_and_every_citation_has_its_reference() -> None:
    cited = {
        key.strip() for text in PAGES.values() for group in CITED.findall(text) for key in group.split(",")
    }
    cited |= set().union(*map(sources_in_claims, PAGES.values())) - {"–"}
    assert not cited - set(ENTRIES), f"cited and not in references.bib: {sorted(cited - set(ENTRIES))}"
    assert not set(ENTRIES) - cited, f"nobody cites {sorted(set(ENTRIES) - cited)}"


@pytest.mark.parametrize("key", ENTRIES)
def test_every_reference_says_how_far_it_was_checked(key: str) -> None:
    note = re.search(r"note = \{(.*?)\}\n", ENTRIES[key], re.DOTALL)
    assert note, f"{key} has no note"
    assert MARKS.search(note.group(1)), f"{key}: {note.group(1)}"


@pytest.mark.parametrize("key", [key for key, entry in ENTRIES.items() if "doi" in entry])
def test_a_doi_is_one(key: str) -> None:
    doi = re.search(r"doi = \{(.*?)\}", ENTRIES[key])
    assert doi, key
    assert re.fullmatch(r"10\.\d{4,9}/\S+", doi.group(1))


def test_a_doi_and_a_title_belong_to_one_reference() -> None:
    for field in ("doi", "title"):
        found = [re.search(rf"{field} = \{{(.*)\}},", entry) for entry in ENTRIES.values()]
        values = [re.sub(r"\W", "", match.group(1)).lower() for match in found if match]
        assert len(values) > 40
        twice = sorted({value for value in values if values.count(value) > 1})
        assert not twice, f"{field} twice: {twice}"
