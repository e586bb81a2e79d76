"""`NeuronExplorer`: one neuron, its languages, tokens and texts."""

import html
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
from ipywidgets import HTML, BoundedIntText, HBox, Layout, VBox
from traitlets import Instance, Int, link, observe

from .. import plots
from ..activations._count_active import count_active
from ..activations._results import ActivationCounts
from ..activations._token_values import token_values
from ..datasets._corpora import core_sentences
from ..datasets._languages import language
from ..datasets._lexicon import core_languages
from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..similarity._core_evidence import core_evidence
from ._background import Background
from ._parts import STYLE, loaded, not_live, progress_row, svg, table


class NeuronState(Background):
    """One neuron: how often it is active in each language, and its value at every token of a few texts.

    Attributes
    ----------
    layer, neuron : int
        The neuron, both counted from 0.
    probability : pandas.Series or None
        Language -> share of its tokens on which the neuron is active: of the core sentences or, where `texts` are in other
        languages, of these.
    tokens : pandas.DataFrame or None
        Rows of `token_values`.
    """

    layer = Int()
    neuron = Int()
    probability = Instance(pd.Series, allow_none=True)
    tokens = Instance(pd.DataFrame, allow_none=True)

    def __init__(self, model: NeuronModel, texts: Mapping[str, Sequence[str]], layer: int, neuron: int):
        self.model, self.texts = model, texts
        self._counts: ActivationCounts | None = None
        super().__init__(layer=layer, neuron=neuron)
        self.refresh()  # also where both are 0, and nothing has changed

    @observe("layer", "neuron")
    def refresh(self, _change=None) -> None:
        """Look at the neuron, in a thread."""
        self.start(self._look(self.layer, self.neuron))

    def _look(self, layer, neuron) -> Iterator[dict]:
        with self.model.lock:
            tokens = token_values(self.model, self.texts, layer, neuron)
        counts = self._counted()
        yield {"probability": pd.Series(counts.probability[:, layer, neuron].tolist(), counts.languages), "tokens": tokens}

    def _counted(self) -> ActivationCounts:
        """Counts over the core sentences or, where texts are in other languages, over the texts."""
        if {*self.texts} <= {*core_languages()}:
            return core_evidence(self.model).counts
        if self._counts is None:
            with self.model.lock:
                self._counts = count_active(self.model, dict(self.texts))
        return self._counts

    def strongest_tokens(self, number: int = 10) -> pd.DataFrame:
        """The tokens with the highest mean value: token, language, value (the mean), times (occurrences in the texts)."""
        groups = self.tokens.groupby(["token", "language"], sort=False).value
        return groups.agg(value="mean", times="size").nlargest(number, "value").reset_index()

    def strongest_texts(self, number: int = 5) -> list[tuple[str, str, pd.DataFrame]]:
        """The texts with the highest value at any token: language, text, its rows of `tokens`."""
        groups = self.tokens.groupby(["language", "text"], sort=False)
        best = groups.value.max().nlargest(number).index
        return [(code, self.texts[code][i], groups.get_group((code, i))) for code, i in best]


class NeuronExplorer(VBox):
    """One neuron: the languages in which it is active, and the tokens and texts on which its value is highest.

    Parameters
    ----------
    model : NeuronModel or str, optional
        A model, or whatever `load_model` takes; the bundled bridgex-mini by default.
    layer, neuron : int
        The initial neuron.
    texts : mapping of str to sequence of str, optional
        Language -> texts to read; the first 40 core sentences of each language by default.

    Attributes
    ----------
    state : NeuronState
        The neuron and what is known about it.

    Raises
    ------
    InputError
        If there are no texts, or no such model.

    Examples
    --------
    >>> explorer = NeuronExplorer(load_model(), layer=3, neuron=267)  # doctest: +SKIP
    >>> explorer.state.strongest_tokens(5)  # doctest: +SKIP
    """

    def __init__(
        self,
        model: NeuronModel | str | None = None,
        layer: int = 0,
        neuron: int = 0,
        texts: Mapping[str, Sequence[str]] | None = None,
    ):
        if texts is None:
            texts = {code: sentences[:40] for code, sentences in core_sentences().items()}
        elif not any(texts.values()):
            raise InputError("texts is empty; give texts to read, or None for the core sentences")
        self.state = NeuronState(loaded(model), texts, layer, neuron)
        model = self.state.model
        pickers = {
            "layer": BoundedIntText(max=model.num_layers - 1, description="Layer"),
            "neuron": BoundedIntText(max=model.num_neurons - 1, description="Neuron"),
        }
        for name, picker in pickers.items():
            link((self.state, name), (picker, "value"))
        self._picture, self._tokens, self._texts = HTML(), HTML(), HTML()
        self._picture.add_class("bridgex-picture")
        for view in (self._tokens, self._texts):
            view.add_class("bridgex-table")
        super().__init__(
            [
                HTML(STYLE, layout=Layout(display="none")),
                HBox(list(pickers.values())),
                progress_row(self.state, again=self.state.refresh),
                HBox([self._picture, self._tokens], layout=Layout(flex_flow="row wrap")),
                self._texts,
            ]
        )
        self.add_class("bridgex-neuron")
        self.state.observe(lambda _: self._draw(), "tokens")
        self._draw()

    def __repr__(self) -> str:
        return not_live(self)

    def _draw(self) -> None:
        state = self.state
        if state.tokens is None:
            return
        with state.lock:
            name = f"neuron {state.neuron} of layer {state.layer}"
            self._picture.value = svg(plots.neuron_by_language(state.probability, name), f"Languages in which {name} is active")
            tokens = state.strongest_tokens()
            tokens["language"] = tokens.language.map(lambda code: language(code).name)
            self._tokens.value = table(tokens)
            top = state.tokens.value.max()
            lines = [
                f'<p dir="auto"><small>{html.escape(language(code).name)}</small> {coloured(text, rows, top)}</p>'
                for code, text, rows in state.strongest_texts()
            ]
            self._texts.value = "".join(lines)


def coloured(text: str, tokens: pd.DataFrame, top: float) -> str:
    """A text as HTML in which tokens with values above 0 have a background that is stronger the nearer they are to `top`."""
    values = [0.0] * len(text)
    for row in tokens.itertuples():
        for i in range(row.start, row.end):
            values[i] = max(values[i], row.value)
    pieces, start = [], 0
    for end in range(1, len(text) + 1):
        if end == len(text) or values[end] != values[start]:
            shade = round(100 * values[start] / top) if values[start] > 0 else 0
            colour = f"background: color-mix(in srgb, #e69f00 {shade}%, transparent)"
            piece = html.escape(text[start:end])
            pieces.append(f'<span style="{colour}" title="{values[start]:.3g}">{piece}</span>' if shade else piece)
            start = end
    return "".join(pieces)
