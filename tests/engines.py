#!/usr/bin/env python3
"""Starts real container engines, runs a command beside them, and removes everything whatever happened.

    tests/engines.py [--only NAME,...] [--again] -- COMMAND ...
    tests/engines.py --build | --list

Engines: `docker-20` (Debian's docker.io), `docker-new` (built here from Go modules) and `podman` (Debian's). Each has a
network, mounts and processes of its own (namespaces) and its data in a folder that is removed afterwards: when the first
process of an engine's namespace ends, so do all its containers, and nothing on the machine is as it was not before.

The command finds them in HOMELAB_ENGINES: `NAME=ADDRESS`, separated by blanks. What is not there is said and left out.
Each has the image `homelab/contract:1`: busybox, made from scratch. --build makes the programs of `docker-new`, once, which
takes several minutes; it needs Go, and for runc a C compiler and libseccomp's headers. With --again an engine that dies is
started anew.
"""

import argparse
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What the newest engine is made of. All of it has to fit together: an older runc is refused.
DOCKERD = "v2.0.0-beta.24"
CONTAINERD = "v2.4.2"
RUNC = "v1.5.2"
BUILT = ROOT / ".cache" / f"dockerd-{DOCKERD}" / "bin"
MODULES = [
    ("containerd", f"github.com/containerd/containerd/v2/cmd/containerd@{CONTAINERD}", []),
    ("containerd-shim-runc-v2", f"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2@{CONTAINERD}", []),
    ("runc", f"github.com/opencontainers/runc@{RUNC}", ["-tags", "seccomp"]),
    ("docker-proxy", f"github.com/moby/moby/v2/cmd/docker-proxy@{DOCKERD}", []),
    ("dockerd", f"github.com/moby/moby/v2/cmd/dockerd@{DOCKERD}", []),
]

IMAGE = "homelab/contract:1"
CGROUPS = "homelab-test-engine"
LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


