"""Write a small book that uses every part of the site into a folder: `python sample_book.py FOLDER`.

Its outputs are made here, without a kernel. A touchpoint's name is an attack, everywhere a user's
text can go.
"""

import json
import shutil
import sys
from pathlib import Path

import altair as alt
import nbformat
import pandas as pd
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from cxmeasure import theme

ROOT = Path(__file__).resolve().parents[2]
ATTACK = "<img src=x onerror=alert(1)>"

CONTENTS = """\
format: jb-book
root: book/index
parts:
  - caption: Start
    chapters:
      - file: book/start/plain
      - file: book/start/everything
  - caption: Back matter
    chapters:
      - file: book/glossary
      - file: book/bibliography
"""

INDEX = """\
# A sample

Three questions, each answered with an interval and with what would prove it wrong.

::::{grid} 2
:::{grid-item-card} How satisfied are they?
:link: start/plain
:link-type: doc
Scores with intervals.
:::
:::{grid-item-card} Who stays?
Retention.
:::
::::
"""

GLOSSARY = """\
# Glossary

```{glossary}
NPS
  Share of promoters minus share of detractors, in points.
```
"""

REFERENCES = """\
@article{madsen1976, author={Madsen, Mette}, title={Statistical analysis of multiple contingency
 tables}, journal={Scandinavian Journal of Statistics}, year={1976}, volume={3}, pages={97--106}}
"""

OPENING = """\
# Is the score up, or is it luck?

One in three residents is highly satisfied, and that is known to within two points.

```{admonition} This chapter
:class: cx-strip
- 20 minutes to read, 30 to do · level 1
- Tables: `housing` · Functions: `survey.metric`
- On your machine: `python3 run.py lab`
```

```{admonition} In a hurry
:class: cx-hurry
The score rose by 3 points and its interval is 8 wide: **nothing has been shown**.
See {cite:t}`madsen1976` and {term}`NPS`.
```

```{admonition} Takeaways
:class: cx-takeaways
- A score without its interval is half a number. {ref}`Proof <forest>`
- Twice the answers, 0.7 of the width.
- Silence is not neutral.
```

```{admonition} You can
:class: cx-skills
- Read an interval.
```

## You need

| Concept | Needed | Where |
|---|---|---|
| share | necessary | {doc}`plain` |
| interval | helpful | {term}`NPS` |

(forest)=
## A forest

Which group is on top? Say it before you look.
"""

MIDDLE = r"""
A formula, inline $p(1-p)/n$ and displayed:

$$
\hat p \pm z \sqrt{\frac{\hat p(1-\hat p)}{n}}
$$ (wald)

Equation {eq}`wald` is the naive one.

```{admonition} Pitfall
:class: cx-pitfall
Not every rise is one.
```

```{admonition} Decision
:class: cx-decision
Stop or go on.
```

```{admonition} Go deeper
:class: cx-deeper dropdown
The score interval of Wilson, $x^2$.
```

```{note}
A note.
```

## Checkpoint

```{admonition} Which of these would change your mind?
:class: cx-checkpoint
The interval of the change runs from −1 to +7.
```

```{dropdown} The score is up
Not so: zero is inside.
```

```{dropdown} We can't tell
Right: **zero is inside**.
```

## Exercises

```{exercise} Ask half
:label: ask-half
How wide would it be with half the answers? Put the factor into `factor`.
```

```{dropdown} Hint
Square roots.
```

```{solution-start} ask-half
:class: dropdown
```
"""

CLOSING = """\
## Say it to the board

```{admonition} Say it to the board
:class: cx-board
Between 38 and 42 in 100 residents are highly satisfied.
```

`````{tab-set}
````{tab-item} Sheet
`=A1`
````
````{tab-item} Python
`survey.metric`
````
`````

## References

```{bibliography}
:filter: docname in docnames
```
"""

ROWS = pd.DataFrame(
    {
        "group": ["tower", "apartments", "atrium", ATTACK],
        "share": [0.49, 0.40, 0.39, 0.33],
        "low": [0.44, 0.37, 0.33, 0.30],
        "high": [0.54, 0.44, 0.45, 0.36],
    }
)


def forest() -> alt.LayerChart:
    """Draw intervals, with a reference line for the truth."""
    base = alt.Chart(
        ROWS,
        title=alt.TitleParams(f"The tower is ahead of {ATTACK}", subtitle="Share, 95 % interval, n = 1,681"),
        description=f"Four shares with intervals; the tower is highest, {ATTACK} is lowest.",
    )
    bars = base.mark_rule(color=theme.ESTIMATE).encode(
        alt.X("low:Q", title="Share highly satisfied"), x2="high", y=alt.Y("group:N", title=None)
    )
    points = base.mark_point(filled=True, color=theme.ESTIMATE).encode(
        x="share:Q", y="group:N", tooltip=["group:N", "share:Q"]
    )
    truth = alt.Chart(pd.DataFrame({"truth": [0.4]})).mark_rule(color=theme.INK).encode(x="truth:Q")
    return bars + points + truth


