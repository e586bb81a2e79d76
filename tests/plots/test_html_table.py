"""Tables in notebooks."""

import pandas as pd

import bridgex_nb as bx


def test_tables_of_notebooks_show_small_numbers():
    assert "1.234e-06" in bx.plots.html_table(pd.DataFrame({"score": [1.23412e-6]})).to_html()
