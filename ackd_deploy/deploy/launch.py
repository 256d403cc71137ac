"""Start the shipped BentoML service on an artifact, say when it is ready, and stop it with this process."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shlex
import shutil
import socket
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ackd_deploy.deploy.supervisor import Supervisor
from ackd_deploy.errors import AckdError, ArtifactError, DataError, EnvironmentProblem, MissingExtra, UsageError
from ackd_deploy.extras import install_hint
from ackd_deploy.recipe.bundled import bundled_folder
from ackd_deploy.serving.logs import set_up_logs
from ackd_deploy.serving.metrics_files import METRICS_BYTES, forget_ended
from ackd_deploy.tasks.text import Text

__all__ = ["Launch", "artifact_variables", "curl_line"]

# Of SIGTERM's grace: what is in flight is answered within this time. Kubernetes gives 30 seconds.
DRAIN_SECONDS = 25
# Longer than clients (5 seconds) and proxies (mostly 60) keep an idle connection: whoever closes it must be the one who
# would send on it, or a request can meet the close. BentoML's own 5 seconds lost requests where a worker woke up late.
_IDLE_SECONDS = 75
_POLL_SECONDS = 0.1
# What a worker's end takes after its last answer; then it is killed. Together less than Kubernetes' 30 seconds.
_AFTER_DRAIN_SECONDS = 4
_BACKLOG = 2048


def curl_line(url: str, text: Text) -> str:
    """Return the command that classifies a text at ``url``, quoted for a shell."""
    asked: dict[str, Any] = {"text": text} if isinstance(text, str) else {"pairs": [list(text)]}
    body = json.dumps(asked, ensure_ascii=False)
    return f"curl -s {url}/classify -H 'content-type: application/json' -d {shlex.quote(body)}"


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of the service.

    Attributes:
        host: address to bind.
        workers: processes that answer.
        environment: variables for the service beside those of this process.
        announce: called once, with the base URL, when the service is ready.
    """

    host: str
    port: int
    workers: int
    environment: Mapping[str, str]
    announce: Callable[[str], None]

    def run(self) -> None:
        """Serve until SIGTERM, SIGINT or SIGHUP, then drain and return.

        Raises:
            MissingExtra: BentoML is not installed.
            EnvironmentProblem: the address cannot be bound, the folder for temporary files is full, or the workers
                cannot start.
            AckdError: the service cannot get ready; message and exit code are those of the worker's own error.
        """
        if importlib.util.find_spec("bentoml") is None:
            raise MissingExtra("BentoML is not installed", hint=install_hint("serve"))
        with _listen(self.host, self.port) as listener, _private_folder() as home:
            variables = {
                "BENTOML_DO_NOT_TRACK": "True",
                "OTEL_SDK_DISABLED": "true",
                # A store of its own, so that nothing of the user's is read or written.
                "BENTOML_HOME": home,
                "PROMETHEUS_MULTIPROC_DIR": _metrics_folder(home, self.workers),
            }
            set_up_logs()
            supervisor = Supervisor(
                listener=listener,
                workers=self.workers,
                command=lambda number: _worker_command(listener.fileno(), number),
                environment={**os.environ, **variables, **self.environment},
                working_directory=str(bundled_folder("serving")),
                drain_seconds=DRAIN_SECONDS + _AFTER_DRAIN_SECONDS,
                ended=lambda pid: forget_ended(Path(variables["PROMETHEUS_MULTIPROC_DIR"]), pid),
            )
            watch = _Watch(_url(listener), self.announce, supervisor)
            watch.start()
            try:
                supervisor.run()
            finally:
                watch.stop()
        if watch.problem is not None:
            kinds: tuple[type[AckdError], ...] = (EnvironmentProblem, DataError, UsageError, ArtifactError)
            kind = next((kind for kind in kinds if kind.exit_code == watch.exit_code), ArtifactError)
            raise kind(f"the service cannot get ready: {watch.problem}")


