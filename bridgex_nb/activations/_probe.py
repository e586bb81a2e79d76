"""`probe`: one number per neuron and prompt, by default the mean over the prompt's tokens."""

from collections.abc import Sequence
from pathlib import Path

import torch

from ..datasets._lexicon import Lexicon, word_prompt
from ..exceptions import InputError
from ..inference._chat import asked, chat_card
from ..inference._passes import run_pass
from ..inference._tokens import whole_rows
from ..models._neuron_model import NeuronModel
from ..utils._run_card import data_card, run_card, tensor_hash
from ._results import ProbeActivations
from ._stored import stored

#: How `probe` reduces a neuron's values at the tokens of a prompt to one number.
STATISTICS = ("mean", "last", "norm")


def probe(
    model: NeuronModel,
    prompts: Lexicon | Sequence[str],
    *,
    keep: torch.Tensor | None = None,
    statistic: str = "mean",
    special_tokens: bool = False,
    chat: bool = False,
    token_budget: int | None = None,
    store: str | Path | None = None,
) -> ProbeActivations:
    """One number per neuron and prompt, by default the mean of its values over the prompt's tokens.

    Parameters
    ----------
    model : NeuronModel
    prompts : Lexicon or sequence of str
        A lexicon stands for its probe prompts ``{Src}:"{word}"→{Tgt}:``, one per entry (BridgeX-ICL keeps the entries that
        the model itself translates correctly: `known_words`).
    keep : torch.Tensor, optional
        bool [L, N], the neurons to store; all by default.
    statistic : {"mean", "last", "norm"}
        Of the values at a prompt's tokens: their mean (BridgeX-ICL), the value at the last token (`sharing_types`), or their
        L2 norm (`plnd`).
    special_tokens : bool
        Whether these include the tokens that the tokenizer adds (BOS); the model reads them in any case.
    chat : bool
        Whether each prompt is wrapped by the tokenizer's chat template, as one turn of the user. The words that the template
        writes are tokens of the prompt then; its special tokens are not, without `special_tokens`.
    token_budget : int, optional
        Tokens of one padded batch; by default what is fastest on a CPU, and 8,192 on a GPU. Halved until a batch fits into
        memory.
    store : str or Path, optional
        A folder of results, as for `count_active`.

    Returns
    -------
    ProbeActivations
        values float32 [L, N, S]; [M, S] for the M neurons of `keep`.

    Raises
    ------
    InputError
        If there are fewer than two prompts, one is longer than the model's context, `keep` has the wrong shape, the statistic
        is unknown, or the tokenizer has no chat template.

    Notes
    -----
    BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078) takes the mean over the tokens of its probe prompts.

    Examples
    --------
    >>> model = load_model()
    >>> probe(model, core_lexicon("sw", "en")).values.shape[:2]
    torch.Size([6, 768])
    """
    if isinstance(prompts, str):
        raise InputError("probe needs a list of prompts, not one string")
    if statistic not in STATISTICS:
        raise InputError(f"unknown statistic {statistic!r}; choose from {', '.join(STATISTICS)}")
    if isinstance(prompts, Lexicon):
        src, tgt, words = prompts.src, prompts.tgt, tuple(prompts.entries)
        texts = [word_prompt(src, tgt, word) for word in words]
    else:
        src, tgt, words, texts = None, None, tuple(prompts), list(prompts)
    if len(texts) < 2:
        pair = f"{src}-{tgt}: " if src else ""
        raise InputError(f"{pair}{len(texts)} probe prompt(s); dependence between neurons needs at least two")
    shape = (model.num_layers, model.num_neurons)
    if keep is not None and (keep.dtype != torch.bool or tuple(keep.shape) != shape or not keep.any()):
        raise InputError(f"keep must be a bool tensor [L, N] = {list(shape)} that holds at least one neuron")
    rows = whole_rows(model, asked(model, texts, chat), special_tokens=special_tokens, kind="prompt", chat=chat)
    kept = torch.ones(shape, dtype=torch.bool) if keep is None else keep.cpu()

    def over_tokens(layer, values, mask, batch):
        values = values[..., kept[layer].to(values.device)] if keep is not None else values
        weights = mask[:, None].float()
        if statistic == "last":
            weights = weights * (weights.flip(-1).cumsum(-1).flip(-1) == 1)  # the last token in the mask
        if statistic == "norm":
            return torch.bmm(weights, values.float().square())[:, 0].sqrt()
        return (torch.bmm(weights, values.float()) / weights.sum(dim=-1, keepdim=True))[:, 0]

    def add(state, batch, reduced):
        first = 0
        for numbers in reduced:
            state[0][first : first + numbers.shape[1], batch] = numbers.T.cpu()
            first += numbers.shape[1]

    card = run_card(
        "probe",
        model.card,
        data={"kind": "prompts", "src": src, "tgt": tgt, **data_card({"prompts": texts})},
        options={
            "special_tokens": special_tokens,
            "keep": None if keep is None else tensor_hash(kept),
            "statistic": statistic,
            **chat_card(model, chat),
        },
    )

    def probe_all(result):
        (values,) = run_pass(
            model,
            rows,
            kept.any(dim=1).nonzero()[:, 0].tolist(),
            over_tokens,
            add,
            [torch.zeros(int(kept.sum()), len(rows))],
            special_tokens=special_tokens,
            token_budget=token_budget,
            description="probing",
            result=result,
        )
        return ProbeActivations(values.view(*shape, -1) if keep is None else values, words, src, tgt, keep, card)

    return stored(store, "probe", card, ProbeActivations.load, probe_all)
