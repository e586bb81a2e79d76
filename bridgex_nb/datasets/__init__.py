"""Languages, lexicons, parallel texts, public data sets, typology, language identification."""

from ._corpora import belebele, core_sentences, flores, mgsm, sib200, xcopa, xnli
from ._language_identification import output_language
from ._languages import BRIDGES, LANGUAGES, PAIRS, Language, add_language, language
from ._lexicon import Lexicon, core_lexicon, core_words, pivot, read_muse, word_prompt
from ._parallel_texts import parallel_texts
from ._releases import DataSet
from ._rewriting import romanised, shuffled
from ._typology import same_family, same_script, typological_distance
from ._web_tokens import web_tokens

__all__ = [
    "BRIDGES",
    "LANGUAGES",
    "PAIRS",
    "DataSet",
    "Language",
    "Lexicon",
    "add_language",
    "belebele",
    "core_lexicon",
    "core_sentences",
    "core_words",
    "flores",
    "language",
    "mgsm",
    "output_language",
    "parallel_texts",
    "pivot",
    "read_muse",
    "romanised",
    "same_family",
    "same_script",
    "shuffled",
    "sib200",
    "typological_distance",
    "web_tokens",
    "word_prompt",
    "xcopa",
    "xnli",
]
