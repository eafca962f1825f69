"""One body of tests for every model of the manifest; networks in tiny configurations with random weights."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.utils.flop_counter import FlopCounterMode

from restoration.engine.job import Answer, Job
from restoration.engine.scheduler import Scheduler
from restoration.engine.tiling import LARGEST_OVERLAP_PX
from restoration.manifest import load_manifest
from restoration.models.base import Restorer
from restoration.parameters import complete, in_model_units
from restoration.types import ModelInfo, ParamValue
from tests.models import zoo
from tests.models.onnx_graphs import constant_fill

TINY: Mapping[str, dict[str, Any]] = {
    "resunet:build_denoiser": {"widths": [4, 8], "blocks": 1},
    "resunet:build_jpeg_remover": {"widths": [4, 8], "blocks": 1},
    "plug_and_play:build_deblur": {"widths": [4, 8], "blocks": 1},
    "plug_and_play:build_fill": {"widths": [4, 8], "blocks": 1},
    "plug_and_play_inpaint:build": {"widths": [4, 8], "blocks": 1},
    "plug_and_play_sr:build": {"widths": [4, 8], "blocks": 1},
    "edsr:build": {"width": 4, "blocks": 1},
    "ircnn:build": {"width": 4},
    "mwcnn:build_denoiser": {"widths": [4, 8], "blocks": 1},
    "mwcnn:build_jpeg_remover": {"widths": [4, 8], "blocks": 1},
    "mwcnn:build_upscaler": {"widths": [4, 8], "blocks": 1},
    "autoencoder:build": {"widths": [4, 4, 4, 4]},
    "dark_photo:build": {"widths": [4, 4, 4, 4]},
    "fill_unet:build": {"widths": [4, 6], "blocks": [1], "dilations": [1]},
    "srvggnet:build": {"num_feat": 4, "num_conv": 2},
    "rrdbnet:build": {"num_feat": 4, "num_block": 1, "num_grow_ch": 4},
    "darkir:build": {"width": 4, "enc_blk_nums": [1, 1], "dec_blk_nums": [1, 1], "dilations": [1, 2]},
    "zero_dce:build": {"width": 4},
    "contextual_attention:build": {"widths": [4, 6], "blocks": [1], "dilations": [1]},
    "damaged_upscaler:build": {
        "upscaler": {"num_feat": 4, "num_conv": 2},
        "denoiser": {"widths": [4, 8], "blocks": 1},
    },
    "lowlight:build": {name: {"widths": [4, 8], "blocks": 1} for name in ("light", "noise", "denoiser")},
    "deep_image_prior:build_denoise": {"widths": [4, 8]},
    "deep_image_prior:build_unblock": {"widths": [4, 8]},
    "deep_image_prior:build_fill": {"widths": [4, 8]},
    "deep_image_prior:build_enlarge": {"widths": [4, 8]},
}
QUICK: Mapping[str, dict[str, ParamValue]] = {info.id: {"iterations": 3} for info in load_manifest() if info.is_anytime}
ONCE_A_PIXEL = {"lowlight:build": ("noise", "denoiser"), "damaged_upscaler:build": ("x4", "denoiser")}
"""Of models of several networks, the roles of those that see every pixel."""
SIZES = ((1, 1), (7, 5), (16, 16), (33, 20))
_LEFT_OUT = ("bm3d",)  # its library is not installed with the others
MODELS = [
    info
    for info in load_manifest()
    if info.config.get("architecture") not in zoo.FULL_SIZE_ONLY and info.id not in _LEFT_OUT
]


def _network(
    info: ModelInfo, config: Mapping[str, Any], scale: int, role: str = ""
) -> tuple[torch.nn.Module, str | None]:
    """Return the network behind a factory and the key that its published files keep the weights under."""
    if info.factory == "lowlight:build":
        from restoration.models.lowlight import LiftedNoiseNetwork, LightNetwork
        from restoration.models.unet import ResUNet

        classes = {"light": LightNetwork, "noise": LiftedNoiseNetwork, "denoiser": ResUNet}
        return classes[role](**config.get(role, {})), None
    if info.factory == "damaged_upscaler:build":
        from restoration.models.srvggnet import SRVGGNetCompact
        from restoration.models.unet import ResUNet

        is_denoiser = role == "denoiser"
        return ResUNet(**config.get("denoiser", {})) if is_denoiser else SRVGGNetCompact(
            upscale=4, **config["upscaler"]
        ), None
    if info.factory.startswith(("resunet:", "plug_and_play")):
        from restoration.models.unet import ResUNet

        return ResUNet(**(config | {"maps": 2} if role == "measured" else config)), None
    if (network := _seed_network(info.factory, config)) is not None:
        return network, None
    if info.factory == "fill_unet:build":
        from restoration.models.fill_unet import FillUNet

        return FillUNet(**config), None
    if info.factory == "edsr:build":
        from restoration.models.edsr import EDSR

        return EDSR(scale, **config), None
    if info.factory == "community:build":
        return zoo.TINY[str(config["architecture"])](), None
    if info.factory == "srvggnet:build":
        from restoration.models.srvggnet import SRVGGNetCompact

        return SRVGGNetCompact(**config), "params"
    if info.factory == "darkir:build":
        from restoration.models.darkir import DarkIR

        return DarkIR(**config), "params"
    if info.factory == "zero_dce:build":
        from restoration.models.zero_dce import CurveNetwork

        return CurveNetwork(**config), None
    if info.factory == "contextual_attention:build":
        from restoration.models.contextual_attention import ContextualAttentionNet

        return ContextualAttentionNet(**config), None
    from restoration.models.rrdbnet import RRDBNet

    return RRDBNet(**config), "params_ema"


def _seed_network(factory: str, config: Mapping[str, Any]) -> torch.nn.Module | None:
    """Return the network of a system that the project began with, in the form that is built by default."""
    from restoration.models.autoencoder import SkipAutoencoder
    from restoration.models.dark_photo import DarkPhotoCNN
    from restoration.models.ircnn import IRCNNBank
    from restoration.models.mwcnn import MWCNN
    from restoration.models.srcnn import SRCNN, VARIANTS

    kinds = {
        "srcnn": lambda: SRCNN(**VARIANTS["9-5-5"]),
        "ircnn": IRCNNBank,
        "mwcnn": MWCNN,
        "autoencoder": SkipAutoencoder,
        "dark_photo": DarkPhotoCNN,
    }
    kind = kinds.get(factory.split(":")[0])
    return None if kind is None else kind(**config)


def _natively(info: ModelInfo, **given: ParamValue) -> dict[str, ParamValue]:
    """Return all parameters, the scale being one of the model's own."""
    shown = {"blur": "defocus"} if info.param("blur") else {}  # a kernel is found by the service
    parameters = complete(info, {**shown, **QUICK.get(info.id, {}), **given})
    return {**parameters, "scale": info.scales[-1]} if info.param("scale") else parameters


