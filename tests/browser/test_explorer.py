"""The explorer in a real browser: every control is used, and it shows what the package computes. Then the quickstart.

All in one file, so that only one server and one browser at a time need the processor.
"""

import json
import re

import pandas as pd
import pytest

import bridgex_nb as bx
from bridgex_nb.datasets._languages import LANGUAGES

pytestmark = pytest.mark.browser

SECONDS = 1000  # Playwright counts milliseconds


@pytest.fixture(scope="module")
def page(visit, lab):
    """The notebook of the explorers, after "run all"."""
    page = visit(lab.format("lab/tree/09_explorer.ipynb"))
    page.get_by_text("Best bridge").first.wait_for(timeout=180 * SECONDS)
    yield page
    page.close()


@pytest.fixture(scope="module")
def explorer(page):
    """The first widget on the page."""
    return page.locator(".bridgex-explorer").first


def shows(explorer, ranking):
    """Wait until the explorer's table is that ranking, name by name and excess by excess."""
    expected = bx.plots.ranking_table(ranking)[["bridge", "excess"]].values.tolist()
    explorer.page.wait_for_function(
        """([explorer, expected]) => {
            const rows = explorer.querySelector('.bridgex-table table')?.querySelectorAll('tbody tr') ?? [];
            return JSON.stringify([...rows].map(row => [...row.cells].slice(0, 2).map(cell => cell.textContent))) === expected;
        }""",
        arg=[explorer.element_handle(), json.dumps(expected, separators=(",", ":"), ensure_ascii=False)],
    )
    title = f"{LANGUAGES[ranking.src].name} → {LANGUAGES[ranking.tgt].name}"
    assert explorer.locator(".bridgex-picture svg").count() == 1
    assert explorer.get_by_role("img", name=f"Scores of the bridges for {title}").is_visible()


def pick(explorer, label, text):
    text = text.replace(" ", r"\s")  # no-break spaces
    picker = explorer.get_by_label(label, exact=True)
    picker.select_option(picker.locator("option").filter(has_text=re.compile(text)).first.inner_text())


def test_the_first_view_needs_no_click(explorer, direct):
    shows(explorer, direct("sw", "tl"))
    explorer.get_by_text(re.compile("first in .* of resamples of 67 words")).wait_for()


def test_languages_presets_and_swap(explorer, direct):
    pick(explorer, "Source", "^Indonesian")
    shows(explorer, direct("id", "tl"))
    pick(explorer, "Target", "^Hebrew")
    shows(explorer, direct("id", "he"))
    explorer.get_by_role("button", name="Swap").click()
    shows(explorer, direct("he", "id"))
    pick(explorer, "Study pair", "Swahili → Tagalog")
    shows(explorer, direct("sw", "tl"))


def test_sliders_and_choices_by_keyboard(explorer, direct):
    rate, first, last = (explorer.get_by_role("slider").nth(i) for i in range(3))
    rate.press("ArrowLeft")
    shows(explorer, direct("sw", "tl", 0.04))
    first.press("ArrowLeft")
    shows(explorer, direct("sw", "tl", 0.04, window=(1 / 6, 5 / 6)))
    last.press("ArrowRight")
    shows(explorer, direct("sw", "tl", 0.04, window=(1 / 6, 1)))
    pick(explorer, "Bridge rule", "minus overlap")
    shows(explorer, direct("sw", "tl", 0.04, window=(1 / 6, 1), rule="minus_overlap"))
    pick(explorer, "HSIC", "normalized")
    choices = {"window": (1 / 6, 1), "rule": "minus_overlap", "estimator": "normalized"}
    shows(explorer, direct("sw", "tl", 0.04, **choices))
    explorer.get_by_label("Arabic", exact=True).focus()
    explorer.page.keyboard.press("Space")
    explorer.get_by_label("German", exact=True).uncheck()
    shows(explorer, direct("sw", "tl", 0.04, bridges=["en", "fr", "it", "pt", "es", "ar"], **choices))


def test_exports_are_what_is_shown(explorer, direct, folder):
    explorer.get_by_role("tab", name="Export").click()
    for name, kind in {"PNG": "png", "SVG": "svg", "PDF": "pdf", "CSV": "csv", "code": "py"}.items():
        explorer.get_by_role("button", name=name, exact=True).click()
        explorer.get_by_text(f"written: figures/bridges_sw-tl.{kind}").wait_for()
    choices = {"window": (1 / 6, 1), "rule": "minus_overlap", "estimator": "normalized"}
    ranking = direct("sw", "tl", 0.04, bridges=["en", "fr", "it", "pt", "es", "ar"], **choices)
    written = pd.read_csv(folder / "figures" / "bridges_sw-tl.csv")
    assert written.bridge.tolist() == ranking.table.bridge.tolist()
    assert written.score.tolist() == pytest.approx(ranking.table.score.tolist(), rel=1e-6)
    assert 'rule="minus_overlap"' in explorer.locator(".bridgex-table pre").inner_text()


