"""Does the bridge help? Word translation (BLI) zero-shot and through a bridge that the model translates into itself."""

import re
import unicodedata
from collections.abc import Sequence

import pandas as pd
from scipy.stats import binomtest

from .errors import InputError
from .generation import complete
from .languages import BRIDGES, PAIRS, language
from .lexicon import Lexicon, core_lexicon, word_prompt
from .model import NeuronModel
from .progress import progress_bar

#: How a row without a bridge is named in results.
ZERO_SHOT = "zero-shot"


_QUOTES = '"“”„«»‹›「」『』《》'
_QUOTED = re.compile(rf"\s*[{_QUOTES}]([^{_QUOTES}]+)[{_QUOTES}]")
_CUT = re.compile(r"[,،、;؛(\[?؟!]")


def read_word(text: str, tgt: str | None = None) -> str:
    """The word that a completion answers, in the writing that the model gave it.

    The first line counts, without full stops, cut at a comma, bracket or question mark and taken out of its quotes (released
    code of BridgeX-ICL). Where the text has arrows, what follows the last arrow and its colon is the answer; if `tgt` is given,
    what follows the last arrow *to that language*, or else what stands before the first one: a model that goes on to
    translate into a third language has answered before. (The released code takes the last arrow, whatever it leads to.)

    Examples
    --------
    >>> read_word('"Feuer"→English:"fire"')
    'fire'
    >>> read_word('"Feuer"→English:"fire"', "de")
    'Feuer'
    """
    line = unicodedata.normalize("NFKC", text).split("\n", 1)[0]
    if "→" in line:
        marker = unicodedata.normalize("NFKC", f"→{language(tgt).autonym}:") if tgt else None
        if marker and marker not in line:
            line = line.split("→", 1)[0]
        else:
            line = line.rsplit(marker or "→", 1)[1]
            line = line if marker else line.split(":", 1)[-1]
    quoted = _QUOTED.match(line)
    word = _CUT.split((quoted.group(1) if quoted else line).lstrip(" ¿¡"), maxsplit=1)[0]
    return re.sub(f"[{_QUOTES}.。]", "", word).strip(" '‘’‚")


def fold(word: str) -> str:
    """A word as exact match compares it.

    NFKC and lower case; no quotes or apostrophes, no Hebrew niqqud or Arabic vowel marks, no invisible direction marks; the
    Hebrew hyphen is a space.
    """
    word = unicodedata.normalize("NFKD", word).replace("\u05be", " ")
    word = "".join(c for c in word if unicodedata.category(c) != "Cf" and not _VOWEL_MARKS.match(c))
    return re.sub(f"[{_QUOTES}'‘’‚`]", "", unicodedata.normalize("NFKC", word)).strip().lower()


_VOWEL_MARKS = re.compile("[\u0591-\u05c7\u0640\u064b-\u0652\u0670]")


def read_answer(text: str, tgt: str | None = None) -> str:
    """The answer of a completion as exact match compares it: `fold` of `read_word`.

    Examples
    --------
    >>> read_answer('"Fire"\\nEnglish:"sun"')
    'fire'
    """
    return fold(read_word(text, tgt))


def answers(
    model: NeuronModel,
    task: str,
    lexicons: Lexicon | Sequence[Lexicon],
    bridges: Sequence[str | None] = (None,),
    *,
    max_new_tokens: int = 30,
    token_budget: int = 8192,
) -> pd.DataFrame:
    """What the model answers to each item, zero-shot and through bridges.

    A bridge enters in two steps: ``{Src}:"{w}"→{Bridge}:`` gives b, then ``{Src}:"{w}"→{Bridge}:"{b}"→{Tgt}:`` is asked; the
    model sees its own b, right or wrong. Zero-shot is the probe prompt. A step that several lexicons need is asked once.

    Parameters
    ----------
    model : NeuronModel
    task : {"bli"}
        Word translation.
    lexicons : Lexicon or sequence of Lexicon
        Words and accepted translations, one lexicon a language pair.
    bridges : sequence of str or None
        Bridge languages; None is zero-shot. A bridge that is a pair's source or target is left out for that pair.
    max_new_tokens, token_budget : int
        As in `complete`.

    Returns
    -------
    pandas.DataFrame
        A row an item and bridge: src, tgt, bridge ("zero-shot" for None), word, bridge_word, output, answer, gold, correct.

    Raises
    ------
    InputError
        Unknown task or language.

    Notes
    -----
    BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078), task BLI; prompts and answer reading of the released code.
    """
    if task != "bli":
        raise InputError(f"unknown task {task!r}; there is bli")
    for bridge in bridges:
        if bridge is not None:
            language(bridge)
    lexicons = [lexicons] if isinstance(lexicons, Lexicon) else list(lexicons)
    rows = [
        (lexicon.src, lexicon.tgt, bridge, word, lexicon.entries[word])
        for lexicon in lexicons
        for bridge in bridges
        if bridge not in (lexicon.src, lexicon.tgt)
        for word in lexicon.entries
    ]
    firsts = list(dict.fromkeys(word_prompt(src, bridge, word) for src, _, bridge, word, _ in rows if bridge))
    options = {"max_new_tokens": max_new_tokens, "token_budget": token_budget}
    with progress_bar(total=len(firsts) + len(rows), desc="answering", unit="prompt") as bar:
        middles = dict(zip(firsts, complete(model, firsts, bar=bar, **options), strict=True))
        middle = [
            read_word(middles[word_prompt(src, bridge, word)], bridge) if bridge else None for src, _, bridge, word, _ in rows
        ]
        prompts = [
            f'{word_prompt(src, bridge, word)}"{between}"→{language(tgt).autonym}:' if bridge else word_prompt(src, tgt, word)
            for (src, tgt, bridge, word, _), between in zip(rows, middle, strict=True)
        ]
        outputs = complete(model, prompts, bar=bar, **options)
    items = pd.DataFrame(rows, columns=["src", "tgt", "bridge", "word", "gold"])
    items["bridge"] = items.bridge.where(items.bridge.notna(), ZERO_SHOT)
    items["bridge_word"], items["output"] = middle, outputs
    items["answer"] = [read_answer(output, tgt) for output, tgt in zip(outputs, items.tgt, strict=True)]
    items["correct"] = [
        answer in {fold(gold) for gold in golds} for answer, golds in zip(items.answer, items.gold, strict=True)
    ]
    items["gold"] = items.gold.map("|".join)
    return items[["src", "tgt", "bridge", "word", "bridge_word", "output", "answer", "gold", "correct"]]


