"""Selectors side by side on the bundled model."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bridgex_nb as bx


@pytest.fixture(scope="module")
def small_study(mini):
    """Evidence and answers for two pairs, twenty words each, three bridges."""

    def few_words(src, tgt):
        lexicon = bx.core_lexicon(src, tgt)
        return lexicon.keep(list(lexicon.entries)[:20])

    items = bx.answers(mini, "bli", [few_words("zh", "he"), few_words("en", "sw")], [None, "en", "fr", "es"])
    return bx.Evidence(mini, bx.count_active(mini, bx.core_sentences()), lexicon=few_words), items


def test_leaderboard_of_the_bundled_model(small_study):
    evidence, items = small_study
    table = bx.leaderboard(evidence, items, ["hsic", "confidence_sum"], resamples=200)
    assert table.selector[0] == "oracle"
    assert set(table.selector) == {"oracle", "hsic", "confidence_sum", "english", "random"}
    assert table.regret.is_monotonic_increasing
    a = items[items.bridge != "zero-shot"].groupby(["src", "tgt", "bridge"]).score.mean()
    score = table.set_index("selector").score
    for name in ("hsic", "confidence_sum"):
        through, decided = [], 0
        for pair in (("zh", "he"), ("en", "sw")):
            scores = bx.select_bridges(evidence, *pair, ["en", "fr", "es"], [name])[name]
            first = scores.index[scores == scores.max()]
            through.append(a[pair][first].mean())
            decided += len(first) == 1
        assert score[name] == pytest.approx(np.mean(through))
        assert table.set_index("selector").decided[name] == decided
    # English cannot stand between English and Swahili: there, always-English is choosing at random.
    assert score["english"] == pytest.approx((a["zh", "he", "en"] + a["en", "sw"].mean()) / 2)
    assert score["random"] == pytest.approx((a["zh", "he"].mean() + a["en", "sw"].mean()) / 2)


def test_a_model_stands_for_its_evidence(mini, small_study):
    evidence, items = small_study
    names = ["overlap_jaccard", "typology"]
    pd.testing.assert_frame_equal(bx.leaderboard(mini, items, names), bx.leaderboard(evidence, items, names))


def test_the_card_holds_the_answers_and_the_options_of_the_evidence(mini, small_study):
    evidence, items = small_study
    card = bx.leaderboard(evidence, items, ["typology"], resamples=20, seed=2).attrs["card"]
    assert (card["function"], card["model"]) == ("leaderboard", mini.card["model"])
    assert card["options"] == {"selectors": ["typology", "english"], "resamples": 20, "seed": 2}
    assert card["inputs"]["items"]["data"] == items.attrs["card"]["data"]
    given = {"rate": evidence.rate, "exclude": None, "words": "known", "shots": 0, "seed": evidence.seed}
    assert card["inputs"]["evidence"]["options"] == given


def test_the_card_says_what_ties_and_words_the_scores_rest_on(small_study):
    evidence, items = small_study
    options = bx.leaderboard(evidence, items, ["hsic"], resamples=20).attrs["card"]["options"]
    assert options["tie_resamples"] == 60
    few = evidence.lexicon("zh", "he")
    other = bx.Lexicon("zh", "he", {word: ["?"] if i else golds for i, (word, golds) in enumerate(few.entries.items())})
    changed = replace(evidence, lexicon=lambda *pair: other if pair == ("zh", "he") else evidence.lexicon(*pair), words="all")
    board = bx.leaderboard(changed, items, ["hsic"], resamples=20)
    assert options["words"]["texts"] == {"zh-he": 20, "en-sw": 20}
    assert board.attrs["card"]["options"]["words"]["sha256"] != options["words"]["sha256"]


def test_costs_are_of_what_the_selector_alone_reads_for_all_pairs(small_study):
    """What pairs have in common is read once: sentences of languages for overlap, first hops of words for confidence."""
    evidence, items = small_study
    names = ["overlap_lift", "alignment_cka", "confidence_sum", "typology"]
    board = bx.leaderboard(evidence, items, names, resamples=20).set_index("selector")
    sentences = len(evidence.sentences["en"])
    assert board.texts["overlap_lift"] == 6 * sentences / 2  # zh he en sw fr es
    assert board.texts["alignment_cka"] == 6 * sentences / 2
    special = len(evidence.model.tokenizer("")["input_ids"])
    used = [evidence.counts.languages.index(code) for code in ("zh", "he", "en", "sw", "fr", "es")]
    assert board.tokens["overlap_lift"] == (int(evidence.counts.tokens[used].sum()) + special * 6 * sentences) / 2
    assert board.tokens["alignment_cka"] == board.tokens["overlap_lift"]
    hops = set()
    for src, tgt, bridges in (("zh", "he", ["en", "fr", "es"]), ("en", "sw", ["fr", "es"])):
        words = evidence.asked_words(src, tgt)
        for bridge in bridges:
            hops |= {(src, bridge, word) for word in words}
            hops |= {(bridge, tgt, word) for word in evidence.confidence(src, bridge, words)[1]}
    assert board.texts["confidence_sum"] == len(hops) / 2
    assert (board.loc[["typology", "english", "random"], ["texts", "tokens"]] == 0).all(axis=None)
    assert board.loc["oracle", ["texts", "tokens"]].isna().all()


# A file of several boards


def same_board(a, b):
    pd.testing.assert_frame_equal(a, b)
    assert a.attrs.keys() >= {"headroom", "by_pair", "card"}
    for name in ("by_pair", "card"):
        assert a.attrs[name] == b.attrs[name]
    assert pd.Series(a.attrs["headroom"]).equals(pd.Series(b.attrs["headroom"]))


def test_boards_are_read_as_they_were_written(small_study, tmp_path):
    evidence, items = small_study
    one_pair = items[items.src == "zh"]  # intervals over pairs are missing
    one_pair.attrs = {"card": items.attrs["card"] | {"options": {"task": "other"}}}
    boards = [bx.leaderboard(evidence, rows, ["hsic", "typology"], resamples=20) for rows in (items, one_pair)]
    file = tmp_path / "boards.json"
    for board in boards:
        bx.add_leaderboard(board, file)
    assert "NaN" not in file.read_text()
    assert boards[1].low.isna().all()
    read = bx.read_leaderboards(file)
    assert len(read) == 2
    for a, b in zip(read, boards, strict=True):
        same_board(a, b)
    pd.testing.assert_frame_equal(bx.beats_baseline(read[0]), bx.beats_baseline(boards[0]))


def test_a_new_board_of_the_same_study_takes_the_place_of_the_old_one(small_study, tmp_path):
    evidence, items = small_study
    file = tmp_path / "boards.json"
    first, again = (bx.leaderboard(evidence, items, ["typology"], resamples=20, seed=seed) for seed in (0, 1))
    other = first.copy()
    other.attrs = first.attrs | {"card": first.attrs["card"] | {"model": "another"}}
    for board in (first, other, again):
        bx.add_leaderboard(board, file)
    names = [board.attrs["card"]["model"] for board in bx.read_leaderboards(file)]
    assert names == ["another", "bridgex-mini"]
    merged = bx.merge_leaderboards(bx.read_leaderboards(file))
    assert merged.columns[:5].tolist() == ["model", "task", "scored_by", "pairs", "selector"]
    assert set(merged.task) == {"bli"}
    wide = merged.pivot(index="selector", columns="model", values="regret")
    assert wide["another"].to_dict() == pytest.approx(first.set_index("selector").regret.to_dict())


@pytest.mark.parametrize("text", ["", "{", "{}", '[{"columns": {}}]'])
def test_other_files_are_refused_and_left_as_they_are(small_study, tmp_path, text):
    evidence, items = small_study
    file = tmp_path / "boards.json"
    file.write_text(text)
    with pytest.raises(bx.InputError, match="not a file of leaderboards"):
        bx.read_leaderboards(file)
    with pytest.raises(bx.InputError, match="not a file of leaderboards"):
        bx.add_leaderboard(bx.leaderboard(evidence, items, ["typology"], resamples=20), file)
    assert file.read_text() == text


def test_what_is_no_leaderboard_is_refused(small_study, tmp_path):
    evidence, items = small_study
    board = bx.leaderboard(evidence, items, ["typology"], resamples=20)
    bare = pd.DataFrame(board.to_dict("list"))
    with pytest.raises(bx.InputError, match="only a table of `leaderboard`"):
        bx.add_leaderboard(bare, tmp_path / "boards.json")
    with pytest.raises(bx.InputError, match="has no run card"):
        bx.merge_leaderboards([bare])
    with pytest.raises(bx.InputError, match="no leaderboard to merge"):
        bx.merge_leaderboards([])
    with pytest.raises(bx.InputError, match="no such file of leaderboards"):
        bx.read_leaderboards(tmp_path / "none.json")


def test_answers_of_several_bridges_together_are_refused(small_study):
    evidence, items = small_study
    both = pd.concat([items, bx.combine(items, ["fr", "es"])])
    with pytest.raises(bx.InputError, match="a leaderboard is of single bridges"):
        bx.leaderboard(evidence, both, ["typology"], resamples=20)


def test_translations_have_a_leaderboard(mini, small_study, shared_data):
    evidence, _ = small_study
    sentences = bx.task_items("translation", "sw", "tl", folder=shared_data, limit=3)
    items = bx.answers(mini, "translation", sentences, ["en", "fr"], max_new_tokens=8)
    table = bx.leaderboard(evidence, items, ["typology"], resamples=20).set_index("selector")
    assert table.score["english"] == pytest.approx(items[items.bridge == "en"].score.mean())


def test_a_model_is_asked_behind_as_many_examples_as_the_items(mini):
    words = bx.core_lexicon("sw", "tl").sample(12)
    items = bx.answers(mini, "bli", words, ["en", "fr"], shots=2, shots_for="hops")
    board = bx.leaderboard(mini, items, ["english"], resamples=20)
    assert board.attrs["card"]["inputs"]["evidence"]["options"]["shots"] == 2
