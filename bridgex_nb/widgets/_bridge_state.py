"""What the explorers show, without any widget: choices in, rankings, tables, files and code out."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import torch
from matplotlib.figure import Figure
from traitlets import Enum, Float, Instance, List, TraitError, Tuple, Unicode, observe, validate

from .. import plots
from ..activations._results import ProbeActivations
from ..bridges._bridge_ranking import BridgeRanking
from ..bridges._bridgex_icl import rank_without_warnings
from ..datasets._languages import BRIDGES, language
from ..exceptions import InputError
from ..models._layer_window import layer_window
from ..models._load_model import MINI
from ..models._neuron_model import NeuronModel
from ..neurons._sets import RULES, bridge_neurons, overlap_matrix, shared_neurons
from ..stats._hsic import ESTIMATORS, hsic
from ._background import Background
from ._texts import Texts

#: The largest share of neurons that an explorer lets a language's set hold.
LARGEST_RATE = 0.1
#: What `BridgeState.export` writes.
EXPORTS = ("png", "svg", "pdf", "csv", "py")
#: Rows of `BridgeState.shared`.
TOP = 10
#: The traits of `BridgeState` that a ranking follows from.
CHOICES = ("src", "tgt", "bridges", "rate", "rule", "estimator", "layers")


class BridgeState(Background):
    """Choices and the ranking that follows from them: first its scores, then the same with intervals.

    Attributes
    ----------
    src, tgt : str
        Language codes.
    bridges : list of str
        Bridges to compare.
    rate, rule, estimator
        As in `top_neurons` and `rank_bridges`.
    layers : (int, int)
        First and last of the layers that a score is the mean of.
    ranking : BridgeRanking or None
        The latest one; None before the first, and if `error` says why the choices have none.
    overlap : pandas.DataFrame
        Source, target and each bridge: its neurons in those layers, how many of them the source and the target share, and how
        many times as many as by chance (lift).
    shared : pandas.DataFrame
        The shared neurons that depend most on the best bridge: layer, neuron, hsic with the bridge's neuron on which it depends
        most (with the rule `fully_activated` that may be the neuron itself), that neuron, and the probe word on which the
        shared neuron is most active.
    notes : list of str
        What a reader of the ranking needs to know, in sentences.
    """

    src = Unicode()
    tgt = Unicode()
    bridges = List(Unicode())
    rate = Float(min=0.0, max=LARGEST_RATE)
    rule = Enum(RULES)
    estimator = Enum(ESTIMATORS)
    layers = Tuple()
    ranking = Instance(BridgeRanking, allow_none=True)
    overlap = Instance(pd.DataFrame, allow_none=True)
    shared = Instance(pd.DataFrame, allow_none=True)
    notes = List()

    def __init__(self, model: NeuronModel, src: str, tgt: str, rate: float, texts: Texts | None = None):
        self.texts = texts or Texts()
        self.texts.check(src), self.texts.check(tgt)
        if not 0 < rate <= LARGEST_RATE:
            raise InputError(f"rate must be above 0 and at most {LARGEST_RATE}, not {rate}")
        self.model = model
        inside = layer_window(model.num_layers)
        super().__init__(
            src=language(src).code,
            tgt=language(tgt).code,
            bridges=[code for code in BRIDGES if code in self.texts.languages] or self.texts.languages,
            rate=rate,
            rule=RULES[0],
            estimator=ESTIMATORS[0],
            layers=(inside[0], inside[-1]),
        )

    def choose(self, **choices) -> None:
        """Change several choices together."""
        with self.lock, self.hold_trait_notifications():
            for name, value in choices.items():
                setattr(self, name, value)

    @validate("src", "tgt", "bridges")
    def _has_texts(self, proposal) -> str | list[str]:
        codes = [proposal.value] if isinstance(proposal.value, str) else proposal.value
        if lacking := [code for code in codes if code not in self.texts.languages]:
            raise TraitError(f"{proposal.trait.name}: {lacking[0]!r} is none of {', '.join(self.texts.languages)}")
        return proposal.value

    @observe(*CHOICES)
    def refresh(self, _change=None) -> None:
        """Rank again, in a thread."""
        self.start(self._rank())

    @observe("error")
    def _failed(self, change) -> None:
        if change.new:
            self.ranking = None

    @property
    def window(self) -> tuple[float, float]:
        """The layers as `rank_bridges` takes them: fractions of depth [from, to)."""
        first, last = self.layers
        depth = self.model.num_layers
        return first / depth, (last + 1) / depth

    def _rank(self) -> Iterator[dict]:
        src, tgt, bridges, inside = self.src, self.tgt, list(self.bridges), slice(self.layers[0], self.layers[1] + 1)
        options = {"rule": self.rule, "window": self.window, "estimator": self.estimator}
        # The sets of the largest rate contain those of every smaller one, so one probe serves them all.
        probe = self.texts.evidence(self.model, LARGEST_RATE).probe(src, tgt)
        evidence = self.texts.evidence(self.model, self.rate)
        sets = evidence.sets
        ranking = rank_without_warnings(probe, sets, bridges, resamples=0, **options)
        yield {
            "overlap": _overlap({code: sets[code][inside] for code in (src, tgt, *ranking.table.bridge)}),
            "shared": _top_shared(probe, sets, ranking.best, inside, options["rule"], options["estimator"]),
            "notes": [*ranking.notes, *evidence.set_notes],
            "ranking": ranking,  # last: views draw when it changes
        }
        yield {"ranking": rank_without_warnings(probe, sets, bridges, redraws=evidence.redraws, **options)}

    def figure(self) -> Figure:
        """The picture of the ranking, once it has its intervals."""
        if self.model.card.get("interventions"):  # that block holds the model's lock: waiting would never end
            raise InputError("the explorers show the unchanged model: call this outside the block that changes it")
        self.wait()
        if self.ranking is None:
            raise InputError(self.error or "there is no ranking: it was cancelled")
        with self.lock:
            return plots.bridge_overview(self.ranking)

    def code(self) -> str:
        """A script that computes the ranking of these choices."""
        first, last = self.layers
        depth = self.model.num_layers
        texts, lexicon, yours = "bx.core_sentences()", f'bx.core_lexicon("{self.src}", "{self.tgt}")', ""
        if self.texts.given:
            texts, yours = "texts", f"texts = ...  # yours: the parallel texts, {' '.join(self.texts.languages)}\n"
        if {(self.src, self.tgt), (self.tgt, self.src)} & {*self.texts.lexicons}:
            lexicon, yours = "lexicon", f"{yours}lexicon = ...  # yours: the Lexicon of {self.src}-{self.tgt}\n"
        return f"""\