def _built(info: ModelInfo, folder: Path, parameters: Mapping[str, ParamValue]) -> Restorer:
    module_name, function_name = info.factory.split(":")
    build = getattr(importlib.import_module(f"restoration.models.{module_name}"), function_name)
    config = {**info.config, **TINY.get(info.factory, {})}
    weights: dict[str, Path] = {}
    if info.factory == "migan:build":
        weights["net"] = folder / "net.onnx"
        weights["net"].write_bytes(constant_fill(100).SerializeToString())
    elif info.kind == "network":
        torch.manual_seed(0)
        for file in info.files:
            network, key = _network(info, config, int(parameters.get("scale", 1)), file.role)
            if key is None:
                weights[file.role] = folder / f"{file.role}.safetensors"
                save_file(network.state_dict(), weights[file.role])
            else:
                weights[file.role] = folder / f"{file.role}.pth"
                torch.save({key: network.state_dict()}, weights[file.role])
    return build(config=config, weights=weights, parameters=parameters)


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


@pytest.mark.parametrize("info", [info for info in MODELS if info.macs_per_pixel], ids=lambda info: info.id)
def test_stated_cost_is_what_torch_counts(info: ModelInfo) -> None:
    roles = ONCE_A_PIXEL.get(info.factory, ("",))
    networks = [_network(info, info.config, info.scales[-1], role)[0] for role in roles]
    side_px = 64 if info.factory.startswith(("darkir:", "autoencoder:", "dark_photo:")) else 16  # some have fixed parts
    inner_px = side_px * info.scales[-1] if info.factory == "mwcnn:build_upscaler" else side_px  # enlarged beforehand
    image = torch.zeros(1, 3, inner_px, inner_px)
    maps = torch.zeros(1, int(info.config.get("maps", 1)), 1, 1)
    if info.factory == "lowlight:build":
        maps = torch.zeros(1, 1, side_px, side_px)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        for network in networks:
            taken = inspect.signature(network.forward).parameters.values()
            is_told = sum(each.default is each.empty for each in taken) == 2
            network(*((image, maps) if is_told else (image,)))
    assert counter.get_total_flops() / 2 / side_px**2 == pytest.approx(info.macs_per_pixel, rel=0.02)


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
