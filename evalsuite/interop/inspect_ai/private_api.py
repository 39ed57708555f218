"""The private names of inspect-ai that evalsuite uses: a release that moves them breaks this module alone."""

# `inspect eval` prints this exception as one line. Any other one, public ones included, is shown with a traceback,
# which hides the message of a wrong task parameter.
from inspect_ai._util.error import PrerequisiteError

__all__ = ["PrerequisiteError"]
