"""Tables for notebooks."""

import pandas as pd
from pandas.io.formats.style import Styler


def html_table(table: pd.DataFrame) -> Styler:
    """A table for a notebook in which words of every script read in their own direction.

    Parameters
    ----------
    table : pandas.DataFrame
        Floats are shown with four significant digits.

    Examples
    --------
    >>> styled = html_table(pd.DataFrame({"word": ["שלום"], "score": [0.123456]}))
    >>> "0.1235" in styled.to_html()
    True
    """
    floats = table.select_dtypes("float").columns
    return table.style.format("{:.4g}", floats).set_properties(**{"unicode-bidi": "plaintext", "text-align": "left"})
