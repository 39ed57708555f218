"""A small Hugging Face hub on loopback, with the routes that huggingface_hub requests for data sets, over real HTTP."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from aiohttp import web

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Data sets by name: {repo: {path: bytes}}; `gated` ones refuse.

    `served` lists the files whose bodies were sent, `requested` has all that were requested. `unlisted` are files that
    only the second listing of a repository has, as a hostile hub could send it. `broken` makes every request after the
    first listing fail.
    """

    def __init__(self, repos: dict[str, dict[str, bytes]], gated: tuple[str, ...] = ()) -> None:
        self.repos = repos
        self.gated = gated
        self.served: list[str] = []
        self.requested: set[str] = set()
        self.unlisted: dict[str, bytes] = {}
        self.broken = False
        self.commit = COMMIT
        self.url = ""

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/api/datasets/{org}/{name}/revision/{revision}", self.info)
        app.router.add_get("/api/datasets/{org}/{name}/tree/{revision}", self.tree)
        app.router.add_get("/datasets/{org}/{name}/resolve/{revision}/{path:.+}", self.file)
        return app

    async def info(self, request: web.Request) -> web.Response:
        repo, refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        siblings = [{"rfilename": path, **_digests(path, body)} for path, body in self.repos[repo].items()]
        return web.json_response({"id": repo, "sha": self.commit, "siblings": siblings, "tags": [], "private": False})

    async def tree(self, request: web.Request) -> web.Response:
        repo, refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        files = {**self.repos[repo], **self.unlisted}
        return web.json_response(
            [{"type": "file", "path": path, "oid": _git_oid(body), "size": len(body)} for path, body in files.items()]
        )

    async def file(self, request: web.Request) -> web.Response:
        repo, refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        self.requested.add(request.match_info["path"])
        body = {**self.repos[repo], **self.unlisted}.get(request.match_info["path"])
        if body is None:
            return web.Response(status=404, headers={"X-Error-Code": "EntryNotFound"})
        headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": self.commit}
        if request.method == "GET":
            self.served.append(request.match_info["path"])
        return web.Response(body=body, headers=headers)

    def _refusal(self, request: web.Request) -> tuple[str, web.Response | None]:
        repo = f"{request.match_info['org']}/{request.match_info['name']}"
        error = None
        if self.broken and not request.path.endswith(f"/revision/{request.match_info['revision']}"):
            return repo, web.Response(status=503)
        if repo in self.gated:
            error = (403, "GatedRepo")
        elif repo not in self.repos:
            error = (401, "RepoNotFound")
        elif request.match_info["revision"] not in ("main", COMMIT, self.commit, "refs/convert/parquet"):
            error = (404, "RevisionNotFound")
        return repo, web.Response(status=error[0], headers={"X-Error-Code": error[1]}) if error else None


def _git_oid(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%b" % (len(body), body)).hexdigest()


def _digests(path: str, body: bytes) -> dict[str, object]:
    """What the hub states of a file: its object id in git and, for what is stored with LFS, the SHA-256."""
    stated: dict[str, object] = {"blobId": _git_oid(body), "size": len(body)}
    if path.endswith(".parquet"):
        pointer = {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 130}
        stated |= {"blobId": "0" * 40, "lfs": pointer}
    return stated


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve a hub on a free port in a thread of its own."""
    import asyncio

    loop = asyncio.new_event_loop()
    runner = web.AppRunner(hub.app())
    ready = threading.Event()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        loop.run_until_complete(site.start())
        hub.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield hub
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


@pytest.fixture
def hub_of() -> Iterator[Callable[..., Hub]]:
    """A function that serves data sets for as long as the test runs."""
    with ExitStack() as stack:

        def serve(repos: dict[str, dict[str, bytes]], gated: tuple[str, ...] = ()) -> Hub:
            return stack.enter_context(serving(Hub(repos, gated)))

        yield serve
