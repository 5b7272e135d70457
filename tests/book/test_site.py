"""Every page of the built site, as a reader meets it in a real browser."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

ATTACK = "<img src=x onerror=alert(1)>"


BROKEN = """<!DOCTYPE html><html><head><title>Broken</title></head><body>
<img src="http://localhost:9/pixel.png"><p style="width: 1500px; color: #aaa">Too wide and too pale.</p>
<figure class="cx-chart"><div class="cx-stage" tabindex="0"></div></figure>
<script>
const figure = document.querySelector("figure");
figure.addEventListener("focusin", () => { figure.dataset.live = "no"; });
console.error("a complaint");
throw new Error("a mistake");
</script></body></html>"""


@pytest.mark.usefixtures("_needs_axe")
def test_a_broken_page_is_seen_as_broken(tmp_path, visit_folder):
    site = tmp_path / "site"
    site.mkdir()
    (site / "broken.html").write_text(BROKEN, "utf-8")
    (visit,) = visit_folder(site)
    assert visit.elsewhere == ["http://localhost:9/pixel.png"] * 2
    assert {"error: a complaint", "error: a mistake"} <= set(visit.complaints)
    assert (visit.charts, visit.without_picture, visit.unnamed_charts, visit.not_live) == (1, 2, 2, 2)
    assert min(visit.overflow.values()) > 100
    assert any("color-contrast" in mark for mark in visit.violations)


def test_no_page_asks_another_host_for_anything(visits):
    assert {visit.path: visit.elsewhere for visit in visits if visit.elsewhere} == {}


def test_no_page_puts_an_error_or_a_warning_on_the_console(visits):
    assert {visit.path: visit.complaints for visit in visits if visit.complaints} == {}


def test_every_chart_is_a_picture_with_a_name_before_any_script_runs(visits):
    wrong = {
        v.path: (v.without_picture, v.unnamed_charts) for v in visits if v.without_picture or v.unnamed_charts
    }
    assert wrong == {}


def test_every_chart_comes_alive_when_it_gets_the_focus(visits):
    assert {visit.path: visit.not_live for visit in visits if visit.not_live} == {}


def test_the_sample_has_charts_so_that_the_tests_above_mean_something(sample_visits):
    assert sum(visit.charts for visit in sample_visits) == 3


def test_no_page_scrolls_sideways(visits):
    assert {visit.path: visit.overflow for visit in visits if any(visit.overflow.values())} == {}


def test_a_page_without_charts_weighs_at_most_300_kb_and_one_with_charts_900_kb(visits):
    heavy = {v.path: v.weight_live for v in visits if v.weight_live > (900_000 if v.charts else 300_000)}
    assert heavy == {}


@pytest.mark.usefixtures("_needs_axe")
def test_axe_finds_nothing_in_light_or_dark(visits):
    assert {visit.path: visit.violations for visit in visits if visit.violations} == {}


def test_scripts_are_files_of_the_site_and_nothing_else(site):
    pages = [path.read_text("utf-8") for path in site.rglob("*.html")]
    for page in pages:
        if 'http-equiv="refresh"' in page:
            continue
        policy = page.split('http-equiv="Content-Security-Policy" content="')[1].split('"')[0]
        scripts = next(rule for rule in policy.split("; ") if rule.startswith("script-src"))
        assert "default-src 'none'" in policy
        assert "unsafe" not in scripts
        assert "http" not in policy


def test_charts_and_checkpoints_read_without_javascript(everything):
    page = everything(java_script_enabled=False)
    assert page.locator("figure.cx-chart svg:visible").count() == 3
    feedback = page.get_by_text("Right:")
    assert not feedback.is_visible()
    page.get_by_text("We can't tell").or_(page.get_by_text("We can’t tell")).click()
    assert feedback.is_visible()
    assert not page.locator(".cx-js:visible").count()
    assert not page.get_by_text("The common wrong answer").is_visible()


def test_one_switch_opens_all_code_and_is_remembered(everything):
    page = everything()
    folds = page.locator("details.cx-code")
    assert folds.count() >= 4
    assert page.locator("details.cx-code[open]").count() == 0
    page.locator("#cx-code-switch").focus()
    page.keyboard.press("Enter")
    assert page.locator("details.cx-code[open]").count() == folds.count()
    page.reload()
    assert page.locator("details.cx-code[open]").count() == folds.count()
    assert page.locator("#cx-code-switch").get_attribute("aria-pressed") == "true"


def test_a_checkpoint_opens_by_keyboard(everything):
    page = everything()
    page.locator("details.sd-dropdown > summary").first.focus()
    page.keyboard.press("Enter")
    assert page.get_by_text("Not so: zero is inside.").is_visible()


def test_every_control_is_reached_by_the_tab_key(everything):
    page = everything()
    page.keyboard.press("Tab")
    reached = set()
    for _ in range(80):
        reached.add(
            page.evaluate(
                "document.activeElement.id || document.activeElement.className || document.activeElement.name"
            )
        )
        page.keyboard.press("Tab")
    for wanted in ("cx-skip", "cx-theme", "cx-code-switch", "cx-stage", "q"):
        assert wanted in reached, wanted


def test_the_sliders_of_a_chart_are_found_and_move_it(everything):
    page = everything()
    page.get_by_role("button", name="Move the sliders").click()
    slider = page.locator(".vega-bindings input[type=range]")
    slider.wait_for()
    drawn = page.locator("figure.cx-chart", has=slider).locator(".cx-live svg")
    before = drawn.inner_html()
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_timeout(300)
    assert drawn.inner_html() != before


def test_the_theme_switch_recolours_a_live_chart_without_drawing_it_again(everything):
    page = everything(color_scheme="light")
    stage = page.locator(".cx-stage").first
    stage.focus()
    label = stage.locator(".cx-live svg text").first
    label.wait_for()
    page.evaluate("document.querySelector('.cx-live svg').dataset.same = 'yes'")
    light = label.evaluate("(text) => getComputedStyle(text).fill")
    page.locator("#cx-theme").click()
    assert label.evaluate("(text) => getComputedStyle(text).fill") != light
    assert page.locator(".cx-live svg[data-same=yes]").count() == 1
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_users_text_stays_text_in_table_chart_caption_and_numbers(everything):
    page = everything()
    complaints = []
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    assert page.locator("img").count() == 0
    assert ATTACK in page.locator("figcaption").first.inner_text()
    assert ATTACK in page.locator(".dataframe").first.inner_text()
    assert ATTACK in page.locator("figure.cx-chart svg").first.get_attribute("aria-label")
    page.locator(".cx-stage").first.focus()
    page.locator(".cx-live svg").first.wait_for()
    page.locator(".cx-numbers > summary").first.click()
    assert ATTACK in page.locator(".cx-numbers").first.inner_text()
    points = page.locator(".cx-live .mark-symbol path")
    for place in range(points.count()):
        points.nth(place).hover(force=True)
        page.wait_for_timeout(50)
    assert page.locator("#vg-tooltip-element").count() == 1
    assert page.locator("img").count() == 0
    assert complaints == []


def test_a_board_sentence_can_be_copied(browser, sample_site):
    context = browser.new_context()
    page = context.new_page()
    page.goto((sample_site / "book/start/everything.html").as_uri())
    page.get_by_role("button", name="Copy the sentence").click()
    page.get_by_role("button", name="Copied").wait_for()
    context.close()


@pytest.mark.parametrize("words", ["satisfied", "NPS", "survey.metric"])
def test_search_finds_a_word_a_term_and_a_function(browser, sample_site, words):
    context = browser.new_context()
    page = context.new_page()
    page.goto((sample_site / "book/start/plain.html").as_uri())
    page.locator(".cx-top input[type=search]").fill(words)
    page.keyboard.press("Enter")
    page.locator("#search-results li a").first.wait_for()
    assert page.locator("#search-results li").count() >= 1
    context.close()


def test_a_result_is_quoted_where_pages_may_be_read(browser, served_sample):
    page = browser.new_page()
    page.goto(f"{served_sample}/search.html?q=satisfied")
    page.locator("#search-results p.context").first.wait_for()
    assert "satisfied" in page.locator("#search-results p.context").first.inner_text().lower()
    page.close()


def test_every_page_of_the_contents_exists(site):
    root = Path(__file__).resolve().parents[2]
    names = [
        line.split(":", 1)[1].strip()
        for line in (root / "_toc.yml").read_text().splitlines()
        if "file:" in line
    ]
    assert [name for name in names if not (site / f"{name}.html").exists()] == []
    assert (site / "index.html").exists()


def test_code_that_a_page_is_about_is_not_folded(site):
    page = (site / "book/when-one-machine-is-not-enough.html").read_text("utf-8")
    calls = page.split('class="cell tag_show-input')[1:]
    assert len(calls) >= 5
    assert all('<details class="cx-code' not in call.split('class="highlight')[0] for call in calls)
