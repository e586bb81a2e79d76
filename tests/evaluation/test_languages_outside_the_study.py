"""Evaluation, rankings and figures with languages outside the study."""

import warnings

import pandas as pd
import pytest

import bridgex_nb as bx
from bridgex_nb.datasets import _languages

LEXICON = bx.Lexicon("hi", "ur", {"पानी": ["پانی"], "आग": ["آگ"], "सूरज": ["سورج"]})


def test_words_are_evaluated_in_any_language(mini):
    table = bx.evaluate(mini, "bli", "hin_Deva", "ur", [None, "en", "pes_Arab"], lexicon=LEXICON)
    assert table[["src", "tgt", "bridge", "n"]].to_numpy().tolist() == [
        ["hi", "ur", bridge, 3] for bridge in ("zero-shot", "en", "fa")
    ]
    with pytest.raises(bx.InputError, match="'fa' cannot be the bridge between fa and ur"):
        bx.evaluate(mini, "bli", "fa", "ur", ["pes_Arab"])
    with pytest.raises(bx.InputError, match="core lexicon has no Hindi"):
        bx.evaluate(mini, "bli", "hi", "ur")


def test_answers_through_bridges_outside_the_study_are_shown(mini):
    items = bx.answers(mini, "bli", LEXICON, [None, "en", "fa"])
    side = bx.side_by_side(items)
    assert {"zero-shot", "en", "fa"} <= set(side.columns.get_level_values(0))
    figure = bx.plots.xicl_heatmap(bx.accuracy(items))
    assert {"English", "Persian"} <= {label.get_text() for label in figure.axes[0].get_xticklabels()}


def test_topics_are_asked_in_the_languages_of_their_names(tmp_path):
    for code in ("hin_Deva", "eng_Latn", "urd_Arab"):
        (tmp_path / code).mkdir()
        (tmp_path / code / "test.tsv").write_text(f"index_id\tcategory\ttext\n1\tsports\t{code}\n", encoding="utf-8")
    assert bx.task_items("topic", "hi", "en", folder=tmp_path).text.tolist() == ["hin_Deva"]
    with pytest.raises(bx.InputError, match="topics' names are not translated into Urdu; the target is one of en de"):
        bx.task_items("topic", "hi", "ur", folder=tmp_path)


def test_a_grid_leaves_out_pairs_without_words(mini):
    with pytest.warns(UserWarning, match="bli has no data for hi-ur: left out"):
        table = bx.evaluate_grid(mini, ["bli"], [("hi", "ur"), ("sw", "tl")], ["en"], limit=3)
    assert set(table.src) == {"sw"}


@pytest.fixture
def evidence(mini, monkeypatch):
    """Swahili as another language, which typology does not know."""
    monkeypatch.setattr(_languages, "_added", {})
    bx.add_language("swx", "Swahili", "kiswahili", "Niger-Congo", "Latin")
    texts = bx.core_sentences(["sw", "tl", "en", "de"])
    texts = {{"sw": "swx"}.get(code, code): sentences[:40] for code, sentences in texts.items()}
    lexicon = bx.Lexicon("swx", "tl", bx.core_lexicon("sw", "tl").entries)
    return bx.Evidence(mini, bx.count_active(mini, texts), 0.05, texts, lambda src, tgt: lexicon)


def test_selectors_of_a_language_outside_the_study(evidence):
    names = ["overlap_lift", "family", "typology", "english"]
    with pytest.warns(UserWarning, match="swx-tl: the typology of Swahili is not known"):
        table = bx.select_bridges(evidence, "swx", "tl", ["en", "de"], names)
    assert table.typology.tolist() == [0, 0]
    assert table.notna().all(axis=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study = bx.select_bridges(evidence, "tl", "en", ["de"], ["typology"])
    assert study.typology["de"] == -bx.typological_distance().loc["de", ["tl", "en"]].mean()


def test_a_ranking_with_such_a_bridge_is_drawn(evidence):
    probe = bx.probe(evidence.model, bx.Lexicon("tl", "en", bx.core_lexicon("tl", "en").sample(60).entries))
    ranking = bx.rank_bridges(probe, evidence.sets, ["swx", "de"], resamples=0)
    assert set(ranking.table.name) == {"Swahili", "German"}
    for draw in (bx.plots.bridge_overview, bx.plots.bridge_ranking, bx.plots.hsic_by_layer):
        draw(ranking).draw_without_rendering()
    both = pd.Series({"swx": 0.5, "hi": 0.2, "ko": 0.1})
    figure = bx.plots.neuron_by_language(both, "a neuron")
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == ["Niger-Congo", "Indo-European", "Koreanic"]
