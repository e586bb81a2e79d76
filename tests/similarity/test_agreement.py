"""Agreement of language matrices with families and typology."""

import numpy as np
import pandas as pd
import pytest
import tiny

import bridgex_nb as bx

CODES = ["en", "de", "sw", "tl", "id"]
SENTENCES = {code: texts[:10] for code, texts in bx.core_sentences().items() if code in CODES}


@pytest.fixture(scope="module")
def evidence():
    model = tiny.load("llama")
    return bx.Evidence(model, bx.count_active(model, SENTENCES), 0.3, SENTENCES)


def symmetric(n, seed):
    values = np.random.default_rng(seed).normal(size=(n, n))
    codes = list(bx.LANGUAGES)[:n]
    return pd.DataFrame(values + values.T, index=codes, columns=codes)


def test_a_matrix_made_from_a_reference_agrees_with_it():
    noise = symmetric(15, 0) * 0.1
    families = bx.agreement(bx.same_family() + noise).set_index("reference")
    assert families.r["family"] > 0.9
    assert families.p["family"] == 1 / 10_000
    assert families.partial_p["family"] < 0.001
    typology = bx.agreement(noise - bx.typological_distance()).set_index("reference")
    assert typology.r["typology"] > 0.5
    assert (typology.languages == 15).all()


def test_the_card_holds_the_options_and_the_matrix(evidence):
    matrix = bx.language_matrix(evidence, "lift")
    card = bx.agreement(matrix, permutations=20, seed=3).attrs["card"]
    assert card["options"] == {"references": ["family", "typology"], "given": "script", "permutations": 20, "seed": 3}
    assert card["inputs"]["matrix"]["options"] == matrix.attrs["card"]["options"]
    assert card["weights_sha256"] == evidence.model.card["weights_sha256"]
    by_depth = bx.agreement_by_depth(evidence, ["lift"], bands=2, permutations=20).attrs["card"]
    assert by_depth["options"]["bands"] == 2
    assert "agreement" in bx.agreement(symmetric(8, 0), permutations=20).attrs["card"]["function"]


def test_same_family_agrees_with_the_languages():
    table = bx.same_family()
    for a in bx.LANGUAGES.values():
        for b in bx.LANGUAGES.values():
            assert table.loc[a.code, b.code] == (a.family == b.family)


def test_a_language_without_values_is_left_out():
    matrix = symmetric(8, 0)
    matrix.loc["fr"] = matrix["fr"] = np.nan
    expected = bx.agreement(matrix.drop(index="fr", columns="fr"))
    pd.testing.assert_frame_equal(bx.agreement(matrix), expected)
    assert expected.languages.tolist() == [7, 7]


def test_agreement_by_depth_is_that_of_each_band(evidence):
    table = bx.agreement_by_depth(evidence, ["lift", "alignment"], bands=3, permutations=50)
    assert len(table) == 2 * 3 * 2
    for (kind, start, end), rows in table.groupby(["kind", "start", "end"]):
        matrix = bx.language_matrix(evidence, kind, (start, end))
        expected = bx.agreement(matrix, permutations=50)
        assert rows.r.tolist() == pytest.approx(expected.r.tolist())
        assert rows.p.tolist() == expected.p.tolist()
        assert rows.partial_r.tolist() == pytest.approx(expected.partial_r.tolist())
        assert rows.partial_p.tolist() == expected.partial_p.tolist()
        values = matrix.to_numpy(float)[np.triu_indices(5, 1)]
        assert rows.similarity.to_numpy() == pytest.approx(values.mean())
        relatives = [matrix.loc["en", "de"], matrix.loc["id", "tl"]]
        assert rows.family_similarity.to_numpy() == pytest.approx(np.mean(relatives))


def test_p_values_by_depth_are_corrected_for_all_tests_of_the_table(evidence):
    table = bx.agreement_by_depth(evidence, ["lift", "alignment"], bands=3, permutations=50)
    p = [*table.p, *table.partial_p]
    assert len(p) == 24
    expected, smallest = {}, 0
    for rank, i in enumerate(sorted(range(24), key=lambda i: p[i])):  # Holm, step by step
        smallest = expected[i] = max(smallest, min(1, p[i] * (24 - rank)))
    corrected = [*table.p_holm, *table.partial_p_holm]
    assert corrected == pytest.approx([expected[i] for i in range(24)])
    assert (np.array(corrected) >= p).all()


