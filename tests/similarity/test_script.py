"""Script as a covariate, and what rewriting changes: on a real model by other formulas, and on counts with a planted answer."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from scipy import stats

import bridgex_nb as bx

CODES = ["en", "de", "fi", "sw", "zh", "ja", "ar", "he"]
SENTENCES = {code: bx.core_sentences()[code][:12] for code in CODES}
PERMUTATIONS = 199


def evidence_of(sentences):
    model = tiny.load("llama")
    return bx.Evidence(model, bx.count_active(model, sentences), 0.2, sentences)


@pytest.fixture(scope="module")
def written():
    return evidence_of(SENTENCES)


@pytest.fixture(scope="module")
def rewritten():
    return evidence_of({code: bx.romanised(texts) for code, texts in SENTENCES.items()})


def planted(written, of_language, of_script, latin=False, kind="top"):
    """An evidence of made counts: three neurons of each part are active at half of the tokens, the rest at about a hundredth,
    which differs between languages and texts.

    `of_language` and `of_script` say whether every language, and every script, has neurons of its own; with `latin`, all
    languages are written in Latin script. The rate is such that sets of the kind hold just these neurons, and
    one more.
    """
    shape = written.model.num_layers, written.model.num_neurons
    size = shape[0] * shape[1]
    blocks = iter(torch.randperm(size, generator=torch.Generator().manual_seed(0)).split(3))
    languages = {code: next(blocks) for code in CODES}
    scripts = {script: next(blocks) for script in ("Latin", "Han", "Japanese", "Arabic", "Hebrew")}
    noise = torch.Generator().manual_seed(1 + latin)
    by_part = torch.randint(5_000, 15_000, (4, len(CODES), size), generator=noise)
    for k, code in enumerate(CODES):
        if of_language:
            by_part[:, k, languages[code]] += 500_000
        if of_script:
            by_part[:, k, scripts["Latin" if latin else bx.language(code).script]] += 500_000
    by_part, tokens = by_part.view(4, len(CODES), *shape).int(), torch.full((4, len(CODES)), 1_000_000)
    counts = bx.ActivationCounts(by_part.sum(dim=0), tokens.sum(dim=0), tuple(CODES), {}, by_part, tokens)
    neurons = len(CODES) * of_language + (1 if latin else 5) * of_script if kind == "lape" else of_language + of_script
    return bx.Evidence(written.model, counts, 3 * neurons / size, SENTENCES)


def off_diagonal(matrix):
    return matrix.to_numpy(float)[np.triu_indices(len(matrix), 1)]


def lape_jaccard(evidence):
    sets = bx.lape(evidence.counts, 0.2)
    rows = [[(sets[a] & sets[b]).sum().item() / max(1, (sets[a] | sets[b]).sum().item()) for b in CODES] for a in CODES]
    return pd.DataFrame(rows, CODES, CODES)


def same(attribute):
    values = np.array([getattr(bx.language(code), attribute) for code in CODES])
    return pd.DataFrame(values[:, None] == values, CODES, CODES)


# Covariate


@pytest.mark.parametrize("kind", ["lift", "lape", "alignment"])
def test_correlations_by_other_formulas(written, kind):
    table = bx.script_share(written, [kind], permutations=PERMUTATIONS).set_index("reference")
    matrix = lape_jaccard(written) if kind == "lape" else bx.language_matrix(written, kind)
    values, script, family = (off_diagonal(of) for of in (matrix, same("script"), same("family")))
    assert table.r["script"] == pytest.approx(stats.pearsonr(values, script).statistic)
    assert table.r["family"] == pytest.approx(stats.pearsonr(values, family).statistic)
    held = np.column_stack([np.ones_like(family), family])
    left = [of - held @ np.linalg.lstsq(held, of, rcond=None)[0] for of in (values, script)]
    assert table.partial_r["script"] == pytest.approx(stats.pearsonr(*left).statistic)
    others = bx.agreement(matrix, permutations=PERMUTATIONS).set_index("reference")
    for column in ("r", "p", "partial_r", "partial_p"):
        assert table[column][["family", "typology"]].tolist() == pytest.approx(others[column].tolist(), nan_ok=True)
    assert table.given.to_dict() == {"script": "family", "family": "script", "typology": "script"}
    assert (table.languages == len(CODES)).all()


def test_a_window_holds_its_layers_only(written):
    (r,) = bx.script_share(written, ["lift"], (2 / 3, 1), permutations=9).query("reference == 'script'").r
    last = bx.overlap_matrix({code: chosen[2:] for code, chosen in written.sets.items()}, "lift")
    assert r == pytest.approx(stats.pearsonr(off_diagonal(last), off_diagonal(same("script"))).statistic)


@pytest.mark.parametrize("kind", ["lift", "lape", "cosine"])
def test_planted_scripts_are_found_and_planted_languages_are_not_taken_for_scripts(written, kind):
    both, language = (planted(written, True, of_script, kind=kind) for of_script in (True, False))
    language = replace(language, rate=both.rate)  # as many neurons, of which half are noise
    assert bx.script_share(both, [kind], permutations=999).r[0] > 0.95
    assert abs(bx.script_share(language, [kind], permutations=999).r[0]) < 0.5


def test_where_family_is_script_nothing_is_left(written):
    kept = ["en", "de", "zh", "ja"]
    k = [CODES.index(code) for code in kept]
    counts = replace(written.counts, active=written.counts.active[k], tokens=written.counts.tokens[k], languages=tuple(kept))
    counts = replace(counts, by_part=None, tokens_by_part=None)
    table = bx.script_share(replace(written, counts=counts), ["lift"], permutations=9).set_index("reference")
    assert np.isnan(table.partial_r["script"])
    assert np.isfinite(table.r["script"])


def test_the_card_of_a_share(written):
    card = bx.script_share(written, ["lape"], permutations=9, seed=3).attrs["card"]
    assert card["function"] == "script_share"
    assert card["options"] == {"kinds": ["lape"], "window": [0.0, 1.0], "permutations": 9, "seed": 3, "rate": 0.2}


# Rewriting


def test_changes_by_hand(written, rewritten):
    table = bx.script_change(written, rewritten, ["lift", "lape"], permutations=PERMUTATIONS).set_index("kind")
    matrices = [bx.language_matrix(evidence, "lift") for evidence in (written, rewritten)]
    script = off_diagonal(same("script")).astype(bool)
    before, after = (off_diagonal(matrix) for matrix in matrices)
    row = table.loc["lift"]
    assert [row.same, row.different] == pytest.approx([before[script].mean(), before[~script].mean()])
    assert [row.same_rewritten, row.different_rewritten] == pytest.approx([after[script].mean(), after[~script].mean()])
    assert row.r == pytest.approx(stats.pearsonr(after - before, ~script).statistic)
    assert row.kept_r == pytest.approx(stats.pearsonr(after, before).statistic)
    lape = [off_diagonal(lape_jaccard(evidence)) for evidence in (written, rewritten)]
    assert table.loc["lape", "different_rewritten"] == pytest.approx(lape[1][~script].mean())
    assert table.p_holm.tolist() == pytest.approx(bx.stats._resampling.holm(table.p.to_numpy()).tolist())

    def closed(left_out=None):
        codes = [code for code in CODES if code != left_out]
        of = off_diagonal(same("script").loc[codes, codes]).astype(bool)
        gaps = [np.subtract(*(off_diagonal(m.loc[codes, codes])[which].mean() for which in (of, ~of))) for m in matrices]
        return 1 - gaps[1] / gaps[0] if gaps[0] > 0 else np.nan

    each = [closed(code) for code in CODES]
    expected = [closed(), np.nanmin(each), np.nanmax(each)]
    assert [row.closed, row.closed_low, row.closed_high] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("kind", ["lift", "cosine"])
def test_planted_scripts_are_closed_by_romanising(written, kind):
    before, after = (planted(written, True, True, latin) for latin in (False, True))
    table = bx.script_change(before, after, [kind], permutations=999)
    assert (table.closed > 0.9).all()
    assert (table.closed_low > 0.8).all()
    assert (table.p < 0.05).all()


def test_planted_languages_have_no_gap_that_romanising_closes(written):
    table = bx.script_change(planted(written, True, False), planted(written, True, False, latin=True), ["cosine"])
    assert (table.p > 0.05).all()


@pytest.mark.parametrize("kind", ["top", "lape"])
def test_a_language_keeps_its_own_neurons_and_loses_those_of_its_script(written, kind):
    language = [planted(written, True, False, latin, kind) for latin in (False, True)]
    table = bx.language_kept(*language, [kind])
    assert (table.kept > 0.8).all()
    assert (table.nearest == table.language).all()
    assert (table["rank"] == 1).all()
    script = [planted(written, False, True, latin, "top") for latin in (False, True)]
    table = bx.language_kept(*script, ["top"])
    other = table.script != "Latin"
    assert (table[other].kept < 0.1).all()
    assert table[other].nearest.isin(["en", "de", "fi", "sw"]).all()
    assert (table[~other].kept > 0.9).all()


@pytest.mark.parametrize("kind", ["top", "lape"])
def test_what_is_kept_by_hand(written, rewritten, kind):
    table = bx.language_kept(written, rewritten, [kind]).set_index("language")

    def sets(evidence, half, code=None):
        counts = written.counts
        active = counts.by_part[half::2].sum(dim=0).clone()
        tokens = counts.tokens_by_part[half::2].sum(dim=0).clone()
        if code:
            k = CODES.index(code)
            active[k] = evidence.counts.by_part[half::2, k].sum(dim=0)
            tokens[k] = evidence.counts.tokens_by_part[half::2, k].sum()
        made = bx.ActivationCounts(active, tokens, tuple(CODES), {})
        return bx.lape(made, 0.2) if kind == "lape" else bx.top_neurons(made, 0.2)

    def jaccard(a, b):
        return (a & b).sum().item() / (a | b).sum().item()

    halves = [sets(written, half) for half in (0, 1)]
    for code in ("sw", "zh"):
        rows = {}
        for name, evidence in (("_written", written), ("", rewritten)):
            new = [sets(evidence, half, code)[code] for half in (0, 1)]
            of = {k: (jaccard(halves[0][k], new[1]) + jaccard(halves[1][k], new[0])) / 2 for k in CODES}
            rows["itself" + name], rows["others" + name] = of[code], np.mean([of[k] for k in CODES if k != code])
        for column, value in rows.items():
            assert table.loc[code, column] == pytest.approx(value), column
        kept = (rows["itself"] - rows["others"]) / (rows["itself_written"] - rows["others_written"])
        assert table.kept[code] == pytest.approx(
            kept if rows["itself_written"] > rows["others_written"] else np.nan, nan_ok=True
        )
        assert table["rank"][code] == 1 + sum(of[k] > of[code] for k in CODES)
        assert of[table.nearest[code]] == max(of.values())
    assert table.kept.notna().any()
    assert table.tokens.tolist() == written.counts.tokens.tolist()
    assert table.tokens_rewritten.tolist() == rewritten.counts.tokens.tolist()


def test_cards_hold_the_counts_of_both(written, rewritten):
    for table in (bx.script_change(written, rewritten, ["lift"], permutations=9), bx.language_kept(written, rewritten)):
        card = table.attrs["card"]
        assert card["options"]["rate"] == 0.2
        hashes = [card["inputs"][name]["inputs"]["counts"]["data"]["sha256"] for name in ("written", "rewritten")]
        assert hashes == [evidence.counts.card["data"]["sha256"] for evidence in (written, rewritten)]
        assert hashes[0] != hashes[1]


# Refused


def test_bad_evidences_are_refused(written, rewritten):
    with pytest.raises(bx.InputError, match="unknown kind 'colour'"):
        bx.script_share(written, ["colour"])
    with pytest.raises(bx.InputError, match="no layer of 3 lies between"):
        bx.script_share(written, ["lape"], (0.9, 1))
    with pytest.raises(bx.InputError, match=r"the same rate: 0\.2 as written, 0\.1 rewritten"):
        bx.script_change(written, replace(rewritten, rate=0.1))
    fewer = evidence_of({code: texts[:11] for code, texts in SENTENCES.items()})
    for compare in (bx.script_change, bx.language_kept):
        with pytest.raises(bx.InputError, match="must be as many: en has"):
            compare(written, fewer)
    latin = evidence_of({code: SENTENCES[code] for code in CODES[:4]})
    with pytest.raises(bx.InputError, match="the same languages"):
        bx.script_change(written, latin)
    with pytest.raises(bx.InputError, match="all written in one script"):
        bx.script_share(latin)
    other = bx.load_model(tiny.folder("gemma2"))
    with pytest.raises(bx.InputError, match="of another model"):
        bx.script_change(written, bx.Evidence(other, bx.count_active(other, SENTENCES), 0.2, SENTENCES))
    with pytest.raises(bx.InputError, match="unknown kind of neuron sets 'act'"):
        bx.language_kept(written, rewritten, ["act"])
    whole = replace(written.counts, by_part=None, tokens_by_part=None)
    with pytest.raises(bx.InputError, match="not taken by parts"):
        bx.language_kept(replace(written, counts=whole), rewritten)
