"""The local page on which people review questions: a server on loopback that shows items and records decisions.

Whoever is on the same machine or opens another page in the same browser must not decide anything: data and decisions
need a token that stands only in the printed address, behind the `#`, so that no log and no other site sees it; a
request must name a loopback host, which stops names that were pointed here; and a page elsewhere can't be its origin.
"""

from __future__ import annotations

import hmac
import json
import secrets
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from evalsuite.errors import DataError, ErrorCode, UsageError
from evalsuite.report.html_page import asset
from evalsuite.util.jsonl import parse_json
from evalsuite.util.validation import first_problem
from training.synthesis.refine.review.journal import Decision, DecisionJournal
from training.synthesis.refine.review.review_items import ReviewItem, read_review

PORT: Final = 7576
TOKEN_HEADER: Final = "X-Review-Token"
_MOST_BYTES: Final = 1 << 20
"""Bytes of the largest decision, whose question may be long."""
_SECONDS: Final = 30.0
"""How long a connection may keep silent."""
_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class ReviewServer(ThreadingHTTPServer):
    """Serves one folder of refined questions; `address` is what a reviewer opens."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int = PORT) -> None:
        self.items = list(read_review(folder)[1].values())
        self.by_id = {each.item.id: each for each in self.items}
        self.journal = DecisionJournal(folder)
        self.journal.current()  # a damaged journal is an error now and not in the middle of the work
        self.token = secrets.token_urlsafe(24)
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            message = f"`port` {port}: can't be used: {error.strerror or error}; choose another one"
            raise UsageError(ErrorCode.INVALID_ARGUMENT, message) from None

    @property
    def address(self) -> str:
        """The address of the page, with the token."""
        return f"http://127.0.0.1:{self.server_port}/#{self.token}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that went away; any other error is a mistake here and keeps its traceback."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def decisions(self) -> dict[str, Any]:
        """Return what each reviewer decided, by item; what was decided about another content is left out."""
        found: dict[str, Any] = {}
        for name, of_item in self.journal.current().items():
            known = self.by_id.get(name)
            fields = {"verdict", "reason", "fixed", "at"}
            found[name] = {
                reviewer: each.model_dump(mode="json", include=fields)
                for reviewer, each in of_item.items()
                if known is not None and each.digest == known.digest
            }
        return found

    def decide(self, content: Any) -> None:
        """Record a decision; one that can't hold is a `DataError`."""
        try:
            given = {key: value for key, value in content.items() if key != "at"} if isinstance(content, dict) else {}
            decision = Decision.model_validate({**given, "at": datetime.now(UTC).isoformat(timespec="seconds")})
        except ValidationError as error:
            raise DataError(ErrorCode.DATA_MALFORMED, first_problem(error, "decision")) from None
        known = self.by_id.get(decision.item)
        if known is None or known.digest != decision.digest:
            raise DataError(
                ErrorCode.DATA_CHANGED, f"{decision.item}: is not what is reviewed here; load the page again"
            )
        if decision.fixed is not None:
            known.fixed_item(decision.fixed)
        self.journal.append(decision)


def _summary(review: ReviewItem) -> dict[str, Any]:
    first = review.item.question[:200]
    return {"id": review.item.id, "digest": review.digest, "reason": review.row.get("reason"), "line": first}


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    timeout = _SECONDS
    server_version = "evalsuite"
    sys_version = ""

    def do_GET(self) -> None:
        if not self._is_local():
            return
        path = urlsplit(self.path).path
        if path in _ASSETS:
            kind, texts = _ASSETS[path]
            self._send(HTTPStatus.OK, texts().encode(), kind)
        elif self._is_allowed():
            self._answer(lambda: self._get(path))

    def do_POST(self) -> None:
        if self._is_local() and self._is_allowed():
            self._answer(self._post)

    def _get(self, path: str) -> Any:
        if path == "/api/items":
            return {"items": list(map(_summary, self.server.items)), "decisions": self.server.decisions()}
        if path == "/api/decisions":
            return {"decisions": self.server.decisions()}
        number = path.removeprefix("/api/items/")
        if number.isascii() and number.isdigit() and int(number[:9]) < len(self.server.items):
            return dict(self.server.items[int(number[:9])].row)
        return None

    def _post(self) -> Any:
        if urlsplit(self.path).path != "/api/decisions":
            return None
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and int(length[:9]) <= _MOST_BYTES):
            raise DataError(ErrorCode.DATA_TOO_LARGE, f"a decision has at most {_MOST_BYTES:,} bytes")
        try:
            content = parse_json(self.rfile.read(int(length)))
        except ValueError:
            raise DataError(ErrorCode.DATA_MALFORMED, "a decision is a JSON object") from None
        self.server.decide(content)
        return {"decisions": self.server.decisions()}

    def _answer(self, work: Callable[[], Any]) -> None:
        try:
            content = work()
        except DataError as error:
            status = HTTPStatus.INTERNAL_SERVER_ERROR if error.code in _OURS else HTTPStatus.BAD_REQUEST
            self._refuse(status, str(error))
            return
        if content is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
        else:
            self._send(HTTPStatus.OK, json.dumps(content).encode(), "application/json")

    def _is_local(self) -> bool:
        """Whether a request names this machine, and comes from no page elsewhere; otherwise it is refused."""
        host = self.headers.get("Host", "")
        origin = self.headers.get("Origin")
        local = _hostname(host) in _HOSTS and (origin is None or origin == f"http://{host}")
        if not local:
            self._refuse(HTTPStatus.FORBIDDEN, "only a page of this server may ask for this")
        return local

    def _is_allowed(self) -> bool:
        given = self.headers.get(TOKEN_HEADER, "")
        allowed = hmac.compare_digest(given.encode(), self.server.token.encode())
        if not allowed:
            self._refuse(HTTPStatus.FORBIDDEN, "open the address that the command printed: it changes with each start")
        return allowed

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self._send(status, json.dumps({"error": reason}).encode(), "application/json")

    def _send(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: a terminal is no place for what a request says."""


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _own(name: str) -> str:
    return (files("training.synthesis.refine.review") / "assets" / name).read_text("utf-8")


_ASSETS: Final[dict[str, tuple[str, Callable[[], str]]]] = {
    "/": ("text/html; charset=utf-8", lambda: _own("review.html")),
    "/review.css": ("text/css; charset=utf-8", lambda: f"{asset('report.css')}\n{_own('review.css')}"),
    "/review.js": ("text/javascript; charset=utf-8", lambda: f"{asset('dom.js')}\n{_own('review.js')}"),
}
_OURS: Final = frozenset({ErrorCode.OUTPUT_NOT_WRITABLE, ErrorCode.DATA_UNREADABLE})
"""Errors of this machine, and not of the request."""
