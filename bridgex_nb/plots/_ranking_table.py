"""What readers are shown of a ranking of bridges: the excess over chance in percent of the best bridge's."""

import pandas as pd

from ..bridges._bridge_ranking import BridgeRanking


def ranking_table(ranking: BridgeRanking) -> pd.DataFrame:
    """A ranking as a table to read; `BridgeRanking.table` holds the values themselves.

    Parameters
    ----------
    ranking : BridgeRanking
        Result of `rank_bridges`.

    Returns
    -------
    pandas.DataFrame
        One row per bridge, best first, numbered from 1: bridge, excess (over the mean score when prompts are permuted, 100 for
        the first bridge), interval (95 %, in the same unit), first in (share of resamples), tied (with the first), z (excess in
        standard deviations of the permuted scores), p (corrected for the number of bridges), shared, specific, layers (as in
        `BridgeRanking.table`). Without resamples: bridge, score (100 for the first bridge), shared, specific, layers.

    Examples
    --------
    >>> ranking_table(rank_bridges(probe, sets))  # doctest: +SKIP
    """
    table, shown = ranking.table, shown_values(ranking)
    columns = {"bridge": table.name, shown.attrs["name"]: [f"{value:.0f}" for value in shown.value]}
    if "excess" in table:
        columns["interval"] = [f"{low:.0f} to {high:.0f}" for low, high in zip(shown.low, shown.high, strict=True)]
        columns["first in"] = [f"{share:.0%}" for share in table.wins]
        columns["tied"] = ["tied" if tied else "" for tied in table.tied]
        columns["z"] = [f"{z:.1f}" for z in table.z]
        columns["p"] = [f"{p:.3f}" for p in table.p_holm]
    columns |= {name: table[name] for name in ("shared", "specific", "layers")}
    return pd.DataFrame(columns).set_axis(range(1, len(table) + 1))


def shown_values(ranking: BridgeRanking) -> pd.DataFrame:
    """Value, low and high of each bridge in percent of the first one's excess; of its score, without resamples.

    ``attrs``: the `name` of the value, and the `unit` that raw ones are divided by.
    """
    table = ranking.table
    name = "excess" if "excess" in table else "score"
    first = table[name][0]
    unit = (first if first > 0 else table[name].abs().max() or 1.0) / 100
    columns = {"value": table[name]}
    if name == "excess":
        columns |= {"low": table.excess_low, "high": table.excess_high}
    shown = pd.DataFrame(columns) / unit
    shown.attrs.update(name=name, unit=unit)
    return shown
