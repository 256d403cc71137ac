"""What this machine's processor can do, and how much of it this process may use.

Both are read from the kernel's text files, under a root that tests replace.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CpuInfo", "cpu_features", "cpu_info", "effective_cpus"]

# Instruction sets that decide which integer and half-precision kernels run, as the Linux kernel names them.
_X86 = (
    "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16", "avx_vnni",
    "avx_vnni_int8", "amx_tile", "amx_int8", "amx_bf16", "amx_fp16",
)  # fmt: skip
_ARM = ("asimd", "asimddp", "i8mm", "bf16", "sve", "sve2")


@dataclass(frozen=True, slots=True)
class CpuInfo:
    """One processor: its architecture, the name it gives itself, its features, and the share we may use."""

    machine: str
    model: str
    features: tuple[str, ...]
    cores: int
    quota: float | None
    effective: int

    def as_dict(self) -> dict[str, object]:
        """Return it as plain JSON data, for manifests."""
        return {
            "machine": self.machine,
            "model": self.model,
            "features": list(self.features),
            "cores": self.cores,
            "quota": self.quota,
            "effective": self.effective,
        }


def cpu_features(root: Path = Path("/")) -> frozenset[str]:
    """Return the known features of this processor, by the Linux kernel's names.

    ``vnni`` stands for either of ``avx512_vnni`` and ``avx_vnni``: both multiply 8-bit integers without
    the intermediate saturation that makes older processors need a reduced range. ``bf16`` stands for any
    of ``avx512_bf16``, ``amx_bf16`` and ARM's feature of that name. Where the kernel
    publishes no such list (macOS, Windows) the set is empty, and a variant that needs a feature is not
    taken for granted.
    """
    words: set[str] = set()
    for line in _cpuinfo_lines(root):
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            words.update(value.split())
            break
    found = words.intersection(_X86 + _ARM)
    if found & {"avx512_vnni", "avx_vnni"}:
        found.add("vnni")
    if found & {"avx512_bf16", "amx_bf16"}:
        found.add("bf16")
    return frozenset(found)


def effective_cpus(root: Path = Path("/")) -> int:
    """Return the processors this process can keep busy: affinity and cgroup quota, at least 1.

    A quota of 1.5 counts as 1: a second thread would use up the quota early in each period and the
    kernel would then stop all of them until the next.
    """
    quota = cgroup_quota(root)
    available = _affinity()
    return max(1, available if quota is None else min(available, int(quota)))


def cgroup_quota(root: Path = Path("/")) -> float | None:
    """Return the tightest CPU quota of the cgroups around this process, in processors; None: no quota."""
    quotas = [quota for quota in (*_quotas_v2(root), *_quotas_v1(root)) if quota > 0]
    return min(quotas, default=None)


def cpu_info(root: Path = Path("/")) -> CpuInfo:
    """Describe the processor for a manifest, a report or ``doctor``."""
    model = ""
    for line in _cpuinfo_lines(root):
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            model = value.strip()
            break
    return CpuInfo(
        machine=platform.machine(),
        model=model or platform.processor() or "unknown",
        features=tuple(sorted(cpu_features(root))),
        cores=os.cpu_count() or 1,
        quota=cgroup_quota(root),
        effective=effective_cpus(root),
    )


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpuinfo_lines(root: Path) -> list[str]:
    return _read(root / "proc/cpuinfo").splitlines()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _cgroup_paths(root: Path, controller: str) -> list[str]:
    """Return this process's cgroup for a controller ('' is version 2) and all those around it."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = ([*line.split(":", 2), "", ""])[:3]
        if controller in controllers.split(","):
            parts = [part for part in path.split("/") if part not in ("", "..")]
            return ["/".join(parts[:depth]) for depth in range(len(parts), -1, -1)]
    return [""]


def _quotas_v2(root: Path) -> list[float]:
    quotas = []
    for path in _cgroup_paths(root, ""):
        words = _read(root / "sys/fs/cgroup" / path / "cpu.max").split()
        if len(words) == 2 and words[0] != "max":
            quotas.append(_ratio(words[0], words[1]))
    return quotas


def _quotas_v1(root: Path) -> list[float]:
    quotas = []
    for path in _cgroup_paths(root, "cpu"):
        folder = root / "sys/fs/cgroup/cpu" / path
        quotas.append(_ratio(_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")))
    return quotas


def _ratio(quota: str, period: str) -> float:
    try:
        return int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return 0.0
