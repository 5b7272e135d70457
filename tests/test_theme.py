"""The stored chart: no random id, no address, one description, what JupyterLab's viewer knows."""

import json
from collections.abc import Iterator

import altair as alt
import pandas as pd
import pytest

from cxmeasure import survey, theme


@pytest.fixture
def enabled() -> Iterator[None]:
    before = alt.theme.active, alt.renderers.active
    theme.enable()
    yield
    alt.theme.enable(before[0])
    alt.renderers.enable(before[1])


def bundle() -> dict[str, object]:
    answers = pd.DataFrame({"plan": ["a", "b"] * 20, "ltr": [9, 3, 8, 10] * 10})
    chart = survey.chart.metric(survey.metric(answers, by=["plan"]))
    found: dict[str, object] = chart._repr_mimebundle_()
    return found


def test_two_runs_store_the_same_bytes(enabled: None) -> None:
    assert json.dumps(bundle(), sort_keys=True) == json.dumps(bundle(), sort_keys=True)


def test_what_only_the_order_of_a_sum_changes_is_not_stored(enabled: None) -> None:
    def stored(share: float) -> object:
        rows = pd.DataFrame({"share": [share, 1700000000000.5]})
        return alt.Chart(rows, description="two").mark_point().encode(x="share:Q")._repr_mimebundle_()

    assert 0.1 + 0.2 != 0.3
    assert stored(0.1 + 0.2) == stored(0.3)
    assert stored(0.30001) != stored(0.3)
    assert "1700000000000.5" not in json.dumps(stored(0.3))
    assert "170000000000" in json.dumps(stored(0.3))


def test_the_stored_chart_is_vega_lite_5_without_an_address(enabled: None) -> None:
    stored = bundle()
    assert set(stored) == {theme.MIME, "text/plain"}
    assert "http" not in json.dumps(stored)


def test_the_text_fallback_is_the_description(enabled: None) -> None:
    stored = bundle()
    spec = stored[theme.MIME]
    assert isinstance(spec, dict)
    assert stored["text/plain"] == spec["description"]
    assert "95% interval" in spec["description"]


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    "colour", [theme.PROMOTER, theme.PASSIVE, theme.DETRACTOR, theme.ESTIMATE, theme.NAIVE, theme.INK]
)
@pytest.mark.parametrize("page", ["#ffffff", "#fbfaf7", "#14181e"])
def test_every_colour_can_be_told_from_every_page(colour: str, page: str) -> None:
    assert contrast(colour, page) >= 3.2
