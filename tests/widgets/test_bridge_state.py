"""The state behind the explorers: what it shows is what the package computes."""

import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal
from traitlets import TraitError

import bridgex_nb as bx
from bridgex_nb.models._load_model import MINI
from bridgex_nb.widgets._bridge_state import EXPORTS, BridgeState, Trial, _load_call

CHOICES = {"rate": 0.03, "rule": "minus_overlap", "layers": (1, 3), "estimator": "normalized", "bridges": ["en", "id", "es"]}


@pytest.fixture
def state(mini):
    """Of the default choices, which are still being ranked."""
    state = BridgeState(mini, "sw", "tl", 0.05)
    yield state
    state.cancel()


@pytest.fixture(scope="module")
def shown(mini):
    """With the ranking of the default choices, for tests that only look."""
    state = BridgeState(mini, "sw", "tl", 0.05)
    state.wait()
    return state


@pytest.fixture(scope="module")
def counts(mini):
    return bx.count_active(mini, bx.core_sentences())


@pytest.fixture(scope="module")
def probe(mini):
    return bx.probe(mini, bx.known_words(mini, bx.core_lexicon("sw", "tl")))


def test_the_ranking_is_that_of_rank_bridges(shown, counts, probe):
    direct = bx.rank_bridges(probe, bx.top_neurons(counts, 0.05), redraws=bx.redraw_sets(counts, 0.05))
    # The state keeps some of the neurons, whose sums over tokens differ in the last bit of float32.
    assert_frame_equal(shown.ranking.table, direct.table, rtol=1e-6)
    assert_frame_equal(shown.ranking.by_layer, direct.by_layer, rtol=1e-6)
    assert shown.ranking.lead == pytest.approx(direct.lead, rel=1e-6)


def test_scores_come_first_and_the_same_with_intervals_after(state):
    seen = []
    state.observe(lambda change: seen.append(change.new), "ranking")
    state.rate = 0.04
    state.wait()
    quick, whole = seen
    assert "low" not in quick.table
    assert_frame_equal(quick.table, whole.table[quick.table.columns])
    assert whole.table.low.notna().all()
    assert (quick.redraws, whole.redraws) == (0, 20)


def test_the_exported_code_computes_what_is_shown(state, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state.choose(**CHOICES)
    path = state.export("py", tmp_path / "new")
    script = {}
    exec(compile(path.read_text(encoding="utf-8"), path, "exec"), script)
    assert_frame_equal(script["ranking"].table, state.ranking.table, rtol=1e-6)
    assert set(script["ranking"].table.bridge) == {"en", "id", "es"}
    assert {path.suffix for path in tmp_path.glob("bridges_*.*")} == {".png", ".csv", ".json"}


def test_swapping_is_one_change(state):
    errors = []
    state.observe(lambda change: errors.append(change.new), "error")
    state.choose(src="tl", tgt="sw")
    state.wait()
    assert (state.ranking.src, state.ranking.tgt) == ("tl", "sw")
    assert not errors


def test_what_cannot_be_ranked_says_why_and_can_be_corrected(state):
    state.tgt = "sw"
    state.wait()
    assert state.error == "source and target are both 'sw'; a lexicon needs two languages"
    assert state.ranking is None
    with pytest.raises(bx.InputError, match="source and target are both"):
        state.export("png")
    state.choose(tgt="tl", bridges=[])
    state.wait()
    assert "every bridge given is the source or the target" in state.error
    state.choose(bridges=["en", "de"], rate=0.0002)
    state.wait()
    assert "no neurons are shared and active on the probe in layers 2-4" in state.error
    state.rate = 0.05
    state.wait()
    assert (state.error, set(state.ranking.table.bridge)) == ("", {"en", "de"})


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (("xx", "tl", 0.05), "unknown language 'xx'"),
        (("sw", "tl", 0.2), "rate must be above 0 and at most 0.1"),
        (("sw", "tl", 0), "rate must be above 0"),
    ],
)
def test_bad_initial_choices_are_refused(mini, choices, message):
    with pytest.raises(bx.InputError, match=message):
        BridgeState(mini, *choices)


def test_a_bad_choice_is_refused_and_changes_nothing(state):
    for name, value in {"src": "xx", "rate": 0.5, "rule": "none", "estimator": "none", "bridges": ["xx"]}.items():
        before = getattr(state, name)
        with pytest.raises(TraitError):
            setattr(state, name, value)
        assert getattr(state, name) == before


