"""`InputError`, the exception for input that cannot be used."""


class InputError(ValueError):
    """Bad input, refused before the expensive work starts.

    The message names what is wrong and what to do instead. The command line prints it on one line and exits with status 2.
    """
