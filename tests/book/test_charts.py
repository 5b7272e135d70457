"""The site's own copy of two words of the package agrees with the package."""

import re
from pathlib import Path

from cxmeasure import theme

CHARTS = Path(__file__).resolve().parents[2] / "book/_site/cx_site/charts.py"


def test_the_site_knows_the_ink_and_the_kind_of_a_stored_chart():
    stated = dict(re.findall(r'^(INK|MIME) = "(.*)"$', CHARTS.read_text("utf-8"), re.M))
    assert stated == {"INK": theme.INK, "MIME": theme.MIME}
