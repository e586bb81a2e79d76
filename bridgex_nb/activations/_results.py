"""The results of a pass over texts, counts and probes, each with its run card and its file format."""

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ..exceptions import InputError
from ..utils import _result_files as result_files
from ..utils._run_card import RunCard, run_card


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
    card : RunCard
        How they were counted.
    by_part : torch.Tensor or None
        int32 [P, K, L, N], the same for each of P parts of the texts; None where it is not known, as of published counts.
    tokens_by_part : torch.Tensor or None
        int64 [P, K], tokens seen in each part.
    """

    active: torch.Tensor = field(repr=False)
    tokens: torch.Tensor
    languages: tuple[str, ...]
    card: RunCard = field(repr=False)
    by_part: torch.Tensor | None = field(default=None, repr=False)
    tokens_by_part: torch.Tensor | None = field(default=None, repr=False)

    @property
    def probability(self) -> torch.Tensor:
        """float64 [K, L, N], active / tokens."""
        return self.active.double().div_(self.tokens[:, None, None])

    def __sub__(self, prefix: "ActivationCounts") -> "ActivationCounts":
        """Counts of the texts without their prefixes: full minus prefix.

        Two runs of a model in half precision round differently, so that a few differences can come out below 0 or above the
        number of tokens (up to 764 below in the published counts of Zhang et al. 2025, arXiv 2505.21505, whose code sets those
        to 0). They are set to the nearest possible count.

        Raises
        ------
        InputError
            If the two are of other languages, another model, or another site, a language has no more tokens than its prefixes,
            or more than 1 % of its neurons are out of range, so that these are not the prefixes of those texts.

        Warns
        -----
        UserWarning
            If differences were out of range.
        """
        keys = ("model", "weights_sha256", "revision", "site", "interventions")
        differing = [key for key in keys if self.card.get(key) != prefix.card.get(key)]
        if self.languages != prefix.languages:
            raise InputError(
                f"counts of other languages cannot be subtracted: {' '.join(self.languages)} and {' '.join(prefix.languages)}"
            )
        if differing or self.active.shape != prefix.active.shape:
            raise InputError(f"counts of another model cannot be subtracted: {', '.join(differing) or '[L, N]'} differ")
        active, tokens = self.active - prefix.active, self.tokens - prefix.tokens
        clamped = active.clamp(min=0).minimum(tokens[:, None, None])
        _check_range(self.languages, active, clamped, tokens)
        card = run_card("ActivationCounts.__sub__", self.card, inputs={"full": self.card, "prefix": prefix.card})
        return ActivationCounts(clamped, tokens, self.languages, card, *self._parts_minus(prefix))

    def _parts_minus(self, prefix: "ActivationCounts") -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Parts of a difference, where both counts have the same number of them."""
        mine, other = self.by_part, prefix.by_part
        if mine is None or other is None or mine.shape != other.shape:
            return None, None
        if self.tokens_by_part is None or prefix.tokens_by_part is None:
            return None, None
        tokens = self.tokens_by_part - prefix.tokens_by_part
        return (mine - other).clamp(min=0).minimum(tokens[..., None, None].int()), tokens

    def save(self, path: str | Path) -> None:
        """Write a safetensors file with the run card inside."""
        tensors = {"active": self.active, "tokens": self.tokens}
        if self.by_part is not None:
            tensors |= {"by_part": self.by_part, "tokens_by_part": self.tokens_by_part}
        result_files.write(path, tensors, {"languages": self.languages, "card": self.card})

    @classmethod
    def load(cls, path: str | Path) -> "ActivationCounts":
        """Read what `save` wrote.

        Raises
        ------
        InputError
            If there is no such file, it holds something else, or it is damaged.
        """
        tensors, note = result_files.read(path)
        try:
            parts = tensors.get("by_part"), tensors.get("tokens_by_part")
            return cls(tensors["active"], tensors["tokens"], tuple(note["languages"]), note["card"], *parts)
        except KeyError as error:
            raise InputError(f"{path}: not a file of counts") from error

    @classmethod
    def from_lape(cls, paths: Mapping[str, str | Path]) -> "ActivationCounts":
        """Read the ``.pt`` files of the LAPE and BridgeX-ICL scripts, one per language.

        Parameters
        ----------
        paths : mapping of str to path
            Language -> file of a dict with `over_zero`, integers [L, N], and `n` or `total_tokens`, the tokens seen. The
            scripts read the `act` site.

        Raises
        ------
        InputError
            If a file is missing, holds anything else, or is of another model than the first.

        Notes
        -----
        LAPE: Tang et al. 2024, arXiv 2402.16438, released code.
        """
        if not paths:
            raise InputError("from_lape needs {language: file}")
        counts = {code: _read_lape(Path(path)) for code, path in paths.items()}
        shapes = {code: tuple(active.shape) for code, (active, _) in counts.items()}
        first_shape, first_path = next(iter(shapes.values())), next(iter(paths.values()))
        for code, shape in shapes.items():
            if shape != first_shape:
                raise InputError(f"{paths[code]}: [L, N] = {list(shape)} is not that of {first_path}, {list(first_shape)}")
        files = {code: Path(path).name for code, path in paths.items()}
        hashes = {code: hashlib.sha256(Path(path).read_bytes()).hexdigest() for code, path in paths.items()}
        data = {"kind": "lape", "files": files, "sha256": hashes}
        card = run_card("ActivationCounts.from_lape", {"site": "act"}, data=data)
        active, tokens = zip(*counts.values(), strict=True)
        return cls(torch.stack(active), torch.tensor(tokens), tuple(paths), card)


