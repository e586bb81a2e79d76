"""What neurons do to a model: a language's perplexity, the language of its words, word translation, each beside random sets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from .controls import beyond_random, random_sets
from .errors import InputError
from .interventions import deactivate, steer
from .lexicon import Lexicon, core_lexicon
from .likelihood import loglikelihood, text_logprobs
from .model import NeuronModel
from .neurons import bridge_neurons
from .progress import outer_bar
from .resampling import percentile_interval
from .stores import data_card
from .xicl import ZERO_SHOT, answers


@dataclass(frozen=True, eq=False)
class DeactivationMatrix:
    """What happens to every language when the neurons of one are deactivated.

    Attributes
    ----------
    change : pandas.DataFrame
        [language changed x language evaluated], change of the log perplexity, nats a token: 0.1 is a perplexity 1.105 times as
        high.
    random : pandas.DataFrame
        The same for random sets with as many neurons in each layer; the mean over the draws.
    dominance : pandas.DataFrame
        Rows `own` (the languages' sets), `random`, and `difference` of the two. Columns: dominance, the mean over the
        languages of (change of the language itself - mean change of the others), nats a token; low, high, its 95 % interval;
        hurt_most, the share of languages that are themselves what their set hurts most.
    card : dict
        The run card.
    """

    change: pd.DataFrame
    random: pd.DataFrame = field(repr=False)
    dominance: pd.DataFrame
    card: dict = field(repr=False)


def deactivation_matrix(
    model: NeuronModel,
    masks: Mapping[str, torch.Tensor],
    texts: Mapping[str, Sequence[str]],
    *,
    draws: int = 3,
    resamples: int = 1000,
    seed: int = 0,
    token_budget: int = 8192,
) -> DeactivationMatrix:
    """Deactivate each language's neurons, and look at the perplexity of every language.

    Parameters
    ----------
    model : NeuronModel
    masks : mapping of str to torch.Tensor
        Language -> bool [L, N].
    texts : mapping of str to sequence of str
        Language -> texts, of the same languages; better not those that the masks were made from.
    draws : int
        Random sets for each language, from seeds of their own.
    resamples : int
        Bootstrap resamples behind the intervals: the texts of each language and, for the random sets, the draws.
    seed : int
    token_budget : int
        As in `loglikelihood`.

    Raises
    ------
    InputError
        If there are fewer than two languages, masks and texts are not of the same ones, or a mask is empty or not of this
        model.

    Notes
    -----
    LAPE (Tang et al. 2024, arXiv 2402.16438), section 4, where the diagonal dominates. The random control and the intervals are
    this project's.

    Examples
    --------
    >>> result = deactivation_matrix(model, lape(counts, 0.05), texts)  # doctest: +SKIP
    >>> result.dominance.loc["difference", ["low", "high"]]  # doctest: +SKIP
    """
    languages = list(masks)
    if len(languages) < 2 or set(languages) != set(texts):
        raise InputError(
            f"a matrix needs masks and texts of the same languages, two or more; masks: {' '.join(masks) or 'none'}, "
            f"texts: {' '.join(texts) or 'none'}"
        )
    for mask in masks.values():
        deactivate(model, mask)  # refuses what is not a set of this model, before the work begins
    empty = [code for code, mask in masks.items() if not mask.any()]
    if empty:
        raise InputError(f"no neurons in the sets of {' '.join(empty)}; take a larger rate, or leave the language out")
    texts = {code: texts[code] for code in languages}
    sets = [(mask, *random_sets(mask, draws, seed + k * draws)) for k, mask in enumerate(masks.values())]
    before = text_logprobs(model, texts, token_budget=token_budget)
    loss = np.empty((len(languages), draws + 1, len(before)))  # [changed, own and random, text], nats
    with outer_bar(total=loss[..., 0].size, desc="deactivating", unit="set") as bar:
        for k, some in enumerate(sets):
            for d, mask in enumerate(some):
                with deactivate(model, mask):
                    loss[k, d] = before.logprob - text_logprobs(model, texts, token_budget=token_budget).logprob
                bar.update()

    change, dominance = _summary(loss, before, languages, resamples, seed)
    labels = {"index": pd.Index(languages, name="changed"), "columns": pd.Index(languages, name="evaluated")}
    card = model.card | {
        "data": {"kind": "texts", **data_card(texts)},
        "neurons": {code: int(mask.sum()) for code, mask in masks.items()},
        "draws": draws,
        "resamples": resamples,
        "seed": seed,
    }
    return DeactivationMatrix(
        pd.DataFrame(change[..., 0], **labels), pd.DataFrame(change[..., 1:].mean(axis=-1), **labels), dominance, card
    )


def _summary(loss, before, languages, resamples, seed) -> tuple[np.ndarray, pd.DataFrame]:
    """Of losses [changed, own and random sets, text] the mean by token [changed, evaluated, set], and the dominance table."""
    rng = np.random.default_rng(seed)
    means, resampled = [], []  # a language evaluated: [changed, set] and [changed, set, resample]
    for code in languages:
        its = (before.language == code).to_numpy()
        losses, tokens = loss[..., its], before.tokens.to_numpy()[its]
        weights = rng.multinomial(its.sum(), np.full(its.sum(), 1 / its.sum()), size=resamples).T
        means.append(losses.sum(axis=-1) / tokens.sum())
        resampled.append(losses @ weights / (tokens @ weights))
    change = np.stack(means, axis=1)
    draws = loss.shape[1] - 1
    drawn = rng.multinomial(draws, np.full(draws, 1 / draws), size=resamples).T / draws
    value, spread = _dominance(change), _dominance(np.stack(resampled, axis=1))  # [set], [set, resample]
    hurt = (change.argmax(axis=1) == np.arange(len(languages))[:, None]).mean(axis=0)
    rows = {"own": (value[0], spread[0], hurt[0])}
    rows["random"] = (value[1:].mean(), (spread[1:] * drawn).sum(axis=0), hurt[1:].mean())
    rows["difference"] = tuple(own - random for own, random in zip(rows["own"], rows["random"], strict=True))
    table = {name: (point, *percentile_interval(some), share) for name, (point, some, share) in rows.items()}
    return change, pd.DataFrame.from_dict(table, orient="index", columns=["dominance", "low", "high", "hurt_most"])


def _dominance(change: np.ndarray) -> np.ndarray:
    """[changed, evaluated, …] -> […], the mean over the languages of own change less the mean of the others'."""
    k = len(change)
    own = change[np.arange(k), np.arange(k)]
    return (own - (change.sum(axis=1) - own) / (k - 1)).mean(axis=0)


def language_shift_score(
    model: NeuronModel,
    prompts: Sequence[str],
    source: Sequence[str],
    target: Sequence[str],
    *,
    on: torch.Tensor,
    off: torch.Tensor,
    factor: float = 5.0,
    draws: int = 3,
    resamples: int = 1000,
    seed: int = 0,
    token_budget: int = 8192,
) -> pd.DataFrame:
    """Does the model's answer move from one language to another when neurons are steered?

    Parameters
    ----------
    model : NeuronModel
    prompts, source, target : sequence of str
        Items: a prompt, its answer in the language to leave, and the answer in the language to go to.
    on, off : torch.Tensor
        bool [L, N], the neurons that are amplified (the target's) and those that are deactivated (the source's), as in `steer`.
    factor : float
        For the neurons that are on.
    draws, resamples, seed
        As in `deactivation_matrix`; items are resampled in place of texts.
    token_budget : int
        As in `loglikelihood`.

    Returns
    -------
    pandas.DataFrame
        One row: score, the share of items of which log P(target answer) - log P(source answer) rises, low, high; random,
        random_low, random_high, the same for random sets of equal size per layer; beyond, beyond_low, beyond_high, the
        difference; and shift, the mean rise, nats.

    Raises
    ------
    InputError
        If the lists differ in length, or a set is not of this model.

    Notes
    -----
    The language shift score of arXiv 2507.22581, with a random control.
    """
    if not len(prompts) == len(source) == len(target) or not prompts:
        raise InputError(f"an item is a prompt and two answers; there are {len(prompts)}, {len(source)} and {len(target)}")
    sets = [(on, off), *zip(random_sets(on, draws, seed), random_sets(off, draws, seed + draws), strict=True)]
    blocks = [steer(model, *some, factor) for some in sets]

    def lead():
        both = loglikelihood(model, [*target, *source], [*prompts, *prompts], token_budget=token_budget).logprob.to_numpy()
        return both[: len(prompts)] - both[len(prompts) :]

    with outer_bar(total=1 + len(blocks), desc="steering", unit="set") as bar:
        before, rises = lead(), []
        bar.update()
        for block in blocks:
            with block:
                rises.append(lead() - before)
            bar.update()
    rose = np.array(rises) > 0
    table = pd.DataFrame([beyond_random(rose[0], rose[1:], resamples, seed)]).rename(columns={"change": "score"})
    return table.assign(shift=rises[0].mean())


def bridge_causality(
    model: NeuronModel,
    src: str,
    tgt: str,
    bridge: str,
    sets: Mapping[str, torch.Tensor],
    *,
    rule: str = "exclusive",
    lexicon: Lexicon | None = None,
    draws: int = 3,
    resamples: int = 1000,
    seed: int = 0,
    **options,
) -> pd.DataFrame:
    """Word translation without the bridge's neurons, and without those that source and target share.

    Parameters
    ----------
    model : NeuronModel
    src, tgt, bridge : str
        Language codes.
    sets : mapping of str to torch.Tensor
        Language -> bool [L, N], of `top_neurons`: the shared neurons are those of source and target.
    rule : {"exclusive", "minus_overlap"}
        What the bridge's own neurons are, as in `bridge_neurons`.
    lexicon : Lexicon, optional
        Words and accepted translations; the core lexicon by default.
    draws, resamples, seed
        As in `deactivation_matrix`; words are resampled in place of texts.
    **options
        As in `answers`.

    Returns
    -------
    pandas.DataFrame
        A row a set (bridge-specific, shared) and way of asking (zero-shot, through the bridge): set, neurons, asked, intact
        (the accuracy of the model as it is), change (of the accuracy when the set is deactivated), low, high; random,
        random_low, random_high, the change for random sets of equal size per layer; beyond, beyond_low, beyond_high, the
        difference. Shares of 1; 95 % bootstrap intervals, over the words and, for random sets, the draws.

    Raises
    ------
    InputError
        If a set is empty, the bridge is source or target, or as `bridge_neurons` and `answers`.

    Notes
    -----
    If a bridge works through its neurons, bridged accuracy falls further without them than without random ones, and if the
    shared neurons carry the transfer, zero-shot accuracy does. BridgeX-ICL (Xu et al. 2025, arXiv 2508.17078) assumes both and
    tests neither.
    """
    if bridge in (src, tgt):
        raise InputError(f"{bridge!r} cannot be the bridge between {src} and {tgt}")
    chosen = {"bridge-specific": bridge_neurons(sets, src, tgt, bridge, rule), "shared": sets[src] & sets[tgt]}
    empty = [name for name, mask in chosen.items() if not mask.any()]
    if empty:
        raise InputError(f"{src}-{tgt}, bridge {bridge}: no {' and no '.join(empty)} neurons; take a larger rate")
    off = {
        name: [deactivate(model, one) for one in (mask, *random_sets(mask, draws, seed + k * draws))]
        for k, (name, mask) in enumerate(chosen.items())
    }
    lexicon = lexicon or core_lexicon(src, tgt)

    def correct():
        items = answers(model, "bli", lexicon, [None, bridge], **options)
        return {asked: items.correct[items.bridge == asked].to_numpy(dtype=float) for asked in (ZERO_SHOT, bridge)}

    with outer_bar(total=1 + len(off) * (draws + 1), desc="deactivating", unit="set") as bar:
        intact, changed = correct(), {name: [] for name in off}
        bar.update()
        for name, blocks in off.items():
            for block in blocks:
                with block:
                    changed[name].append(correct())
                bar.update()
    rows = []
    for name, some in changed.items():
        for asked, before in intact.items():
            own, *random = (one[asked] - before for one in some)
            numbers = beyond_random(own, np.array(random), resamples, seed)
            rows.append({"set": name, "neurons": int(chosen[name].sum()), "asked": asked, "intact": before.mean(), **numbers})
    return pd.DataFrame(rows)
