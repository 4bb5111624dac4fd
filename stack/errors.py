"""What keeps the platform from running. Every message says what is wrong and how to mend it."""


class StackError(Exception):
    """Something about this machine, its settings or a service stands in the way."""


class RuntimeUnavailableError(StackError):
    """The programs are neither installed nor can they be built here."""


class AlreadyRunningError(StackError):
    """Another ``up`` works on the same folder."""


class PortTakenError(StackError):
    """A port that the platform needs belongs to another program."""


class ServiceFailedError(StackError):
    """A service ended, or did not answer in time, when it was first started."""


class StopRequestedError(Exception):
    """The person or the system asked to stop while services were still starting."""
