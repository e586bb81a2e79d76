"""Every row of the sensitivity table against a ranking computed by itself, on a model loaded at that site."""

import pytest
import tiny
from scipy import stats

import bridgex_nb as bx

BRIDGES = ["en", "fr", "es"]


TEXTS = {code: texts[:60] for code, texts in bx.core_sentences().items()}


def words(src, tgt):
    return bx.core_lexicon(src, tgt).sample(25)


@pytest.fixture(scope="module")
def grid():
    return {
        "rates": [0.05, 0.1],
        "rules": ["exclusive", "fully_activated"],
        "statistics": ["last"],
        "estimators": ["normalized", "reference"],
        "sentences": ["all", "odd"],
    }


@pytest.fixture(scope="module")
def table(mini, grid):
    return bx.sensitivity(mini, [words("sw", "tl"), words("en", "sw")], BRIDGES, texts=TEXTS, **grid)


def test_every_row_is_the_ranking_of_its_setting(table):
    sentences = {code: TEXTS[code] for code in ("sw", "tl", "en", "fr", "es")}
    assert len(table) == 2 * 2**6
    for site, special in (("act", False), ("gated", False), ("gated", True)):
        model = bx.load_model(site=site)
        counts = bx.count_active(model, sentences, special_tokens=special)
        sets = {(rate, "all"): bx.top_neurons(counts, rate) for rate in (0.05, 0.1)}
        sets |= {(rate, "odd"): bx.neurons.half_sets(counts, rate)[1] for rate in (0.05, 0.1)}
        for pair in (("sw", "tl"), ("en", "sw")):
            probe = bx.probe(model, words(*pair), statistic="last", special_tokens=special)
            rows = table[(table.site == site) & (table.special_tokens == special) & (table.src == pair[0])]
            assert len(rows) == 2**4
            for row in rows.itertuples():
                options = {"rule": row.rule, "estimator": row.estimator, "resamples": 0}
                ranking = bx.rank_bridges(probe, sets[row.rate, row.sentences], BRIDGES, **options)
                assert row.chosen == ranking.best
                assert [getattr(row, code) for code in ranking.table.bridge] == stats.rankdata(-ranking.table.score).tolist()
                assert row.few == (row.shared < 10)


def test_neurons_that_are_always_on_are_left_out_of_all_sets(tmp_path):
    model = bx.load_model(tiny.always_on(tmp_path / "model"))
    texts = {code: TEXTS[code][:10] for code in ("sw", "tl", *BRIDGES)}

    def settings(exclude):
        options = {"rates": [0.3], "rules": ["exclusive"], "statistics": ["mean"], "special_tokens": [False]}
        options |= {"estimators": ["biased"], "sentences": ["all", "odd"], "sites": ["act"], "exclude": exclude}
        return bx.sensitivity(model, words("sw", "tl"), BRIDGES, texts=texts, **options)

    table, counts = settings("always_on"), bx.count_active(model, texts)
    sets = {"all": bx.top_neurons(counts, 0.3, "always_on"), "odd": bx.neurons.half_sets(counts, 0.3, "always_on")[1]}
    inside = bx.models.layer_window(model.num_layers)
    shared = [(sets[half]["sw"] & sets[half]["tl"])[inside.start : inside.stop].sum().item() for half in table.sentences]
    assert table.shared.tolist() == shared
    assert (table.shared < settings(None).shared).all()
    assert table.attrs["card"]["options"]["exclude"] == "always_on"
    with pytest.raises(bx.InputError, match="exclude='never_on'"):
        settings("never_on")


def test_source_and_target_have_no_rank(table):
    assert table[table.src == "en"].en.isna().all()
    assert table[table.src == "sw"][BRIDGES].notna().all(axis=None)


def test_pairs_by_hand(table):
    for row in bx.sensitivity_by_pair(table).itertuples():
        of_pair = table[(table.src == row.src) & (table.tgt == row.tgt)]
        assert row.settings == 64
        assert row.share == pytest.approx((of_pair.chosen == row.chosen).mean())
        assert row.share == pytest.approx(max((of_pair.chosen == code).mean() for code in BRIDGES))
        assert row.few == pytest.approx(of_pair.few.mean())
        ranks = of_pair[[code for code in BRIDGES if code not in (row.src, row.tgt)]]
        # scipy's Friedman test is M (B - 1) W; for two bridges it needs a third, so W is from its definition there.
        if ranks.shape[1] > 2:
            friedman = stats.friedmanchisquare(*ranks.to_numpy().T).statistic
            assert row.w == pytest.approx(friedman / (len(ranks) * (ranks.shape[1] - 1)))
        else:
            assert row.w == pytest.approx((ranks.iloc[:, 0] - 1.5).mean() ** 2 * 4)