import bridgex_nb as bx

{yours}model = {_load_call(self.model)}
counts = bx.count_active(model, {texts})
sets = bx.top_neurons(counts, rate={self.rate})
known = bx.known_words(model, {lexicon})
ranking = bx.rank_bridges(
    bx.probe(model, known),
    sets,
    {self.bridges},
    redraws=bx.redraw_sets(counts, rate={self.rate}),
    rule="{self.rule}",
    window=({first} / {depth}, {last + 1} / {depth}),  # layers {first} to {last}
    estimator="{self.estimator}",
)
figure = bx.plots.bridge_overview(ranking)
bx.plots.save(figure, ranking.table, ".", "bridges_{self.src}-{self.tgt}", ranking.card)  # picture, numbers, run card
print(ranking.summary)
"""

    def export(self, kind: str, folder: str | Path = ".") -> Path:
        """Write what is shown to a folder: the picture ("png", "svg", "pdf"), its table ("csv") or the code ("py")."""
        if kind not in EXPORTS:
            raise InputError(f"unknown export {kind!r}; choose from {', '.join(EXPORTS)}")
        figure = self.figure()  # first, so that nothing is written if there is nothing to show
        path = Path(folder) / f"bridges_{self.ranking.src}-{self.ranking.tgt}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "csv":
            self.ranking.table.to_csv(path, index=False, lineterminator="\n")
        elif kind == "py":
            path.write_text(self.code(), encoding="utf-8")
        elif kind == "pdf":
            with self.lock:
                plots.save_pdf(figure, path)
        else:
            with self.lock, mpl.rc_context(plots.STYLE):
                figure.savefig(path, bbox_inches="tight", metadata={"Date": None} if kind == "svg" else {"Software": None})
        return path


def _overlap(sets: dict[str, torch.Tensor]) -> pd.DataFrame:
    count, lift = overlap_matrix(sets), overlap_matrix(sets, "lift")
    columns = {"language": [language(code).name for code in sets], "neurons": [count.loc[code, code] for code in sets]}
    for end in list(sets)[:2]:
        columns[f"shared with {language(end).name}"] = count[end].tolist()
        columns[f"lift with {language(end).name}"] = lift[end].tolist()
    return pd.DataFrame(columns)


def _top_shared(
    probe: ProbeActivations, sets: dict[str, torch.Tensor], bridge: str, inside: slice, rule: str, estimator: str
) -> pd.DataFrame:
    shared = shared_neurons(sets, probe.src, probe.tgt, rule, probe)
    specific = bridge_neurons(sets, probe.src, probe.tgt, bridge, rule, probe)
    tables = []
    for layer in range(probe.num_layers)[inside]:
        if shared[layer].any() and specific[layer].any():
            rows = probe.rows(layer, shared[layer])
            best, match = hsic(rows, probe.rows(layer, specific[layer]), estimator=estimator).max(dim=1)
            columns = {
                "layer": layer,
                "neuron": shared[layer].nonzero()[:, 0].tolist(),
                "hsic": best.tolist(),
                "bridge_neuron": specific[layer].nonzero()[match, 0].tolist(),
                "word": [probe.words[i] for i in rows.argmax(dim=1)],
            }
            tables.append(pd.DataFrame(columns))
    return pd.concat(tables).nlargest(TOP, "hsic").reset_index(drop=True)


def _load_call(model: NeuronModel) -> str:
    """The call that loads a model again."""
    bundled = model.card["model"] == "bridgex-mini" and model.hf_model.name_or_path == str(MINI)
    options = {"site": (model.site, "act"), "dtype": (model.card["dtype"], "float32" if bundled else None)}
    options["revision"] = (model.card.get("revision"), None)
    given = [] if bundled else [repr(model.hf_model.name_or_path)]
    given += [f"{name}={value!r}" for name, (value, default) in options.items() if value != default]
    return f"bx.load_model({', '.join(given)})"


class Trial(Background):
    """What the model answers to one word, zero-shot and through bridges.

    Attributes
    ----------
    answers : pandas.DataFrame or None
        Rows of `bridgex_nb.answers`.
    """

    answers = Instance(pd.DataFrame, allow_none=True)

    def ask(self, state: BridgeState, word: str) -> None:
        """Ask about a word of the source language, through the bridges of a `BridgeState`."""
        word = word.strip()
        if not word:
            self.answers = None
        else:
            self.start(self._ask(state, word, state.src, state.tgt, list(state.bridges)))

    def _ask(self, state, *question) -> Iterator[dict]:
        yield {"answers": state.texts.evidence(state.model).answers(*question)}
