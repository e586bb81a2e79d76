"""Does the bridge help? Word translation (BLI) zero-shot and through a bridge that the model translates into itself."""

import re
import unicodedata
from collections.abc import Sequence

import pandas as pd
from scipy.stats import binomtest
from tqdm.auto import tqdm

from .errors import InputError
from .languages import language
from .lexicon import Lexicon, core_lexicon, word_prompt
from .model import NeuronModel, complete

#: How a row without a bridge is named in results.
ZERO_SHOT = "zero-shot"


def read_answer(text: str) -> str:
    """The word that a completion answers, cleaned for exact match (released code of BridgeX-ICL).

    Cut at the newline, drop full stops, take what follows an arrow and its colon, cut at a comma, bracket or question mark,
    strip quotes and Hebrew niqqud, lower-case.

    Examples
    --------
    >>> read_answer('"Fire"\\nEnglish:"sun"')
    'fire'
    """
    text = re.sub(r"[.。．]", "", text.split("\n", 1)[0])
    if "→" in text:
        # A model that goes on to another language answers there: `"moto"→English:"fire"` is fire.
        text = re.split(r"[:：]", text.rsplit("→", 1)[1], maxsplit=1)[-1]
    return fold(re.split(r"[,，、،;；؛(（\[［?？؟]", text, maxsplit=1)[0])


def fold(word: str) -> str:
    """A word as exact match compares it: no quotes, no niqqud, NFC, lower case, no space around."""
    word = unicodedata.normalize("NFKD", word)
    word = "".join(c for c in word if not 0x0591 <= ord(c) <= 0x05C7)
    return re.sub("[\"'“”„«»「」『』‘’`]", "", unicodedata.normalize("NFKC", word)).strip().lower()


def answers(
    model: NeuronModel,
    task: str,
    src: str,
    tgt: str,
    bridges: Sequence[str | None] = (None,),
    *,
    lexicon: Lexicon | None = None,
    max_new_tokens: int = 30,
    token_budget: int = 8192,
) -> pd.DataFrame:
    """What the model answers to each item, zero-shot and through bridges.

    A bridge enters in two steps: ``{Src}:"{w}"→{Bridge}:`` gives b, then ``{Src}:"{w}"→{Bridge}:"{b}"→{Tgt}:`` is asked; the
    model sees its own b, right or wrong. Zero-shot is the probe prompt.

    Parameters
    ----------
    model : NeuronModel
    task : {"bli"}
        Word translation.
    src, tgt : str
        Language codes.
    bridges : sequence of str or None
        Bridge languages; None is zero-shot.
    lexicon : Lexicon, optional
        Words and accepted translations; the core lexicon by default.
    max_new_tokens, token_budget : int
        As in `complete`.

    Returns
    -------
    pandas.DataFrame
        A row an item and bridge: src, tgt, bridge ("zero-shot" for None), word, bridge_word, output, answer, gold, correct.

    Raises
    ------
    InputError
        Unknown task, language, or a bridge that is source or target.

    Notes
    -----
    BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078), task BLI; prompts and answer reading of the released code.
    """
    if task != "bli":
        raise InputError(f"unknown task {task!r}; there is bli")
    for bridge in bridges:
        if bridge is not None and language(bridge).code in (src, tgt):
            raise InputError(f"{bridge!r} cannot be the bridge between {src} and {tgt}")
    lexicon = core_lexicon(src, tgt) if lexicon is None else lexicon
    words = list(lexicon.entries)
    options = {"max_new_tokens": max_new_tokens, "token_budget": token_budget}
    through = [bridge for bridge in bridges if bridge is not None]
    total = len(words) * (len(bridges) + len(through))
    with tqdm(total=total, desc=f"answering {src}-{tgt}", unit="prompt", leave=False) as bar:
        hops = complete(model, [word_prompt(src, bridge, word) for bridge in through for word in words], bar=bar, **options)
        middles = dict(zip(through, _chunks(map(read_middle, hops), len(words)), strict=True))
        prompts = [prompt for bridge in bridges for prompt in _prompts(src, tgt, bridge, words, middles)]
        outputs = _chunks(complete(model, prompts, bar=bar, **options), len(words))
    frames = []
    for bridge, output in zip(bridges, outputs, strict=True):
        frame = pd.DataFrame({"word": words, "bridge_word": middles.get(bridge), "output": output})
        frame.insert(0, "bridge", bridge or ZERO_SHOT)
        frames.append(frame)
    items = pd.concat(frames, ignore_index=True)
    items.insert(0, "src", src), items.insert(1, "tgt", tgt)
    items["answer"] = items.output.map(read_answer)
    items["gold"] = items.word.map(lambda word: "|".join(lexicon.entries[word]))
    accepted = {word: {fold(gold) for gold in golds} for word, golds in lexicon.entries.items()}
    items["correct"] = [answer in accepted[word] for word, answer in zip(items.word, items.answer, strict=True)]
    return items


def read_middle(text: str) -> str:
    """The bridge word as it goes into the second prompt: cleaned like an answer, but in the writing the model gave it."""
    quoted = re.match(r'\s*["“「]([^"”」]*)["”」]', text)
    return quoted.group(1).strip() if quoted else read_answer(text)


def _chunks(items, size):
    items = list(items)
    return [items[i : i + size] for i in range(0, len(items), size)]


def _prompts(src, tgt, bridge, words, middles):
    if bridge is None:
        return [word_prompt(src, tgt, word) for word in words]
    return [
        f'{word_prompt(src, bridge, word)}"{middle}"→{language(tgt).autonym}:'
        for word, middle in zip(words, middles[bridge], strict=True)
    ]


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
    model: NeuronModel, task: str, src: str, tgt: str, bridges: Sequence[str | None] = (None,), **options
) -> pd.DataFrame:
    """Accuracy of a task zero-shot and through each bridge.

    Parameters
    ----------
    model, task, src, tgt, bridges, **options
        As in `answers`, which keeps every output.

    Returns
    -------
    pandas.DataFrame
        A row a bridge: src, tgt, bridge, n, correct, accuracy, low, high (95 % Wilson interval).

    Examples
    --------
    >>> evaluate(load_model(), "bli", "sw", "tl", [None, "en"]).bridge.tolist()
    ['zero-shot', 'en']
    """
    return accuracy(answers(model, task, src, tgt, bridges, **options))


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
    items = answers(model, "bli", lexicon.src, lexicon.tgt, lexicon=lexicon, **options)
    known = lexicon.keep(items.word[items.correct])
    if len(known) < 2:
        raise InputError(
            f"{lexicon.src}-{lexicon.tgt}: the model translates {len(known)} of {len(lexicon)} words right; a probe needs two"
        )
    return known
