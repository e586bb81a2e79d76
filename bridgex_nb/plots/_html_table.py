"""Tables for notebooks and pages."""

from collections.abc import Callable, Hashable

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler


def html_table(table: pd.DataFrame) -> Styler:
    """A table for a notebook in which words of every script read in their own direction.

    Parameters
    ----------
    table : pandas.DataFrame
        Floats are shown with four significant digits and without powers of ten, p-values below 0.001 as ≤0.001, missing numbers
        as nothing.

    Examples
    --------
    >>> styled = html_table(pd.DataFrame({"word": ["שלום"], "score": [0.12346]}))
    >>> "0.1235" in styled.to_html()
    True
    """
    shown = table.style.format(number_formats(table), na_rep="")
    return shown.set_properties(**{"unicode-bidi": "plaintext", "text-align": "left"})


def number_formats(table: pd.DataFrame) -> dict[Hashable, Callable[[float], str]]:
    """How the numbers of each column of floats are written for readers."""

    def is_p(column):
        name = str(column[-1] if isinstance(column, tuple) else column)
        return name == "p" or name.startswith("p_") or name.endswith("_p")

    return {column: _p_value if is_p(column) else plain for column in table.select_dtypes("float").columns}


def plain(value: float) -> str:
    """A number with four significant digits and no power of ten.

    Examples
    --------
    >>> plain(1.90648e-05), plain(12345.6), plain(0.5), plain(-2.0)
    ('0.00001906', '12350', '0.5', '-2')
    """
    return np.format_float_positional(value, precision=4, fractional=False, unique=False, trim="-")


def _p_value(value: float) -> str:
    return "≤0.001" if value < 0.001 else plain(value)
