"""One page that shows every figure of a folder with its numbers and its run card; it opens without a server."""

import html
import re
from pathlib import Path

import nbformat
import pandas as pd

_HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Figures of bridgex_nb</title>
<style>
:root { color-scheme: light dark; }
body { font-family: sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; line-height: 1.5; }
figure { margin: 1.5em 0; }
img { max-width: 100%; background: white; padding: 0.5em; border-radius: 0.4em; }
table { border-collapse: collapse; }
td, th { padding: 0.1em 0.8em; text-align: start; unicode-bidi: plaintext; }
details { overflow-x: auto; }
</style>
<h1>Figures of bridgex_nb</h1>
"""


def write_gallery(folder: Path, notebooks: Path) -> Path:
    """Write `index.html` of the figures that `bridgex figures` left in a folder.

    Parameters
    ----------
    folder : Path
        With a PNG, a CSV of the same name and a JSON run card for each figure, whose name begins with its notebook's number.
    notebooks : Path
        The notebooks, whose titles head the figures.

    Returns
    -------
    Path
        The page. The same files give the same page, to the last byte.
    """
    parts = [_HEAD]
    for notebook in sorted(notebooks.glob("[0-9][0-9]_*.ipynb")):
        pictures = sorted(folder.glob(f"{notebook.name[:2]}_*.png"))
        if pictures:
            title = re.search("^# (.+)$", nbformat.read(notebook, as_version=4).cells[0].source, re.MULTILINE)
            parts.append(f"<h2>{html.escape(title[1] if title else notebook.stem)}</h2>\n")
            parts += map(_figure, pictures)
    page = folder / "index.html"
    page.write_text("".join(parts) + "</html>\n", encoding="utf-8")
    return page


def _figure(picture: Path) -> str:
    numbers = pd.read_csv(picture.with_suffix(".csv")).to_html(index=False, border=0, na_rep="", float_format="{:.4g}".format)
    card = html.escape(picture.with_suffix(".json").read_text(encoding="utf-8"))
    name = html.escape(picture.stem)
    return f"""<figure id="{name}">
<img src="{html.escape(picture.name)}" alt="{name}: its numbers are below" loading="lazy">
<figcaption>
<details><summary>{name}: numbers</summary>{numbers}</details>
<details><summary>{name}: run card</summary><pre>{card}</pre></details>
</figcaption>
</figure>
"""
