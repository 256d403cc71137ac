"""ackd_deploy/allocator.py, each in a process of its own, since nothing can be undone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, torch
from ackd_deploy.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
for _ in range(5):
    torch.ones(12_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(12_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_large_tensors_are_not_mapped_anew() -> None:
    faults = {
        mode: int(subprocess.run([sys.executable, "-c", PROGRAM, mode], capture_output=True, check=True).stdout)
        for mode in ("keep", "default")
    }
    # 48 MB are 11,719 pages of 4 kB, 20 times; huge pages would make fewer, so only the ratio is asked for.
    assert faults["keep"] * 4 < faults["default"]


ARENAS = """
import ctypes, re, sys, tempfile, threading
from ackd_deploy.allocator import limit_arenas
print(limit_arenas() if sys.argv[1] == "limit" else None)
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.fdopen.restype, libc.fdopen.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_char_p]
libc.malloc_info.argtypes, libc.fclose.argtypes = [ctypes.c_int, ctypes.c_void_p], [ctypes.c_void_p]
together = threading.Barrier(8)

def allocate():
    together.wait()
    libc.malloc(50_000)
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with tempfile.NamedTemporaryFile() as file:
    import os
    stream = libc.fdopen(os.dup(file.fileno()), b"w")
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(len(re.findall("<heap nr=", open(file.name).read())))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
@pytest.mark.parametrize(
    ("mode", "variables", "done", "most"),
    [("limit", {}, "True", 2), ("limit", {"MALLOC_ARENA_MAX": "3"}, "False", 3), ("default", {}, "None", None)],
)
def test_threads_share_two_heaps(mode: str, variables: dict[str, str], done: str, most: int | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"} | variables
    ran = subprocess.run([sys.executable, "-c", ARENAS, mode], capture_output=True, check=True, env=environment)
    said, heaps = ran.stdout.decode().split()
    assert said == done
    assert int(heaps) > 3 if most is None else int(heaps) <= most
