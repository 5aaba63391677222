"""The one error that is the user's to mend."""


class InputError(ValueError):
    """What was given can't be used.

    The message is one sentence that names the thing and says what to do next. The command line
    prints it and exits with 2; everything else that is raised is a fault of ours.
    """