def build():
    """Builds the newest engine into the cache."""
    BUILT.mkdir(parents=True, exist_ok=True)
    for name, module, flags in MODULES:
        if (BUILT / name).exists():
            continue
        cgo = "1" if name == "runc" else "0"
        environment = {**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": cgo, "GOBIN": str(BUILT)}
        print(f"building {name} from {module}", flush=True)
        subprocess.run(["nice", "-n", "19", "go", "install", *flags, module], env=environment, check=True)


def found(*programs):
    """The first of these programs that is missing, if any."""
    return next((program for program in programs if not shutil.which(program)), None)


class Engine:
    """One engine in namespaces of its own."""

    def __init__(self, name, folder, again=False):
        self.name = name
        self.folder = folder
        self.again = again
        self.socket = folder / "engine.sock"
        self.process = None

    def absent(self):
        """Why it cannot be started here, or nothing."""
        if missing := found("unshare", "ip", "docker", "busybox"):
            return f"`{missing}` is not installed"
        if self.name == "docker-20":
            return None if found("/usr/sbin/dockerd") is None else "docker.io is not installed"
        if self.name == "docker-new":
            missing = [name for name, _, _ in MODULES if not (BUILT / name).exists()]
            return f"{missing[0]} was not built (tests/engines.py --build does, with Go)" if missing else None
        return f"`{missing}` is not installed" if (missing := found("podman", "/usr/sbin/runc")) else None

    def command(self):
        folder = self.folder
        # No bridge of Docker's own: each test makes the network that it needs.
        common = ["--data-root", folder / "data", "--exec-root", folder / "run", "--pidfile", folder / "pid",
                  "-H", f"unix://{self.socket}", "--bridge", "none", "--cgroup-parent", f"/{CGROUPS}-{os.getpid()}"]
        if self.name == "docker-20":
            return ["/usr/sbin/dockerd", *common]
        if self.name == "docker-new":
            return [BUILT / "dockerd", *common, "--userland-proxy-path", BUILT / "docker-proxy"]
        return ["podman", "--runtime", "/usr/sbin/runc", "--root", folder / "data", "--runroot", folder / "run",
                "--tmpdir", folder / "tmp", "--network-config-dir", folder / "networks", "--events-backend", "file",
                "--cgroup-manager", "cgroupfs", "system", "service", "-t", "0", f"unix://{self.socket}"]

    def start(self):
        self.folder.mkdir()
        path = f"{BUILT}:{os.environ['PATH']}" if self.name == "docker-new" else os.environ["PATH"]
        # The shell is the first process of the namespace, and takes up what shims leave behind.
        run = "while :; do \"$@\" & wait $!; sleep 1; done" if self.again else "\"$@\" & wait $!; sleep infinity"
        inside = f"mount -t tmpfs tmpfs /run; ip link set lo up; echo 1 > /proc/sys/net/ipv4/ip_forward; {run}"
        # The registry of a test, in the engine's own network: Podman takes no other without TLS, Docker any of this machine.
        registries = self.folder / "registries.conf"
        registries.write_text("".join(f'[[registry]]\nlocation = "127.0.0.1:{port}"\ninsecure = true\n'
                                      for port in (5000, 5001, 5002)))
        log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            ["unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc",
             "sh", "-c", inside, "sh", *map(str, self.command())],
            env={**os.environ, "PATH": path, "TMPDIR": str(self.folder),
                 "CONTAINERS_REGISTRIES_CONF": str(registries)}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
        )
        until = time.monotonic() + 60
        while self.docker("version", check=False).returncode:
            if time.monotonic() > until or self.process.poll() is not None:
                raise RuntimeError(f"{self.name} does not start:\n{self.log()}")
            time.sleep(0.2)

    def docker(self, *arguments, check=True, **options):
        """Runs Docker's own command on it. Podman takes it too."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
        return subprocess.run(["docker", "-H", f"unix://{self.socket}", *arguments], check=check, capture_output=True,
                              env=environment, timeout=60, **options)

    def log(self):
        text = (self.folder / "log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-20:])

    def stop(self):
        """Ends it and all that it runs, by the one process that this started."""
        if self.process is None:
            return
        try:
            # Containers first, so that their control groups go with them.
            ids = self.docker("ps", "-aq", check=False).stdout.split()
            if ids:
                self.docker("rm", "-f", "-v", *(each.decode() for each in ids), check=False)
        except (OSError, subprocess.SubprocessError):
            pass
        self.process.kill()
        self.process.wait()


def image(folder):
    """A root file system of busybox alone."""
    root = folder / "image"
    for name in ("bin", "etc", "tmp", "data", "proc", "sys", "dev"):
        (root / name).mkdir(parents=True)
    shutil.copy2(shutil.which("busybox"), root / "bin" / "busybox")
    for name in subprocess.run(["busybox", "--list"], check=True, capture_output=True, text=True).stdout.split():
        if not (root / "bin" / name).exists():
            (root / "bin" / name).symlink_to("busybox")
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/:/bin/sh\n")
    archive = folder / "image.tar"
    subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
    return archive


def podmans():
    """The control groups that Podman makes for itself, by a name that it does not let choose."""
    return {str(path) for path in Path("/sys/fs/cgroup").glob("*/libpod_parent")}


def clean_control_groups(before):
    """Removes the empty control groups that engines leave, but those of a Podman that was there before."""
    for _ in range(30):
        left = 0
        for path, _, _ in os.walk("/sys/fs/cgroup", topdown=False):
            ours = re.search(rf"/{CGROUPS}-{os.getpid()}(/|$)", path)
            podman = re.match(r"/sys/fs/cgroup/[^/]+/libpod_parent(?=/|$)", path)
            if ours or podman and podman[0] not in before:
                try:
                    os.rmdir(path)
                except OSError:
                    left += 1
        if not left:
            return
        # What was killed with its namespace is gone a moment later.
        time.sleep(0.1)


def remove(folder):
    """Removes the folder: whatever was mounted in it went with the namespaces, but for a moment."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
    print(f"failed to remove {folder}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME,...", default="docker-20,docker-new,podman")
    parser.add_argument("--build", action="store_true", help="build the newest engine, and end")
    parser.add_argument("--list", action="store_true", help="name the engines that can be started here, and end")
    parser.add_argument("--again", action="store_true", help="start an engine anew whenever it dies")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if arguments.build:
        build()
        return 0
    if arguments.list:
        names = [] if os.geteuid() else arguments.only.split(",")
        print("\n".join(name for name in names if not Engine(name, Path("/nonexistent")).absent()))
        return 0
    if arguments.command[:1] == ["--"]:
        del arguments.command[0]
    if not arguments.command:
        parser.error("name the command that is run beside the engines")

    # So that what is in `finally` happens then too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="homelab-engines-"))
    engines = []
    before = podmans()
    try:
        archive = None
        for name in arguments.only.split(","):
            engine = Engine(name, folder / name, arguments.again)
            if why := ("not root" if os.geteuid() else engine.absent()):
                print(f"engines: {name} left out: {why}", flush=True)
                continue
            archive = archive or image(folder)
            engines.append(engine)
            engine.start()
            with open(archive, "rb") as file:
                engine.docker("import", "-", IMAGE, stdin=file)
            version = engine.docker("version", "--format", "{{.Server.Version}} (API {{.Server.APIVersion}})")
            print(f"engines: {name} is {version.stdout.decode().strip()}", flush=True)
        addresses = " ".join(f"{engine.name}=unix://{engine.socket}" for engine in engines)
        command = subprocess.Popen(arguments.command, env={**os.environ, "HOMELAB_ENGINES": addresses})
        try:
            return command.wait()
        finally:
            command.kill()
    finally:
        for engine in engines:
            engine.stop()
        clean_control_groups(before)
        remove(folder)


if __name__ == "__main__":
    sys.exit(main())
