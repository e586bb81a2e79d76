"""Selectors from a model's states on sentences and words: CKA, NeuronXA, MEXA, and the logit lens."""

from collections.abc import Sequence

import pandas as pd
import torch

from ..exceptions import InputError
from ..lens._pivot import pivot
from ..models._layer_window import layer_window
from ..similarity._evidence import Evidence
from ._two_sided import two_sided, undecided


def alignment_cka(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """Linear CKA of layer states over parallel sentences, averaged over the layers of `rank_bridges`' window.

    CKA = ||X' Y||_F^2 / (||X' X||_F ||Y' Y||_F) for centred states [S, N] (Kornblith et al. 2019, arXiv 1905.00414), from the
    S x S Gram matrices.
    """
    window = layer_window(evidence.model.num_layers)

    def cka(a, b):
        layers = slice(window.start, window.stop)
        return (evidence.gram(a)[layers] * evidence.gram(b)[layers]).sum(dim=(1, 2)).mean().item()

    return two_sided(cka, src, tgt, bridges)


def _aligned(evidence: Evidence, scores: torch.Tensor, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """Of scores [L, K, K] of every two languages, the mean over the layers."""
    place, mean = evidence.counts.languages.index, scores.mean(dim=0)
    return two_sided(lambda a, b: mean[place(a), place(b)].item(), src, tgt, bridges)


def alignment_neuronxa(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """NeuronXA: share of sentences whose translation is nearest to them, by which neurons are active; mean over all layers.

    Huang et al. 2025, arXiv 2507.14900, with the bridge as pivot, once for the source and once for the target:
    sqrt(mu(src, b) mu(b, tgt)).
    """
    return _aligned(evidence, evidence.alignment, src, tgt, bridges)


def alignment_mexa(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """As `alignment_neuronxa`, by the hidden states (MEXA, Kargaran et al. 2024, arXiv 2410.05873)."""
    return _aligned(evidence, evidence.hidden_alignment, src, tgt, bridges)


def latent_language(evidence: Evidence, src: str, tgt: str, bridges: Sequence[str]) -> pd.Series:
    """`pivot` of the logit lens: the language that can be read off the layers before the target language rises.

    The score is the probability above the null, summed over those layers, at least 0. All bridges have 0 where no pivot was
    found: where the interval of the first one includes 0, or the lens cannot be applied to this model.
    """
    try:
        table = pivot(evidence.lens(src, tgt, bridges), bridges)
    except InputError as error:
        return undecided(bridges, f"{src}-{tgt}: {error}; so latent_language chooses no bridge")
    score = table.set_index("language").score.clip(lower=0).reindex(bridges, fill_value=0.0)
    return score if table.attrs["pivot"] else score * 0.0
