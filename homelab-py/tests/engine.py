"""An engine that speaks Docker's interface over HTTP, in this process: containers that start, stop and tell of it."""

from __future__ import annotations

import itertools
import json
import queue
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"


def moment() -> str:
    return datetime.now(timezone.utc).isoformat().replace("+00:00", "Z")


class Engine:
    """What it has, and who listens to its events. `with` it: its address is `tcp://127.0.0.1:PORT`."""

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, Any]] = {}
        self.told: list[dict[str, Any]] = []
        self.listeners: list[queue.Queue[dict[str, Any] | None]] = []
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)
        handler = type("Handler", (_Handler,), {"engine": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.address = f"tcp://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Engine:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self.lock:
            for listener in self.listeners:
                listener.put(None)
        self.server.shutdown()
        self.server.server_close()

    def add(self, project: str, service: str, image: str, state: str = "running") -> str:
        """Makes a container as Compose would, and returns its id."""
        identity = f"{next(self.numbers):064x}"
        self.containers[identity] = {
            "Id": identity,
            "Name": f"/{project}-{service}-1",
            "Image": f"sha256:{'ab' * 32}",
            "Created": "2020-01-01T00:00:00Z",
            "State": {"Status": state, "StartedAt": "2020-01-01T12:00:00Z", "ExitCode": 0},
            "Config": {"Image": image, "Labels": {PROJECT: project, SERVICE: service}, "Env": ["TOKEN=hunter2"]},
            "HostConfig": {"NetworkMode": "none", "RestartPolicy": {"Name": "no"}},
            "NetworkSettings": {"Ports": {}, "Networks": {}},
            "Mounts": [],
        }
        self.tell(identity, "create")
        return identity

    def act(self, identity: str, action: str) -> None:
        state = self.containers[identity]["State"]
        if action in ("stop", "restart"):
            state.update(Status="exited", FinishedAt=moment(), ExitCode=137)
            self.tell(identity, "die")
        if action in ("start", "restart"):
            state.update(Status="running", StartedAt=moment())
            self.tell(identity, "start")

    def tell(self, identity: str, action: str) -> None:
        now = datetime.now(timezone.utc).timestamp()
        name = self.containers[identity]["Name"].strip("/")
        event = {
            "Type": "container",
            "Action": action,
            "Actor": {"ID": identity, "Attributes": {"name": name}},
            "time": int(now),
            "timeNano": int(now * 1e9),
        }
        with self.lock:
            self.told.append(event)
            for listener in self.listeners:
                listener.put(event)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine: Engine

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def words(self) -> list[str]:
        """Returns the path's parts, without the version of the interface and what is asked."""
        words = self.path.partition("?")[0].strip("/").split("/")
        return words[1:] if words[0].startswith("v1.") else words

    def do_GET(self) -> None:
        containers = self.engine.containers
        match self.words():
            case ["version"]:
                self.answer({"Version": "28.0.0", "ApiVersion": "1.48", "Components": [{"Name": "Engine"}]})
            case ["_ping"]:
                self.answer("OK")
            case ["info"]:
                self.answer({"Name": "made-up", "ServerVersion": "28.0.0", "SystemTime": moment()})
            case ["containers", "json"]:
                self.answer([{"Id": identity} for identity in containers])
            case ["containers", identity, "json"] if identity in containers:
                self.answer(containers[identity])
            case ["images" | "networks", *_]:
                self.answer([])
            case ["volumes"]:
                self.answer({"Volumes": []})
            case ["events"]:
                self.events()
            case _:
                self.answer({"message": f"no such thing: {self.path}"}, 404)

    def do_POST(self) -> None:
        match self.words():
            case ["containers", identity, action] if identity in self.engine.containers:
                self.engine.act(identity, action)
                self.send_response(204)
                self.end_headers()
            case _:
                self.answer({"message": "no such container"}, 404)

    def answer(self, value: object, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def events(self) -> None:
        mine: queue.Queue[dict[str, Any] | None] = queue.Queue()
        # Who asks from a moment on is told what happened since, as by a real one.
        since = float(parse_qs(urlsplit(self.path).query).get("since", ["inf"])[0])
        with self.engine.lock:
            for old in self.engine.told:
                if old["timeNano"] >= since * 1e9:
                    mine.put(old)
            self.engine.listeners.append(mine)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while event := mine.get():
            line = json.dumps(event).encode() + b"\n"
            try:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
            except OSError:
                return
