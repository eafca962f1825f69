"""MI-GAN: inpainting with a small network that is published as an ONNX file with its own pre- and postprocessing.

The file takes a picture and a mask (255 = known) as bytes, fits them to 512x512, and blends its fill with the picture
over three pixels inside the hole. Two things are done here so that it suits restoration: holes are cut into pieces
that fit the network, so that a scratch across a large photograph is filled at full resolution; and the file is told of
a larger hole, so that nothing of what was in the hole shines through.

Reference:
    Sargsyan et al., MI-GAN: A Simple Baseline for Image Inpainting on Mobile Devices, ICCV 2023.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from restoration.algorithms.holes import cut_holes, window_round
from restoration.arrays import FloatArray, Mask
from restoration.errors import ModelUnavailable, WeightsUnavailable
from restoration.models.shared.contract import Contract
from restoration.models.shared.restorers import ArrayRestorer
from restoration.types import Parameters
from restoration.weights.onnx_file import UnfitFile, check_content

_NAME = "migan"
_NETWORK_PX = 512
_LARGEST_PX = 1024  # the file indexes every sample of a window with 32 bytes; more pixels are lost in it anyway
_MARGIN_PX = 128
_CELL_PX = 256
_THICK_PX = 128
_GROW_PX = 4  # the file blends over three pixels; one more for the resampling

_Bytes = npt.NDArray[np.uint8]


class MiGan(ArrayRestorer):
    """Run the published pipeline on a window round every piece of the holes; known pixels stay as they are."""

    def __init__(self, session: Any, *, size_bytes: int) -> None:
        super().__init__(Contract(tiling="internal", is_iterative=True, needs_mask=True, runs_on_device=False))
        self._session = session
        self._size_bytes = size_bytes

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def restore_array(self, image: FloatArray, *, parameters: Parameters, mask: Mask | None = None) -> FloatArray:
        assert mask is not None
        *_, (_, answer) = self._fill(image, mask)
        return answer

    def steps(
        self,
        image: Tensor,
        *,
        parameters: Parameters,
        mask: Tensor | None = None,
        kernel: Tensor | None = None,
    ) -> Iterator[tuple[float, Tensor]]:
        assert mask is not None
        pixels = np.ascontiguousarray(image[0].permute(1, 2, 0).float().cpu().numpy())
        for fraction, answer in self._fill(pixels, mask[0, 0].cpu().numpy() > 0.5):
            yield fraction, torch.from_numpy(answer.copy()).permute(2, 0, 1)[None]

    def _fill(self, image: FloatArray, mask: Mask) -> Iterator[tuple[float, FloatArray]]:
        """Yield (fraction done, picture filled so far); what is filled is known to the pieces that follow."""
        numbers, pieces = cut_holes(mask, cell_px=_CELL_PX, thick_px=_THICK_PX)
        if not pieces:
            yield 1.0, image
            return
        filled = image.copy()
        samples = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
        unknown = mask.copy()
        for count, piece in enumerate(pieces, start=1):
            window = window_round(piece.box, mask.shape, least_px=_NETWORK_PX, margin_px=_MARGIN_PX)
            fill = self._run(samples[window], unknown[window])
            own = numbers[window] == piece.number
            samples[window][own] = fill[own]
            filled[window][own] = fill[own].astype(np.float32) / np.float32(255)
            unknown[window][own] = False
            yield count / len(pieces), filled

    def _run(self, samples: _Bytes, holes: Mask) -> _Bytes:
        """Return the file's answer for a window; it sees a square, neither stretched nor larger than it can use."""
        height, width = holes.shape
        side = max(height, width)
        below, right = side - height, side - width
        samples = np.pad(samples, ((0, below), (0, right), (0, 0)), mode="symmetric")
        holes = np.pad(holes, ((0, below), (0, right)), mode="symmetric")
        run_px = min(max(side, _NETWORK_PX), _LARGEST_PX)
        samples, holes = _resized(samples, holes, run_px)
        reach = np.ones((2 * _GROW_PX + 1, 2 * _GROW_PX + 1), np.uint8)
        known = np.where(cv2.dilate(holes.astype(np.uint8), reach) > 0, 0, 255).astype(np.uint8)
        feeds = {"image": np.ascontiguousarray(samples.transpose(2, 0, 1))[None], "mask": known[None, None]}
        (answer,) = self._infer(feeds)
        if answer.shape != feeds["image"].shape:
            shapes = f"{answer.shape} for {feeds['image'].shape}"
            raise WeightsUnavailable(
                f"The file of MI-GAN answers with a picture of another size ({shapes}); choose another model.",
                model=_NAME,
            )
        fill = answer[0].transpose(1, 2, 0)
        if run_px != side:
            shrinks = run_px > side
            fill = cv2.resize(fill, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        return np.asarray(fill[:height, :width])

    def _infer(self, feeds: Mapping[str, _Bytes]) -> list[_Bytes]:
        try:
            answers: list[_Bytes] = self._session.run(["result"], dict(feeds))
        except _runtime_errors() as error:
            if "alloc" in str(error):
                raise MemoryError("MI-GAN: out of memory") from error
            raise ModelUnavailable(
                "MI-GAN's file fails on this picture; choose another model for it.", model=_NAME
            ) from error
        return answers


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> MiGan:
    """Open the file "net" with onnxruntime on the CPU.

    Raises:
        ModelUnavailable: onnxruntime is not installed.
        WeightsUnavailable: the file is not the published pipeline, or refers to anything outside itself.
    """
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise ModelUnavailable(
            "MI-GAN needs the library onnxruntime, which does not import here; "
            "install it (pip install onnxruntime) or choose another model.",
            model=_NAME,
        ) from error
    path = weights["net"]
    content = path.read_bytes()
    try:
        check_content(content)
    except UnfitFile as error:
        raise _unfit(path.name, str(error)) from error
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # the memory of a large window goes back
    options.log_severity_level = 4  # errors come as exceptions
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # other models need the cores
    try:
        # from memory, so that what was checked is what runs and no file beside it is found
        session = runtime.InferenceSession(content, sess_options=options, providers=["CPUExecutionProvider"])
    except _runtime_errors() as error:
        raise _unfit(path.name, "cannot be opened by onnxruntime") from error
    inputs = {node.name: node.type for node in session.get_inputs()}
    outputs = {node.name: node.type for node in session.get_outputs()}
    if inputs != dict.fromkeys(("image", "mask"), "tensor(uint8)") or outputs != {"result": "tensor(uint8)"}:
        raise _unfit(path.name, "does not take image and mask and give result, all as bytes")
    return MiGan(session, size_bytes=len(content))


def _runtime_errors() -> tuple[type[Exception], ...]:
    """Return what onnxruntime raises; its errors have no common base but Exception."""
    state = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented", "RuntimeException")
    return tuple(getattr(state, name) for name in names)


def _resized(samples: _Bytes, holes: Mask, side: int) -> tuple[_Bytes, Mask]:
    """Resize a square; a pixel that a hole has any share in becomes a hole."""
    if samples.shape[0] == side:
        return samples, holes
    method = cv2.INTER_AREA if samples.shape[0] > side else cv2.INTER_LINEAR
    shares = cv2.resize(holes.astype(np.float32), (side, side), interpolation=method)
    return np.asarray(cv2.resize(samples, (side, side), interpolation=method)), np.asarray(shares > 0)


def _unfit(name: str, reason: str) -> WeightsUnavailable:
    return WeightsUnavailable(
        f"{name} {reason}, so it is not the published file of MI-GAN; delete it so that it is fetched again.",
        model=_NAME,
    )
