"""``bridgex bridge``: rank the bridges of one pair."""

import argparse

from ..activations._count_active import count_active
from ..activations._probe import probe
from ..bridges._bridgex_icl import rank_bridges
from ..datasets._corpora import core_sentences
from ..datasets._languages import BRIDGES, language
from ..datasets._lexicon import core_lexicon, pivot, read_muse, require_core
from ..datasets._parallel_texts import parallel_texts
from ..evaluation._known_words import known_words
from ..exceptions import InputError
from ..models._load_model import load_model
from ..neurons._redraw_sets import redraw_sets
from ..neurons._sets import top_neurons
from ..plots._ranking_table import ranking_table


def run(options: argparse.Namespace) -> None:
    """Print the ranking of the bridges of one pair."""
    src, tgt = language(options.src).code, language(options.tgt).code
    bridges = [language(code).code for code in options.bridges or BRIDGES]
    # Words and texts first: whatever they lack is said before the model is loaded.
    if options.lexicon is None:
        for code in (src, tgt):
            require_core(code, "the core lexicon has", "give --lexicon, a dictionary file")
        lexicon = core_lexicon(src, tgt)
    elif len(options.lexicon) == 1:
        lexicon = read_muse(options.lexicon[0], src, tgt)
    elif len(options.lexicon) == 2:
        lexicon = pivot(read_muse(options.lexicon[0], src, "en"), read_muse(options.lexicon[1], "en", tgt))
    else:
        raise InputError("--lexicon takes one file (source-target) or two (source-English and English-target)")
    if options.texts is None:
        texts = core_sentences()
        for code in (src, tgt, *bridges):
            require_core(code, "the bundled sentences have", "give --texts, a folder of parallel texts such as FLORES-200")
    else:
        texts = parallel_texts(options.texts, [src, tgt, *bridges])
    model = load_model(options.model)
    known = known_words(model, lexicon)
    counts = count_active(model, texts)
    sets, redraws = top_neurons(counts, options.rate), redraw_sets(counts, options.rate)
    ranking = rank_bridges(probe(model, known), sets, bridges, redraws=redraws, rule=options.rule, estimator=options.estimator)
    names = f"{language(src).name} → {language(tgt).name}"
    print(f"{names} on {model.card['model']}: {ranking.samples} of {len(lexicon)} words translated correctly")
    print(ranking_table(ranking).to_string())
    for note in ranking.notes:
        print(note)
    print(ranking.summary)
