"""A decision as JUnit XML, which GitHub, GitLab and Jenkins show: one test case per rule.

A broken rule is a failure. So is an undecided one (type `undecided`), unless the policy lets it pass: then it is
skipped. Unusable input is an error.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as Xml

from evalsuite.gate.decision import GateDecision
from evalsuite.gate.rules import RuleCheck

_SUITE = "evalsuite gate"
_INVALID_CHARACTERS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML 1.0 document may hold, escaped or not."""


def junit(decision: GateDecision) -> bytes:
    """The decision as JUnit XML."""
    suite = Xml.Element("testsuite", name=_SUITE)
    properties = Xml.SubElement(suite, "properties")
    for name, value in (
        ("outcome", decision.outcome),
        ("candidate", decision.candidate.full_model),
        ("baseline", decision.baseline.full_model),
        *(("note", note) for note in decision.notes),
    ):
        Xml.SubElement(properties, "property", name=name, value=_clean(value))
    for check in decision.checks:
        _case(suite, check, decision.policy.undecided == "pass")
    return _document(suite)


def junit_error(message: str) -> bytes:
    """Unusable input as JUnit XML, so that a reader of old results sees no old pass."""
    suite = Xml.Element("testsuite", name=_SUITE)
    case = Xml.SubElement(suite, "testcase", classname=_SUITE, name="input", time="0")
    Xml.SubElement(case, "error", type="unusable", message=_clean(message)).text = _clean(message)
    return _document(suite)


def _case(suite: Xml.Element, check: RuleCheck, let_pass: bool) -> None:
    name = f"{check.task}: {check.rule}"
    case = Xml.SubElement(suite, "testcase", classname=_clean(f"gate.{check.task}"), name=_clean(name), time="0")
    message = _clean(check.message)
    if check.outcome == "undecided" and let_pass:
        Xml.SubElement(case, "skipped", message=f"undecided: {message}")
    elif check.outcome != "pass":
        Xml.SubElement(case, "failure", type=check.outcome, message=message).text = message
    else:
        Xml.SubElement(case, "system-out").text = message


def _document(suite: Xml.Element) -> bytes:
    root = Xml.Element("testsuites", name=_SUITE)
    for element in (root, suite):
        for name, path in (("tests", "testcase"), ("failures", "testcase/failure"), ("errors", "testcase/error")):
            element.set(name, str(len(suite.findall(path))))
        element.set("time", "0")
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))  # Jenkins' schema has it on the suite alone
    root.append(suite)
    Xml.indent(root)
    return bytes(Xml.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _clean(text: str) -> str:
    return _INVALID_CHARACTERS.sub(lambda match: repr(match[0])[1:-1], text)
