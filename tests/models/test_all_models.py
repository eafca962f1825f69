"""One body of tests for every model of the manifest; networks in tiny configurations with random weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from restoration.catalogue.manifest import load_manifest
from restoration.catalogue.parameters import complete, in_model_units, representative
from restoration.engine.local.job import Answer, Job
from restoration.engine.local.scheduler import Scheduler
from restoration.engine.local.tiling import LARGEST_OVERLAP_PX
from restoration.models.shared.contract import Restorer
from restoration.models.shared.global_pass import GlobalPassRestorer
from restoration.types import ModelInfo, Parameters, ParamValue
from tests.models import zoo

SIZES = ((1, 1), (7, 5), (16, 16), (33, 20))
MODELS = [
    info for info in load_manifest() if zoo.is_small(info) and all(find_spec(library) for library in info.libraries)
]
_FEW = {"iterations": 3}
_LEAST_COST_PX = 32
_MANY_MACS = 4e6


def _natively(info: ModelInfo, **given: ParamValue) -> dict[str, ParamValue]:
    """Return all parameters as a picture would tell them, the scale being one of the model's own."""
    parameters = representative(info, complete(info, {**(_FEW if info.is_anytime else {}), **given}))
    return {**parameters, "scale": info.scales[-1]} if info.param("scale") else parameters


def _built(info: ModelInfo, folder: Path, parameters: Mapping[str, ParamValue], *, is_tiny: bool = True) -> Restorer:
    """Return a model with random weights, given what the registry would give it."""
    module = zoo.module_of(info)
    config = {**info.config, **(getattr(module, "TINY", {}) if is_tiny else {})}
    chosen = {param.name: parameters[param.name] for param in info.params if param.affects_weights}
    weights = zoo.write_weights(info, folder, config=config, parameters=chosen)
    build = getattr(module, info.factory.split(":")[1])
    return build(config=config, weights=weights, parameters=chosen)