def accuracy(items: pd.DataFrame, by: Sequence[str] = ("src", "tgt", "bridge")) -> pd.DataFrame:
    """Accuracy with its 95 % Wilson interval.

    Parameters
    ----------
    items : pandas.DataFrame
        Rows of `answers`.
    by : sequence of str
        Columns whose combinations get a row each.

    Returns
    -------
    pandas.DataFrame
        The columns of `by`, then n, correct, accuracy, low, high (shares of 1).
    """
    table = items.groupby(list(by), sort=False).correct.agg(n="size", correct="sum").reset_index()
    table["accuracy"] = table.correct / table.n
    intervals = [binomtest(int(k), int(n)).proportion_ci(method="wilson") for k, n in zip(table.correct, table.n, strict=True)]
    table["low"], table["high"] = [one.low for one in intervals], [one.high for one in intervals]
    return table


def evaluate(
    model: NeuronModel,
    task: str,
    src: str,
    tgt: str,
    bridges: Sequence[str | None] = (None,),
    *,
    lexicon: Lexicon | None = None,
    **options,
) -> pd.DataFrame:
    """Accuracy of a task on one pair, zero-shot and through each bridge.

    Parameters
    ----------
    model : NeuronModel
    task : {"bli"}
    src, tgt : str
        Language codes.
    bridges : sequence of str or None
        Bridge languages; None is zero-shot.
    lexicon : Lexicon, optional
        Words and accepted translations; the core lexicon by default.
    **options
        As in `answers`, which keeps every output.

    Returns
    -------
    pandas.DataFrame
        A row a bridge: src, tgt, bridge, n, correct, accuracy, low, high (95 % Wilson interval).

    Raises
    ------
    InputError
        If a bridge is source or target.

    Examples
    --------
    >>> evaluate(load_model(), "bli", "sw", "tl", [None, "en"]).bridge.tolist()
    ['zero-shot', 'en']
    """
    ends = [bridge for bridge in bridges if bridge in (src, tgt)]
    if ends:
        raise InputError(f"{ends[0]!r} cannot be the bridge between {src} and {tgt}")
    return accuracy(answers(model, task, lexicon or core_lexicon(src, tgt), bridges, **options))


def evaluate_grid(
    model: NeuronModel,
    tasks: Sequence[str],
    pairs: Sequence[tuple[str, str]] = PAIRS,
    bridges: Sequence[str] = BRIDGES,
    **options,
) -> pd.DataFrame:
    """Accuracy of tasks over language pairs, zero-shot and through every bridge, on the core lexicon.

    Parameters
    ----------
    model : NeuronModel
    tasks : sequence of str
    pairs : sequence of (str, str)
    bridges : sequence of str
        Those that are a pair's source or target are left out for that pair.
    **options
        As in `answers`, which keeps every output.

    Returns
    -------
    pandas.DataFrame
        A row a task, pair and bridge: task, src, tgt, bridge, n, correct, accuracy, low, high.
    """
    lexicons = [core_lexicon(src, tgt) for src, tgt in pairs]
    tables = [accuracy(answers(model, task, lexicons, [None, *bridges], **options)).assign(task=task) for task in tasks]
    table = pd.concat(tables, ignore_index=True)
    return table[["task", *table.columns.drop("task")]]


def known_words(model: NeuronModel, lexicon: Lexicon, **options) -> Lexicon:
    """The part of a lexicon that the model itself translates right, zero-shot: the words BridgeX-ICL probes with.

    Parameters
    ----------
    model : NeuronModel
    lexicon : Lexicon
    **options
        As in `answers`.

    Raises
    ------
    InputError
        If the model knows fewer than two of the words.
    """
    items = answers(model, "bli", lexicon, **options)
    known = lexicon.keep(items.word[items.correct])
    if len(known) < 2:
        raise InputError(
            f"{lexicon.src}-{lexicon.tgt}: the model translates {len(known)} of {len(lexicon)} words right; a probe needs two"
        )
    return known