def _check_range(languages: tuple[str, ...], active: torch.Tensor, clamped: torch.Tensor, tokens: torch.Tensor) -> None:
    """Warn of differences of counts that had to be clamped; refuse them where they are too many to be rounding."""
    excess, notes = active - clamped, []
    for code, of_language, rest in zip(languages, excess, tokens.tolist(), strict=True):
        outside = int((of_language != 0).sum())
        if rest < 1 or outside > 0.01 * of_language.numel():
            raise InputError(
                f"{code}: these are not counts of the same texts with and without their prefixes: {rest} tokens are left, "
                f"and {outside} of {of_language.numel()} neurons are out of range"
            )
        if outside:
            below, above = -int(of_language.min()), int(of_language.max())
            notes.append(f"{code} {outside} neurons (up to {max(below, 0)} below 0, {max(above, 0)} above the tokens)")
    if notes:
        warnings.warn(f"differences out of range were set to the nearest possible count: {'; '.join(notes)}", stacklevel=3)


def _read_lape(path: Path) -> tuple[torch.Tensor, int]:
    """`over_zero` int64 [L, N] and the tokens seen."""
    content = result_files.read_torch(path)
    content = content if isinstance(content, dict) else {}
    active, tokens = content.get("over_zero"), content.get("n", content.get("total_tokens"))
    if not isinstance(active, torch.Tensor) or active.ndim != 2 or tokens is None:
        raise InputError(f"{path}: not a dict of `over_zero` [L, N] and `n` or `total_tokens`")
    counts, tokens = active.long(), int(tokens)
    if not torch.equal(counts.to(active.dtype), active) or counts.min() < 0 or counts.max() > tokens:
        raise InputError(f"{path}: `over_zero` does not count tokens out of {tokens}")
    return counts, tokens


@dataclass(frozen=True, eq=False)
class ProbeActivations:
    """One number per neuron on each of S prompts: its token mean, or another statistic of `probe`.

    Attributes
    ----------
    values : torch.Tensor
        float32 [L, N, S]; if only some neurons were kept, [M, S] for the M neurons of `kept`, in its order.
    words : tuple of str
        The source word of each sample; the whole prompt if prompts were given.
    src, tgt : str or None
        Languages of the prompts.
    kept : torch.Tensor or None
        bool [L, N], the stored neurons; None if all are.
    card : RunCard
        How they were computed.
    """

    values: torch.Tensor = field(repr=False)
    words: tuple[str, ...] = field(repr=False)
    src: str | None
    tgt: str | None
    kept: torch.Tensor | None = field(repr=False)
    card: RunCard = field(repr=False)

    @property
    def num_layers(self) -> int:
        """L, the number of layers of the model."""
        return (self.values if self.kept is None else self.kept).shape[0]

    def rows(self, layer: int, neurons: torch.Tensor) -> torch.Tensor:
        """Values [n, S] of n neurons of one layer, given as bool [N].

        Raises
        ------
        InputError
            If one of the neurons was not kept.
        """
        if self.kept is None:
            return self.values[layer, neurons]
        if (neurons & ~self.kept[layer]).any():
            raise InputError(f"layer {layer}: the probe did not keep some of these neurons; probe again with a larger keep=")
        before = int(self.kept[:layer].sum())
        stored = self.values[before : before + int(self.kept[layer].sum())]
        return stored[neurons[self.kept[layer]]]

    def save(self, path: str | Path) -> None:
        """Write a safetensors file with the run card inside."""
        tensors = {"values": self.values} if self.kept is None else {"values": self.values, "kept": self.kept}
        result_files.write(path, tensors, {"words": self.words, "src": self.src, "tgt": self.tgt, "card": self.card})

    @classmethod
    def load(cls, path: str | Path) -> "ProbeActivations":
        """Read what `save` wrote.

        Raises
        ------
        InputError
            If there is no such file, it holds something else, or it is damaged.
        """
        tensors, note = result_files.read(path)
        try:
            return cls(tensors["values"], tuple(note["words"]), note["src"], note["tgt"], tensors.get("kept"), note["card"])
        except KeyError as error:
            raise InputError(f"{path}: not a file of a probe") from error