@pytest.mark.filterwarnings("error")
def test_bridges_without_neurons_are_named(state, counts):
    state.choose(src="hu", tgt="sw", rate=0.002, layers=(5, 5), rule="exclusive", bridges=list(bx.LANGUAGES))
    state.wait()
    sets = bx.top_neurons(counts, 0.002)
    lost = [
        one.name
        for code, one in bx.LANGUAGES.items()
        if code not in ("hu", "sw") and not bx.bridge_neurons(sets, "hu", "sw", code, "exclusive")[5].any()
    ]
    absent = [str(layer) for layer in range(6) if not (sets["hu"] & sets["sw"])[layer].any()]
    assert lost
    assert absent
    assert [note for note in state.notes if not note.startswith("Few neurons in layer 5: ")] == [
        f"Left out, without neurons of their own in layer 5: {', '.join(lost)}. A higher rate may give them some.",
        f"No shared neurons in layers {', '.join(absent)}.",
    ]


def test_overlap_counts_neurons_of_the_layers_that_decide(shown, counts):
    sets = {code: one[2:5] for code, one in bx.top_neurons(counts, 0.05).items()}
    table = shown.overlap.set_index("language")
    assert table.neurons["English"] == sets["en"].sum()
    assert table["shared with Swahili"]["Tagalog"] == (sets["sw"] & sets["tl"]).sum()
    chance = sets["en"].float().mean() * sets["tl"].float().mean()
    assert table["lift with Tagalog"]["English"] == pytest.approx((sets["en"] & sets["tl"]).float().mean() / chance)


def test_top_shared_neurons_are_the_best_matches_of_the_bridge(shown, counts, probe):
    sets = bx.top_neurons(counts, 0.05)
    own = bx.bridge_neurons(sets, "sw", "tl", shown.ranking.best, probe=probe)
    both = bx.shared_neurons(sets, "sw", "tl", probe=probe)
    found = []
    for layer in range(2, 5):
        h = bx.hsic(probe.values[layer, both[layer]], probe.values[layer, own[layer]])
        found += h.amax(dim=1).tolist()
    assert shown.shared.hsic.tolist() == pytest.approx(sorted(found, reverse=True)[:10], rel=1e-6)
    first = shown.shared.iloc[0]
    pair = [probe.values[first.layer, [neuron]] for neuron in (first.neuron, first.bridge_neuron)]
    assert sets["sw"][first.layer, first.neuron]
    assert sets["tl"][first.layer, first.neuron]
    assert own[first.layer, first.bridge_neuron]
    assert pair[0][0, probe.words.index(first.word)] == pair[0].max()


def test_a_cancelled_measurement_can_be_taken_up_again(mini, monkeypatch):
    monkeypatch.setattr("bridgex_nb.widgets._background.REPORT_EVERY", 0)
    state = BridgeState(mini, "ar", "he", 0.05)
    state.observe(lambda change: state.cancel() if change.new == "answering" else None, "task")
    state.wait()
    assert state.cancelled
    assert state.ranking is None
    assert not state.error
    with pytest.raises(bx.InputError, match="cancelled"):
        state.figure()
    state.unobserve_all("task")
    state.refresh()
    state.wait()
    assert state.ranking.src == "ar"


def test_exports_hold_the_view_and_stay_the_same(shown, tmp_path):
    for kind in EXPORTS:
        path = shown.export(kind, tmp_path)
        assert path.name == f"bridges_sw-tl.{kind}"
        first = path.read_bytes()
        assert shown.export(kind, tmp_path).read_bytes() == first
    assert_frame_equal(pd.read_csv(tmp_path / "bridges_sw-tl.csv"), shown.ranking.table)
    with pytest.raises(bx.InputError, match="unknown export 'gif'"):
        shown.export("gif", tmp_path)


@pytest.mark.parametrize("options", [{"site": "gated"}, {"name": MINI}, {"dtype": "bfloat16"}])
def test_the_code_loads_the_same_model(options):
    model = bx.load_model(**options)
    again = eval(_load_call(model), {"bx": bx})
    # Here the dtype is spelled out, whatever the reason for it was.
    assert again.card | {"dtype_reason": ""} == model.card | {"dtype_reason": ""}
    assert torch.equal(again.hf_model.get_input_embeddings().weight, model.hf_model.get_input_embeddings().weight)


def test_a_word_is_asked_zero_shot_and_through_the_bridges(mini, shown):
    trial = Trial()
    trial.ask(shown, " moto ")
    trial.wait()
    direct = bx.answers(mini, "bli", bx.core_lexicon("sw", "tl").keep(["moto"]), [None, *shown.bridges])
    assert_frame_equal(trial.answers, direct)


def test_a_word_outside_the_lexicon_has_answers_but_no_verdict(shown):
    trial = Trial()
    trial.ask(shown, "kompyuta")
    trial.wait()
    assert trial.answers.correct.isna().all()
    assert trial.answers.answer.str.len().gt(0).any()
    trial.ask(shown, "  ")
    trial.wait()
    assert trial.answers is None
