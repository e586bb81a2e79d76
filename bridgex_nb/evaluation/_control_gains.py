"""What the controls of a bridge gain over zero-shot: is it the content of the bridge word, or the format of the prompt?"""

import pandas as pd

from ..exceptions import InputError
from ._answer_table import card_from_items, require_columns
from ._compare import compare
from ._plan import ZERO_SHOT


def control_gains(items: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Every bridge and control against zero-shot, on the same items: in accuracy and in log P of the gold answer.

    Where ``gold`` gains and ``wrong``, ``source`` and ``nonsense`` do not, the content of the bridge word is what helps. What
    the latter gain, the format gives. What ``model`` gains less than ``gold`` is lost in the first hop.

    Parameters
    ----------
    items : pandas.DataFrame
        Result of `bridge_controls`.
    resamples, seed
        As in `compare`.

    Returns
    -------
    pandas.DataFrame
        One row per pair, bridge and control: src, tgt, bridge, control, then the columns of `compare`, where p_holm is
        corrected over all rows, then gold_logprob (mean), logprob_gain (its difference from zero-shot, mean over the items),
        logprob_low and logprob_high (95 % interval). The run card is in ``.attrs["card"]``.

    Raises
    ------
    InputError
        If these are not rows of `bridge_controls`, and as `compare`.

    Examples
    --------
    >>> words = core_lexicon("sw", "tl").sample(60)
    >>> gains = control_gains(bridge_controls(load_model(), "bli", words, ["en"])).set_index("control").gain
    >>> bool(gains["gold"] > gains["model"] > 0 > gains["wrong"])
    True
    """
    require_columns(items, ("bridge", "score", "correct"))
    if missing := [name for name in ("control", "gold_logprob") if name not in items]:
        raise InputError(f"these are not rows of `bridge_controls`: no column {missing[0]}")
    bridged = items.bridge != ZERO_SHOT
    ways = items.bridge.where(~bridged, items.bridge + "/" + items.control)
    told_apart = items.drop(columns="control").assign(bridge=ways)
    table = compare(told_apart, resamples=resamples, seed=seed)
    test = table.attrs["card"]["options"]["test"]
    scored = told_apart.assign(score=items.gold_logprob, correct=pd.array([pd.NA] * len(items), dtype="boolean"))
    logprobs = compare(scored, resamples=resamples, seed=seed)
    named = {"score": "gold_logprob", "gain": "logprob_gain", "low": "logprob_low", "high": "logprob_high"}
    table = table.join(logprobs[list(named)].rename(columns=named))
    parts = table.bridge.str.split("/", n=1)
    table["bridge"] = parts.str[0]
    table.insert(list(table).index("bridge") + 1, "control", parts.str[1])
    groups = table.groupby(["src", "tgt", "bridge"], sort=False).ngroup()
    table = table.loc[groups.sort_values(kind="stable").index].reset_index(drop=True)
    table.attrs["card"] = card_from_items("control_gains", items, resamples=resamples, seed=seed, test=test)
    return table
