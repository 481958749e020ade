"""A small server that speaks the part of the hub's API which publishing and pulling need.

Files of ``.safetensors`` and ``.png`` go through LFS (batch, upload, verify).
Writes need the token; a commit's name is a digest of what it holds.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import uvicorn
import yaml
from fastapi import FastAPI, HTTPException, Request, Response

TOKEN = "hf_local_test_token"


@dataclass
class Stored:
    """A file of a commit."""

    blob: str
    size: int
    content: bytes
    lfs: str | None = None


@dataclass
class Repository:
    """Commits by name, and where branch and tags point."""

    commits: dict[str, dict[str, Stored]] = field(default_factory=dict)
    main: str = ""
    tags: dict[str, str] = field(default_factory=dict)

    def at(self, revision: str) -> str:
        commit = self.main if revision == "main" else self.tags.get(revision, revision)
        if commit not in self.commits:
            raise HTTPException(404, headers={"X-Error-Code": "RevisionNotFound"})
        return commit


@dataclass
class Hub:
    """Everything that the server holds, and the requests that it got."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    address: str = ""

    def repository(self, name: str) -> Repository:
        if name not in self.repositories:
            raise HTTPException(404, headers={"X-Error-Code": "RepoNotFound"})
        return self.repositories[name]


def blob_of(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def require_token(request: Request) -> None:
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        raise HTTPException(401)


def application(hub: Hub) -> FastAPI:
    app = FastAPI()

    @app.middleware("http")
    async def count(request: Request, follow: Any) -> Response:
        hub.requests.append(f"{request.method} {request.url.path}")
        return await follow(request)

    add_writing(app, hub)
    add_large_files(app, hub)
    add_reading(app, hub)
    return app


def add_writing(app: FastAPI, hub: Hub) -> None:
    @app.post("/api/repos/create")
    async def create(request: Request) -> dict[str, str]:
        require_token(request)
        wanted = await request.json()
        name = f"{wanted['organization']}/{wanted['name']}"
        if name in hub.repositories:
            raise HTTPException(409)
        first = hashlib.sha1(name.encode()).hexdigest()
        hub.repositories[name] = Repository({first: {}}, first)
        return {"url": f"{hub.address}/{name}"}

    @app.post("/api/validate-yaml")
    async def validate(request: Request) -> dict[str, list[Any]]:
        card = (await request.json())["content"]
        head = yaml.safe_load(card.split("---")[1])
        known = {"license", "library_name", "tags"} <= set(head)
        return {"errors": [] if known else [{"message": "incomplete"}], "warnings": []}

    @app.post("/api/models/{owner}/{name}/preupload/{revision}")
    async def preupload(owner: str, name: str, revision: str, request: Request) -> dict[str, Any]:
        require_token(request)
        here = hub.repository(f"{owner}/{name}")
        files_held = here.commits[here.at(revision)]
        files = []
        for file in (await request.json())["files"]:
            lfs = file["path"].endswith((".safetensors", ".png"))
            known = files_held.get(file["path"])
            files.append({
                "path": file["path"], "uploadMode": "lfs" if lfs else "regular",
                "shouldIgnore": False, "oid": (known.lfs or known.blob) if known else None,
            })  # fmt: skip
        return {"files": files}

    @app.post("/api/models/{owner}/{name}/commit/{revision}")
    async def commit(owner: str, name: str, revision: str, request: Request) -> dict[str, Any]:
        require_token(request)
        here = hub.repository(f"{owner}/{name}")
        tree = dict(here.commits[here.at(revision)])
        for line in (await request.body()).decode().splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                content = base64.b64decode(value["content"])
                tree[value["path"]] = Stored(blob_of(content), len(content), content)
            elif entry["key"] == "lfsFile":
                content = hub.objects[value["oid"]]
                pointer = blob_of(value["oid"].encode())
                tree[value["path"]] = Stored(pointer, len(content), content, value["oid"])
            elif entry["key"] == "deletedFile":
                del tree[value["path"]]
        text = here.main + json.dumps({path: stored.blob for path, stored in sorted(tree.items())})
        here.main = hashlib.sha1(text.encode()).hexdigest()
        here.commits[here.main] = tree
        url = f"{hub.address}/{owner}/{name}/commit/{here.main}"
        return {"success": True, "commitOid": here.main, "commitUrl": url, "hookOutput": ""}

    @app.post("/api/models/{owner}/{name}/tag/{revision}")
    async def tag(owner: str, name: str, revision: str, request: Request) -> Response:
        require_token(request)
        here = hub.repository(f"{owner}/{name}")
        name_of_tag = (await request.json())["tag"]
        if name_of_tag in here.tags:
            raise HTTPException(409)
        here.tags[name_of_tag] = here.at(revision)
        return Response()


def add_large_files(app: FastAPI, hub: Hub) -> None:
    @app.post("/{owner}/{name}.git/info/lfs/objects/batch")
    async def batch(owner: str, name: str, request: Request) -> dict[str, Any]:
        require_token(request)
        hub.repository(f"{owner}/{name}")
        entries = []
        for stated in (await request.json())["objects"]:
            entry = {"oid": stated["oid"], "size": stated["size"]}
            if stated["oid"] not in hub.objects:
                entry["actions"] = {
                    "upload": {"href": f"{hub.address}/lfs/{stated['oid']}"},
                    "verify": {"href": f"{hub.address}/lfs-verify"},
                }
            entries.append(entry)
        return {"transfer": "basic", "objects": entries}

    @app.put("/lfs/{oid}")
    async def put(oid: str, request: Request) -> Response:
        content = await request.body()
        if hashlib.sha256(content).hexdigest() != oid:
            raise HTTPException(400)
        hub.objects[oid] = content
        return Response()

    @app.post("/lfs-verify")
    async def verify(request: Request) -> Response:
        stated = await request.json()
        if len(hub.objects.get(stated["oid"], b"")) != stated["size"]:
            raise HTTPException(404)
        return Response()


def add_reading(app: FastAPI, hub: Hub) -> None:
    @app.get("/api/models/{owner}/{name}/refs")
    def refs(owner: str, name: str) -> dict[str, Any]:
        here = hub.repository(f"{owner}/{name}")
        tags = [
            {"name": t, "ref": f"refs/tags/{t}", "targetCommit": c} for t, c in here.tags.items()
        ]
        main = {"name": "main", "ref": "refs/heads/main", "targetCommit": here.main}
        return {"branches": [main], "converts": [], "tags": tags}

    @app.get("/api/models/{owner}/{name}")
    @app.get("/api/models/{owner}/{name}/revision/{revision}")
    def info(owner: str, name: str, revision: str = "main") -> dict[str, Any]:
        sha = hub.repository(f"{owner}/{name}").at(revision)
        return {"id": f"{owner}/{name}", "sha": sha, "private": False, "tags": [], "siblings": []}

    @app.get("/api/models/{owner}/{name}/tree/{revision}")
    def tree(owner: str, name: str, revision: str) -> list[dict[str, Any]]:
        here = hub.repository(f"{owner}/{name}")
        entries = []
        for path, stored in here.commits[here.at(revision)].items():
            entry = {"type": "file", "path": path, "size": stored.size, "oid": stored.blob}
            if stored.lfs:
                entry["lfs"] = {"oid": stored.lfs, "size": stored.size, "pointerSize": 130}
            entries.append(entry)
        return entries

    @app.api_route("/{owner}/{name}/resolve/{revision}/{path:path}", methods=["GET", "HEAD"])
    def resolve(owner: str, name: str, revision: str, path: str) -> Response:
        here = hub.repository(f"{owner}/{name}")
        sha = here.at(revision)
        stored = here.commits[sha].get(path)
        if stored is None:
            raise HTTPException(404, headers={"X-Error-Code": "EntryNotFound"})
        etag = f'"{stored.lfs or stored.blob}"'
        headers = {"ETag": etag, "X-Repo-Commit": sha, "X-Linked-Etag": etag,
                   "X-Linked-Size": str(stored.size)}  # fmt: skip
        return Response(stored.content, media_type="application/octet-stream", headers=headers)


class Served:
    """A hub on a free port of this machine, as long as the block lasts."""

    def __init__(self) -> None:
        self.hub = Hub()
        config = uvicorn.Config(application(self.hub), port=0, log_level="error")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> Hub:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.hub.address = f"http://127.0.0.1:{port}"
        return self.hub

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