def _worker_command(descriptor: int, number: int) -> list[str]:
    """Return the command of a worker: what BentoML's own supervisor starts, tied to this process."""
    command = [sys.executable, "-m", "ackd_deploy.deploy.worker", str(os.getpid())]
    command += ["service:Ackd", "--service-name", "ackd", "--fd", str(descriptor), "--worker-id", str(number)]
    command += ["--backlog", str(_BACKLOG), "--timeout-graceful-shutdown", str(DRAIN_SECONDS)]
    return [*command, "--timeout-keep-alive", str(_IDLE_SECONDS)]


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; until a worker accepts, the kernel keeps whoever connects waiting."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"--host {host!r} is no address: {error}") from error
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise EnvironmentProblem(
            f"cannot listen on {address[0]} port {port}: {error.strerror}",
            hint="another service may run there; choose another with --port",
        ) from error
    return listener


def _url(listener: socket.socket) -> str:
    address, port = listener.getsockname()[:2]
    # A wildcard address is where to listen, not where to call.
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


@contextlib.contextmanager
def _private_folder() -> Iterator[str]:
    """Make a folder that only this user can enter, and remove it at the end."""
    try:
        folder = tempfile.mkdtemp(prefix="ackd-serve-")
    except OSError as error:
        raise _no_temporary_files(error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _metrics_folder(home: str, workers: int) -> str:
    """Make the folder of the workers' metrics, and check that it holds them: a full one would kill workers later."""
    folder = Path(home) / "metrics"
    probe = folder / "probe"
    try:
        folder.mkdir()
        with probe.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, METRICS_BYTES * workers if workers > 1 else 1)
        probe.unlink()
    except OSError as error:
        raise _no_temporary_files(error) from error
    return str(folder)


def _no_temporary_files(error: OSError) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"the folder for temporary files cannot be written to: {error.strerror or error}",
        hint="free some space there, or choose another with TMPDIR",
    )


class _Watch(threading.Thread):
    """Asks /readyz until the service is ready, or has failed for good and is then stopped."""

    def __init__(self, url: str, announce: Callable[[str], None], supervisor: Supervisor) -> None:
        super().__init__(name="readiness", daemon=True)
        self._url = url
        self._announce = announce
        self._supervisor = supervisor
        self._ended = threading.Event()
        self.problem: str | None = None
        self.exit_code: int | None = None

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()

    def run(self) -> None:
        """See the class."""
        while not self._ended.wait(_POLL_SECONDS):
            status, answer = _get(f"{self._url}/readyz")
            if status == 200:
                self._supervisor.was_ready.set()
                self._announce(self._url)
                return
            error = answer.get("error", {}) if isinstance(answer, dict) else {}
            if error.get("code") == "not_ready_failed":
                details = error.get("details") or [{}]
                self.exit_code = details[0].get("exit_code")
                self.problem = str(error.get("message", "")).removeprefix("not ready: ")
                self._supervisor.stop()
                return


def _get(url: str) -> tuple[int, Any]:
    """Return status and JSON; status 0 if the service does not answer yet."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            try:
                return error.code, json.loads(error.read())
            except ValueError:
                return error.code, None
    except (OSError, ValueError):
        return 0, None


def artifact_variables(artifact: Path, provider: str, threads: int | None, workers: int | None) -> dict[str, str]:
    """Return the variables that point a service at an artifact.

    Raises:
        ArtifactError: the folder's path is not UTF-8.
    """
    path = str(artifact.resolve())
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = path.encode("utf-8", "backslashreplace").decode()
        message = f"the artifact's path {shown} is not UTF-8: ONNX Runtime cannot open it"
        raise ArtifactError(message, hint="rename the folder") from None
    variables = {"ACKD_ARTIFACT": path, "ACKD_PROVIDER": provider}
    for name, number in (("ACKD_THREADS", threads), ("ACKD_WORKERS", workers)):
        if number is not None:
            variables[name] = str(number)
    return variables
