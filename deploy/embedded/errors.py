"""Trouble a person can put right: each error is one sentence that names what is wrong, where, and what to do next."""


class StackError(Exception):
    """The embedded stack cannot go on; the message is shown to the user as it stands."""
