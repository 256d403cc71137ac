"""The processes that train together: started by torchrun or accelerate launch, or just this one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn

from ackd_deploy.training.launcher import process_count

__all__ = ["ProcessGroup", "join_process_group"]

# The other processes wait while the first one tokenizes, fills the bank and evaluates, which may take hours.
_TIMEOUT = timedelta(days=1)


@dataclass(frozen=True)
class ProcessGroup:
    """This process's rank among those that train together.

    Gradients are summed here and not in DistributedDataParallel: losses are means over *global* counts (rows,
    rows with negatives, weights with mean 1), so each process scales its own part and one sum gives the gradient
    of one process with the whole batch.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and logs."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            distributed.barrier()

    def local_rows(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return this process's rows of a batch: every ``size``-th; none where the batch has too few."""
        return rows[self.rank :: self.size]

    def gather(self, values: Tensor, total: int, *, dim: int) -> Tensor:
        """Return all processes' rows in the order of the whole batch; detached.

        Args:
            values: this process's rows along ``dim``; their number follows from `mine`.
            total: rows of the whole batch.
            dim: the rows' dimension.
        """
        values = values.detach()
        if self.size == 1:
            return values
        sizes = [len(range(rank, total, self.size)) for rank in range(self.size)]
        own = values.movedim(dim, 0).narrow(0, 0, sizes[self.rank]).contiguous()
        # Collectives need equal shapes, and not all backends support booleans.
        kind = own.dtype
        padded = own.new_zeros((sizes[0], *own.shape[1:]), dtype=torch.uint8 if kind is torch.bool else kind)
        padded[: len(own)] = own
        parts = [torch.empty_like(padded) for _ in sizes]
        distributed.all_gather(parts, padded)
        whole = own.new_empty((total, *own.shape[1:]))
        for rank, (part, count) in enumerate(zip(parts, sizes, strict=True)):
            whole[rank :: self.size] = part[:count].to(kind)
        return whole.movedim(0, dim)

    def gather_with_gradient(self, values: Tensor, total: int) -> Tensor:
        """Return all processes' rows [total, …] in the order of the whole batch; only this process's have gradients.

        For losses over relations between rows: each process computes the whole loss, and the sum of their gradients
        is that of one process, since each row has a gradient in exactly one of them.
        """
        if self.size == 1:
            return values
        whole = self.gather(values, total, dim=0)
        own = whole[self.rank :: self.size]
        own.copy_(values[: len(own)])
        # Keeps the autograd graph connected in a process without rows of its own.
        return whole + 0.0 * values.sum()

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its sum over the processes."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        distributed.all_reduce(flat)
        for gradient, part in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor over the processes."""
        if self.size > 1:
            value = value.clone()
            distributed.all_reduce(value)
        return value

    def any(self, flag: bool, device: torch.device) -> bool:
        """Tell whether the flag is set in any process."""
        if self.size == 1:
            return flag
        return bool(self.sum(torch.tensor(float(flag), device=device)).item() > 0)

    def broadcast(self, value: Any) -> Any:
        """Return the first process's value in every process (plain JSON data)."""
        if self.size == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, src=0)
        return box[0]


@contextmanager
def join_process_group(device: torch.device) -> Iterator[ProcessGroup]:
    """Join the launcher's group of processes, if there is one.

    Args:
        device: this process's own; GPUs use NCCL, the CPU Gloo.
    """
    size = process_count()
    if size == 1:
        yield ProcessGroup()
        return
    ours = not distributed.is_initialized()
    if device.type == "cuda":
        # Before the first collective: otherwise every process would use the first GPU.
        torch.cuda.set_device(device)
    if ours:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_TIMEOUT)
    try:
        yield ProcessGroup(distributed.get_rank(), size)
    finally:
        if ours:
            distributed.destroy_process_group()
