"""The teacher feature bank: logits and pooled features of every row of the transfer set, computed once, memory-mapped.

The frozen teacher runs once over the data. Its features are the positives and the negatives of every step and every
method. They stay exact, unlike the momentum memories of CRD and CoDIR.
"""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ackd_deploy.console import log, progress, warn
from ackd_deploy.data.batches import sorted_batches
from ackd_deploy.data.encoded import Encoded
from ackd_deploy.distill.losses.features import normalize, pool_layers
from ackd_deploy.errors import ArtifactError, EnvironmentProblem
from ackd_deploy.files import read_json, write_json
from ackd_deploy.training.device import autocast
from ackd_deploy.training.evaluate import owners_of, to_device
from ackd_deploy.training.windows import mean_of_windows

__all__ = ["TeacherBank", "bank_key", "build_bank", "open_bank"]

_CHUNK = 4096
_BATCH = 64
_MANIFEST = "manifest.json"
# Mapped pages count as this process's memory until they are released, and the kernel maps 16 around each that is read:
# 20 lookups of 512 rows hold up to 600 MB. A smaller bank needs no release.
_RELEASE_BYTES = 512 * 2**20
_RELEASE_LOOKUPS = 20


def bank_key(
    teacher_sha256: str, encoded: Encoded, layers: Sequence[int], poolings: Sequence[str], dtype: torch.dtype
) -> dict[str, Any]:
    """Return what the content of a bank depends on."""
    return {
        "format": 1,
        "teacher": teacher_sha256,
        "data": encoded.fingerprint,
        "max_length": encoded.max_length,
        "rows": len(encoded),
        "layers": list(layers),
        "poolings": sorted(poolings),
        "precision": str(dtype).removeprefix("torch."),
    }


class TeacherBank:
    """An opened bank of N rows.

    Features are unit vectors in float16: their products are exact to 1e-3 of a cosine, a hundredth of the usual
    temperature, for half the disk and half the memory traffic of float32. Logits are float32.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any], device: torch.device) -> None:
        self.rows: int = manifest["key"]["rows"]
        self.device = device
        self._arrays: dict[str, NDArray[Any]] = {
            name: np.memmap(folder / f"{name}.bin", entry["dtype"], "r", shape=tuple(entry["shape"]))
            for name, entry in manifest["arrays"].items()
        }
        self.poolings = tuple(name.removeprefix("features_") for name in self._arrays if name != "logits")
        self.width: int = next((a.shape[2] for n, a in self._arrays.items() if n != "logits"), 0)
        self._bytes = sum(array.nbytes for array in self._arrays.values())
        self._lookups = 0
        self._resident: dict[str, torch.Tensor] = {}
        if device.type == "cuda" and self._bytes < 0.3 * torch.cuda.mem_get_info(device)[0]:
            self._resident = {name: torch.from_numpy(np.array(a)).to(device) for name, a in self._arrays.items()}

    def logits(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """Return [B, C] float32 logits of the teacher, on the device."""
        return self._take("logits", rows)

    def features(self, rows: NDArray[np.int64], pooling: str) -> torch.Tensor:
        """Return [M, B, H] float32 unit features of the teacher's mapped layers, on the device."""
        return self._take(f"features_{pooling}", rows).float().transpose(0, 1)

    def _take(self, name: str, rows: NDArray[np.int64]) -> torch.Tensor:
        if name in self._resident:
            return self._resident[name][torch.from_numpy(rows).to(self.device, non_blocking=True)]
        self._lookups += 1
        if self._bytes > _RELEASE_BYTES and self._lookups % _RELEASE_LOOKUPS == 0:
            self._release()
        return torch.from_numpy(self._arrays[name][rows]).to(self.device)

    def _release(self) -> None:
        # The kernel keeps the pages in its cache; they only stop counting as this process's memory.
        for array in self._arrays.values():
            array._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]


