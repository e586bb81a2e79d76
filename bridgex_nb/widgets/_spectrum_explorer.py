"""`SpectrumExplorer`: how similar all languages are, and from there to a pair."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from ipywidgets import HTML, Button, ButtonStyle, Dropdown, HBox, IntRangeSlider, Layout, VBox
from matplotlib.colors import to_hex
from traitlets import Enum, Instance, Tuple, link, observe

from ..datasets._languages import language
from ..datasets._lexicon import Lexicon
from ..models._neuron_model import NeuronModel
from ..neurons._sets import RATE
from ..similarity._language_matrix import SPECTRA, matrix_without_warnings
from ._background import Background
from ._bridge_explorer import BridgeExplorer
from ._parts import loaded, not_live, progress_row
from ._texts import Texts

#: Number of colours of the cells.
_SHADES = 24


class SpectrumState(Background):
    """How similar languages are, by one kind of `language_matrix`, in a range of layers.

    Attributes
    ----------
    kind : str
        One of `SPECTRA`.
    layers : (int, int)
        First and last layer.
    matrix : pandas.DataFrame or None
        [language x language].
    """

    kind = Enum(tuple(SPECTRA))
    layers = Tuple()
    matrix = Instance(pd.DataFrame, allow_none=True)

    def __init__(self, model: NeuronModel, rate: float, texts: Texts | None = None):
        self.model, self.rate, self.texts = model, rate, texts or Texts()
        super().__init__(kind="lift", layers=(0, model.num_layers - 1))

    @observe("kind", "layers")
    def refresh(self, _change=None) -> None:
        """Compare the languages again, in a thread."""
        self.start(self._compare(self.kind, self.layers))

    def _compare(self, kind, layers) -> Iterator[dict]:
        depth = self.model.num_layers
        window = layers[0] / depth, (layers[1] + 1) / depth
        matrix, _ = matrix_without_warnings(self.texts.evidence(self.model, self.rate), kind, window)
        yield {"matrix": matrix}


class SpectrumExplorer(VBox):
    """How similar the model's languages are, one cell per pair; a cell opens its pair in a `BridgeExplorer` below.

    Parameters
    ----------
    model : NeuronModel or str, optional
        A model, or whatever `load_model` takes; the bundled bridgex-mini by default.
    rate : float
        Share of all neurons in a language's set, at most 0.1.
    src, tgt, folder, texts, lexicon
        As in `BridgeExplorer`.

    Attributes
    ----------
    state : SpectrumState
        Kind, layers and matrix.
    pair : BridgeExplorer
        The pair below.

    Raises
    ------
    InputError
        As `BridgeExplorer`.

    Examples
    --------
    >>> explorer = SpectrumExplorer(load_model())  # doctest: +SKIP
    >>> explorer.state.kind = "alignment"  # doctest: +SKIP
    >>> explorer.state.matrix  # doctest: +SKIP
    """

    def __init__(
        self,
        model: NeuronModel | str | None = None,
        rate: float = RATE,
        *,
        src: str = "sw",
        tgt: str = "tl",
        folder: str | Path = ".",
        texts: Mapping[str, Sequence[str]] | None = None,
        lexicon: Lexicon | Sequence[Lexicon] | None = None,
    ):
        read = Texts(texts, lexicon)
        self.state = SpectrumState(loaded(model), rate, read)
        model = self.state.model
        self.pair = BridgeExplorer(model, src, tgt, rate, folder, texts=read)
        kinds = Dropdown(options=list(SPECTRA), description="Similarity")
        layers = IntRangeSlider(max=model.num_layers - 1, description="Layers", layout=Layout(width="330px"))
        link((self.state, "kind"), (kinds, "value"))
        link((self.state, "layers"), (layers, "value"))
        colours = mpl.colormaps["viridis"].resampled(_SHADES)
        self._styles = [
            ButtonStyle(
                button_color=to_hex(colours(i)), text_color="white" if i < _SHADES * 0.65 else "black", font_size="10px"
            )
            for i in range(_SHADES)
        ]
        # One layout and few styles for all cells, because each is an object in the browser too.
        cell, side = Layout(width="44px", height="24px", margin="1px", padding="0"), Layout(width="90px")
        codes = read.languages
        rows = []
        self._cells = {}
        for i, src in enumerate(codes):
            row = [HTML(language(src).name, layout=side)]
            for tgt in codes[:i]:
                button = self._cells[src, tgt] = Button(layout=cell, style=self._styles[0])
                button.on_click(lambda _, src=src, tgt=tgt: self.pair.state.choose(src=src, tgt=tgt))
                row.append(button)
            rows.append(HBox([*row, HTML(src, layout=cell)]))
        hint = HTML("A cell opens its pair below, from the language of its row to the one at the bottom of its column.")
        head = HBox([kinds, layers], layout=Layout(flex_flow="row wrap"))
        super().__init__([head, progress_row(self.state, again=self.state.refresh), hint, *rows, self.pair])
        self.state.observe(lambda _: self._draw(), "matrix")
        self._draw()

    def __repr__(self) -> str:
        return not_live(self)

    def _draw(self) -> None:
        matrix = self.state.matrix
        if matrix is None:
            return
        values = pd.Series({(src, tgt): matrix.loc[src, tgt] for src, tgt in self._cells})
        low, high = values.min(), values.max()
        for (src, tgt), cell in self._cells.items():
            value = values[src, tgt]
            with cell.hold_sync():
                cell.disabled = bool(pd.isna(value))
                cell.description = "" if cell.disabled else f"{value:.0f}" if value >= 100 else f"{value:.2g}"
                cell.tooltip = f"{language(src).name} → {language(tgt).name}: {value:.3g}"
                if not cell.disabled:
                    cell.style = self._styles[min(_SHADES - 1, int(_SHADES * (value - low) / ((high - low) or 1)))]
