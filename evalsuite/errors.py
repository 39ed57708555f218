"""Which errors exist, who raises them and who catches them.

A bad response is data (it is graded as wrong, under the name of its status); a bad *situation* is one of these. Each is
one line that says what, where and what to do. They surface unchanged through the library; `cli.main` prints the line
and exits with 2. Anything else that escapes is a fault of this package and keeps its traceback.
"""


class EvalsuiteError(Exception):
    """A situation that stops the work, told in one line: what, where, what to do."""


class UsageError(EvalsuiteError):
    """The caller asked for something that doesn't exist or doesn't fit together (raised where it is first known)."""


class TaskError(EvalsuiteError):
    """A task folder is malformed: a bad key, a missing prompt, a card that contradicts itself (raised by `task`)."""


class DataError(EvalsuiteError):
    """Benchmark data is absent, unreadable or not what the lock says (raised by `data`)."""


class BackendError(EvalsuiteError):
    """A model can't be asked at all: no server, a wrong key, an unknown model (raised by `models`)."""


class RunError(EvalsuiteError):
    """A run folder can't be used: locked, of another identity, on a full disk (raised by `journal` and `run`)."""


class BaselineError(EvalsuiteError):
    """A file of published baselines is malformed: a bad key, a missing value, a number that isn't one (`published`)."""
