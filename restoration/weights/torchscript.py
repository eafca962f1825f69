"""Read the tensors of a TorchScript archive without running its code.

Some networks are published only as TorchScript (`.pt`). `torch.jit.load` compiles the code that comes with them; here
only the zip entry `data.pkl` is read, with an unpickler that knows nothing but tensors and attribute tables.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_DTYPES: Mapping[str, torch.dtype] = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class _Module:
    """A module of the archive: only its attributes are kept."""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, dict):
            raise pickle.UnpicklingError("a module of the archive has no table of attributes")
        self.attributes = state


class _StorageKind:
    """The name of a storage class, never the class itself."""

    def __init__(self, name: str) -> None:
        self.dtype = _DTYPES[name]


class _Unpickler(pickle.Unpickler):
    """Build tensors, lists and attribute tables; refuse everything else."""

    def __init__(self, stream: io.BytesIO, *, read_storage: Callable[[str], bytes]) -> None:
        super().__init__(stream)
        self._read_storage = read_storage
        self._storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("__torch__"):
            return _Module
        if module == "torch._utils" and name in ("_rebuild_tensor_v2", "_rebuild_parameter"):
            return _rebuild if name == "_rebuild_tensor_v2" else _as_it_is
        if module == "torch" and name in _DTYPES:
            return _StorageKind(name)
        if module == "collections" and name == "OrderedDict":
            return OrderedDict
        if module == "torch.jit._pickle":  # typed lists and tags
            return _as_it_is
        raise pickle.UnpicklingError(f"the archive names {module}.{name}, which weights do not need")

    def persistent_load(self, pid: Any) -> Tensor:
        _, kind, key, _, _ = pid
        if key not in self._storages:
            self._storages[key] = torch.frombuffer(bytearray(self._read_storage(str(key))), dtype=kind.dtype)
        return self._storages[key]


def is_torchscript(path: Path) -> bool:
    """Tell whether a file is a zip archive with code in it."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name or name.endswith("constants.pkl") for name in archive.namelist())


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the parameters and buffers of all modules by their dotted names, as `state_dict` would.

    Raises:
        pickle.UnpicklingError: the archive holds something else than a module with tensors.
        zipfile.BadZipFile: the file is damaged.
        KeyError: an entry is missing.
    """
    with zipfile.ZipFile(path) as archive:
        (table,) = (name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl"))
        folder = table.removesuffix("data.pkl")

        def read_storage(key: str) -> bytes:
            return archive.read(f"{folder}data/{key}")

        root = _Unpickler(io.BytesIO(archive.read(table)), read_storage=read_storage).load()
    if not isinstance(root, _Module):
        raise pickle.UnpicklingError("the archive does not begin with a module")
    tensors: dict[str, Tensor] = {}
    _collect(root, "", tensors)
    return tensors


def _collect(module: _Module, prefix: str, tensors: dict[str, Tensor]) -> None:
    for name, value in module.attributes.items():
        if isinstance(value, Tensor):
            tensors[prefix + name] = value
        elif isinstance(value, _Module):
            _collect(value, f"{prefix}{name}.", tensors)


def _rebuild(storage: Tensor, offset: int, size: Sequence[int], stride: Sequence[int], *_: object) -> Tensor:
    return storage.as_strided(tuple(size), tuple(stride), offset).clone()


def _as_it_is(value: Any, *_: object) -> Any:
    return value
