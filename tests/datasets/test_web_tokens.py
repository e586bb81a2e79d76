"""Tokens of the web by language, against the sizes of another crawl's files."""

from scipy.stats import spearmanr

import bridgex_nb as bx

#: Gigabytes of the compressed files of CC-100 (data.statmt.org/cc-100); Chinese in simplified characters.
CC100 = {"en": 82, "de": 18, "fr": 14, "it": 7.8, "pt": 13, "es": 14, "zh": 14, "ja": 15, "ar": 5.4, "he": 6.1, "id": 36}
CC100 |= {"tl": 0.701, "fi": 15, "hu": 15, "sw": 0.332}


def test_every_language_of_the_study_is_known_and_codes_are_ours():
    tokens = bx.web_tokens()
    assert set(bx.LANGUAGES) <= set(tokens.index)
    assert all(bx.language(code).code == code for code in tokens.index)
    assert tokens.index.is_unique
    assert (tokens > 0).all()


def test_another_crawl_orders_the_languages_alike():
    tokens = bx.web_tokens()
    alike = spearmanr(tokens[list(CC100)], list(CC100.values()), alternative="greater")
    assert alike.pvalue < 0.05, alike
    assert tokens.idxmax() == "en"
    assert set(tokens[list(bx.LANGUAGES)].nsmallest(2).index) == {"sw", "tl"}
