"""Pages that show the figures of a folder, or of two folders side by side, with numbers and run cards; no server needed."""

import html
import json
import os
import re
from pathlib import Path

import nbformat
import pandas as pd

from ..exceptions import InputError
from ..plots._html_table import number_formats
from ..plots._style import language_name
from ..utils._replace_file import replace_file
from ._notebooks import notebook_folder

_HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font-family: sans-serif; max-width: {width}; margin: 2em auto; padding: 0 1em; line-height: 1.5; }}
figure {{ margin: 1.5em 0; }}
img {{ max-width: 100%; background: white; padding: 0.5em; border-radius: 0.4em; box-sizing: border-box; }}
table {{ border-collapse: collapse; }}
td, th {{ padding: 0.1em 0.8em; white-space: nowrap; text-align: start; unicode-bidi: plaintext; }}
details {{ overflow-x: auto; }}
.pair {{ display: grid; grid-template-columns: 1fr 1fr; gap: 1.5em; align-items: start; }}
.pair > * {{ min-width: 0; }}
</style>
<h1>{title}</h1>
<p>{about}</p>
"""
_ABOUT = (
    "Below each picture are the numbers that it was drawn from (the CSV file beside it) and its run card: model, data, "
    "settings and versions (the JSON file). The notebook that it comes from says what it means and what to look at. "
    "<i>low</i> and <i>high</i> are the ends of a 95 % interval, <i>wins</i> the share of bootstrap resamples in which a "
    "bridge comes first, <i>p</i> a p-value and <i>p_holm</i> the same, corrected for multiple tests."
)


#: Rows of a table that stand on a page; a longer one begins there, and is whole in its file.
ROWS = 40


def figures_in(folder: Path) -> list[Path]:
    """The figures of a folder: pictures named after a notebook's number, with their numbers and run card beside them."""
    pictures = sorted(folder.glob("[0-9][0-9]_*.png"))
    return [path for path in pictures if path.with_suffix(".csv").is_file() and path.with_suffix(".json").is_file()]


def write_gallery(folder: Path) -> Path:
    """Write `index.html` of the figures that `bridgex figures` left in a folder.

    Parameters
    ----------
    folder : Path
        With a PNG, a CSV and a JSON run card for each figure; its name begins with the number of its notebook.

    Returns
    -------
    Path
        The page. The same files give the same page, byte for byte.
    """
    shown = [path.stem for path in figures_in(folder)]
    heading = f"Figures of {html.escape(_most_common_model(folder, shown))}" if shown else "Figures"
    parts = [_HEAD.format(title=heading, width="70em", about=_ABOUT)]
    for title, names in _chapters(shown):
        parts.append(f"<h2>{title}</h2>\n")
        parts += [_figure(folder, name, folder) for name in names]
    return _write(folder / "index.html", parts)


def write_comparison(folder: Path, other: Path) -> Path:
    """Write `compare.html` into a folder of figures: each one beside the same figure of another folder, of another model.

    Parameters
    ----------
    folder, other : Path
        As in `write_gallery`. Figures that only one of them has are left out, and listed.

    Returns
    -------
    Path
        The page, in `folder`; it links to the pictures of the other folder where they are.

    Raises
    ------
    InputError
        If the folders have no figure in common.
    """
    left, right = ([path.stem for path in figures_in(shown)] for shown in (folder, other))
    both = [name for name in left if name in right]
    if not both:
        raise InputError(f"{other}: no figure has the name of one in {folder}; `bridgex figures` writes them")
    left_model, right_model = (f"<b>{html.escape(_most_common_model(shown, both))}</b>" for shown in (folder, other))
    about = f"Left {left_model}, right {right_model}. {_ABOUT}"
    if single := sorted({*left} ^ {*right}):
        about += f" Only in one of the two: {html.escape(', '.join(single))}."
    parts = [_HEAD.format(title="Two models side by side", width="110em", about=about)]
    for title, names in _chapters(both):
        parts.append(f"<h2>{title}</h2>\n")
        parts += [f'<div class="pair">{_figure(folder, name, folder)}{_figure(other, name, folder)}</div>\n' for name in names]
    return _write(folder / "compare.html", parts)


def _chapters(names: list[str]) -> list[tuple[str, list[str]]]:
    """Title and names of the figures of each notebook that has some."""
    chapters = []
    for notebook in sorted(notebook_folder().glob("[0-9][0-9]_*.ipynb")):
        figures = [name for name in names if name[:2] == notebook.name[:2]]
        if figures:
            title = re.search("^# (.+)$", nbformat.read(notebook, as_version=4).cells[0].source, re.MULTILINE)
            chapters.append((html.escape(title[1] if title else notebook.stem), figures))
    return chapters


def _most_common_model(folder: Path, names: list[str]) -> str:
    """The model of most figures: one of them is always about the training of the bundled model."""
    models = [json.loads((folder / f"{name}.json").read_text(encoding="utf-8")).get("model") for name in names]
    return str(max(models, key=models.count))


def _figure(folder: Path, name: str, page: Path) -> str:
    """One figure of a folder, on a page that may be in another one."""
    table = pd.read_csv(folder / f"{name}.csv")
    numbers = table.head(ROWS).to_html(index=False, border=0, na_rep="", formatters=number_formats(table))
    if len(table) > ROWS:
        file = html.escape(Path(os.path.relpath(folder / f"{name}.csv", page)).as_posix())
        numbers += f'<p>The first {ROWS} of {len(table)} rows; all of them: <a href="{file}">{html.escape(name)}.csv</a></p>'
    card = (folder / f"{name}.json").read_text(encoding="utf-8")
    link = html.escape(Path(os.path.relpath(folder / f"{name}.png", page)).as_posix())
    name = html.escape(name)
    return f"""<figure>
<img src="{link}" alt="{name}: its numbers are below" loading="lazy">
<figcaption>
{_caption(name, json.loads(card))}
<details><summary>numbers</summary>{numbers}</details>
<details><summary>run card</summary><pre>{html.escape(card)}</pre></details>
</figcaption>
</figure>
"""


def _caption(name: str, card: dict) -> str:
    data = card.get("data")
    pair = [language_name(data[end]) for end in ("src", "tgt") if isinstance(data, dict) and data.get(end)]
    about = [card.get("model"), card.get("dtype"), " → ".join(pair)]
    return f"<b>{name}</b> · {html.escape(' · '.join(str(fact) for fact in about if fact))}"


def _write(page: Path, parts: list[str]) -> Path:
    replace_file(page, ("".join(parts) + "</html>\n").encode())
    return page