def knob() -> alt.Chart:
    """Draw a curve that a slider moves."""
    answers = alt.param(
        name="n", value=400, bind=alt.binding_range(min=50, max=2000, step=50, name="Answers")
    )
    shares = pd.DataFrame({"p": [step / 20 for step in range(21)]})
    return (
        alt.Chart(shares, title="More answers, a narrower interval", description="Half the width.")
        .mark_line()
        .transform_calculate(width="1.96 * sqrt(datum.p * (1 - datum.p) / n)")
        .encode(alt.X("p:Q", title="Share"), alt.Y("width:Q", title="Half the width"))
        .add_params(answers)
    )


def panels() -> alt.FacetChart:
    """Draw two worlds side by side."""
    rows = pd.concat([ROWS.assign(world="claim holds"), ROWS.assign(world="claim fails", share=0.35)])
    return (
        alt.Chart(rows, title="Where the claim holds, groups differ", description="Two worlds.", width=220)
        .mark_bar(color=theme.PROMOTER)
        .encode(alt.X("share:Q", title="Share"), alt.Y("group:N", title=None))
        .facet(column=alt.Column("world:N", title=None))
    )


def code(source: str, *outputs: dict[str, object], tags: tuple[str, ...] = ()) -> dict[str, object]:
    """Return a code cell that has run."""
    made = [new_output("execute_result", data=data, execution_count=1) for data in outputs]
    cell = new_code_cell(source, execution_count=1, outputs=made)
    cell.metadata["tags"] = list(tags)
    return cell


def chart_output(chart: alt.TopLevelMixin) -> dict[str, object]:
    """Return what the package's renderer stores for a chart."""
    return dict(alt.renderers.get()(json.loads(chart.to_json())))


def cells() -> list[dict[str, object]]:
    """Return the page that uses everything."""
    table = {"text/html": ROWS.to_html(), "text/plain": str(ROWS)}
    prose = {"text/markdown": "The share is **49 %** (see {term}`NPS`).", "text/plain": "<IPython Markdown>"}
    return [
        new_markdown_cell(OPENING),
        code("import pandas as pd", tags=("remove-input",)),
        code("rows", table),
        code("forest(rows)", chart_output(forest())),
        code("Markdown(f'…')", prose, tags=("remove-input",)),
        code(
            "knob(rows)  # " + "a line that is far too long for a phone and scrolls in itself " * 2,
            chart_output(knob()),
        ),
        code("panels(rows)", chart_output(panels())),
        new_markdown_cell(MIDDLE),
        code("factor = 2 ** 0.5", {"text/plain": "1.41"}),
        new_markdown_cell("The common wrong answer doubles it."),
        new_markdown_cell("```{solution-end}\n```"),
        code("check('sample/1', factor)", {"text/plain": "Right."}),
        new_markdown_cell(CLOSING),
    ]


def write(folder: Path) -> None:
    """Write the sample book's sources."""
    theme.enable()
    start = folder / "book" / "start"
    start.mkdir(parents=True)
    shutil.copytree(
        ROOT / "book" / "_site", folder / "book" / "_site", ignore=shutil.ignore_patterns("__pycache__")
    )
    settings = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    settings["html"]["baseurl"] = "https://site.example/"
    settings["sphinx"]["config"]["cx_repository"] = "https://repository.example/book"
    settings["sphinx"]["config"]["cx_redirects"] = {"book/start/old-name": "book/start/plain"}
    (folder / "_config.yml").write_text(yaml.safe_dump(settings), "utf-8")
    for name, text in {
        "_toc.yml": CONTENTS,
        "book/index.md": INDEX,
        "book/glossary.md": GLOSSARY,
        "book/bibliography.md": "# Bibliography\n\n```{bibliography}\n```\n",
        "book/references.bib": REFERENCES,
    }.items():
        (folder / name).write_text(text, "utf-8")
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    nbformat.write(new_notebook(cells=cells(), metadata=metadata), start / "everything.ipynb")
    plain = [
        new_markdown_cell("# Plain\n\nA page with a cell, and no chart at all, for its weight."),
        code("1 + 1"),
    ]
    nbformat.write(new_notebook(cells=plain, metadata=metadata), start / "plain.ipynb")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
