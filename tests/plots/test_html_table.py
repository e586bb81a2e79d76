"""Tables in notebooks."""

import re

import pandas as pd

import bridgex_nb as bx


def test_tables_of_notebooks_show_small_numbers():
    assert ">0.000001234<" in bx.plots.html_table(pd.DataFrame({"score": [1.23412e-6]})).to_html()


def test_no_reader_meets_a_power_of_ten():
    table = pd.DataFrame({"score": [3.2e-12, 123456.7], "p": [1.9e-9, 0.2], "p_holm": [0.0004, float("nan")], "n": [10**6, 1]})
    shown = bx.plots.html_table(table).to_html()
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", shown)
    assert not [cell for cell in cells if re.search(r"\de[-+]?\d", cell)]
    assert cells == ["0.0000000000032", "≤0.001", "≤0.001", "1000000", "123500", "0.2", "", "1"]
