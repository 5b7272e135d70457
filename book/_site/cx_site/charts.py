"""A stored Vega-Lite chart becomes a figure: title as text, static pictures, numbers, live on demand.

The page carries each chart as two SVG pictures, one for a screen and one for a phone, drawn while
the book is built. The specification lies beside them; `cx.js` draws it when the reader asks.
"""

import copy
import json
import re
import textwrap
from collections.abc import Iterator
from html import escape
from itertools import count
from typing import Any

import vl_convert
from docutils import nodes
from myst_nb.core import render
from sphinx.application import Sphinx
from sphinx.util import logging

Spec = dict[str, Any]

# The package's own words in `cxmeasure.theme`; importing it would take longer than building the book.
INK = "#767676"
MIME = "application/vnd.vegalite.v5+json"

LOG = logging.getLogger(__name__)
VL_VERSION = "6.4"
WIDE, NARROW = 640, 316
MOST_ROWS = 60

_INKED = {"labelColor", "titleColor", "domainColor", "tickColor", "color", "subtitleColor", "fill", "stroke"}
_TEXT_INK, _SOFT_INK = "var(--cx-ink)", "var(--cx-rule)"
_GUIDE: Spec = {
    "labelColor": _TEXT_INK,
    "titleColor": _TEXT_INK,
    "labelFontSize": 12,
    "titleFontSize": 12,
    "titleFontWeight": "normal",
}
_BASE: Spec = {
    "background": None,
    # The widths by which the picture is laid out are those of this font and of its kin.
    "font": "Arial, 'Liberation Sans', Helvetica, sans-serif",
    "padding": {"left": 4, "right": 4, "top": 2, "bottom": 2},
    "view": {"stroke": None},
    "axis": {
        "labelColor": _TEXT_INK,
        "titleColor": _TEXT_INK,
        "domainColor": _SOFT_INK,
        "tickColor": _SOFT_INK,
        "gridColor": _SOFT_INK,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelSeparation": 10,
    },
    "legend": _GUIDE,
    "header": _GUIDE,
    "title": {"color": _TEXT_INK, "subtitleColor": _TEXT_INK, "anchor": "start"},
    "text": {"color": _TEXT_INK, "fontSize": 12},
    "rule": {"color": _TEXT_INK},
    "tick": {"color": _TEXT_INK},
}
NARROW_CONFIG: Spec = {
    "axis": {"labelLimit": 130, "titleLimit": 300},
    "axisX": {"tickCount": 4},
    "legend": {"orient": "top", "columns": 2, "labelLimit": 140, "titleLimit": 280},
}


