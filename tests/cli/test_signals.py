import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

# A native call of minutes that no signal interrupts, as a run of a graph is.
CODE = """
import hashlib, signal, sys
from ackd_deploy.cli import _terminate
from ackd_deploy.cli.signals import end_despite_native_code
signal.signal(signal.SIGTERM, _terminate)
{call}
print("running", flush=True)
hashlib.pbkdf2_hmac("sha256", b"x", b"y", 2**31 - 1)
"""


@contextmanager
def started(call: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", CODE.replace("{call}", call)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "running\n"
            # The line comes just before the call: a signal in between would end the process by itself.
            time.sleep(1)
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_native_call_does_not_outlive_a_signal(sent):
    with started("end_despite_native_code()") as process:
        process.send_signal(sent)
        assert process.wait(60) == 130


def test_without_it_the_signal_waits():
    """The trouble is real: else the test above would prove nothing."""
    with started("") as process:
        process.send_signal(signal.SIGTERM)
        time.sleep(5)
        assert process.poll() is None
