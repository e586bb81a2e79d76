"""The option that a completion names."""

import bridgex_nb as bx


def test_the_first_option_that_stands_alone():
    texts = ["A", "(B) because A is wrong", "Answer: A.", "Also neither", "", "b", "ABBA or B"]
    assert bx.read_option(texts) == ["A", "B", "A", None, None, None, "B"]
    assert bx.read_option(["C++ or C", "C."], ("C++", "C")) == ["C++", "C"]
    assert bx.read_option(["nein, ja"], ("ja", "nein")) == ["nein"]
