"""Where a page can be edited, where an old address leads, what is shown when a page is shared."""

import re


def text(site, name):
    return (site / f"{name}.html").read_text("utf-8")


def test_with_a_repository_a_page_can_be_edited_and_complained_about(sample_site):
    page = text(sample_site, "book/start/everything")
    assert 'href="https://repository.example/book/edit/main/book/start/everything.ipynb"' in page
    assert 'href="https://repository.example/book/issues/new?title=' in page


def test_without_a_repository_there_is_no_such_link(site):
    assert "Edit this page" not in text(site, "book/start/start-here")


def test_a_page_of_old_leads_to_the_new_one_in_a_browser(browser, sample_site):
    page = browser.new_page()
    page.goto((sample_site / "book/start/old-name.html").as_uri())
    page.wait_for_url("**/plain.html")
    page.close()


def test_a_shared_page_has_a_card_with_a_whole_address(sample_site):
    page = text(sample_site, "book/start/plain")
    card = re.search(r'<meta property="og:image" content="https://site.example/([^"]+)"', page)
    content = (sample_site / card[1]).read_bytes()
    assert content.startswith(b"\x89PNG")
    assert int.from_bytes(content[16:20], "big") == 1200
    assert "https://site.example/book/start/plain.html" in (sample_site / "sitemap.xml").read_text("utf-8")


def test_without_an_address_no_card_is_promised(site):
    assert "og:image" not in text(site, "book/start/start-here")