def _merge(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {key: _merge(below.get(key), above.get(key, below.get(key))) for key in {**below, **above}}
    return copy.deepcopy(above)


def _ink(value: Any, key: str = "") -> Any:
    """Turn the theme's ink, and only it, into the page's own colours."""
    if isinstance(value, dict):
        return {name: _ink(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_ink(inner, key) for inner in value]
    if isinstance(value, str) and value.lower() == INK.lower():
        return _SOFT_INK if key in {"gridColor", "domainColor", "tickColor"} else _TEXT_INK
    return value


def _lines(text: Any) -> str:
    return " ".join(map(str, text)) if isinstance(text, list) else str(text or "")


_INNER = ("layer", "hconcat", "vconcat", "concat", "spec")


def _parts(spec: Any) -> Iterator[Spec]:
    """Yield a specification and all that it is composed of, outermost first."""
    if isinstance(spec, list):
        for part in spec:
            yield from _parts(part)
    elif isinstance(spec, dict):
        yield spec
        for key in _INNER:
            yield from _parts(spec.get(key))


def describe(spec: Spec) -> str:
    """Return the description of a chart, or of the first of its layers that has one."""
    return next((_lines(part["description"]) for part in _parts(spec) if part.get("description")), "")


def take_title(spec: Spec) -> tuple[str, str]:
    """Take the title out of a specification, as it is set as text above the chart.

    Altair leaves the title of a layered or faceted chart in the part it was written for.
    """
    owners = [spec]
    if "title" not in spec:
        owners = [*_parts(spec.get("layer")), *_parts(spec.get("spec"))]
    titles = [part.pop("title") for part in owners if "title" in part]
    title = titles[0] if titles else ""
    if isinstance(title, dict):
        return _lines(title.get("text")), _lines(title.get("subtitle"))
    return _lines(title), ""


def site_spec(spec: Spec) -> Spec:
    """Return the specification in the page's ink, without title, for the site alone."""
    spec = _ink(copy.deepcopy(spec))
    spec.pop("$schema", None)
    spec["config"] = _merge(spec.get("config", {}), _BASE)
    return spec


def is_single(spec: Spec) -> bool:
    """Say whether one plotting area can be fitted to any width (no concatenation, no facets)."""
    if any(key in spec for key in ("hconcat", "vconcat", "concat", "facet", "repeat", "spec")):
        return False
    encodings = [spec.get("encoding", {}), *(layer.get("encoding", {}) for layer in spec.get("layer", []))]
    if any(name in encoding for encoding in encodings for name in ("row", "column", "facet")):
        return False
    return not isinstance(spec.get("width"), dict)


def _room(view: Spec) -> int:
    """Return the width that a phone leaves to one plotting area beside the labels of its y axis."""
    ys = [part["encoding"]["y"] for part in _parts(view) if "y" in part.get("encoding", {})]
    shown = [y for y in ys if y.get("axis", True) is not None]
    names = any(y.get("type") in {"nominal", "ordinal"} for y in shown)
    return NARROW - 16 - (134 if names else 52 if shown else 8)


def short_titles(view: Spec) -> Spec:
    """Return one plotting area with the title of its x axis in lines that a phone has room for."""
    most = int(_room(view) / 5.6)
    view = copy.deepcopy(view)
    for part in _parts(view):
        across = part.get("encoding", {}).get("x", {})
        for owner in (across, across.get("axis") or {}):
            if isinstance(owner.get("title"), str) and len(owner["title"]) > most:
                owner["title"] = textwrap.wrap(owner["title"], most)
    return view


def _within(layer: Spec, room: int) -> Spec:
    """Return a layer with its title wrapped and its width, where it states one, within the room."""
    layer = {**layer}
    if isinstance(layer.get("title"), str):
        layer["title"] = textwrap.wrap(layer["title"], 40)
    if isinstance(layer.get("width"), int | float):
        layer["width"] = min(layer["width"], room)
    if "layer" in layer:
        layer["layer"] = [_within(inner, room) for inner in layer["layer"]]
    return layer


def stacked(spec: Spec) -> Spec:
    """Return views and facets one below another, each as wide as a phone allows."""
    spec = {**spec}
    for key in {"hconcat", "concat"} & set(spec):
        spec["vconcat"] = spec.pop(key)
        spec.pop("columns", None)
    if "vconcat" in spec:
        return {**spec, "vconcat": [stacked(view) for view in spec["vconcat"]]}
    if isinstance(spec.get("title"), str):
        spec["title"] = textwrap.wrap(spec["title"], 40)
    facet = spec.get("facet")
    if isinstance(facet, dict) and set(facet) == {"column"}:
        spec["facet"] = facet["column"]
    if "spec" in spec:
        one = {"columns": 1} if "field" in spec.get("facet", {}) else {}
        return {**spec, **one, "spec": stacked(spec["spec"])}
    encoding = dict(spec.get("encoding", {}))
    if "column" in encoding:
        encoding["facet"] = {**encoding.pop("column"), "columns": 1}
    elif "facet" in encoding:
        encoding["facet"] = {**encoding["facet"], "columns": 1}
    width = spec.get("width", 200)
    room = _room(spec)
    if "layer" in spec:
        # Layers share one plotting area: one width for all of them.
        spec["layer"] = [_within(layer, room) for layer in spec["layer"]]
    # A width of so much a step is left alone: it is as wide as it has bars.
    fits = {"width": min(width, room)} if isinstance(width, int | float) else {}
    return short_titles({**spec, **fits, **({"encoding": encoding} if encoding else {})})


def fitted(spec: Spec, width: int) -> Spec:
    """Return the specification fitted to a total width; where its form forbids that, stacked for a phone."""
    if not is_single(spec):
        if width == WIDE:
            return spec
        return {**stacked(spec), "config": _merge(spec["config"], NARROW_CONFIG)}
    spec = {**spec, "width": width, "autosize": {"type": "fit-x", "contains": "padding"}}
    if width == NARROW:
        spec = {**short_titles(spec), "config": _merge(spec["config"], NARROW_CONFIG)}
    return spec


def _draw(spec: Spec, prefix: str, name: str) -> str:
    svg = vl_convert.vegalite_to_svg(spec, vl_version=VL_VERSION, allowed_base_urls=[])
    # One name for the whole picture; the marks' own roles would be read out one by one.
    svg = re.sub(r'\s(?:aria-[a-z]+|role|xmlns:xlink)="[^"]*"', "", svg)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r'url\(#([^)"]+)\)', rf"url(#{prefix}-\1)", svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
    # Coordinates need no more than two decimals; what is written in the picture keeps all of its own.
    svg = re.sub(r'="[^"]*"', lambda value: re.sub(r"(\d+\.\d{2})\d+", r"\1", value[0]), svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(name)}" ', 1)


def _rows(spec: Any) -> Iterator[list[dict[str, Any]]]:
    if isinstance(spec, dict):
        for name, value in spec.items():
            if name == "datasets" and isinstance(value, dict):
                yield from (rows for rows in value.values() if isinstance(rows, list))
            elif name == "data" and isinstance(value, dict) and isinstance(value.get("values"), list):
                yield value["values"]
            elif name != "config":
                yield from _rows(value)
    elif isinstance(spec, list):
        for value in spec:
            yield from _rows(value)


_FIRST = ("label", "at", "estimate", "conf_low", "conf_high")


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return "" if value is None else str(value)


def _place(column: str) -> int:
    """Return where a column stands: a stored notebook keeps them by the alphabet."""
    return _FIRST.index(column) if column in _FIRST else len(_FIRST)


def numbers(spec: Spec) -> str:
    """Set the chart's data as tables, where they are small enough to read.

    A picture whose data are drawing coordinates says so: ``usermeta={"cx": {"table": False}}``.
    """
    if not spec.get("usermeta", {}).get("cx", {}).get("table", True):
        return ""
    tables = []
    for rows in _rows(spec):
        if not rows or len(rows) > MOST_ROWS or not all(isinstance(row, dict) for row in rows):
            continue
        columns = sorted(dict.fromkeys(name for row in rows for name in row), key=_place)
        head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in columns)
        cells = ("".join(f"<td>{escape(_shown(row.get(name)))}</td>" for name in columns) for row in rows)
        body = "".join(f"<tr>{line}</tr>" for line in cells)
        tables.append(
            '<div class="cx-scroll" tabindex="0" role="group" aria-label="Numbers of the chart">'
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )
    if not tables:
        return ""
    return f'<details class="cx-numbers"><summary>Table of the numbers</summary>{"".join(tables)}</details>'


def knobs(spec: Any) -> set[str]:
    """Return the kinds of input that parameters of the chart are bound to, such as ``range``."""
    parameters = (parameter for part in _parts(spec) for parameter in part.get("params", []))
    return {bind["input"] for bind in map(_binding, parameters) if "input" in bind}


def _binding(parameter: Spec) -> Spec:
    bind = parameter.get("bind")
    return bind if isinstance(bind, dict) else {}


def figure(spec: Spec, number: str) -> str:
    """Set one chart as the HTML of its figure.

    Parameters
    ----------
    spec : dict
        The stored Vega-Lite specification.
    number : str
        A name for the figure that is unique on its page.
    """
    live = site_spec(spec)
    title, subtitle = take_title(live)
    name = describe(spec) or title or "Chart"
    pictures = [("wide", WIDE), ("narrow", NARROW)]
    drawn = "".join(
        f'<div class="cx-picture cx-{size}">{_draw(fitted(live, width), f"{number}{size[0]}", name)}</div>'
        for size, width in pictures
    )
    caption = f'<span class="cx-chart-title">{escape(title)}</span>' if title else ""
    caption += f' <span class="cx-chart-sub">{escape(subtitle)}</span>' if subtitle else ""
    caption = f"<figcaption>{caption}</figcaption>" if caption else ""
    kinds = knobs(spec)
    asked = "Move the sliders of this chart" if kinds == {"range"} else "Choose what this chart shows"
    button = f'<button type="button" class="cx-knobs cx-js">{asked}</button>' if kinds else ""
    on_phone = short_titles(live) if is_single(live) else fitted(live, NARROW)
    bodies = [live] if on_phone == live else [live, on_phone]
    scripts = "".join(f'<script type="application/json">{_json(body)}</script>' for body in bodies)
    form = " cx-fits" if is_single(live) else ""
    return (
        f'<figure class="cx-chart{form}" id="{number}">{caption}'
        f'<div class="cx-stage" tabindex="0" role="group" aria-label="{escape(title or name)}">{drawn}</div>'
        f"{button}{numbers(spec)}"
        f"{scripts}</figure>"
    )


def _json(spec: Spec) -> str:
    return json.dumps(spec, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


class VegaLite:
    """The renderer of chart outputs, in the form MyST-NB asks for."""

    mime_priority_overrides = (("html", MIME, 1),)

    @classmethod
    def handle_mime(
        cls, renderer: render.NbElementRenderer, data: render.MimeData, inline: bool
    ) -> list[nodes.Node] | None:
        """Turn a Vega-Lite output into a figure; leave every other output alone."""
        if inline or data.mime_type != MIME:
            return None
        document = renderer.renderer.document
        numbers_here = document.settings.__dict__.setdefault("cx_charts", count(1))
        spec = data.content
        assert isinstance(spec, dict)
        if not describe(spec):
            LOG.warning("a chart has no description for someone who can't see it", location=document)
        html = figure(spec, f"chart-{next(numbers_here)}")
        return [nodes.raw("", html, format="html", classes=["output", "cx-chart"])]


def setup(app: Sphinx) -> None:  # noqa: ARG001
    """Put the chart renderer first.

    MyST-NB finds renderers by the entry points of an installed distribution. The package shall not
    know Sphinx, so the book's own renderer is handed over here.
    """
    found = [plugin for plugin in render.load_mime_renders() if plugin is not VegaLite]
    render.load_mime_renders = lambda: [VegaLite, *found]
