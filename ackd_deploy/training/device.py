"""Where to train, and in which precision."""

from __future__ import annotations

import re

import torch

from ackd_deploy.errors import DeviceUnavailable, UsageError
from ackd_deploy.training.launcher import local_rank, process_count

__all__ = ["autocast", "cpu_has_bf16", "resolve_device", "resolve_precision"]


def resolve_device(name: str) -> torch.device:
    """Return the device that ``auto``, ``cpu``, ``cuda`` or ``cuda:N`` means.

    Under a launcher the process's number on this machine picks its GPU.

    Args:
        name: what the user asked for; ``auto`` takes a CUDA device where there is one.

    Raises:
        UsageError: the name is none of these, or one GPU is named for several processes.
        DeviceUnavailable: there is no such device. There is no fallback to the CPU.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise UsageError(f"there is no device {name!r}", hint="use auto, cpu, cuda or cuda:N")
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        built = torch.version.cuda
        reason = "no GPU or driver was found" if built else "this build of PyTorch has no CUDA"
        raise DeviceUnavailable(f"device {name!r} was asked for, but {reason}", hint="use --device cpu")
    if ":" in name and process_count() > 1:
        raise UsageError(f"{name!r} is one GPU for several processes", hint="use cuda: each process takes its own")
    index = int(name.partition(":")[2]) if ":" in name else local_rank()
    count = torch.cuda.device_count()
    if index >= count:
        raise DeviceUnavailable(f"device cuda:{index} was asked for, but there are {count} (from 0)")
    return torch.device("cuda", index)


def cpu_has_bf16() -> bool:
    """Tell whether this processor multiplies bfloat16 in hardware (AVX512-BF16 or AMX)."""
    # Without these instructions PyTorch emulates bf16, which is several times slower than fp32.
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, name, lambda: False)()) for name in checks)


def resolve_precision(precision: str, device: torch.device) -> torch.dtype:
    """Return the dtype of matrix products: bfloat16 where ``auto`` finds it in hardware, else float32."""
    if precision == "fp32":
        return torch.float32
    if precision == "bf16":
        return torch.bfloat16
    has_bf16 = torch.cuda.is_bf16_supported() if device.type == "cuda" else cpu_has_bf16()
    return torch.bfloat16 if has_bf16 else torch.float32


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Return the context in which the forward pass runs; weights and losses stay in float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype is torch.bfloat16)
