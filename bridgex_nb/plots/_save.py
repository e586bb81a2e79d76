"""A figure on disk: PNG, table and run card; one that shows the same as before is left alone, byte for byte."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.image import imread
from pandas.api.types import is_float_dtype
from scipy.ndimage import maximum_filter, minimum_filter

from ..utils._replace_file import replace_file
from ._save_pdf import save_pdf
from ._style import STYLE

#: Two numbers count as equal if they differ by less than this share of their size, or of their column's largest value:
#: another processor adds float32 numbers in another order.
RELATIVE, OF_COLUMN = 2e-3, 1e-4
#: Pixels are the same if they differ by no more than this many of 255 levels.
LEVELS = 32


def save(
    figure: Figure, table: pd.DataFrame, folder: str | Path, name: str, card: Mapping[str, Any], *, pdf: bool = False
) -> Path:
    """Write a figure as PNG, with the table it was drawn from (CSV) and the run card (JSON) beside it.

    If the folder already has this figure and it shows the same, nothing is written: the files stay as they are, byte for byte,
    and their date says when these numbers were first computed. It shows the same if

    - the run card is the same, apart from the date;
    - the table has the same columns, rows, text and counts, and its floats agree to 0.2 % (or to 0.01 % of their column's
      largest absolute value, so that rounding noise around 0 does not count);
    - the picture has the same size and the same pixels, apart from anti-aliasing and shifts by one pixel.

    Otherwise all three files are written.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    table : pandas.DataFrame
        The numbers of the figure; floats are written with four significant digits.
    folder : str or Path
        Created if necessary.
    name : str
        File name without suffix.
    card : mapping
        The run card of the result.
    pdf : bool
        Whether to write a PDF too, as `save_pdf` does.

    Returns
    -------
    Path
        The PNG.

    Examples
    --------
    >>> save(bridge_ranking(ranking), ranking.table, "figures", "ranking", ranking.card)  # doctest: +SKIP
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    picture = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(picture, format="png", bbox_inches="tight", metadata={"Software": None})
    same = _shows_the_same(path, picture.getvalue(), table, card)
    if not same:
        path.with_suffix(".pdf").unlink(missing_ok=True)  # of other numbers
        replace_file(path, picture.getvalue())
        replace_file(path.with_suffix(".csv"), _csv(table).encode())
        replace_file(path.with_suffix(".json"), (json.dumps(card, indent=1, ensure_ascii=False) + "\n").encode())
    if pdf and not (same and path.with_suffix(".pdf").is_file()):
        save_pdf(figure, path.with_suffix(".pdf"))
    return path


def _csv(table: pd.DataFrame) -> str:
    """The table as CSV. Floats of a column in which all are whole are counts, and keep all their digits."""
    named_index = not isinstance(table.index, pd.RangeIndex)
    counts = [column for column in table if _whole(table[column])]
    return table.astype(dict.fromkeys(counts, "Int64")).to_csv(index=named_index, float_format="%.4g", lineterminator="\n")


def _whole(column: pd.Series) -> bool:
    return is_float_dtype(column) and bool(np.isfinite(column.dropna()).all() and (column.dropna() % 1 == 0).all())


def _shows_the_same(path: Path, picture: bytes, table: pd.DataFrame, card: Mapping[str, Any]) -> bool:
    """Whether the figure at `path` shows what these picture, table and run card do; False if it cannot be read."""
    try:
        old_card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        old_table = path.with_suffix(".csv").read_text(encoding="utf-8")
        old_picture = imread(path, format="png")
        return (
            _undated(old_card) == _undated(json.loads(json.dumps(card)))
            and _same_numbers(old_table, _csv(table))
            and _same_picture(old_picture, imread(io.BytesIO(picture), format="png"))
        )
    except (OSError, ValueError, SyntaxError):  # missing or damaged: what pandas, json and Pillow raise
        return False


def _undated(card: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in card.items() if key != "date"}


def _same_numbers(old: str, new: str) -> bool:
    """Whether two CSV texts hold the same words and counts, and floats that agree."""
    if old == new:
        return True
    before, after = (pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False) for text in (old, new))
    if before.shape != after.shape or list(before) != list(after):
        return False
    return all(_same_column(before[column], after[column]) for column in before)


def _same_column(before: pd.Series, after: pd.Series) -> bool:
    equal = (before == after).to_numpy()
    if equal.all() or pd.concat([before, after]).str.fullmatch(r"-?\d*").all():  # counts are the same or they are not
        return bool(equal.all())
    numbers = [pd.to_numeric(texts, errors="coerce").to_numpy(float) for texts in (before, after)]
    largest = max(np.abs(values[np.isfinite(values)]).max(initial=0.0) for values in numbers)
    return bool((equal | np.isclose(*numbers, rtol=RELATIVE, atol=OF_COLUMN * largest)).all())


def _same_picture(old: np.ndarray, new: np.ndarray) -> bool:
    """Whether two pictures [height, width, channel], levels of 0 to 1, differ by anti-aliasing only.

    A marker is drawn on whole pixels, so a tiny change of its value may move it by one. Therefore each pixel has to lie between
    the darkest and the brightest one, channel by channel, that the other picture has within a pixel of the same place.
    """
    if old.shape != new.shape:
        return False
    level = LEVELS / 255
    if (np.abs(old - new) <= level).all():
        return True
    near = (3, 3, 1)
    return all(
        (one >= minimum_filter(other, near) - level).all() and (one <= maximum_filter(other, near) + level).all()
        for one, other in ((old, new), (new, old))
    )
