"""The language neurons that LAPE's authors released (Tang et al. 2024, arXiv 2402.16438)."""

from collections.abc import Sequence
from pathlib import Path

import torch

from ..exceptions import InputError
from ..utils import _result_files as result_files

#: Languages of the neuron sets that LAPE's authors released, in their order.
LAPE_LANGUAGES = ("en", "zh", "fr", "es", "vi", "id", "ja")


def read_lape_masks(path: str | Path, num_neurons: int, languages: Sequence[str] | None = None) -> dict[str, torch.Tensor]:
    """Read the language neurons that LAPE's authors released for a model.

    Parameters
    ----------
    path : str or Path
        A file ``<model>.neuron.pth``: the numbers of the neurons for each language and layer.
    num_neurons : int
        N, the neurons in one layer of the model, which is not in the file: 11,008 for LLaMA-2-7B.
    languages : sequence of str, optional
        The file's languages. By default those of the release, en zh fr es vi id ja; a file of six languages holds the first
        six.

    Returns
    -------
    dict of str to torch.Tensor
        Language -> bool [L, N].

    Raises
    ------
    InputError
        If there is no such file, it holds something else, its neurons do not fit `num_neurons`, `languages` is empty, or
        its number of languages does not fit `languages`.

    Notes
    -----
    Tang et al. 2024, arXiv 2402.16438; https://github.com/RUCAIBox/Language-Specific-Neurons.

    Examples
    --------
    >>> sets = read_lape_masks("LLaMA-2-7B.neuron.pth", num_neurons=11008)  # doctest: +SKIP
    """
    if languages is not None and not len(languages):
        raise InputError("languages is empty; name the languages of the file, or leave it out for those of the release")
    content = result_files.read_torch(path)
    if not _is_lists_of_numbers(content):
        raise InputError(f"{path}: does not hold neuron numbers by language and layer, as LAPE's authors released them")
    codes = tuple(LAPE_LANGUAGES[: len(content)] if languages is None else languages)
    if len(codes) != len(content):
        raise InputError(
            f"{path}: holds {len(content)} languages, not {len(codes)} ({' '.join(codes)}); name them in languages="
        )
    sets = {code: torch.zeros(len(content[0]), num_neurons, dtype=torch.bool) for code in codes}
    for neuron_set, layers in zip(sets.values(), content, strict=True):
        for layer, numbers in enumerate(layers):
            if ((numbers < 0) | (numbers >= num_neurons)).any():
                raise InputError(f"{path}: layer {layer} has neuron numbers beyond num_neurons={num_neurons}")
            neuron_set[layer, numbers] = True
    return sets


def _is_lists_of_numbers(content) -> bool:
    """Whether it is a list (languages) of lists (layers) of equal length that hold 1-D tensors of integers."""
    return (
        isinstance(content, list)
        and all(isinstance(layers, list) for layers in content)
        and len({len(layers) for layers in content}) == 1
        and all(
            isinstance(numbers, torch.Tensor) and numbers.ndim == 1 and numbers.dtype in (torch.int32, torch.int64)
            for layers in content
            for numbers in layers
        )
    )
