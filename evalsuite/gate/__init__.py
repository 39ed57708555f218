"""The gate: may this candidate replace that baseline? For CI, from summary.json and grades.parquet alone."""

from __future__ import annotations

from evalsuite.gate.decision import Decision, decide, gate
from evalsuite.gate.junit import junit, junit_error
from evalsuite.gate.markdown import markdown, markdown_error
from evalsuite.gate.policy import Limits, Policy, read_policy
from evalsuite.gate.rules import Check

__all__ = ["Check", "Decision", "Limits", "Policy", "decide", "gate"]
__all__ += ["junit", "junit_error", "markdown", "markdown_error", "read_policy"]
