"""Start the shipped BentoML service on an artifact, say when it is ready, and stop it with this process."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ackd_deploy.errors import ArtifactError, EnvironmentProblem, MissingExtra, UsageError, first_line
from ackd_deploy.recipe.bundled import bundled_folder
from ackd_deploy.serving.settings import Settings, load_settings
from ackd_deploy.tasks.text import Text

__all__ = ["Launch", "artifact_variables", "curl_line", "service_settings"]

# Of SIGTERM's grace: what is in flight is answered within this time. Kubernetes gives 30 seconds.
DRAIN_SECONDS = 25
# Longer than clients (5 seconds) and proxies (mostly 60) keep an idle connection: whoever closes it must be the one who
# would send on it, or a request can meet the close. BentoML's own 5 seconds lost requests where a worker woke up late.
_IDLE_SECONDS = 75
_POLL_SECONDS = 0.1


def service_settings(environment: Mapping[str, str]) -> Settings:
    """Read the service's settings (ackd_deploy/serving/settings.py) as its workers will.

    Raises:
        UsageError: an ACKD_ variable is unknown or has a bad value.
    """
    return load_settings(environment)


def curl_line(url: str, text: Text) -> str:
    """Return the command that classifies a text at ``url``, quoted for a shell."""
    asked: dict[str, Any] = {"text": text} if isinstance(text, str) else {"pairs": [list(text)]}
    body = json.dumps(asked, ensure_ascii=False)
    return f"curl -s {url}/classify -H 'content-type: application/json' -d {shlex.quote(body)}"


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of the service.

    Attributes:
        host: IP address to bind.
        environment: variables for the service beside those of this process.
        announce: called once, with the base URL, when the service is ready.
    """

    host: str
    port: int
    environment: Mapping[str, str]
    announce: Callable[[str], None]

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain and return.

        Raises:
            EnvironmentProblem: the address cannot be bound, or the service ended by itself.
            ArtifactError: the service cannot get ready; the message says why.
        """
        address = self._address()
        _check_free(address, self.port)
        # A store of its own: BentoML empties the metrics folder in its store at each start, and a second
        # service beside this one would take this one's away.
        home = tempfile.mkdtemp(prefix="ackd-serve-")
        os.environ.update({"BENTOML_DO_NOT_TRACK": "True", "OTEL_SDK_DISABLED": "true", "BENTOML_HOME": home})
        os.environ.update(self.environment)
        try:
            self._serve(address)
        finally:
            shutil.rmtree(home, ignore_errors=True)

    def _serve(self, address: str) -> None:
        try:
            from bentoml_cli.cli import cli
        except ImportError as error:
            raise MissingExtra(
                f"BentoML cannot be imported: {first_line(error)}", hint="pip install 'ackd-deploy[cpu]'"
            ) from error
        _look_after_workers_often()
        # A wildcard address is where to listen, not where to call.
        reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104
        url = f"http://[{reachable}]:{self.port}" if ":" in reachable else f"http://{reachable}:{self.port}"
        watch = _Watch(url, self.announce)
        watch.start()
        # Quiet, because BentoML logs to stdout, which is for results; warnings and errors of the workers go to stderr.
        arguments = ["serve", "--quiet", "service:Ackd", "--working-dir", str(bundled_folder("serving"))]
        arguments += ["--host", address, "--port", str(self.port)]
        arguments += ["--timeout-graceful-shutdown", str(DRAIN_SECONDS), "--timeout-keep-alive", str(_IDLE_SECONDS)]
        try:
            # BentoML's supervisor takes SIGTERM and SIGINT over, and returns when its workers have ended.
            cli.main(arguments, prog_name="bentoml", standalone_mode=False)
        finally:
            watch.stop()
        if watch.problem is not None:
            raise ArtifactError(f"the service cannot get ready: {watch.problem}")

    def _address(self) -> str:
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise UsageError(f"--host {self.host!r} is no address: {error}") from error
        return str(found[0][4][0])


def _look_after_workers_often() -> None:
    """Let BentoML's supervisor notice a killed worker within a second instead of ten; it has no option for it."""
    import functools

    from bentoml._internal.utils import circus

    circus.create_standalone_arbiter = functools.partial(circus.create_standalone_arbiter, check_delay=1.0)


def _check_free(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise EnvironmentProblem(
                f"cannot listen on {address} port {port}: {error.strerror}",
                hint="another service may run there; choose another with --port",
            ) from error


class _Watch(threading.Thread):
    """Asks /readyz until the service is ready, or has failed for good and is then stopped."""

    def __init__(self, url: str, announce: Callable[[str], None]) -> None:
        super().__init__(name="readiness", daemon=True)
        self._url = url
        self._announce = announce
        self._ended = threading.Event()
        self.problem: str | None = None

    def stop(self) -> None:
        """End the thread."""
        self._ended.set()

    def run(self) -> None:
        """See the class."""
        while not self._ended.wait(_POLL_SECONDS):
            status, answer = _get(f"{self._url}/readyz")
            if status == 200:
                self._announce(self._url)
                return
            error = answer.get("error", {}) if isinstance(answer, dict) else {}
            if error.get("code") == "not_ready_failed":
                self.problem = str(error.get("message", "")).removeprefix("not ready: ")
                # The supervisor began before this thread saw an answer, so its handler is in place.
                time.sleep(_POLL_SECONDS)
                os.kill(os.getpid(), signal.SIGTERM)
                return


def _get(url: str) -> tuple[int, Any]:
    """Return status and JSON; status 0 where nobody answers yet."""
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
    """Return the variables that point a service at an artifact."""
    variables = {"ACKD_ARTIFACT": str(artifact.resolve()), "ACKD_PROVIDER": provider}
    for name, number in (("ACKD_THREADS", threads), ("ACKD_WORKERS", workers)):
        if number is not None:
            variables[name] = str(number)
    return variables