def build_bank(
    teacher: Any,
    encoded: Encoded,
    folder: Path,
    key: dict[str, Any],
    device: torch.device,
    dtype: torch.dtype,
    *,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Fill the bank in ``folder``, or what is missing or damaged of it.

    It is made in chunks of 4,096 rows, each with a checksum in the manifest: a killed build continues with the next
    chunk, and only damaged chunks are computed again.

    Args:
        teacher: classifier; frozen.
        encoded: the transfer set: the training rows, and those without labels.
        folder: the bank's folder.
        key: from `bank_key`; a bank of another key is removed with a warning.
        device: where to compute.
        dtype: of the matrix products.
        stop: asked after every chunk.

    Raises:
        EnvironmentProblem: the disk is full.
        KeyboardInterrupt: ``stop`` returned True.
    """
    manifest = _manifest(folder, key, _shapes(teacher, encoded, key))
    count = -(-len(encoded) // _CHUNK)
    written = [chunk for chunk in range(count) if str(chunk) in manifest["chunks"]]
    damaged = [chunk for chunk in written if _digest(folder, manifest, chunk) != manifest["chunks"][str(chunk)]]
    if damaged:
        warn(f"the bank in {folder} is damaged in {len(damaged)} of {count} chunks: these are computed again")
    good = set(written) - set(damaged)
    todo = [chunk for chunk in range(count) if chunk not in good]
    if not todo:
        return
    _reserve(folder, manifest)
    teacher.to(device).eval()
    done = len(encoded) - sum(len(_chunk_rows(c, len(encoded))) for c in todo)
    with progress("teacher's features", len(encoded), done=done) as advance:
        for chunk in todo:
            arrays = _compute(teacher, encoded, _chunk_rows(chunk, len(encoded)), key, device, dtype, advance)
            _write_chunk(folder, manifest, chunk, arrays)
            if stop():
                log(f"stopped after chunk {chunk + 1} of {count} of the bank")
                raise KeyboardInterrupt


def _compute(
    teacher: Any,
    encoded: Encoded,
    rows: range,
    key: dict[str, Any],
    device: torch.device,
    dtype: torch.dtype,
    advance: Callable[..., None],
) -> dict[str, NDArray[Any]]:
    poolings = key["poolings"]
    found: dict[str, NDArray[Any]] = {}
    with torch.inference_mode():
        lengths = encoded.lengths[rows.start : rows.stop]
        for part in sorted_batches(lengths, _BATCH, max_tokens=encoded.most_tokens(_BATCH)):
            batch = to_device(encoded.batch(part + rows.start), device)
            owners = owners_of(encoded, part + rows.start, device)
            with autocast(device, dtype):
                outputs = teacher(**batch, output_hidden_states=bool(poolings))
            values = {"logits": mean_of_windows(outputs.logits.float(), owners, len(part))}
            for how in poolings:
                pooled = pool_layers(outputs.hidden_states, batch["attention_mask"], key["layers"], how)
                pooled = mean_of_windows(pooled, owners, len(part), dim=1)
                values[f"features_{how}"] = normalize(pooled).transpose(0, 1).half()
            for name, value in values.items():
                array = found.setdefault(name, np.zeros((len(rows), *value.shape[1:]), value.cpu().numpy().dtype))
                array[part] = value.cpu().numpy()
            advance(len(part))
    return found


def open_bank(folder: Path, key: dict[str, Any], device: torch.device) -> TeacherBank:
    """Open a bank that `build_bank` has filled and checked.

    Raises:
        ArtifactError: it has another key, or is incomplete.
    """
    manifest = read_json(folder / _MANIFEST)
    if manifest.get("key") != key or len(manifest.get("chunks", {})) != -(-key["rows"] // _CHUNK):
        raise ArtifactError(f"the bank in {folder} does not belong to this teacher and data, or is incomplete")
    return TeacherBank(folder, manifest, device)


def _shapes(teacher: Any, encoded: Encoded, key: dict[str, Any]) -> dict[str, dict[str, Any]]:
    features = {"dtype": "float16", "shape": [len(encoded), len(key["layers"]), teacher.config.hidden_size]}
    logits = {"dtype": "float32", "shape": [len(encoded), teacher.config.num_labels]}
    return {"logits": logits, **{f"features_{how}": features for how in key["poolings"]}}


def _manifest(folder: Path, key: dict[str, Any], shapes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if folder.exists():
        try:
            manifest: dict[str, Any] = read_json(folder / _MANIFEST)
            if manifest["key"] == key and manifest["arrays"] == shapes:
                return manifest
            differing = [name for name in key if manifest["key"].get(name) != key[name]]
            warn(f"the bank in {folder} was made with another {' and '.join(differing) or 'shape'}: it is made again")
        except (ArtifactError, KeyError, TypeError, AttributeError):
            warn(f"the bank in {folder} has no readable manifest: it is made again")
        shutil.rmtree(folder)
    return {"key": key, "arrays": shapes, "chunks": {}}


def _chunk_rows(chunk: int, rows: int) -> range:
    return range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, rows))


def _row_bytes(entry: dict[str, Any]) -> int:
    return int(np.dtype(entry["dtype"]).itemsize * np.prod(entry["shape"][1:]))


def _reserve(folder: Path, manifest: dict[str, Any]) -> None:
    """Allocate the disk space at once: a full disk is an error now, and not a bus error in a mapped page later."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, entry in manifest["arrays"].items():
        size = _row_bytes(entry) * entry["shape"][0]
        handle = os.open(folder / f"{name}.bin", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            os.posix_fallocate(handle, 0, size)
            os.ftruncate(handle, size)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise EnvironmentProblem(
                f"the disk is full: the bank in {folder} needs {size / 1e6:.0f} MB for {name}",
                hint="free disk space, or train on fewer rows with --set data.train_rows=N",
            ) from error
        finally:
            os.close(handle)


def _write_chunk(folder: Path, manifest: dict[str, Any], chunk: int, arrays: dict[str, NDArray[Any]]) -> None:
    digest = hashlib.sha256()
    for name in manifest["arrays"]:
        content = np.ascontiguousarray(arrays[name]).tobytes()
        digest.update(content)
        with (folder / f"{name}.bin").open("r+b") as stream:
            stream.seek(chunk * _CHUNK * _row_bytes(manifest["arrays"][name]))
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    # The manifest lists a chunk only after its bytes are on the disk.
    manifest["chunks"][str(chunk)] = digest.hexdigest()
    write_json(folder / _MANIFEST, manifest)


def _digest(folder: Path, manifest: dict[str, Any], chunk: int) -> str:
    digest = hashlib.sha256()
    rows = manifest["key"]["rows"]
    for name, entry in manifest["arrays"].items():
        size = _row_bytes(entry)
        path = folder / f"{name}.bin"
        if not path.is_file():
            return "missing"
        with path.open("rb") as stream:
            stream.seek(chunk * _CHUNK * size)
            digest.update(stream.read(len(_chunk_rows(chunk, rows)) * size))
    return digest.hexdigest()
