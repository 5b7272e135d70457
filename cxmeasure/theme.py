"""The look of every chart, and the renderer that stores it the same way everywhere.

JupyterLab's own viewer and the built site draw the same stored specification: Vega-Lite 5 JSON
without a random id, so that a strict comparison of stored outputs sees a changed number.
"""

from typing import Any, cast

import altair as alt

PROMOTER = "#2a8fa0"
PASSIVE = "#8c8c86"
DETRACTOR = "#cc5a2b"
ESTIMATE = "#3d74c9"
NAIVE = "#b08400"
INK = "#767676"
"""Text and axes where the page has no say: at least 3.9 : 1 on white and on the dark page."""

MIME = "application/vnd.vegalite.v5+json"
WIDTH = 560


_INK: dict[str, Any] = {"labelColor": INK, "titleColor": INK}
_CONFIG: dict[str, Any] = {
    "background": None,
    "font": "sans-serif",
    "view": {"stroke": None, "continuousWidth": WIDTH},
    "axis": {**_INK, "domainColor": INK, "tickColor": INK, "grid": False, "labelLimit": 220},
    "axisQuantitative": {"grid": True, "gridOpacity": 0.2, "gridColor": INK},
    "legend": {**_INK, "orient": "top"},
    "header": _INK,
    "title": {"color": INK, "subtitleColor": INK, "anchor": "start", "fontSize": 14, "offset": 12},
    "range": {"category": [ESTIMATE, NAIVE, PROMOTER, DETRACTOR, PASSIVE]},
    "mark": {"color": ESTIMATE},
    "text": {"color": INK},
    "rule": {"color": INK},
}


@alt.theme.register("cxmeasure", enable=False)
def _theme() -> alt.theme.ThemeConfig:
    return {"config": cast("Any", _CONFIG)}


def _settled(part: Any, names: dict[str, str]) -> Any:
    """Return a specification whose last digits, and names made from them, do not hang on summing order."""
    if isinstance(part, dict):
        return {names.get(key, key): _settled(value, names) for key, value in part.items()}
    if isinstance(part, list):
        return [_settled(value, names) for value in part]
    if isinstance(part, float):
        return float(f"{part:.6g}" if abs(part) < 1e6 else f"{part:.12g}")
    return names.get(part, part) if isinstance(part, str) else part


def _renderer(spec: dict[str, Any], **_: Any) -> dict[str, Any]:
    names = {name: f"data-{place}" for place, name in enumerate(spec.get("datasets", {}))}
    spec = _settled(spec, names)
    # Altair writes the address of a newer schema than JupyterLab's viewer knows; it would warn.
    spec = {key: value for key, value in spec.items() if key != "$schema"}
    return {MIME: spec, "text/plain": spec.get("description", "A chart without a description.")}


def enable() -> None:
    """Draw charts in the book's look in this notebook; call it once, in the set-up cell.

    Examples
    --------
    >>> from cxmeasure import theme
    >>> theme.enable()
    """
    alt.theme.enable("cxmeasure")
    alt.renderers.register("cxmeasure", _renderer)
    alt.renderers.enable("cxmeasure")
    alt.data_transformers.enable("default", consolidate_datasets=True)