def test_a_word_right_to_left(explorer, mini):
    pick(explorer, "Study pair", "Arabic → Hebrew")
    explorer.get_by_role("tab", name="Try a word").click()
    word = next(iter(bx.core_lexicon("ar", "he").entries))
    explorer.get_by_label("Word", exact=True).fill(word)
    explorer.get_by_label("Word", exact=True).press("Enter")
    direct = bx.answers(mini, "bli", bx.core_lexicon("ar", "he").keep([word]), [None]).answer[0]
    cell = explorer.locator("tr", has=explorer.page.get_by_role("cell", name="zero-shot")).get_by_role("cell").nth(2)
    cell.wait_for()
    assert cell.inner_text() == direct
    for shown in (explorer.locator("bdi", has_text=word), cell):
        assert shown.evaluate("e => getComputedStyle(e).unicodeBidi") in ("isolate", "plaintext")


def test_errors_are_reported_in_words(explorer):
    pick(explorer, "Target", "^Arabic")
    alert = explorer.get_by_role("alert").filter(has_text="source and target are both 'ar'")
    alert.wait_for()
    pick(explorer, "Target", "^Hebrew")
    alert.wait_for(state="detached")
    explorer.get_by_text("Best bridge").first.wait_for()  # the axes say it too


def test_a_slow_step_can_be_cancelled(explorer):
    pick(explorer, "Study pair", "Finnish → Hebrew")
    explorer.get_by_role("button", name="Cancel").first.click()
    explorer.get_by_text("cancelled", exact=True).wait_for()
    explorer.get_by_role("button", name="Run again").click()
    explorer.get_by_role("img", name="Finnish → Hebrew").wait_for()


def test_a_cell_of_the_spectrum_opens_its_pair(page, direct):
    cell = page.get_by_title("Hebrew → German:")
    cell.click()
    shows(page.locator(".bridgex-explorer").nth(1), direct("he", "de"))


def test_a_neuron_shows_its_languages_tokens_and_texts(page, mini):
    explorer = page.locator(".bridgex-neuron")
    explorer.get_by_label("Layer", exact=True).fill("3")
    explorer.get_by_label("Neuron", exact=True).fill("267")
    explorer.get_by_label("Neuron", exact=True).press("Enter")
    explorer.get_by_role("img", name="neuron 267 of layer 3").wait_for()
    tokens = bx.token_values(mini, {code: texts[:40] for code, texts in bx.core_sentences().items()}, 3, 267)
    strongest = tokens.loc[tokens.value.idxmax()]
    text = explorer.locator("p[dir=auto]").first
    assert bx.core_sentences()[strongest.language][strongest.text] in text.inner_text()
    assert text.locator(f"[title='{strongest.value:.3g}']").first.inner_text() == strongest.token


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_the_picture_is_readable_in_both_themes(page, theme):
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    page.wait_for_selector(f"body[data-jp-theme-light={str('Light' in theme).lower()}]", state="attached")
    contrast = page.wait_for_function(
        """() => {
            const light = color => {
                const [r, g, b] = color.match(/[0-9.]+/g).slice(0, 3).map(v => v / 255).map(
                    v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const page = light(getComputedStyle(document.querySelector('.jp-Notebook')).backgroundColor);
            const words = [...document.querySelectorAll('.bridgex-picture text, .bridgex-table td')];
            const each = words.map(word => getComputedStyle(word)).map(
                style => light(style.fill !== 'rgb(0, 0, 0)' ? style.fill : style.color));
            const ratios = each.map(one => (Math.max(one, page) + 0.05) / (Math.min(one, page) + 0.05));
            return Math.min(...ratios) >= 4.5 ? ratios.length : 0;  // WCAG 2.2, level AA
        }"""
    )
    assert contrast.json_value() > 20


def test_nothing_went_wrong_behind_the_scenes(page):
    assert page.locator("[data-mime-type='application/vnd.jupyter.stderr'], [data-mime-type*=error]").count() == 0
    assert page.complaints == []


def test_the_explorer_in_notebook_7(visit, notebook_7, direct, failures):
    page = visit(notebook_7.format("notebooks/09_explorer.ipynb"))
    page.get_by_text("Best bridge").first.wait_for(timeout=180 * SECONDS)
    explorer = page.locator(".bridgex-explorer").first
    shows(explorer, direct("sw", "tl"))
    pick(explorer, "Target", "^Hebrew")
    shows(explorer, direct("sw", "he"))
    explorer.get_by_role("button", name="Swap").click()
    shows(explorer, direct("he", "sw"))
    # By the mouse: Notebook 7 takes arrow keys in command mode for itself, to fold headings.
    track = explorer.locator(".noUi-base").first.bounding_box()
    page.mouse.click(track["x"] + 0.6 * track["width"], track["y"] + track["height"] / 2)
    shows(explorer, direct("he", "sw", 0.04))
    assert failures(page) == []
    # Notebook 7.6 complains once of its own settings, with an empty notebook too.
    assert [one for one in page.complaints if "(reading 'schema')" not in one] == []
    page.close()
