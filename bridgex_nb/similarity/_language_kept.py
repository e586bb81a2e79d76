"""Does a language keep its neurons when its texts are rewritten, in another script or another order?"""

from collections.abc import Sequence

import pandas as pd
import torch

from ..activations._results import ActivationCounts
from ..datasets._languages import language
from ..exceptions import InputError
from ..neurons._lape import lape
from ..neurons._redraw_sets import half_counts
from ..neurons._sets import overlap_matrix, sets_without_warnings
from ._evidence import Evidence
from ._script import check_rewritten, rewriting_card

#: The neuron sets that `language_kept` compares.
SET_KINDS = ("top", "lape")


def language_kept(written: Evidence, rewritten: Evidence, kinds: Sequence[str] = SET_KINDS) -> pd.DataFrame:
    """How much of what tells a language's neurons from those of others is left when its texts are rewritten.

    If nothing is left once a language is written in Latin letters (`romanised`), its neurons were those of its script. Half of
    the texts as written is compared with the other half, rewritten or as written, so that no text is compared with itself.

    Parameters
    ----------
    written, rewritten : Evidence
        As in `script_change`, counted by parts.
    kinds : sequence of {"top", "lape"}
        `top`: language neurons (`top_neurons`). `lape`: LAPE sets. Both at the rate of the evidences.

    Returns
    -------
    pandas.DataFrame
        One row per kind and language: kind, language, script, itself_written and others_written (Jaccard index of the
        language's sets from the two halves as written; mean over the other languages' sets), itself and others (the same with
        the language alone rewritten, in one half), kept (what is left of its lead over the others: (itself - others) /
        (itself_written - others_written); missing if it had none), nearest (the language whose set as written is most like the
        rewritten one), rank (of the language itself among all K; 1 is nearest, and by chance it is (K + 1) / 2 on average),
        tokens and tokens_rewritten (counted). The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If the evidences are of different models, languages, rates or numbers of texts, the counts were not taken by parts, a
        kind is unknown, or there are fewer than two languages.

    Notes
    -----
    After arXiv 2604.05090. Jaccard indices are means over the two ways in which the halves can be compared.

    Examples
    --------
    >>> written = Evidence(load_model(), count_active(load_model(), core_sentences()), rate=0.05)
    >>> mixed = {code: shuffled(texts) for code, texts in core_sentences().items()}
    >>> rewritten = Evidence(written.model, count_active(written.model, mixed), written.rate, mixed)
    >>> bool(language_kept(written, rewritten, ["top"]).kept.mean() > 0.5)
    True
    """
    check_rewritten(written, rewritten)
    if not kinds or (unknown := [kind for kind in kinds if kind not in SET_KINDS]):
        problem = f"unknown kind of neuron sets {unknown[0]!r}" if kinds else "no kind of neuron sets is given"
        raise InputError(f"{problem}; choose from {', '.join(SET_KINDS)}")
    codes = list(written.counts.languages)
    if len(codes) < 2:
        raise InputError(f"the evidence is of {codes[0]} only: what is particular to a language needs another one")
    before, after = half_counts(written.counts), half_counts(rewritten.counts)
    tables = []
    for kind in kinds:
        of_before = [_sets(half, written, kind) for half in before]
        of_after = [_rewritten_sets(*halves, written, kind) for halves in zip(before, after, strict=True)]
        table = pd.DataFrame({"kind": kind, "language": codes, "script": [language(code).script for code in codes]})
        # [language as written x language rewritten], over both ways
        jaccard = (_between(of_before[0], of_after[1]) + _between(of_before[1], of_after[0])) / 2
        as_written = (_between(*of_before) + _between(*of_before[::-1])) / 2
        for name, mean in (("_written", as_written), ("", jaccard)):
            table["itself" + name] = mean.diagonal().numpy()
            table["others" + name] = ((mean.sum(dim=0) - mean.diagonal()) / (len(codes) - 1)).numpy()
        lead = table.itself_written - table.others_written
        table["kept"] = ((table.itself - table.others) / lead).where(lead > 0)
        table["nearest"] = [codes[i] for i in jaccard.argmax(dim=0).tolist()]
        table["rank"] = 1 + (jaccard > jaccard.diagonal()).sum(dim=0).numpy()
        tables.append(table)
    table = pd.concat(tables, ignore_index=True)
    table["tokens"], table["tokens_rewritten"] = (
        table.language.map(dict(zip(codes, evidence.counts.tokens.tolist(), strict=True))) for evidence in (written, rewritten)
    )
    options = {"kinds": list(kinds), "rate": written.rate, "exclude": written.exclude}
    table.attrs["card"] = rewriting_card("language_kept", written, rewritten, options)
    return table


def _rewritten_sets(
    before: ActivationCounts, after: ActivationCounts, evidence: Evidence, kind: str
) -> dict[str, torch.Tensor]:
    """Each language's set if it alone is rewritten: LAPE sets depend on the other languages, too."""
    sets = {}
    for k, code in enumerate(before.languages):
        active, tokens = before.active.clone(), before.tokens.clone()
        active[k], tokens[k] = after.active[k], after.tokens[k]
        sets[code] = _sets(ActivationCounts(active, tokens, before.languages, before.card), evidence, kind)[code]
    return sets


def _sets(counts: ActivationCounts, evidence: Evidence, kind: str) -> dict[str, torch.Tensor]:
    if kind == "lape":
        return lape(counts, evidence.rate)
    return sets_without_warnings(counts, evidence.rate, evidence.exclude)[0]


def _between(rows: dict[str, torch.Tensor], columns: dict[str, torch.Tensor]) -> torch.Tensor:
    """Jaccard index of every set of one half and every set of the other, float64 [K, K]."""
    both = {f"0 {code}": chosen for code, chosen in rows.items()} | {f"1 {code}": chosen for code, chosen in columns.items()}
    return torch.from_numpy(overlap_matrix(both, "jaccard").to_numpy()[: len(rows), len(rows) :].copy())