def test_factors_by_comparing_all_couples(table):
    factors = ["rate", "rule", "site", "special_tokens", "estimator", "sentences"]
    rows = table[["src", *factors, "chosen"]].to_dict("records")
    found = bx.sensitivity_by_factor(table).set_index("factor")
    assert set(found.index[:-1]) == set(factors)
    assert found.moved[:-1].is_monotonic_decreasing
    moved, couples = dict.fromkeys([*factors, "any two settings"], 0), dict.fromkeys([*factors, "any two settings"], 0)
    for i, a in enumerate(rows):
        for b in rows[:i]:
            if a["src"] == b["src"]:
                differ = [factor for factor in factors if a[factor] != b[factor]]
                for name in ["any two settings", *(differ if len(differ) == 1 else [])]:
                    couples[name] += 1
                    moved[name] += a["chosen"] != b["chosen"]
    assert found.couples.to_dict() == couples
    assert found.moved.to_dict() == pytest.approx({name: moved[name] / couples[name] for name in couples})


def test_settings_without_shared_neurons_choose_nothing(mini):
    options = {"texts": TEXTS, "rates": [0.001, 0.05], "sites": ["act"], "special_tokens": [False]}
    table = bx.sensitivity(mini, words("ja", "tl"), BRIDGES, **options)
    empty = table[table.shared == 0]
    assert 0 < len(empty) < len(table)
    assert empty.few.all()
    assert empty[["chosen", *BRIDGES]].isna().all(axis=None)
    assert bx.sensitivity_by_pair(table).settings[0] == table.chosen.notna().sum()


def test_the_card_names_every_level(table, mini, grid):
    card = table.attrs["card"]
    assert (card["function"], card["model"]) == ("sensitivity", mini.card["model"])
    assert card["options"]["site"] == ["act", "gated"]
    assert card["options"]["rate"] == grid["rates"]
    assert card["options"]["bridges"] == BRIDGES
    assert card["data"]["texts"]["words sw-tl"] == 25


def test_the_model_keeps_its_site(mini, table):
    assert (mini.site, mini.card["site"]) == ("act", "act")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rates": []}, "rates=.*give one or more"),
        ({"rates": [0.05, 0.05]}, "each once"),
        ({"rates": [2.0]}, "rate is a share"),
        ({"rules": ["none"]}, "rules: unknown 'none'; choose from"),
        ({"sites": ["mlp"]}, "sites: unknown 'mlp'"),
        ({"statistics": ["max"]}, "statistics: unknown 'max'"),
        ({"special_tokens": ["yes"]}, "special_tokens: unknown"),
        ({"estimators": ["cka"]}, "estimators: unknown"),
        ({"sentences": ["first"]}, "sentences: unknown 'first'"),
        ({"bridges": ["sw"]}, "every bridge given is the source or the target"),
        ({"bridges": ["xx"]}, "unknown language 'xx'"),
        ({"texts": {"sw": ["Jua."], "tl": ["Araw."]}}, "no texts of en, de"),
        ({"lexicons": []}, "one lexicon or more"),
        ({"lexicons": [words("sw", "tl"), words("sw", "tl")]}, "only one per pair"),
    ],
)
def test_bad_grids_are_refused_before_the_model_runs(mini, monkeypatch, options, message):
    monkeypatch.setattr("bridgex_nb.bridges._sensitivity.count_active", None)
    with pytest.raises(bx.InputError, match=message):
        bx.sensitivity(mini, **{"lexicons": words("sw", "tl")} | options)


def test_a_changed_model_is_refused(mini):
    neurons = bx.top_neurons(bx.count_active(mini, {"sw": ["Jua ni kali."]}), 0.01)["sw"]
    with bx.deactivate(mini, neurons), pytest.raises(bx.InputError, match="interventions change the model"):
        bx.sensitivity(mini, words("sw", "tl"))


@pytest.mark.parametrize("options", [{"rates": 0.05}, {"special_tokens": True}, {"rules": "exclusive"}])
def test_one_level_is_a_list_too(mini, options):
    with pytest.raises(bx.InputError, match="give a list, such as"):
        bx.sensitivity(mini, bx.core_lexicon("sw", "tl"), **options)
