"""The gate: may this candidate replace that baseline? For CI, from summary.json and grades.parquet."""

from __future__ import annotations

from evalsuite.gate.decision import GateDecision, decide, gate
from evalsuite.gate.junit import junit, junit_error
from evalsuite.gate.markdown import markdown, markdown_error
from evalsuite.gate.policy import GatePolicy, Limits, read_policy
from evalsuite.gate.rules import RuleCheck

__all__ = ["GateDecision", "GatePolicy", "Limits", "RuleCheck", "decide", "gate"]
__all__ += ["junit", "junit_error", "markdown", "markdown_error", "read_policy"]
