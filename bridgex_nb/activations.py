"""One traced pass over texts -> small statistics of the FFN neurons.

`count_active` counts at how many tokens of each language a neuron is on; `probe` takes each neuron's token mean on each prompt.
Only those numbers leave a layer; pad tokens never count.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nnsight
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tqdm.auto import tqdm

from .errors import InputError
from .lexicon import Lexicon, word_prompt
from .model import NeuronModel, batches_by_length


@dataclass(frozen=True, eq=False)
class ActivationCounts:
    """How often each neuron is active in each of K languages.

    Attributes
    ----------
    active : torch.Tensor
        int64 [K, L, N], tokens at which the neuron was > 0.
    tokens : torch.Tensor
        int64 [K], tokens seen.
    languages : tuple of str
        K language codes.
    card : dict
        The run card.
    """

    active: torch.Tensor = field(repr=False)
    tokens: torch.Tensor
    languages: tuple[str, ...]
    card: dict = field(repr=False)

    @property
    def probability(self) -> torch.Tensor:
        """float64 [K, L, N], active / tokens."""
        return self.active.double() / self.tokens[:, None, None]

    def __sub__(self, prefix: "ActivationCounts") -> "ActivationCounts":
        """Counts of the texts without their prefixes: full minus prefix."""
        same = all(self.card.get(key) == prefix.card.get(key) for key in ("model", "weights_sha256", "revision", "site"))
        if self.languages != prefix.languages or self.active.shape != prefix.active.shape or not same:
            raise InputError("counts of other languages or of another model cannot be subtracted")
        return ActivationCounts(
            self.active - prefix.active, self.tokens - prefix.tokens, self.languages, {**self.card, "minus": prefix.card}
        )

    def save(self, path: str | Path) -> None:
        """Write a safetensors file with the run card inside."""
        metadata = {"languages": json.dumps(self.languages), "card": json.dumps(self.card)}
        save_file({"active": self.active.contiguous(), "tokens": self.tokens}, path, metadata)

    @classmethod
    def load(cls, path: str | Path) -> "ActivationCounts":
        """Read what `save` wrote."""
        if not Path(path).is_file():
            raise InputError(f"{path}: no such file of counts")
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata()
                return cls(
                    file.get_tensor("active"),
                    file.get_tensor("tokens"),
                    tuple(json.loads(metadata["languages"])),
                    json.loads(metadata["card"]),
                )
        except (SafetensorError, TypeError, KeyError) as error:
            raise InputError(f"{path}: not a file that ActivationCounts.save wrote") from error


@dataclass(frozen=True, eq=False)
class ProbeActivations:
    """The token mean of each neuron on each of S prompts.

    Attributes
    ----------
    values : torch.Tensor
        float32 [L, N, S]; where only some neurons were kept, [M, S] for the M neurons of `kept`, in its order.
    words : tuple of str
        The source word of each sample; the whole prompt where prompts were given.
    src, tgt : str or None
        Languages of the prompts.
    kept : torch.Tensor or None
        bool [L, N], the stored neurons; None where all are.
    card : dict
        The run card.
    """

    values: torch.Tensor = field(repr=False)
    words: tuple[str, ...] = field(repr=False)
    src: str | None
    tgt: str | None
    kept: torch.Tensor | None = field(repr=False)
    card: dict = field(repr=False)

    @property
    def num_layers(self) -> int:
        """L, the layers of the model."""
        return (self.values if self.kept is None else self.kept).shape[0]

    def rows(self, layer: int, neurons: torch.Tensor) -> torch.Tensor:
        """Values [n, S] of the n neurons of one layer that the bool [N] names.

        Raises
        ------
        InputError
            If a neuron is asked for that was not kept.
        """
        if self.kept is None:
            return self.values[layer, neurons]
        if (neurons & ~self.kept[layer]).any():
            raise InputError(
                f"layer {layer}: neurons were asked for that the probe did not keep; probe again with a larger keep="
            )
        before = int(self.kept[:layer].sum())
        stored = self.values[before : before + int(self.kept[layer].sum())]
        return stored[neurons[self.kept[layer]]]


def count_active(
    model: NeuronModel,
    texts: Mapping[str, Sequence[str]],
    *,
    special_tokens: bool = True,
    token_budget: int = 8192,
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
        Tokens of one padded batch.

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
    rows, owners = [], []
    for k, code in enumerate(languages):
        for row in model.tokenizer([text for text in texts[code] if text.strip()])["input_ids"]:
            pieces = [row[i : i + model.max_tokens] for i in range(0, len(row), model.max_tokens)]
            rows += pieces
            owners += [k] * len(pieces)
    owner = torch.tensor(owners)

    def on(layer, values, mask):
        # NaN > 0 is false, so a broken model would pass for a silent one. What is not finite stays so in later layers.
        if layer == model.num_layers - 1 and not (torch.isfinite(values) | ~mask[..., None]).all():
            raise InputError(f"layer {layer}: activations are not finite (NaN or infinite); was the model run in float16?")
        return ((values > 0) & mask[..., None]).sum(dim=1, dtype=torch.int32)

    active = torch.zeros(len(languages), model.num_layers, model.num_neurons, dtype=torch.int64)
    tokens = torch.zeros(len(languages), dtype=torch.int64)
    for batch, seen, reduced in _trace(model, rows, on, range(model.num_layers), special_tokens, token_budget, "counting"):
        active.index_add_(0, owner[batch], torch.stack(reduced, dim=1).cpu().long())
        tokens.index_add_(0, owner[batch], seen)
    card = model.card | {"data": {"kind": "texts", **_data_card(texts)}, "special_tokens": special_tokens}
    return ActivationCounts(active, tokens, languages, card)


def probe(
    model: NeuronModel,
    prompts: Lexicon | Sequence[str],
    *,
    keep: torch.Tensor | None = None,
    special_tokens: bool = True,
    token_budget: int = 8192,
) -> ProbeActivations:
    """The token mean of every neuron on every prompt.

    Parameters
    ----------
    model : NeuronModel
    prompts : Lexicon or sequence of str
        A lexicon stands for its probe prompts ``{Src}:"{word}"→{Tgt}:``, one an entry (BridgeX-ICL keeps the entries that the
        model itself translates right: `known_words`).
    keep : torch.Tensor, optional
        bool [L, N], the neurons to store; all of them by default.
    special_tokens : bool
        Whether the tokens that the tokenizer adds (BOS) enter the mean.
    token_budget : int
        Tokens of one padded batch.

    Returns
    -------
    ProbeActivations
        values float32 [L, N, S].

    Raises
    ------
    InputError
        If there are fewer than two prompts, one is longer than the model's context, or `keep` has the wrong shape.

    Examples
    --------
    >>> model = load_model()
    >>> probe(model, core_lexicon("sw", "en")).values.shape[:2]
    torch.Size([6, 768])
    """
    if isinstance(prompts, str):
        raise InputError("probe needs a list of prompts, not one string")
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
    rows = model.tokenizer(texts)["input_ids"]
    special = set() if special_tokens else set(model.tokenizer.all_special_ids)
    for i, row in enumerate(rows):
        if special.issuperset(row):
            raise InputError(f"prompt {i} has no token that counts: {texts[i]!r}")
    longest = max(range(len(rows)), key=lambda i: len(rows[i]))
    if len(rows[longest]) > model.max_tokens:
        raise InputError(f"prompt {longest} has {len(rows[longest])} tokens, the model's context {model.max_tokens}")
    layers = [layer for layer in range(shape[0]) if keep is None or keep[layer].any()]

    def mean(layer, values, mask):
        if keep is not None:
            values = values[..., keep[layer].to(values.device)]
        weights = mask[..., None].float()
        return (values.float() * weights).sum(dim=1) / weights.sum(dim=1)

    values = torch.empty(shape[0] * shape[1] if keep is None else int(keep.sum()), len(rows))
    for batch, _, reduced in _trace(model, rows, mean, layers, special_tokens, token_budget, "probing"):
        values[:, batch] = torch.cat(reduced, dim=1).T.cpu()
    card = model.card | {"data": {"kind": "prompts", **_data_card({"prompts": texts})}, "special_tokens": special_tokens}
    if keep is None:
        values = values.view(*shape, len(rows))
    return ProbeActivations(values, words, src, tgt, keep, card)


def _trace(
    model: NeuronModel,
    rows: Sequence[list[int]],
    reduce: Callable,
    layers: Sequence[int],
    special_tokens: bool,
    token_budget: int,
    description: str,
) -> Iterator[tuple[list[int], torch.Tensor, list[torch.Tensor]]]:
    """Trace the rows in batches; yield (row numbers, their token counts [B], one reduced tensor [B, …] a layer).

    `reduce(layer, values [B, T, N], mask [B, T])` runs inside the trace, so that a layer's values never outlive it, and the
    forward stops behind the last layer: the vocabulary projection is not run.
    """
    special = torch.tensor([] if special_tokens else model.tokenizer.all_special_ids)
    with tqdm(total=len(rows), desc=description, unit="text", leave=False) as bar:
        for batch in batches_by_length([len(row) for row in rows], token_budget):
            inputs = model.pad([rows[i] for i in batch])
            mask = inputs["attention_mask"].bool() & ~torch.isin(inputs["input_ids"], special.to(inputs["input_ids"].device))
            with torch.inference_mode(), model.nnsight.trace(inputs) as tracer:
                reduced = nnsight.save([])
                for layer in layers:
                    reduced.append(reduce(layer, model.neurons(layer), mask))
                tracer.stop()
            yield batch, mask.sum(dim=1).cpu(), reduced
            bar.update(len(batch))


def _data_card(texts: Mapping[str, Sequence[str]]) -> dict:
    """Number and hash of the texts that a result was computed from."""
    digest = hashlib.sha256(json.dumps({code: list(some) for code, some in texts.items()}, ensure_ascii=False).encode())
    return {"texts": {code: len(some) for code, some in texts.items()}, "sha256": digest.hexdigest()}
