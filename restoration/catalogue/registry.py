"""From a model's name to the loaded model: suggestions for wrong names, one load at a time, a bounded cache."""

from __future__ import annotations

import difflib
import importlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from restoration.catalogue.parameters import in_model_units, representative
from restoration.devices.device import Precision, candidate_dtypes, model_cache_bytes
from restoration.devices.precision import choose_precision
from restoration.errors import ModelUnavailable, UnknownModel
from restoration.models.shared.contract import Factory, Restorer
from restoration.types import ModelInfo, ParamValue, Task
from restoration.weights import store

_Key = tuple[str, tuple[tuple[str, ParamValue], ...], Precision]


@dataclass(frozen=True)
class Loaded:
    """A model ready to run on the registry's device in one precision."""

    restorer: Restorer
    dtype: torch.dtype
    weights: str


def find_model(models: Sequence[ModelInfo], name: str, *, task: Task) -> ModelInfo:
    """Return the model of that id.

    Raises:
        UnknownModel: no model has that id, or the one that has does another task; the message names near ones.
    """
    able = {info.id: info for info in models if task in info.tasks}
    if not isinstance(name, str):
        shown = ", ".join(able)
        raise UnknownModel(f"A model is named by a text, but {name!r} came; choose one of {shown}.", model=str(name))
    if name in able:
        return able[name]
    others = next((info for info in models if info.id == name), None)
    if others is not None:
        tasks = " and ".join(others.tasks)
        raise UnknownModel(
            f'Model "{name}" is for {tasks}, not for {task}; choose one of {", ".join(able)}.',
            model=name,
            suggestions=tuple(able),
        )
    near = tuple(difflib.get_close_matches(name, able, n=3, cutoff=0.5))
    advice = f"did you mean {' or '.join(near)}?" if near else f"choose one of {', '.join(able)}."
    raise UnknownModel(f'Model "{name}" does not exist; {advice}', model=name, suggestions=near)


class Registry:
    """Load models for one device and keep those used last. Any number of threads may call `load` at once.

    Args:
        cache_bytes: how much memory the kept models may take; None chooses by the device.
    """

    def __init__(self, device: torch.device, *, cache_bytes: int | None = None) -> None:
        self.device = device
        self._cache_bytes = model_cache_bytes(device) if cache_bytes is None else cache_bytes
        self._dtypes: dict[_Key, torch.dtype] = {}
        self._loaded: OrderedDict[_Key, Loaded] = OrderedDict()
        self._guard = threading.Lock()
        self._locks: dict[_Key, threading.Lock] = {}

    def load(self, info: ModelInfo, parameters: dict[str, ParamValue], *, precision: Precision) -> Loaded:
        """Return the model built with those of the parameters that are marked `affects_weights`.

        Args:
            parameters: all parameters of a run.

        Raises:
            ModelUnavailable: a library or weights file that the model needs is not to be had.
        """
        chosen = {param.name: parameters[param.name] for param in info.params if param.affects_weights}
        key: _Key = (info.id, tuple(sorted(chosen.items())), precision)
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            with self._guard:
                if key in self._loaded:
                    self._loaded.move_to_end(key)
                    return self._loaded[key]
            loaded = self._build(info, parameters, key)
            with self._guard:
                self._loaded[key] = loaded
                self._dtypes[key] = loaded.dtype
                self._make_room()
            return loaded

    def _make_room(self) -> None:
        """Drop the models that were not used for longest; the newest stays whatever its size."""
        total = sum(loaded.restorer.size_bytes for loaded in self._loaded.values())
        while total > self._cache_bytes and len(self._loaded) > 1:
            _, dropped = self._loaded.popitem(last=False)
            total -= dropped.restorer.size_bytes

    def _build(self, info: ModelInfo, parameters: dict[str, ParamValue], key: _Key) -> Loaded:
        _, pairs, precision = key
        chosen = dict(pairs)
        files = [file for file in info.files if file.is_needed(chosen)]
        paths = {file.role: store.ensure(file, model=info.id) for file in files}
        restorer = _factory(info)(config=info.config, weights=paths, parameters=chosen)
        contract = restorer.contract
        dtype = torch.float32
        if contract.runs_on_device:
            candidates = candidate_dtypes(self.device, contract.dtypes, precision=precision)
            if key in self._dtypes:  # this model was here before: no need to measure again
                dtype = self._dtypes[key]
                restorer.to(device=self.device, dtype=dtype)
            else:
                restorer, dtype = choose_precision(
                    restorer,
                    device=self.device,
                    candidates=candidates,
                    parameters=in_model_units(info, representative(info, parameters)),
                )
        return Loaded(restorer, dtype, store.short_hashes(files))


def _factory(info: ModelInfo) -> Factory:
    module_name, function_name = info.factory.split(":")
    try:
        module = importlib.import_module(f"restoration.models.{module_name}")
    except ImportError as error:
        message = f"{info.title} needs a library that does not import here ({error}); choose another model."
        raise ModelUnavailable(message, model=info.id) from error
    factory: Factory = getattr(module, function_name)
    return factory
