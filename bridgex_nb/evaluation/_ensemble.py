"""MaxEns: one answer to each item written behind the prompts of several bridges at once."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..exceptions import InputError
from ..inference._chat import chat_card
from ..inference._together import complete_together
from ..models._neuron_model import NeuronModel
from ..utils._progress import progress_bar
from ..utils._run_card import run_card
from ._combine import check_bridges
from ._options import AnswerOptions, Data
from ._plan import ZERO_SHOT, make_plan
from ._run_plan import answer_prompts, common_options, copy_scores, judge, translate_texts
from ._task import Task


def max_ensemble(
    model: NeuronModel,
    task: str | Task,
    data: Data,
    bridges: Sequence[str | None],
    *,
    reading: str | None = None,
    shots: int = 0,
    shots_in: str = "src",
    shots_for: str = "answer",
    examples: Data | None = None,
    seed: int = 0,
    chat: bool = False,
    max_new_tokens: int | None = None,
    token_budget: int | None = None,
    store: str | Path | None = None,
) -> pd.DataFrame:
    """One answer to each item through several bridges at once, token by token from the bridge that is surest (MaxEns).

    The text is translated into every bridge, as in `answers`. The answer is then written behind the prompts of all bridges
    together: each token is the likeliest one of the prompt that gives its own the highest probability, and goes on in all of
    them. `combine` chooses among whole answers instead, and asks nothing.

    Parameters
    ----------
    model : NeuronModel
    task, data
        As in `answers`, for a task whose answers are what the model writes.
    bridges : sequence of str or None
        Two or more bridge languages; None is zero-shot. Pairs of which one is source or target are left out.
    reading, shots, shots_in, shots_for, examples, seed, chat, max_new_tokens, token_budget, store
        As in `answers`.

    Returns
    -------
    pandas.DataFrame
        One row per item, with the columns of `answers`: bridge is such as "en+fr by MaxEns", bridge_text holds the
        translations, joined by ``|``, bridge_confidence is missing, and confidence is the mean over the tokens of the highest
        log-probability behind any of the prompts. The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If the answers are choices, there are fewer than two bridges, or no pair is left, and as `answers`.

    Notes
    -----
    Mohammadshahi, Vamvas and Sennrich (arXiv 2311.07439), with a greedy search. There, the pivots are translations in the place
    of the source text; here they follow it, as everywhere in this project.

    Examples
    --------
    >>> table = max_ensemble(load_model(), "bli", core_lexicon("sw", "tl").keep(["moto"]), ["en", "fr"])
    >>> table.bridge.tolist()
    ['en+fr by MaxEns']
    """
    options = AnswerOptions(
        None, reading, shots, shots_in, shots_for, examples, seed, False, chat, max_new_tokens, token_budget, store
    )
    names = check_bridges(bridges)
    plan = make_plan(task, data, [None if name == ZERO_SHOT else name for name in names], options)
    task = plan.task
    if task.choices:
        raise InputError(f"{task.name} has choices, and MaxEns writes answers; combine chooses among those of `answers`")
    rows = [row for row in plan.rows if not {row.src, row.tgt} & {*names}]
    if not rows:
        raise InputError(f"no pair is left: one of {', '.join(names)} is the source or the target of each")
    # Bridge by bridge within an item, so that the prompts of an item are neighbours.
    places = {key: place for place, key in enumerate(dict.fromkeys((row.src, row.tgt, row.item["item"]) for row in rows))}
    rows.sort(key=lambda row: places[row.src, row.tgt, row.item["item"]])
    asked = list(dict.fromkeys(row.hop1_prompt for row in rows if row.hop1_prompt is not None))
    plan = plan._replace(rows=rows, hop1_prompts=asked)
    size = len(names)
    first = rows[::size]
    with progress_bar(total=len(asked) + len(first), desc="answering", unit="prompt") as progress:
        texts, _ = translate_texts(model, plan, options, progress)
        prompts = answer_prompts(plan, texts)
        groups = [prompts[i : i + size] for i in range(0, len(prompts), size)]
        most = options.max_new_tokens or task.new_tokens
        written = complete_together(model, groups, max_new_tokens=most, **common_options(options, progress))
    golds = [list(task.gold(row.item, row.tgt)) for row in first]
    found = [task.read(completion.text, row.tgt) for completion, row in zip(written, first, strict=True)]
    scores, correct = judge(task, found, golds)
    table = pd.DataFrame(
        {
            "src": [row.src for row in first],
            "tgt": [row.tgt for row in first],
            "bridge": f"{'+'.join(names)} by MaxEns",
            "item": [row.item["item"] for row in first],
            "bridge_text": ["|".join(filter(None, texts[i : i + size])) for i in range(0, len(texts), size)],
            "bridge_confidence": float("nan"),
            "confidence": [completion.confidence for completion in written],
            "output": [completion.text for completion in written],
            "logprobs": None,
            "answer": found,
            "gold": ["|".join(gold) for gold in golds],
            "score": scores,
            "correct": correct,
            "copy": copy_scores(task, first, golds),
        }
    )
    asked_how = plan.options | chat_card(model, chat)
    table.attrs["card"] = run_card("max_ensemble", model.card, data=plan.data, options=asked_how)
    return table
