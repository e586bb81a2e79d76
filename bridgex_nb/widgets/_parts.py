"""What all explorers are made of: style, progress row, language picker, pictures and tables as HTML."""

import html
import io
import re
from collections.abc import Callable, Iterable

import ipywidgets
import matplotlib as mpl
import pandas as pd
from ipywidgets import HTML, Button, FloatProgress, HBox, Layout, VBox
from matplotlib.figure import Figure

from .. import plots
from ..datasets._languages import Language, language
from ..exceptions import InputError
from ..models._load_model import load_model
from ..models._neuron_model import NeuronModel
from ..plots._style import INK, LINE, SHADE
from ._background import Background

#: Colours of the figures that mean nothing by themselves -> what `svg` puts in their place, so that a picture takes the colours
#: of its page, dark or light.
PAGE_COLOURS = {INK: "currentColor", LINE: "currentColor", SHADE: "color-mix(in srgb, currentColor 10%, transparent)"}

STYLE = """<style>
.bridgex-picture svg { width: 100%; height: auto; max-width: 1000px; color: var(--jp-content-font-color1, inherit); }
.bridgex-picture svg { fill: currentColor; }
.bridgex-table table { border-collapse: collapse; color: var(--jp-content-font-color1, inherit); }
.bridgex-table td, .bridgex-table th { padding: 1px 10px; text-align: start; unicode-bidi: plaintext; line-height: 1.6; }
.bridgex-table th { border-bottom: 1px solid var(--jp-border-color1, gray); }
.bridgex-table pre { color: var(--jp-content-font-color1, inherit); line-height: 1.3; }
.bridgex-error { color: var(--jp-error-color1, #b00020); font-weight: bold; }
.bridgex-word input { unicode-bidi: plaintext; }
</style>"""


def loaded(model: NeuronModel | str | None) -> NeuronModel:
    """The model that an explorer shows; loaded if it is a folder or hub id, or None for bridgex-mini."""
    model = model if isinstance(model, NeuronModel) else load_model(model)
    if model.card.get("interventions"):
        raise InputError("the explorers show the unchanged model: open them outside the block that changes it")
    return model


def not_live(view: VBox) -> str:
    """What a notebook shows instead of a widget where no kernel runs, as on a web page."""
    return f"{type(view).__name__}: run this cell to use it"


def progress_row(background: Background, again: Callable | None = None) -> HBox:
    """What a `Background` is doing: its task and progress, a button to cancel it, and what went wrong."""
    bar = FloatProgress(max=1.0, layout=Layout(width="200px"))
    label, failed = ipywidgets.Label(), HTML()
    cancel, retry = Button(description="Cancel"), Button(description="Run again")
    cancel.on_click(lambda _: background.cancel())
    retry.on_click(lambda _: again())

    def follow(_):
        with background.lock:
            bar.value = background.progress
            label.value = "cancelled" if background.cancelled else background.task
            for widget in (bar, cancel):
                widget.layout.visibility = "visible" if background.task else "hidden"
            retry.layout.display = "" if again and (background.cancelled or background.error) else "none"
            message = html.escape(background.error)
            failed.value = f'<span class="bridgex-error" role="alert">{message}</span>' if message else ""

    background.observe(follow, ["task", "progress", "error", "cancelled"])
    follow(None)
    return HBox([bar, cancel, retry, label, failed], layout=Layout(min_height="34px"))


def language_options(codes: Iterable[str]) -> list[tuple[str, str]]:
    """Languages for a picker, (label, code), grouped by family."""

    def label(known: Language) -> str:
        autonym = f" ({known.autonym})" if known.autonym != known.name else ""
        return f"{known.name}{autonym} · {known.family}"

    return sorted(((label(language(code)), code) for code in codes), key=lambda option: language(option[1]).family)


def svg(figure: Figure, label: str) -> str:
    """A figure as inline SVG, with a label for screen readers. Its text stays text, in the colours of the page."""
    buffer = io.StringIO()
    with mpl.rc_context(plots.STYLE | {"svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    picture = re.sub(r"(?<=: )#[0-9a-f]{6}\b", lambda colour: PAGE_COLOURS.get(colour[0], colour[0]), buffer.getvalue())
    return picture[picture.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{html.escape(label)}"', 1)


def table(frame: pd.DataFrame) -> str:
    """A table as HTML; words of every script read in their own direction."""
    return frame.to_html(index=False, border=0, float_format="{:.3g}".format, na_rep="")
