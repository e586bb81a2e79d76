"""What of a neuron's variance over the prompts of several languages lies between the languages, and its removal."""

from collections.abc import Mapping, Sequence

import pandas as pd
import torch

from ..activations._results import ProbeActivations
from ..exceptions import InputError
from ..neurons._probe_rows import check_shapes, finite_rows


def variance_between_languages(
    probe: ProbeActivations, languages: Sequence[str], sets: Mapping[str, torch.Tensor] | None = None
) -> pd.DataFrame:
    """Share of the neurons' variance over prompts that is between the languages of the prompts.

    Of a neuron, it is the sum of squares between the languages' means divided by the total one (eta squared). It is 1 for a
    neuron that does nothing but tell languages apart.

    Parameters
    ----------
    probe : ProbeActivations
        Prompts of several languages.
    languages : sequence of str
        The language of each prompt.
    sets : mapping of str to torch.Tensor, optional
        Language -> bool [L, N]; the neurons that are in some set are looked at. By default all neurons of the probe.

    Returns
    -------
    pandas.DataFrame
        One row per layer with neurons that are not constant: layer, neurons (how many), share (mean over them), chance (the
        mean of K languages that do not differ: (K - 1) / (S - 1) for S prompts).

    Raises
    ------
    InputError
        If the languages are not as many as the prompts or have fewer than two prompts each, a set does not fit the probe, or
        activations are not finite.

    Examples
    --------
    >>> texts = {code: core_sentences()[code][:10] for code in ("en", "sw")}
    >>> languages = [code for code, some in texts.items() for _ in some]
    >>> probed = probe(load_model(), [text for some in texts.values() for text in some])
    >>> variance_between_languages(probed, languages).columns.tolist()
    ['layer', 'neurons', 'share', 'chance']
    """
    groups = prompt_groups(probe, languages)
    check_shapes(probe, sets or {})
    if sets is not None and not sets:
        raise InputError("no set of neurons is given")
    kept = torch.ones(probe.values.shape[:2], dtype=torch.bool) if probe.kept is None else probe.kept
    chosen = kept if sets is None else torch.stack(list(sets.values())).any(dim=0)
    rows = []
    for layer in range(probe.num_layers):
        values = finite_rows(probe, layer, chosen[layer], None).double()
        values = values[(values != values[:, :1]).any(dim=1)]
        if not len(values):
            continue
        total = (values - values.mean(dim=1, keepdim=True)).square().sum(dim=1)
        within = within_languages(values, groups).square().sum(dim=1)
        rows.append((layer, len(values), (1 - within / total).mean().item()))
    table = pd.DataFrame(rows, columns=["layer", "neurons", "share"])
    return table.assign(chance=(int(groups.max())) / (len(groups) - 1))


def prompt_groups(probe: ProbeActivations, languages: Sequence[str]) -> torch.Tensor:
    """The language of each prompt as a number, int64 [S]; refused if it does not fit the probe."""
    samples = probe.values.shape[-1]
    if isinstance(languages, str) or len(languages) != samples:
        given = "one string" if isinstance(languages, str) else str(len(languages))
        raise InputError(f"languages must name the language of each of the {samples} prompts; given: {given}")
    numbers, codes = pd.factorize(pd.Series(list(languages), dtype=object))
    counts = pd.Series(numbers).value_counts(sort=False)
    if (numbers < 0).any() or counts.min() < 2:
        few = ["a missing name" if n < 0 else str(codes[n]) for n in counts.index.tolist() if n < 0 or counts[n] < 2]
        raise InputError(f"every language needs at least two prompts; one only: {', '.join(few)}")
    return torch.from_numpy(numbers.copy())


def within_languages(rows: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    """Rows [n, S] minus each row's mean in the language of the prompt; exactly 0 where a row is constant in a language."""
    centred = torch.empty_like(rows)
    for group in range(int(groups.max()) + 1):
        columns = groups.to(rows.device) == group
        of_language = rows[:, columns]
        of_language = of_language - of_language[:, :1]  # so that rounding leaves nothing of constant rows
        centred[:, columns] = of_language - of_language.mean(dim=1, keepdim=True)
    return centred
