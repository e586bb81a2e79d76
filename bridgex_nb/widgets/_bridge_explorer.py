"""`BridgeExplorer`: languages, neurons and layers in; the ranking of the bridges out, live. A view of `BridgeState`."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import ipywidgets
import pandas as pd
from ipywidgets import HTML, Button, Checkbox, Dropdown, HBox, IntRangeSlider, Layout, SelectionSlider, VBox
from traitlets import link

from .. import plots
from ..datasets._languages import PAIRS, language
from ..datasets._lexicon import Lexicon
from ..evaluation._xicl import ZERO_SHOT
from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..neurons._sets import RATE, RULES
from ..stats._hsic import ESTIMATORS
from ._bridge_state import EXPORTS, LARGEST_RATE, BridgeState, Trial
from ._parts import STYLE, language_options, loaded, not_live, progress_row, svg, table
from ._texts import Texts

#: Shares of neurons that the slider stops at.
RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, LARGEST_RATE)


class BridgeExplorer(VBox):
    """Pick two languages and see which bridge their shared neurons rank first, how certain that is, and whether it helps.

    Parameters
    ----------
    model : NeuronModel or str, optional
        A model, or whatever `load_model` takes; the bundled bridgex-mini by default. Explorers of the same model share what
        they measure.
    src, tgt : str
        Initial language codes.
    rate : float
        Share of all neurons in a language's set, at most 0.1.
    folder : str or Path
        Where exports are written.
    texts : mapping of str to sequence of str, optional
        Language code -> texts that say the same in every language (`parallel_texts`), which language neurons are found with;
        the core sentences of the 15 languages of the study by default. The languages to choose from are theirs.
    lexicon : Lexicon or sequence of Lexicon, optional
        Words and translations for your pairs, in either direction; the core lexicon for all others.

    Attributes
    ----------
    state : BridgeState
        The choices and the ranking: to read, to set, to observe.

    Raises
    ------
    InputError
        If a language is unknown or has no texts, the texts are not parallel or in fewer than three languages, or the rate is
        out of range.

    Examples
    --------
    >>> explorer = BridgeExplorer(load_model(), "ar", "he")  # doctest: +SKIP
    >>> explorer.state.choose(src="sw", tgt="tl")  # doctest: +SKIP
    >>> explorer.state.figure()  # doctest: +SKIP
    """

    def __init__(
        self,
        model: NeuronModel | str | None = None,
        src: str = "sw",
        tgt: str = "tl",
        rate: float = RATE,
        folder: str | Path = ".",
        *,
        texts: Mapping[str, Sequence[str]] | None = None,
        lexicon: Lexicon | Sequence[Lexicon] | None = None,
    ):
        # A SpectrumExplorer hands on its own, so that both measure once.
        read = texts if isinstance(texts, Texts) else Texts(texts, lexicon)
        self.state = BridgeState(loaded(model), src, tgt, rate, read)
        self.trial, self.folder = Trial(), folder
        state = self.state
        self._verdict, self._picture = HTML(), HTML()
        self._numbers, self._neurons, self._answers, self._exported = HTML(), HTML(), HTML(), HTML()
        for view in (self._verdict, self._numbers, self._neurons, self._answers, self._exported):
            view.add_class("bridgex-table")
        self._picture.add_class("bridgex-picture")
        self._exports = [
            Button(description="code" if kind == "py" else kind.upper(), tooltip=f"write {kind}") for kind in EXPORTS
        ]
        for kind, button in zip(EXPORTS, self._exports, strict=True):
            button.on_click(lambda _, kind=kind: self._export(kind))
        tabs = ipywidgets.Tab(
            [
                self._numbers,
                self._neurons,
                VBox([self._word_box(), progress_row(self.trial), self._answers]),
                VBox([HBox(self._exports), self._exported]),
            ],
            titles=["Numbers", "Shared neurons", "Try a word", "Export"],
        )
        super().__init__(
            [
                HTML(STYLE, layout=Layout(display="none")),
                self._pair_row(),
                self._bridge_row(),
                self._choice_row(),
                progress_row(state, again=state.refresh),
                self._verdict,
                self._picture,
                tabs,
            ]
        )
        self.add_class("bridgex-explorer")
        state.observe(lambda _: self._draw(), "ranking")
        state.observe(lambda _: self._enable(), "task")
        self.trial.observe(lambda _: self._show_answers(), ["answers", "error"])
        self._draw()
        self._enable()

    def __repr__(self) -> str:
        return not_live(self)

    def _pair_row(self) -> HBox:
        state = self.state
        pairs = [pair for pair in PAIRS if {*pair} <= {*state.texts.languages}]
        presets = Dropdown(
            options=[("choose …", ""), *((f"{language(a).name} → {language(b).name}", (a, b)) for a, b in pairs)],
            description="Study pair",
            layout=Layout(width="240px"),
            style={"description_width": "70px"},
        )
        swap = Button(description="⇄ Swap", tooltip="swap source and target", layout=Layout(width="90px"))
        swap.on_click(lambda _: state.choose(src=state.tgt, tgt=state.src))
        ends, narrow = {}, {"description_width": "50px"}
        for name, label in (("src", "Source"), ("tgt", "Target")):
            options = language_options(state.texts.languages)
            ends[name] = Dropdown(options=options, description=label, layout=Layout(width="310px"), style=narrow)
            link((state, name), (ends[name], "value"))

        def choose(change):
            if change.new:
                state.choose(src=change.new[0], tgt=change.new[1])

        def follow(_):
            pair = (state.src, state.tgt)
            presets.value = pair if pair in pairs else ""

        presets.observe(choose, "value")
        state.observe(follow, ["src", "tgt"])
        follow(None)
        return HBox([presets, ends["src"], swap, ends["tgt"]], layout=Layout(flex_flow="row wrap"))

    def _bridge_row(self) -> HBox:
        state, spaced = self.state, Layout(width="auto", margin="0 12px 0 4px")
        boxes = {
            code: Checkbox(description=language(code).name, value=code in state.bridges, indent=False, layout=spaced)
            for code in state.texts.languages
        }

        def toggle(code, chosen):
            if chosen != (code in state.bridges):  # otherwise the box has followed the state
                wanted = {*state.bridges, code} if chosen else {*state.bridges} - {code}
                state.bridges = [known for known in state.texts.languages if known in wanted]

        def follow(_):
            for code, box in boxes.items():
                box.value = code in state.bridges
                box.disabled = code in (state.src, state.tgt)

        for code, box in boxes.items():
            box.observe(lambda change, code=code: toggle(code, change.new), "value")
        state.observe(follow, ["src", "tgt", "bridges"])
        follow(None)
        return HBox([ipywidgets.Label("Bridges:"), *boxes.values()], layout=Layout(flex_flow="row wrap"))

    def _choice_row(self) -> HBox:
        state = self.state
        wide = {"layout": Layout(width="330px"), "style": {"description_width": "100px"}}
        rates = sorted({*RATES, state.rate})
        choices = {
            "rate": SelectionSlider(options=[(f"{100 * rate:g} %", rate) for rate in rates], description="Neurons", **wide),
            "layers": IntRangeSlider(max=state.model.num_layers - 1, description="Layers", **wide),
            "rule": Dropdown(options=[(rule.replace("_", " "), rule) for rule in RULES], description="Bridge rule", **wide),
            "estimator": Dropdown(options=ESTIMATORS, description="HSIC", **wide),
        }
        for name, widget in choices.items():
            link((state, name), (widget, "value"))
        return HBox(list(choices.values()), layout=Layout(flex_flow="row wrap"))

    def _word_box(self) -> HBox:
        state = self.state
        word = ipywidgets.Combobox(description="Word", placeholder="a word of the source language", continuous_update=False)
        word.add_class("bridgex-word")
        ask = Button(description="Ask", tooltip="ask the model to translate the word")
        ask.on_click(lambda _: self.trial.ask(state, word.value))
        word.observe(lambda _: self.trial.ask(state, word.value), "value")

        def follow(_):
            try:
                word.options = tuple(state.texts.lexicon(state.src, state.tgt).entries)
            except InputError:  # no words to choose from; any can be typed
                word.options = ()

        state.observe(follow, ["src", "tgt"])
        follow(None)
        return HBox([word, ask])

    def _enable(self) -> None:
        for button in self._exports:
            button.disabled = bool(self.state.task) or self.state.ranking is None

    def _draw(self) -> None:
        ranking = self.state.ranking
        if ranking is None:
            self._verdict.value = self._picture.value = self._numbers.value = self._neurons.value = ""
            return
        with self.state.lock:
            pair = f"{language(ranking.src).name} → {language(ranking.tgt).name}"
            self._picture.value = svg(plots.bridge_overview(ranking), f"Scores of the bridges for {pair}, and by layer")
            notes = " ".join([ranking.summary, *self.state.notes])
            self._verdict.value = f'<div aria-live="polite">{html.escape(notes)}</div>'
            self._numbers.value = table(plots.ranking_table(ranking)) + "<br>" + table(self.state.overlap)
            best = language(ranking.best).name
            self._neurons.value = (
                f"<p>The shared neurons of both languages that vary most together with a neuron of {best} "
                f"(<i>bridge_neuron</i>, in the same layer), and the probe word on which each is most active. "
                f"<i>hsic</i>: 100 for the first.</p>" + table(self.state.shared.assign(hsic=_of_first(self.state.shared.hsic)))
            )

    def _show_answers(self) -> None:
        items = self.trial.answers
        if items is None or self.trial.error:
            self._answers.value = ""
            return
        marks = items.correct.map({True: "✓", False: "✗"}).fillna("")
        shown = pd.DataFrame(
            {
                "through": [code if code == ZERO_SHOT else language(code).name for code in items.bridge],
                "word of the bridge": items.bridge_text.fillna(""),
                "answer": items.answer,
                "right": marks,
            }
        )
        asked = items.iloc[0]
        word, gold = (f"<bdi>{html.escape(one)}</bdi>" for one in (asked["item"], asked.gold.replace("|", ", ")))
        self._answers.value = (
            f"<p>{word} – {'accepted: ' + gold if asked.gold else 'not in the core lexicon'}</p>{table(shown)}"
        )

    def _export(self, kind: str) -> None:
        try:
            path = self.state.export(kind, self.folder)
        except (InputError, OSError) as error:
            self._exported.value = f'<span class="bridgex-error" role="alert">{html.escape(str(error))}</span>'
            return
        code = f"<pre>{html.escape(self.state.code())}</pre>" if kind == "py" else ""
        self._exported.value = f'<div aria-live="polite">written: {html.escape(str(path))}</div>{code}'


def _of_first(values: pd.Series) -> list[str]:
    """Values in percent of the first one, which is the largest."""
    return [f"{100 * value / (values.iloc[0] or 1):.0f}" for value in values]
