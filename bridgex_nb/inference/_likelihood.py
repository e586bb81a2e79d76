"""Log-likelihood of each text, and perplexity by language."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..utils._run_card import data_card, run_card
from ._next_token import output_layer, token_logprobs
from ._passes import run_pass
from ._tokens import token_rows


def loglikelihood(
    model: NeuronModel, texts: Sequence[str], prompts: Sequence[str] | None = None, *, token_budget: int | None = None
) -> pd.DataFrame:
    """The log-probability that a model gives to each text, alone or after a prompt.

    Parameters
    ----------
    model : NeuronModel
    texts : sequence of str
    prompts : sequence of str, optional
        One per text. Prompt and text are tokenised as one string; the tokens that follow those of the prompt are the text's.
    token_budget : int, optional
        Tokens of one padded batch; by default what is fastest on a CPU, and 8,192 on a GPU. Halved until a batch fits into
        memory.

    Returns
    -------
    pandas.DataFrame
        One row per text: logprob (natural logarithm, the sum over its tokens) and tokens. The first token of a text without a
        prompt has nothing before it and does not count; if the tokenizer begins texts with BOS, that is the first token. The
        run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If there are no texts, the numbers of texts and prompts differ, a text has no token that counts or is longer than the
        model's context, or a log-probability is not finite.

    Examples
    --------
    >>> model = load_model()
    >>> int(loglikelihood(model, ['"fire"', '"agua"'], ['kiswahili:"moto"→English:'] * 2).logprob.argmax())
    0
    """
    if isinstance(texts, str) or isinstance(prompts, str):
        raise InputError("loglikelihood needs lists of texts and prompts, not one string")
    if not texts or (prompts is not None and len(prompts) != len(texts)):
        given = "no prompts" if prompts is None else f"{len(prompts)} prompts"
        raise InputError(f"loglikelihood needs texts, and one prompt per text if there are any; not {len(texts)} and {given}")
    if prompts is None:
        rows = token_rows(model, texts)
        starts = torch.ones(len(rows), dtype=torch.int64)
    else:
        rows = token_rows(model, [prompt + text for prompt, text in zip(prompts, texts, strict=True)])
        starts = torch.tensor([len(row) for row in token_rows(model, prompts)]).clamp(min=1)
    lengths = torch.tensor([len(row) for row in rows])
    bad = ((lengths <= starts) | (lengths > model.max_tokens)).nonzero()[:, 0].tolist()
    if bad:
        i = bad[0]
        behind_prompt = prompts is not None and prompts[i] != ""
        if lengths[i] > model.max_tokens:
            size = f"{int(lengths[i])} tokens{' with its prompt' if behind_prompt else ''}"
            raise InputError(f"text {i} has {size}, more than the model's context of {model.max_tokens}: {texts[i]!r}")
        if behind_prompt:
            raise InputError(f"text {i} adds no token to its prompt: {texts[i]!r}")
        raise InputError(f"text {i} has no token after the first, which does not count: {texts[i]!r}")
    tokens = torch.zeros(len(rows), int(lengths.max()), dtype=torch.int64)
    for i, row in enumerate(rows):
        tokens[i, : len(row)] = torch.tensor(row)

    def of_states(layer, states, mask, batch):
        before = states.shape[1] - torch.arange(states.shape[1])  # how many positions before the end of the row, from 1
        keep = (before[None] > 1) & (before[None] <= (lengths - starts)[batch, None] + 1)  # padding is on the left
        wanted = torch.cat([tokens[i, starts[i] : lengths[i]] for i in batch.tolist()])
        logprobs = token_logprobs(output, states[keep.to(states.device)], wanted[:, None])[:, 0].double()
        sums = torch.zeros(len(batch), dtype=torch.float64, device=logprobs.device)
        return sums.index_add_(0, keep.nonzero()[:, 0].to(logprobs.device), logprobs)

    def of_logits(layer, logits, mask, batch):
        sums = []
        for row, i in zip(logits, batch.tolist(), strict=True):  # row by row: [B, T, vocabulary] twice would not fit
            start, end = int(starts[i]), int(lengths[i])
            steps = row[start - 1 - end : -1].float()  # padding is on the left
            wanted = tokens[i, start:end].to(steps.device)
            sums.append((steps.gather(1, wanted[:, None])[:, 0] - steps.logsumexp(dim=1)).double().sum())
        return torch.stack(sums)

    def add(state, batch, reduced):
        state[0][batch] = reduced[0].cpu()

    output = output_layer(model) if model.remote is False else None
    (sums,) = run_pass(
        model,
        rows,
        [model.num_layers - 1],
        of_logits if output is None else of_states,
        add,
        [torch.zeros(len(rows), dtype=torch.float64)],
        special_tokens=True,
        token_budget=token_budget,
        description="reading",
        site="logits" if output is None else "head",
    )
    if not torch.isfinite(sums).all():
        raise InputError("log-probabilities are not finite (NaN or infinite); was the model run in float16?")
    table = pd.DataFrame({"logprob": sums.numpy(), "tokens": (lengths - starts).numpy()})
    data = data_card({"texts": texts} if prompts is None else {"texts": texts, "prompts": prompts})
    table.attrs["card"] = run_card("loglikelihood", model.card, data={"kind": "texts", **data})
    return table


def perplexity(model: NeuronModel, texts: Mapping[str, Sequence[str]], *, token_budget: int | None = None) -> pd.DataFrame:
    """Perplexity of a model on the texts of each language: exp(- mean log-probability per token).

    Parameters
    ----------
    model : NeuronModel
    texts : mapping of str to sequence of str
        Language -> texts.
    token_budget : int, optional
        As in `loglikelihood`.

    Returns
    -------
    pandas.DataFrame
        One row per language: language, tokens, perplexity. Every token has the same weight, whatever its text. Tokenizers cut
        some languages into more tokens than others, so compare a language with itself under an intervention, not with another
        language. The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If a language has no texts, or as `loglikelihood`.

    Examples
    --------
    >>> model = load_model()
    >>> before = perplexity(model, core_sentences())  # doctest: +SKIP
    >>> with deactivate(model, sets["sw"]):  # doctest: +SKIP
    ...     after = perplexity(model, core_sentences())
    """
    table = text_logprobs(model, texts, token_budget=token_budget).groupby("language", sort=False).sum().reset_index()
    table["perplexity"] = np.exp(-table.logprob / table.tokens)
    table = table[["language", "tokens", "perplexity"]]
    table.attrs["card"] = run_card("perplexity", model.card, data={"kind": "texts", **data_card(texts)})
    return table


def text_logprobs(model: NeuronModel, texts: Mapping[str, Sequence[str]], *, token_budget: int | None = None) -> pd.DataFrame:
    """`loglikelihood` of texts of several languages, one row per text: language, logprob, tokens."""
    empty = [code for code, lines in texts.items() if isinstance(lines, str) or not len(lines)]
    if not texts:
        raise InputError("texts is empty; perplexity needs a list of texts for each language")
    if empty:
        raise InputError(f"perplexity needs a list of texts for each language; none for: {', '.join(empty)}")
    languages = [code for code, lines in texts.items() for _ in lines]
    table = loglikelihood(model, [text for lines in texts.values() for text in lines], token_budget=token_budget)
    table.insert(0, "language", languages)
    return table
