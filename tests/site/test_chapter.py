"""A chapter's page, on the chapter with most to move."""

import pytest
from rendered import CHAPTER

pytestmark = pytest.mark.browser
READY = """figure => {
  const packed = JSON.parse(figure.querySelector("script[type]").textContent).packed;
  return !packed || figure.querySelector("img").src.startsWith("data:image/svg");
}"""


@pytest.fixture
def figures(reader):
    """Every figure with sliders, once it has its pictures."""
    found = reader.page.locator(".repro-explore")
    assert found.count() > 0
    for figure in found.all():
        reader.page.wait_for_function(READY, arg=figure.element_handle())
    return found


def test_card_names_the_paper_and_counts_its_claims(reader):
    card = reader.page.locator("h1 + .chapter-card, h1 ~ .chapter-card")
    assert card.locator("cite").inner_text()
    assert {"Scale", "Data", "Last run", "Claims"} <= set(card.locator("dt").all_inner_texts())
    assert "tested" in card.inner_text()


def test_verdicts_lead_to_their_cards(reader):
    links = reader.page.locator(".claim-table a")
    addresses = {link.get_attribute("href") for link in links.all()}
    addresses = {address for address in addresses if address.startswith("#")}
    assert addresses
    for address in addresses:
        assert reader.page.locator(f".claim{address}").count() == 1
    reader.page.locator(".claim-table a[href^='#']").first.click()
    target = reader.page.locator(":target")
    assert target.bounding_box()["y"] < reader.page.viewport_size["height"]


def test_sliders_change_the_picture_by_keyboard(reader, figures):
    for figure in figures.all():
        for slider in figure.locator("input[type=range]").all():
            image = figure.locator("img")
            before = image.get_attribute("src"), image.get_attribute("alt")
            slider.press("Home")
            if (image.get_attribute("src"), image.get_attribute("alt")) == before:
                slider.press("ArrowRight")
            after = image.get_attribute("src"), image.get_attribute("alt")
            assert before[0] != after[0], "the picture stayed the same"
            assert before[1] != after[1], "the description stayed the same"
            assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert reader.problems == []


def test_sliders_of_a_page_are_independent(reader, figures):
    pictures = figures.locator("img")
    slider = figures.locator("input[type=range]").first
    slider.press("Home")
    before = [picture.get_attribute("src") for picture in pictures.all()]
    slider.press("End")
    after = [picture.get_attribute("src") for picture in pictures.all()]
    assert before[0] != after[0]
    assert before[1:] == after[1:]


def test_figures_and_formulas_show_without_scripts(visitor):
    page = visitor.open(CHAPTER, scripts=False)
    assert page.locator(".formula--display > svg").first.is_visible()
    assert page.locator(".repro-explore img").first.is_visible()
    assert page.locator(".chapter-card").is_visible()


def test_folds_say_what_is_inside(reader):
    prompts = reader.page.locator("details.hide summary").all_inner_texts()
    said = {prompt.partition(",")[0].strip() for prompt in prompts}
    assert {"Show the set-up", "Show the plot code", "Show the claim"} <= said
    assert all(" line" in prompt for prompt in prompts if prompt.startswith("Show"))


def test_code_can_be_read(reader):
    sizes = reader.page.locator(".cell_input pre").evaluate_all(
        "all => all.map(one => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert min(sizes) >= 13


def test_figures_are_numbered(reader):
    captions = reader.page.locator(".repro-caption strong").all_text_contents()
    assert captions == [f"Figure {number}." for number in range(1, len(captions) + 1)]


@pytest.mark.parametrize(("width", "display"), [(1280, "table-row"), (390, "block")])
def test_closing_tables_are_cards_on_a_phone(visitor, width, display):
    page = visitor.open(CHAPTER, width=width)
    table = page.locator(".claim-table--claim")
    row = table.locator("tbody tr").first
    assert row.locator("th, td").count() == 3
    assert row.evaluate("row => getComputedStyle(row).display") == display
    assert table.evaluate("table => table.scrollWidth <= table.parentElement.clientWidth")


def test_solutions_are_folded_and_open(reader):
    solutions = reader.page.locator(".cell.tag_solution details")
    assert solutions.count() >= 3
    first = solutions.first
    assert not first.locator(".cell_input").first.is_visible()
    first.locator("summary").first.press("Enter")
    assert first.locator(".cell_input").first.is_visible()


def test_search_finds_the_chapter(reader, visitor):
    title = reader.page.locator(".bd-article h1").evaluate("h1 => h1.firstChild.data")
    page = visitor.open(f"search.html?q={'+'.join(title.split())}", settle=False)
    page.locator(f"#search-results a[href^='{CHAPTER}']").first.wait_for()
    assert visitor.problems == []