def _restored(info: ModelInfo, folder: Path, pixels: np.ndarray, **given: ParamValue) -> np.ndarray:
    parameters = _natively(info, **given)
    restorer = _built(info, folder, parameters)
    mask = None
    if restorer.contract.needs_mask:
        mask = np.zeros(pixels.shape[:2], bool)
        mask[: max(1, mask.shape[0] // 3), : max(1, mask.shape[1] // 3)] = True
    job = Job(restorer, pixels, in_model_units(info, parameters), mask=mask)
    answer = list(Scheduler(torch.device("cpu")).run(job))[-1]
    assert isinstance(answer, Answer)
    return answer.pixels


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[1]}x{size[0]}")
@pytest.mark.parametrize("info", MODELS, ids=lambda info: info.id)
def test_any_size_comes_back_scaled_finite_and_in_range(
    info: ModelInfo, size: tuple[int, int], tmp_path: Path, rng: np.random.Generator
) -> None:
    pixels = rng.random((*size, 3), dtype=np.float32)
    restored = _restored(info, tmp_path, pixels)
    scale = info.scales[-1]
    assert restored.shape == (scale * size[0], scale * size[1], 3)
    assert restored.dtype == np.float32
    assert np.isfinite(restored).all()
    assert 0 <= restored.min() <= restored.max() <= 1


@pytest.mark.parametrize("info", [info for info in MODELS if info.kind == "classical"], ids=lambda info: info.id)
def test_gray_input_stays_gray(info: ModelInfo, tmp_path: Path, rng: np.random.Generator) -> None:
    pixels = np.repeat(rng.random((24, 32, 1), dtype=np.float32), 3, axis=2)
    restored = _restored(info, tmp_path, pixels)
    assert np.ptp(restored, axis=2).max() <= 1 / 255


@pytest.mark.parametrize("info", MODELS, ids=lambda info: info.id)
def test_every_scale_of_a_model_can_be_built(info: ModelInfo, tmp_path: Path) -> None:
    for scale in info.scales:
        restorer = _built(info, tmp_path, {**complete(info, {}), "scale": scale})
        assert restorer.contract.scale == scale


@pytest.mark.parametrize("info", MODELS, ids=lambda info: info.id)
def test_tiles_give_the_whole_image(info: ModelInfo, tmp_path: Path, rng: np.random.Generator) -> None:
    parameters = _natively(info)
    restorer = _built(info, tmp_path, parameters)
    if restorer.contract.tiling != "supported":
        pytest.skip("this method is never tiled")
    tile_px = 4 * LARGEST_OVERLAP_PX
    pixels = rng.random((tile_px, 2 * tile_px, 3), dtype=np.float32)
    engine = Scheduler(torch.device("cpu"))
    whole, tiled = (
        list(engine.run(Job(restorer, pixels, in_model_units(info, parameters), tile_px=size)))[-1]
        for size in (None, tile_px)
    )
    assert tiled.stats.tiles > 1
    error = np.mean((whole.pixels - tiled.pixels) ** 2)
    assert -10 * np.log10(max(float(error), 1e-12)) >= 60


@pytest.mark.parametrize(
    "info",
    [
        pytest.param(info, marks=pytest.mark.slow if info.macs_per_pixel > _MANY_MACS else (), id=info.id)
        for info in MODELS
        if info.macs_per_pixel
    ],
)
def test_stated_cost_is_what_torch_counts(info: ModelInfo, tmp_path: Path, rng: np.random.Generator) -> None:
    parameters = _natively(info)
    restorer = _built(info, tmp_path, parameters, is_tiny=False)
    multiple = restorer.contract.size_multiple
    small_px = multiple * math.ceil(max(_LEAST_COST_PX, restorer.contract.size_minimum) / multiple)
    # what a network does once, whatever the size, cancels
    small, large = (
        _macs(restorer, in_model_units(info, parameters), side_px, rng) for side_px in (small_px, 2 * small_px)
    )
    assert (large - small) / (3 * small_px**2) == pytest.approx(info.macs_per_pixel, rel=0.02)


def _macs(restorer: Restorer, parameters: Parameters, side_px: int, rng: np.random.Generator) -> float:
    """Return the multiply-adds on a square, but for a look at the whole picture, which is the same for large ones."""
    image = torch.from_numpy(rng.random((1, 3, side_px, side_px), dtype=np.float32)) / 4
    with torch.inference_mode(), FlopCounterMode(display=False) as counted:
        restorer.restore(image, parameters=[parameters])
    with torch.inference_mode(), FlopCounterMode(display=False) as looked:
        if isinstance(restorer, GlobalPassRestorer):
            restorer.global_pass(image, parameters=parameters)
    return (counted.get_total_flops() - looked.get_total_flops()) / 2


@pytest.mark.parametrize("info", MODELS, ids=lambda info: info.id)
def test_every_weights_file_of_a_model_has_its_network(info: ModelInfo) -> None:
    module = zoo.module_of(info)
    if not hasattr(module, "networks"):
        assert not info.files or module.__name__.rsplit(".", 1)[1] in zoo.FOREIGN
        return
    config = {**info.config, **getattr(module, "TINY", {})}
    for file in (file for file in info.files if file.role not in zoo.FOR_OTHERS):
        parameters = {param.name: param.default for param in info.params if param.affects_weights}
        assert file.role in module.networks(config, {**parameters, **file.when})


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_low_precision_of_the_large_network_is_near_to_its_own_forward(
    scale: int, tmp_path: Path, rng: np.random.Generator
) -> None:
    from restoration.models.rrdbnet import RRDBNet, build

    torch.manual_seed(0)
    config = {"num_in_ch": 3, "num_out_ch": 3, "scale": scale, "num_feat": 8, "num_block": 2, "num_grow_ch": 4}
    network = RRDBNet(**config)
    torch.save({"params_ema": network.state_dict()}, tmp_path / "net.pth")
    restorer = build(config=config, weights={"net": tmp_path / "net.pth"}, parameters={})
    image = torch.from_numpy(rng.random((1, 3, 32, 32), dtype=np.float32))
    with torch.inference_mode():
        expected = network(image)
        restorer.to(device=torch.device("cpu"), dtype=torch.bfloat16)
        restored = restorer.restore(image, parameters=[{}])
    assert restored.shape == expected.shape
    assert float(torch.mean((restored - expected) ** 2)) < 1e-4 * float(expected.var() + 1e-3)