def test_family_is_not_found_where_only_script_acts():
    """Similarity that follows the script alone agrees with the families, until the script is held constant."""
    scripts = {code: language.script for code, language in bx.LANGUAGES.items()}
    same_script = pd.DataFrame([[float(scripts[a] == scripts[b]) for a in scripts] for b in scripts], [*scripts], [*scripts])
    plain, partial = [], []
    for seed in range(60):
        table = bx.agreement(2 * same_script + 0.5 * symmetric(15, seed), permutations=99, seed=seed).set_index("reference")
        plain.append(table.p["family"])
        partial.append(table.partial_p["family"])
    assert np.mean(np.array(plain) <= 0.05) > 0.5
    assert np.mean(np.array(partial) <= 0.05) <= 0.15
    also_family = bx.agreement(2 * same_script + 2 * bx.same_family() + 0.5 * symmetric(15, 0)).set_index("reference")
    assert also_family.partial_p["family"] < 0.01


def test_what_is_held_constant_can_be_chosen():
    matrix = symmetric(15, 0)
    groups = {code: "bridge" if code in bx.BRIDGES else "other" for code in bx.LANGUAGES}
    chosen = bx.agreement(matrix, given=groups, permutations=50)
    r, p = bx.mantel(matrix, bx.same_family(), 50, given=groups)
    assert (chosen.partial_r[0], chosen.partial_p[0]) == (r, p)
    assert chosen.attrs["card"]["options"]["given"] == groups
    by_matrix = bx.agreement(matrix, {"typology": -bx.typological_distance()}, given=bx.same_family(), permutations=50)
    assert by_matrix.partial_r[0] == bx.mantel(matrix, -bx.typological_distance(), 50, given=bx.same_family())[0]
    nothing = bx.agreement(matrix, given={}, permutations=50)
    assert nothing[["partial_r", "partial_p"]].isna().all(axis=None)
    assert nothing.p.tolist() == chosen.p.tolist()
    with pytest.raises(bx.InputError, match=r"family, with `given` held constant: .* determines a matrix"):
        bx.agreement(matrix, given=bx.same_family())
    with pytest.raises(bx.InputError, match="given lacks fr"):
        bx.agreement(matrix, given={code: "one" for code in bx.LANGUAGES if code != "fr"})


def test_scripts_that_leave_nothing_to_test_or_are_unknown_give_no_partial_test():
    eight = symmetric(8, 0)  # six Indo-European languages in Latin script, and Chinese and Japanese
    table = bx.agreement(eight, permutations=20).set_index("reference")
    assert table.partial_r.isna().to_dict() == {"family": True, "typology": False}
    four = symmetric(15, 0).loc[["zh", "ja", "ar", "he"], ["zh", "ja", "ar", "he"]]
    assert bx.agreement(four, permutations=20).partial_r.isna().all()
    other = symmetric(8, 0).rename(index={"de": "x"}, columns={"de": "x"})
    assert bx.agreement(other, {"itself": other}, permutations=20).partial_r.isna().all()


def test_your_own_references_and_too_many_bands(evidence):
    lift = bx.language_matrix(evidence, "lift")
    table = bx.agreement_by_depth(evidence, ["lift"], bands=1, references={"itself": lift}, permutations=20)
    assert table.reference.tolist() == ["itself"]
    assert table.r[0] == pytest.approx(1)
    with pytest.raises(bx.InputError, match="bands=4: the model has 3 layers"):
        bx.agreement_by_depth(evidence, bands=4)
    with pytest.raises(bx.InputError, match="no kind of language matrix is given; choose from count"):
        bx.agreement_by_depth(evidence, [])


def test_languages_outside_the_study_have_families_and_scripts(evidence):
    texts = {{"sw": "hi", "tl": "vi"}.get(code, code): texts for code, texts in SENTENCES.items()}
    renamed = bx.Evidence(evidence.model, bx.count_active(evidence.model, texts), 0.3, texts)
    lift = bx.language_matrix(renamed, "lift")
    table = bx.agreement_by_depth(renamed, ["lift"], 1, permutations=20)
    assert table.reference.tolist() == ["family"]  # typology is known of three languages only
    assert table.languages.tolist() == [5]
    family = [lift.loc[pair] for pair in (("en", "de"), ("en", "hi"), ("de", "hi"))]
    assert table.family_similarity[0] == pytest.approx(sum(family) / 3)


def test_labels_that_are_not_languages(evidence):
    texts = {{"sw": "x1", "tl": "x2"}.get(code, code): texts for code, texts in SENTENCES.items()}
    renamed = bx.Evidence(evidence.model, bx.count_active(evidence.model, texts), 0.3, texts)
    lift = bx.language_matrix(renamed, "lift")
    table = bx.agreement_by_depth(renamed, ["lift"], 1, {"itself": lift}, permutations=20)
    assert table.family_similarity[0] == pytest.approx(lift.loc["en", "de"])  # the only two of the same family
    assert table.languages[0] == 5
    with pytest.raises(bx.InputError, match=r"lift, depth 0\.00 to 1\.00: 3 item"):
        bx.agreement_by_depth(renamed, ["lift"], 1)
