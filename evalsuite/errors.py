"""The errors that this package raises on purpose: each has a stable code and a message of one line.

A bad response is data: it is graded as wrong, under the name of its status. A bad *situation* is one of these errors.
The message says what is wrong, where, and what to do. Names of arguments stand in backticks (`data_dir`), which the
command line prints as its own options (`--data-dir`). Errors pass through the library unchanged; `cli.main` prints the
message with its code and exits with 2. Any other exception that escapes is a bug here and keeps its traceback.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class ErrorCode(StrEnum):
    """Stable names of the situations that stop the work; `docs/errors.md` explains each of them.

    A code never changes its meaning. Messages may be reworded at any time, so programs and tests compare codes.
    """

    # Arguments
    INVALID_ARGUMENT = "invalid_argument"
    CONFLICTING_ARGUMENTS = "conflicting_arguments"
    MISSING_ARGUMENT = "missing_argument"
    UNREADABLE_ARGUMENT_FILE = "unreadable_argument_file"
    SECRET_IN_ARGUMENT = "secret_in_argument"
    UNKNOWN_TASK = "unknown_task"
    UNKNOWN_SUITE = "unknown_suite"
    UNKNOWN_BACKEND = "unknown_backend"
    UNKNOWN_MODEL = "unknown_model"
    UNKNOWN_MODEL_ARGUMENT = "unknown_model_argument"
    UNKNOWN_TASK_ARGUMENT = "unknown_task_argument"
    UNKNOWN_ANSWER_FORMAT = "unknown_answer_format"
    UNKNOWN_SETTING = "unknown_setting"
    COMMAND_NOT_LOADABLE = "command_not_loadable"
    UNSUPPORTED_BY_BACKEND = "unsupported_by_backend"
    # Tasks
    INVALID_TASK_CARD = "invalid_task_card"
    INVALID_PROMPT_TEMPLATE = "invalid_prompt_template"
    # Data
    DATA_NOT_FOUND = "data_not_found"
    DATA_CHANGED = "data_changed"
    DATA_UNREADABLE = "data_unreadable"
    DATA_MALFORMED = "data_malformed"
    DATA_TOO_LARGE = "data_too_large"
    DATA_REFUSED = "data_refused"
    GENERATOR_FAILED = "generator_failed"
    HUB_UNAVAILABLE = "hub_unavailable"
    HUB_ACCESS_DENIED = "hub_access_denied"
    # Models and servers
    MISSING_PACKAGE = "missing_package"
    MODEL_NOT_LOADABLE = "model_not_loadable"
    ADAPTER_NOT_LOADABLE = "adapter_not_loadable"
    CHAT_TEMPLATE_FAILED = "chat_template_failed"
    ENGINE_FAILED = "engine_failed"
    SERVER_UNREACHABLE = "server_unreachable"
    SERVER_REPLY_UNUSABLE = "server_reply_unusable"
    CERTIFICATE_REFUSED = "certificate_refused"
    AUTHENTICATION_FAILED = "authentication_failed"
    QUOTA_EXHAUSTED = "quota_exhausted"
    MODEL_NOT_SERVED = "model_not_served"
    CONTEXT_TOO_SHORT = "context_too_short"
    REQUEST_REFUSED = "request_refused"
    LOGPROBS_UNAVAILABLE = "logprobs_unavailable"
    TOO_MANY_FAILURES = "too_many_failures"
    ANSWERS_IN_REASONING = "answers_in_reasoning"
    RECORDING_NOT_FOUND = "recording_not_found"
    RECORDING_MALFORMED = "recording_malformed"
    RECORDING_INCOMPLETE = "recording_incomplete"
    # Runs
    RUN_NOT_FOUND = "run_not_found"
    RUN_UNREADABLE = "run_unreadable"
    RUN_SCHEMA_UNSUPPORTED = "run_schema_unsupported"
    RUN_LOCKED = "run_locked"
    RUN_MISMATCH = "run_mismatch"
    RUN_INCONSISTENT = "run_inconsistent"
    RUN_INCOMPLETE = "run_incomplete"
    RUN_NEEDS_PERMISSION = "run_needs_permission"
    RUN_NOT_RESUMABLE = "run_not_resumable"
    RUN_NOT_REGRADABLE = "run_not_regradable"
    JOURNAL_MALFORMED = "journal_malformed"
    OUTPUT_EXISTS = "output_exists"
    OUTPUT_NOT_WRITABLE = "output_not_writable"
    # Comparisons, reports and gates
    RUNS_NOT_COMPARABLE = "runs_not_comparable"
    SAME_RUN_TWICE = "same_run_twice"
    INVALID_POLICY = "invalid_policy"
    INVALID_PUBLISHED_SCORES = "invalid_published_scores"
    # Logs of other harnesses
    LOG_NOT_FOUND = "log_not_found"
    LOG_UNREADABLE = "log_unreadable"
    LOG_MALFORMED = "log_malformed"
    LOG_INCOMPLETE = "log_incomplete"
    LOG_NOT_IMPORTABLE = "log_not_importable"
    LOG_TASK_UNKNOWN = "log_task_unknown"
    LOGS_NOT_ONE_RUN = "logs_not_one_run"
    # Training
    INVALID_RECIPE = "invalid_recipe"
    UNKNOWN_RECIPE = "unknown_recipe"
    UNKNOWN_STAGE = "unknown_stage"
    INVALID_MANIFEST = "invalid_manifest"
    TRAINING_DATA_MALFORMED = "training_data_malformed"
    TRAINING_DATA_CHANGED = "training_data_changed"
    INVALID_CORPUS_CONFIG = "invalid_corpus_config"
    CORPUS_CHANGED = "corpus_changed"
    CORPUS_TOO_SMALL = "corpus_too_small"
    TRAINING_NOT_POSSIBLE = "training_not_possible"
    TRAINING_FAILED = "training_failed"
    STAGES_NOT_REUSABLE = "stages_not_reusable"
    EXPORT_NOT_POSSIBLE = "export_not_possible"
    MERGE_MISMATCH = "merge_mismatch"


class EvalsuiteError(Exception):
    """A situation that stops the work: a code and a message of one line that says what, where and what to do."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[Self], tuple[ErrorCode, str]]:
        # Worker processes of trainers send errors through pickle, which would call the class with the message alone.
        return type(self), (self.code, str(self))


class ExtensionWarning(UserWarning):
    """Something that another package or a user's folder adds can't be used; it is left out, and nothing else is."""


class UsageError(EvalsuiteError):
    """The caller's arguments name something that doesn't exist or don't fit together."""


class TaskError(EvalsuiteError):
    """A task folder is malformed: an unknown key, a missing prompt, a card that contradicts itself."""


class DataError(EvalsuiteError):
    """Benchmark or training data is absent, unreadable or not what its lock or manifest says."""


class BackendError(EvalsuiteError):
    """A model can't answer at all: no server, a wrong key, an unknown model, missing recorded responses."""


class RunError(EvalsuiteError):
    """A run folder or an imported log can't be used: locked, of another identity, damaged, on a full disk."""


class BaselineError(EvalsuiteError):
    """A file of published scores is malformed: an unknown key, a missing value, a number that isn't one."""
