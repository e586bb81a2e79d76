"""`BridgeRanking`: the bridges of one pair, best first, and how certain that is."""

from dataclasses import dataclass, field

import pandas as pd

from ..utils._run_card import RunCard

#: With fewer shared neurons in the layers of the window than this, the summary says that they are too few to rank bridges.
FEW_NEURONS = 10


@dataclass(frozen=True, eq=False)
class BridgeRanking:
    """Bridges of one language pair, best first.

    Attributes
    ----------
    best : str
        Code of the best bridge.
    table : pandas.DataFrame
        One row per bridge, best first: bridge, name, score (mean over the layers of the window), layers (how many of them have
        a score), shared (neurons of source and target in those layers), specific (the bridge's neurons in them). With
        resamples, also: null (mean score when the bridge's prompts are permuted), excess (score - null: what is left when the
        sizes of the sets are accounted for), z (excess / standard deviation of the permuted scores; 0 where they do not vary),
        low and high (95 % bootstrap interval of the score), excess_low and excess_high (that of the excess), excess_tied
        (whether the interval of the highest excess minus this one's includes 0; False for the highest), wins (share of
        bootstrap draws in which the bridge is first), tied (whether the interval of the first bridge's value minus this one's
        includes 0; False for the first), p (permutation test of no dependence), p_holm (the same, corrected for the number of
        bridges).
    by_layer : pandas.DataFrame
        One row per layer and bridge: layer (its number in the model, from 0), bridge, score, shared, specific, in_window; with
        resamples, also null and excess. A layer without shared neurons, or without neurons of the bridge, has no row.
    lead : tuple of float
        95 % bootstrap interval of the first bridge's value minus the second's; missing (NaN) with one bridge or without
        resamples.
    src, tgt : str
        Language codes.
    samples : int
        S, prompts of the probe.
    absent : tuple of int
        Layers in which source and target share no neurons.
    notes : tuple of str
        What a reader of the ranking should know, in sentences: sets that are empty or tiny, constant neurons, layers without
        shared neurons.
    card : RunCard
        The run card.
    by : {"score", "excess"}
        What the bridges are ranked by, and the lead is of.
    redraws : int
        Draws of the language sets that the intervals include; 0 if they are of the prompts alone.
    """

    best: str
    table: pd.DataFrame = field(repr=False)
    by_layer: pd.DataFrame = field(repr=False)
    lead: tuple[float, float]
    src: str
    tgt: str
    samples: int
    absent: tuple[int, ...]
    notes: tuple[str, ...] = field(repr=False)
    card: RunCard = field(repr=False)
    by: str = "score"
    redraws: int = 0

    @property
    def probability(self) -> float | None:
        """Share of bootstrap draws in which the best bridge is first; None without resamples."""
        return float(self.table.wins[0]) if "wins" in self.table else None

    @property
    def tie(self) -> bool | None:
        """Whether another bridge is tied with the first one, so that the samples do not separate them.

        None without resamples: nothing is known then. False for a single bridge.
        """
        return bool(self.table.tied.any()) if "tied" in self.table else None

    @property
    def few(self) -> bool:
        """Whether the layers of the window hold fewer than `FEW_NEURONS` shared neurons: too few to rank bridges."""
        return self._shared < FEW_NEURONS

    @property
    def _shared(self) -> int:
        return int(self.by_layer[self.by_layer.in_window].groupby("layer").shared.first().sum())

    @property
    def summary(self) -> str:
        """The best bridge and how certain it is, in one sentence; or that there are too few neurons to say."""
        if self.few:
            return (
                f"Too few neurons to rank the bridges: source and target share {self._shared} in the layers that decide, "
                f"and {FEW_NEURONS} are the least. Take a higher rate or a wider window."
            )
        first = f"Best bridge: {self.table.name[0]}"
        if self.probability is None:
            return f"{first}, over {self.samples} words."
        return f"{first}, first in {self.probability:.0%} of resamples of {self._drawn()}{self._tied_with()}."

    def _drawn(self) -> str:
        return f"{self.samples} words" + (" and of the sentences" if self.redraws else "")

    def _tied_with(self) -> str:
        names = self.table.name[self.table.tied].tolist()
        if not names:
            return ""
        if len(names) > 2 and len(names) == len(self.table) - 1:
            return "; a tie with all others"
        names = names if len(names) < 3 else [*names[:2], f"{len(names) - 2} more"]
        return f"; a tie with {', '.join(names[:-1])}{' and ' if names[1:] else ''}{names[-1]}"
