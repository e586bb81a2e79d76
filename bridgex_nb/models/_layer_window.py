"""The layers that a score is averaged over, as fractions of depth."""

from ..exceptions import InputError

#: The middle layers, as fractions of depth [from, to): 10 to 21 of the 32 layers of Llama-3-8B (released code of BridgeX-ICL).
WINDOW = (10 / 32, 22 / 32)


def layer_window(num_layers: int, window: tuple[float, float] = WINDOW) -> range:
    """The layers whose depth, layer / L, lies in [from, to).

    Parameters
    ----------
    num_layers : int
        L.
    window : tuple of float
        From and to, as fractions of depth.

    Raises
    ------
    InputError
        If there is no layer in the window.

    Examples
    --------
    >>> layer_window(32)
    range(10, 22)
    """
    inside = [layer for layer in range(num_layers) if window[0] <= layer / num_layers < window[1]]
    if not inside:
        raise InputError(f"no layer of {num_layers} lies between {window[0]:.3g} and {window[1]:.3g} of the depth")
    return range(inside[0], inside[-1] + 1)
