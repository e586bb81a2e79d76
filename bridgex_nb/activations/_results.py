"""What a pass over texts gives: counts and probes, each with its run card, and their files."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import torch

from ..exceptions import InputError
from ..utils import _result_files as result_files


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
        return self.active.double().div_(self.tokens[:, None, None])

    def __sub__(self, prefix: "ActivationCounts") -> "ActivationCounts":
        """Counts of the texts without their prefixes: full minus prefix."""
        keys = ("model", "weights_sha256", "revision", "site", "interventions")
        same = all(self.card.get(key) == prefix.card.get(key) for key in keys)
        if self.languages != prefix.languages or self.active.shape != prefix.active.shape or not same:
            raise InputError("counts of other languages or of another model cannot be subtracted")
        return ActivationCounts(
            self.active - prefix.active, self.tokens - prefix.tokens, self.languages, {**self.card, "minus": prefix.card}
        )

    def save(self, path: str | Path) -> None:
        """Write a safetensors file with the run card inside."""
        note = {"languages": self.languages, "card": self.card}
        result_files.write(path, {"active": self.active, "tokens": self.tokens}, note)

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
            return cls(tensors["active"], tensors["tokens"], tuple(note["languages"]), note["card"])
        except KeyError as error:
            raise InputError(f"{path}: not a file of counts") from error

    @classmethod
    def from_lape(cls, paths: Mapping[str, str | Path]) -> "ActivationCounts":
        """Read the ``.pt`` files of the LAPE and BridgeX-ICL scripts, one a language.

        Parameters
        ----------
        paths : mapping of str to path
            Language -> file of a dict with `over_zero`, integers [L, N], and `n` or `total_tokens`, the tokens seen. The
            scripts read the `act` site.

        Raises
        ------
        InputError
            If a file is missing, holds anything else, or is of another model than the first.
        """
        if not paths:
            raise InputError("from_lape needs {language: file}")
        read = {code: _read_lape(Path(path)) for code, path in paths.items()}
        shapes = {code: tuple(active.shape) for code, (active, _) in read.items()}
        for code, shape in shapes.items():
            if shape != (first := next(iter(shapes.values()))):
                raise InputError(
                    f"{paths[code]}: [L, N] = {list(shape)} is not that of {next(iter(paths.values()))}, {list(first)}"
                )
        files = {code: Path(path).name for code, path in paths.items()}
        hashes = {code: hashlib.sha256(Path(path).read_bytes()).hexdigest() for code, path in paths.items()}
        card = {"site": "act", "data": {"kind": "lape", "files": files, "sha256": hashes}, "date": date.today().isoformat()}
        active, tokens = zip(*read.values(), strict=True)
        return cls(torch.stack(active), torch.tensor(tokens), tuple(paths), card)


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
    """One number of each neuron on each of S prompts: the token mean, or the other statistic that `probe` was asked for.

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
