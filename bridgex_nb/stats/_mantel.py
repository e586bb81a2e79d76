"""The Mantel test of agreement between two matrices."""

import numpy as np
import pandas as pd

from ..exceptions import InputError


def mantel(x: pd.DataFrame, y: pd.DataFrame, permutations: int = 999, seed: int = 0) -> tuple[float, float]:
    """Mantel test: do two matrices agree on which items are similar?

    Parameters
    ----------
    x, y : pandas.DataFrame
        [item x item], symmetric. The items that both have are compared, without the diagonals.
    permutations : int
        Number of random permutations of the items of `x`.
    seed : int
        Seed of the permutations.

    Returns
    -------
    r : float
        Pearson correlation over the pairs of items.
    p : float
        Two-sided: (1 + permutations whose r is at least as large in absolute value) / (1 + permutations).

    Raises
    ------
    InputError
        If fewer than four items are in both, a value is missing, all pairs of a matrix have the same value, or `permutations`
        is less than 1.

    Notes
    -----
    Mantel 1967, Cancer Research 27. The pairs of an item depend on each other, so items are permuted (rows and columns
    together) and not pairs.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> distance = pd.DataFrame(abs(np.subtract.outer(range(6), range(6))), list("abcdef"), list("abcdef"))
    >>> r, p = mantel(distance, distance**2, permutations=99)
    >>> round(r, 2), p < 0.05
    (0.98, True)
    """
    if permutations < 1:
        raise InputError(f"permutations={permutations}: a Mantel test needs at least one")
    items = [item for item in x.index if item in y.index]
    if len(items) < 4:
        raise InputError(f"{len(items)} item(s) are in both matrices ({' '.join(map(str, items))}); a Mantel test needs four")
    pairs = np.tril_indices(len(items), -1)
    a, b = (matrix.loc[items, items].to_numpy(float) for matrix in (x, y))
    for matrix in (a, b):
        if not np.isfinite(matrix[pairs]).all():
            i, j = (index[~np.isfinite(matrix[pairs])][0] for index in pairs)
            raise InputError(f"the matrix has no value for {items[i]} and {items[j]}; leave one of them out")
        if np.ptp(matrix[pairs]) == 0:
            raise InputError("all pairs of a matrix have the same value: their correlation is undefined")
    # Permuting changes neither mean nor standard deviation, so the correlation is a mean of products.
    a, b = ((matrix - matrix[pairs].mean()) / matrix[pairs].std() for matrix in (a, b))
    rng = np.random.default_rng(seed)
    orders = np.stack([np.arange(len(items)), *(rng.permutation(len(items)) for _ in range(permutations))])
    r = np.array([a[order[pairs[0]], order[pairs[1]]] @ b[pairs] for order in orders]) / len(pairs[0])
    hits = (np.abs(r[1:]) >= np.abs(r[0]) - 1e-12).sum()
    return float(r[0]), float((1 + hits) / (1 + permutations))
