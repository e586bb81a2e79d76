"""The Mantel test: do two matrices agree on which items are alike?"""

import numpy as np
import pandas as pd

from ..exceptions import InputError


def mantel(one: pd.DataFrame, other: pd.DataFrame, permutations: int = 999, seed: int = 0) -> tuple[float, float]:
    """Mantel test: do two matrices agree on which items are alike?

    Parameters
    ----------
    one, other : pandas.DataFrame
        [item x item], symmetric; the items that both have are compared, without the diagonals.
    permutations : int
        Random orders of the items of `one`.
    seed : int
        Of the orders.

    Returns
    -------
    r : float
        Pearson correlation over the pairs of items.
    p : float
        Two-sided: (1 + orders whose \\|r\\| reaches the observed) / (1 + permutations).

    Raises
    ------
    InputError
        If fewer than four items are in both, a value is missing, all pairs of a matrix are the same, or `permutations` is 0.

    Notes
    -----
    Mantel 1967. The pairs of an item depend on each other, so items are permuted, rows and columns together, and not pairs.
    """
    if permutations < 1:
        raise InputError(f"permutations={permutations}: a Mantel test needs at least one")
    items = [code for code in one.index if code in other.index]
    if len(items) < 4:
        raise InputError(f"{len(items)} item(s) are in both matrices ({' '.join(map(str, items))}); a Mantel test needs four")
    pairs = np.tril_indices(len(items), -1)
    x, y = (matrix.loc[items, items].to_numpy(float) for matrix in (one, other))
    for matrix in (x, y):
        if not np.isfinite(matrix[pairs]).all():
            i, j = (index[~np.isfinite(matrix[pairs])][0] for index in pairs)
            raise InputError(f"the matrix has no value for {items[i]} and {items[j]}; leave one of them out")
        if np.ptp(matrix[pairs]) == 0:
            raise InputError("all pairs of a matrix have the same value; there is nothing to correlate")
    # Permuting changes neither mean nor standard deviation, so the correlation is a mean of products.
    x, y = ((matrix - matrix[pairs].mean()) / matrix[pairs].std() for matrix in (x, y))
    rng = np.random.default_rng(seed)
    orders = np.stack([np.arange(len(items)), *(rng.permutation(len(items)) for _ in range(permutations))])
    r = np.array([x[order[pairs[0]], order[pairs[1]]] @ y[pairs] for order in orders]) / len(pairs[0])
    hits = (np.abs(r[1:]) >= np.abs(r[0]) - 1e-12).sum()
    return float(r[0]), float((1 + hits) / (1 + permutations))
