"""The language neurons that LAPE's authors released."""

from collections.abc import Sequence
from pathlib import Path

import torch

from ..exceptions import InputError
from ..utils import _result_files as result_files

#: Languages of the masks that LAPE's authors released, in their order.
LAPE_LANGUAGES = ("en", "zh", "fr", "es", "vi", "id", "ja")


def read_lape_masks(path: str | Path, num_neurons: int, languages: Sequence[str] | None = None) -> dict[str, torch.Tensor]:
    """Read the language neurons that LAPE's authors released for a model.

    Parameters
    ----------
    path : str or Path
        A file ``<model>.neuron.pth``: for each language and layer the numbers of its neurons.
    num_neurons : int
        N, the neurons of one layer of the model, which the file does not tell: 11,008 for LLaMA-2-7B.
    languages : sequence of str, optional
        The file's languages. By default those of the release, en zh fr es vi id ja, of which a file of six languages holds the
        first six.

    Returns
    -------
    dict of str to torch.Tensor
        Language -> bool [L, N].

    Raises
    ------
    InputError
        If there is no such file, it holds something else, or its neurons do not fit `num_neurons` or its number of languages
        `languages`.

    Notes
    -----
    Tang et al. 2024, arXiv 2402.16438; https://github.com/RUCAIBox/Language-Specific-Neurons.

    Examples
    --------
    >>> masks = read_lape_masks("LLaMA-2-7B.neuron.pth", num_neurons=11008)  # doctest: +SKIP
    """
    content = result_files.read_torch(path)
    if not _is_lists_of_numbers(content):
        raise InputError(f"{path}: not neuron numbers by language and layer, as LAPE's authors released them")
    codes = tuple(languages or LAPE_LANGUAGES[: len(content)])
    if len(codes) != len(content):
        raise InputError(
            f"{path}: holds {len(content)} languages, not {len(codes)}: {' '.join(codes)}; name them in languages="
        )
    masks = {code: torch.zeros(len(content[0]), num_neurons, dtype=torch.bool) for code in codes}
    for mask, layers in zip(masks.values(), content, strict=True):
        for layer, numbers in enumerate(layers):
            if ((numbers < 0) | (numbers >= num_neurons)).any():
                raise InputError(f"{path}: layer {layer} has neurons that are not among the {num_neurons} of num_neurons=")
            mask[layer, numbers] = True
    return masks


def _is_lists_of_numbers(content) -> bool:
    """Whether it is a list (language) of lists (layer), all of one length, of 1-D tensors of integers."""
    return (
        isinstance(content, list)
        and all(isinstance(layers, list) for layers in content)
        and len({len(layers) for layers in content}) == 1
        and all(
            isinstance(one, torch.Tensor) and one.ndim == 1 and one.dtype in (torch.int32, torch.int64)
            for layers in content
            for one in layers
        )
    )
