"""X-ICL: what a model answers zero-shot, through a bridge that it translates into itself, and behind worked examples."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..models._neuron_model import NeuronModel
from ._options import AnswerOptions, Data
from ._plan import ZERO_SHOT as ZERO_SHOT
from ._plan import make_plan
from ._run_plan import answering_progress, run_plan
from ._task import Task


def answers(
    model: NeuronModel,
    task: str | Task,
    data: Data,
    bridges: Sequence[str | None] = (None,),
    *,
    scoring: str | None = None,
    reading: str | None = None,
    shots: int = 0,
    shots_in: str = "src",
    shots_for: str = "answer",
    examples: Data | None = None,
    seed: int = 0,
    gold_logprobs: bool = False,
    chat: bool = False,
    max_new_tokens: int | None = None,
    token_budget: int | None = None,
    store: str | Path | None = None,
) -> pd.DataFrame:
    """What the model answers to each item, zero-shot and through bridges.

    A bridge enters in two hops. The text of an item (word, passage, premise …) is translated: ``{Src}:"{text}"→{Bridge}:``
    gives b. Then the item is asked with ``{Src}:"{text}"→{Bridge}:"{b}"`` in place of ``{Src}:"{text}"``; the model sees its
    own b, right or wrong. In mrc, b takes the place of the passage instead. A translation that several targets need is asked
    for once.

    Parameters
    ----------
    model : NeuronModel
    task : str or Task
        As in `task_items`.
    data : Lexicon, DataFrame or sequence of them
        What is asked: items as `task_items` returns them; for bli also lexicons.
    bridges : sequence of str or None
        Bridge languages; None is zero-shot. A bridge that is a pair's source or target is left out for that pair.
    scoring : {"letters", "texts", "generation"}, optional
        How an answer to a task with choices is found. "letters" (the default there) lists them as A, B, … and takes the letter
        of the highest log-likelihood; "texts" does not list them and takes the choice of the highest log-likelihood, summed
        over its tokens; "generation" lists them and reads the letter from what the model writes. Answers to all other tasks are
        read from what the model writes. The prompt of mrc asks for a letter: "generation" is its default, "texts" is refused.
    reading : {"released"}, optional
        Read what the model writes as the released code of BridgeX-ICL does: words are cut at the first space and before the
        first arrow. For bli; mrc is read so anyway, and all other tasks refuse it.
    shots : int
        Worked examples at the beginning of each prompt. They are drawn from `examples`, and items that they give away are not
        asked. "zero-shot" stays the name of rows without a bridge.
    shots_in : {"src", "bridge", "tgt"}
        The language of the examples' text. Zero-shot rows have no examples in a bridge language.
    shots_for : {"answer", "hops"}
        What the examples show. "answer": the answer in one step (``{Src}:"w"→{Tgt}:"t"``); the text is translated into the
        bridge without examples. "hops": both steps, ``{Src}:"w"→{Bridge}:"b"`` before the first and
        ``{Src}:"w"→{Bridge}:"b"→{Tgt}:"t"`` before the second; the same items, in one step, stand before zero-shot prompts.
    examples : Lexicon, DataFrame or sequence of them, optional
        Items of the pairs (that language, tgt); `data` by default, which is enough for "src". For "hops", items of the pairs
        (src, tgt) and (src, bridge), in bli the core lexicon by default.
    seed : int
        Of the draw of the examples.
    gold_logprobs : bool
        Whether to add the column gold_logprob, which costs one more pass.
    chat : bool
        Whether every prompt, its examples included, is wrapped by the tokenizer's chat template, as one turn of the user; what
        is scored or written is the beginning of the model's turn.
    max_new_tokens : int, optional
        How much the model may write; by default what the task says (bli 30, as in the released code).
    token_budget : int, optional
        Tokens of one padded batch; by default what is fastest on a CPU, and 8,192 on a GPU. Where the memory does not hold that
        many, it is halved until it does.
    store : str or Path, optional
        A folder of results. Every batch is written there at once; the same call continues where it was interrupted.

    Returns
    -------
    pandas.DataFrame
        One row per item and bridge, with the same columns for every task: src, tgt, bridge ("zero-shot" for None), item (its
        name; in bli the word), bridge_text (what the model translated the text into; missing in zero-shot), bridge_confidence
        (mean log-probability of its tokens), confidence (the same of the answer that the model wrote; missing if choices were
        scored), output (what the model wrote; None if choices were scored), logprobs (list, one
        per choice; None if the model wrote), answer, gold (accepted answers, joined by ``|``), score (0 to 1: 1 for a right
        answer, 0 for a wrong one; in translation the sentence's chrF / 100), correct (bool; missing in translation) and copy
        (the score of writing the text itself as the answer, a baseline: in bli 1 where the source word is an accepted
        translation; missing where answers are choices). With `gold_logprobs` also gold_logprob: the log-probability (natural
        logarithm) of the likeliest accepted answer as it would be written after the prompt, quotes included (in bli
        ``"apoy"``); it moves where exact match does not yet. The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        Unknown task, language or option; data or examples that do not fit the task; no bridges, a bridge or an item that is
        given twice, several accepted answers where chrF is the metric, or no chat template where one is asked for.

    Notes
    -----
    BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078): the prompts of bli and all of mrc are those of its released code; answers to
    bli are read as there with ``reading="released"``, and otherwise in this project's way (`read_answer`). mrc_chained, with
    the passage and its translation in one prompt, and the prompts of the other tasks are this project's. In math the answer is
    a number, so the target language matters only where examples are in it. Under ``torchrun --nproc-per-node P`` the same call
    shares the prompts among P processes; each of them returns the whole table.

    Examples
    --------
    >>> table = answers(load_model(), "bli", core_lexicon("sw", "tl").keep(["moto"]), [None, "en"])
    >>> table[["bridge", "bridge_text"]].values.tolist()[1]
    ['en', 'fire']
    """
    options = AnswerOptions(
        scoring, reading, shots, shots_in, shots_for, examples, seed, gold_logprobs, chat, max_new_tokens, token_budget, store
    )
    plan = make_plan(task, data, bridges, options)
    with answering_progress([plan]) as progress:
        return run_plan(model, plan, options, progress)
