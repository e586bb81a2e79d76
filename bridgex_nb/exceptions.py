"""The one exception that means: what you gave cannot be used, and here is the way out."""


class InputError(ValueError):
    """Bad input, found before the expensive work starts.

    The message names the thing and what to do instead; the command line prints it on one line and exits with 2.
    """
