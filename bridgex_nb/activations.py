"""One traced pass over texts -> small statistics of the FFN neurons.

`count_active` counts at how many tokens of each language a neuron is on; `probe` takes one number of each neuron on each
prompt, its token mean by default. Only those numbers leave a layer; pad tokens never count.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from . import stores
from .errors import InputError
from .lexicon import Lexicon, word_prompt
from .model import NeuronModel
from .passes import agreed, finish, run_pass, token_rows, whole_rows
from .results import ActivationCounts, ProbeActivations
from .stores import data_card

#: What `probe` makes of a neuron's values at the tokens of a prompt.
STATISTICS = ("mean", "last", "norm")


def count_active(
    model: NeuronModel,
    texts: Mapping[str, Sequence[str]],
    *,
    special_tokens: bool = True,
    token_budget: int = 8192,
    store: str | Path | None = None,
) -> ActivationCounts:
    """Count, for each language, the tokens at which each neuron is active (its value > 0).

    Parameters
    ----------
    model : NeuronModel
    texts : mapping of str to sequence of str
        Language -> texts. A text longer than the model's context is read in pieces.
    special_tokens : bool
        Whether the tokens that the tokenizer adds (BOS) are counted.
    token_budget : int
        Tokens of one padded batch. Where the memory does not hold so many, it is halved until it does.
    store : str or Path, optional
        A folder of results. What was counted there before is read and not counted again; a run that was interrupted goes on
        where it was. Any number of notebooks may share the folder.

    Returns
    -------
    ActivationCounts
        active int64 [K, L, N], tokens int64 [K].

    Raises
    ------
    InputError
        If a language has no text.

    Notes
    -----
    The activation probability of LAPE (Tang et al. 2024, arXiv 2402.16438, section 2) and of BridgeX-ICL's language neurons.
    Under ``torchrun --nproc-per-node P`` the same call shares the texts among P processes; each of them gets the whole result.

    Examples
    --------
    >>> counts = count_active(load_model(), {"en": ["The sun is hot."], "sw": ["Jua ni kali."]})
    >>> counts.active.shape
    torch.Size([2, 6, 768])
    """
    if isinstance(texts, str):
        raise InputError("count_active needs a list of texts for each language, {language: [text, …]}, not one string")
    empty = [code for code, some in texts.items() if isinstance(some, str) or not any(text.strip() for text in some)]
    if empty or not texts:
        raise InputError(f"count_active needs a list of texts for each language; none for: {', '.join(empty) or 'any'}")
    languages = tuple(texts)
    rows, owners, longest = [], [], model.max_tokens
    for k, code in enumerate(languages):
        for row in token_rows(model, [text for text in texts[code] if text.strip()]):
            pieces = [row[i : i + longest] for i in range(0, len(row), longest)]
            rows += pieces
            owners += [k] * len(pieces)
    owner = torch.tensor(owners)
    count, last = len(languages), model.num_layers - 1

    def active_tokens(layer, values, mask, batch):
        # Sums of ones in float32 are exact, and take a third of the time that sums of bools do. On a CPU they are taken over
        # pieces that its cache holds: new memory for as many ones as there are values costs more than the sums.
        step = max(1, 2**18 // values[0].numel()) if values.is_cpu else len(values)
        on = torch.empty(step, *values.shape[1:], dtype=torch.float32, device=values.device)
        pieces = zip(values.split(step), mask[:, None].float().split(step), strict=True)
        active = torch.cat([torch.bmm(part_mask, torch.gt(part, 0, out=on[: len(part)]))[:, 0] for part, part_mask in pieces])
        total = torch.zeros(count, active.shape[1], dtype=torch.float32, device=values.device)
        total = total.index_add_(0, owner[batch].to(values.device), active).to(torch.int32)
        if layer == last:
            # NaN > 0 is false, so a broken model would pass for a silent one. What is not finite stays so in later layers.
            finite = torch.isfinite(values.sum(dim=-1, dtype=torch.float32)) | ~mask
            total.masked_fill_(~finite.all(), -1)
        return total

    def add(state, batch, reduced):
        if (reduced[last] < 0).any():
            raise InputError(f"layer {last}: activations are not finite (NaN or infinite); was the model run in float16?")
        for layer, total in enumerate(reduced):
            state[layer] = state[layer].to(total.device) + total  # stays where the layer is

    card = model.card | {"data": {"kind": "texts", **data_card(texts)}, "special_tokens": special_tokens}

    def count_all(result):
        special = set() if special_tokens else set(model.tokenizer.all_special_ids)
        tokens = torch.zeros(count, dtype=torch.int64)
        tokens.index_add_(0, owner, torch.tensor([sum(token not in special for token in row) for row in rows]))
        state = run_pass(
            model,
            rows,
            range(model.num_layers),
            active_tokens,
            add,
            [torch.zeros(count, model.num_neurons, dtype=torch.int64) for _ in range(model.num_layers)],
            special_tokens=special_tokens,
            token_budget=token_budget,
            description="counting",
            result=result,
        )
        return ActivationCounts(torch.stack(state, dim=1), tokens, languages, card)

    return _stored(store, "counts", card, ActivationCounts.load, count_all)


def probe(
    model: NeuronModel,
    prompts: Lexicon | Sequence[str],
    *,
    keep: torch.Tensor | None = None,
    statistic: str = "mean",
    special_tokens: bool = True,
    token_budget: int = 8192,
    store: str | Path | None = None,
) -> ProbeActivations:
    """One number of every neuron on every prompt: the token mean, by default.

    Parameters
    ----------
    model : NeuronModel
    prompts : Lexicon or sequence of str
        A lexicon stands for its probe prompts ``{Src}:"{word}"→{Tgt}:``, one an entry (BridgeX-ICL keeps the entries that the
        model itself translates right: `known_words`).
    keep : torch.Tensor, optional
        bool [L, N], the neurons to store; all of them by default.
    statistic : {"mean", "last", "norm"}
        Over the tokens of a prompt: the mean (BridgeX-ICL), the value at the last token (`sharing_types`), or the L2 norm
        (`plnd`).
    special_tokens : bool
        Whether the tokens that the tokenizer adds (BOS) are among them.
    token_budget : int
        Tokens of one padded batch. Where the memory does not hold so many, it is halved until it does.
    store : str or Path, optional
        A folder of results, as for `count_active`.

    Returns
    -------
    ProbeActivations
        values float32 [L, N, S].

    Raises
    ------
    InputError
        If there are fewer than two prompts, one is longer than the model's context, `keep` has the wrong shape, or there is no
        such statistic.

    Examples
    --------
    >>> model = load_model()
    >>> probe(model, core_lexicon("sw", "en")).values.shape[:2]
    torch.Size([6, 768])
    """
    if isinstance(prompts, str):
        raise InputError("probe needs a list of prompts, not one string")
    if statistic not in STATISTICS:
        raise InputError(f"unknown statistic {statistic!r}; there are {', '.join(STATISTICS)}")
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
        raise InputError(f"keep must be a bool tensor [L, N] = {list(shape)} with some neuron in it")
    rows = whole_rows(model, texts, special_tokens=special_tokens, kind="prompt")
    chosen = torch.ones(shape, dtype=torch.bool) if keep is None else keep.cpu()

    def over_tokens(layer, values, mask, batch):
        values = values[..., chosen[layer].to(values.device)] if keep is not None else values
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

    card = model.card | {
        "data": {"kind": "prompts", "src": src, "tgt": tgt, **data_card({"prompts": texts})},
        "special_tokens": special_tokens,
        "keep": None if keep is None else hashlib.sha256(chosen.numpy().tobytes()).hexdigest(),
        "statistic": statistic,
    }

    def probe_all(result):
        (values,) = run_pass(
            model,
            rows,
            chosen.any(dim=1).nonzero()[:, 0].tolist(),
            over_tokens,
            add,
            [torch.zeros(int(chosen.sum()), len(rows))],
            special_tokens=special_tokens,
            token_budget=token_budget,
            description="probing",
            result=result,
        )
        return ProbeActivations(values.view(*shape, -1) if keep is None else values, words, src, tgt, keep, card)

    return _stored(store, "probe", card, ProbeActivations.load, probe_all)


def _stored(store: str | Path | None, kind: str, card: dict, load: Callable, compute: Callable):
    """The result of `compute(file)`; where there is a store, from its file if it is there, and written there if not."""
    if store is None:
        return compute(None)
    try:
        Path(store).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{store}: not a folder to store results in ({error})") from error
    file = stores.place(store, kind, card)
    stores.tidy(file)
    found = stores.fetch(file, card, load)
    if agreed(found is not None):
        return found
    computed = compute(file)
    finish(file, computed.save)
    return computed
