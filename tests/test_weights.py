"""Weights through the real huggingface_hub client, against a loopback server."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch

from restoration import weights
from restoration.errors import WeightsUnavailable
from restoration.manifest import load_manifest
from restoration.models.srvggnet import SRVGGNetCompact, interpolate
from restoration.service import Service
from restoration.types import Done, RestoreRequest, Task, WeightFile
from tests.hub_server import Hub, run_hub

CONTENT = bytes(range(256)) * 64
FILE = WeightFile(
    role="net",
    repo_id="someone/some-model",
    filename="net.pth",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    size_bytes=len(CONTENT),
)

pytestmark = pytest.mark.hub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub on this machine, and an empty cache; the client's settings are read at its import, so they are patched."""
    from huggingface_hub import constants, file_download

    with run_hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(file_download, "HF_HUB_DISABLE_SYMLINKS_WARNING", True, raising=False)
        server.files["someone/some-model", "net.pth"] = CONTENT
        yield server


def test_file_is_downloaded_once_and_then_taken_from_the_cache(hub: Hub) -> None:
    assert weights.status(FILE)[0] is False
    path = weights.ensure(FILE, model="some-model")
    assert path.read_bytes() == CONTENT
    assert weights.status(FILE) == (True, "")
    weights.ensure(FILE, model="some-model")
    assert hub.downloads() == 1, hub.requests


def test_wrong_bytes_of_the_right_size_are_fetched_again_then_refused_and_removed(hub: Hub) -> None:
    hub.serve = lambda content: bytes(len(content))
    with pytest.raises(WeightsUnavailable, match="wrong content twice"):
        weights.ensure(FILE, model="some-model")
    assert hub.downloads() == 2
    assert weights.local_path(FILE) is None


def test_one_wrong_download_is_mended_by_the_second(hub: Hub) -> None:
    answers = iter([bytes(len(CONTENT)), CONTENT])
    hub.serve = lambda content: next(answers) if hub.requests[-1][0] == "GET" else content
    assert weights.ensure(FILE, model="some-model").read_bytes() == CONTENT


def test_file_damaged_in_the_cache_is_fetched_again(hub: Hub) -> None:
    path = weights.ensure(FILE, model="some-model")
    path.resolve().write_bytes(CONTENT[:100])
    assert weights.ensure(FILE, model="some-model").read_bytes() == CONTENT
    assert hub.downloads() == 2


@pytest.mark.parametrize("change", [{"filename": "other.pth"}, {"repo_id": "someone/nothing"}])
def test_file_that_is_not_on_the_hub_is_named(hub: Hub, change: dict[str, str]) -> None:
    with pytest.raises(WeightsUnavailable, match="no longer on the Hub"):
        weights.ensure(dataclasses.replace(FILE, **change), model="some-model")


def test_without_network_the_message_says_what_to_do(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsUnavailable, match="cannot be reached; connect once or choose a built-in model"):
        weights.ensure(FILE, model="some-model")
    assert hub.requests == []


def test_cached_file_needs_no_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    weights.ensure(FILE, model="some-model")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert weights.ensure(FILE, model="some-model").read_bytes() == CONTENT


def test_missing_and_foreign_built_in_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "weights_folder", lambda: tmp_path)
    file = WeightFile(role="net", path="net.safetensors", sha256="0" * 64)
    with pytest.raises(WeightsUnavailable, match="is missing"):
        weights.ensure(file, model="m")
    (tmp_path / "net.safetensors").write_bytes(b"something else")
    with pytest.raises(WeightsUnavailable, match="not the one that ships"):
        weights.ensure(file, model="m")


def test_short_hashes_are_the_beginnings_of_the_files_sha256(hub: Hub) -> None:
    weights.ensure(FILE, model="some-model")
    assert weights.short_hashes([FILE, FILE]) == "+".join([hashlib.sha256(CONTENT).hexdigest()[:12]] * 2)


def test_hub_model_without_network_is_refused_by_the_service(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    service = Service(records_path=tmp_path / "records.sqlite3", device="cpu")
    request = RestoreRequest(image=np.zeros((8, 8, 3), np.uint8), task=Task.SUPER_RESOLUTION, model="realesrgan-x4plus")
    with pytest.raises(WeightsUnavailable, match="RealESRGAN_x4plus"):
        list(service.restore(request))


def test_hub_model_runs_after_its_download(hub: Hub, tmp_path: Path) -> None:
    """A tiny network under the names of realesr-general-x4v3 takes the whole way: download, load, restore."""
    info = next(info for info in load_manifest() if info.id == "realesr-general-x4v3")
    config = {**info.config, "num_feat": 4, "num_conv": 2}
    for number, file in enumerate(info.files):
        torch.manual_seed(number)
        path = tmp_path / file.role
        torch.save({"params": SRVGGNetCompact(**config).state_dict()}, path)
        hub.files[str(file.repo_id), str(file.filename)] = path.read_bytes()
    tiny = dataclasses.replace(info, config=config)
    service = Service(models=[tiny], records_path=tmp_path / "records.sqlite3", device="cpu")
    assert not service.list_models()[0].is_available
    request = RestoreRequest(image=np.zeros((8, 9, 3), np.uint8), task=Task.SUPER_RESOLUTION)
    done = list(service.restore(request))[-1]
    assert isinstance(done, Done)
    assert done.result.image.size == (36, 32)
    assert service.list_models()[0].is_available
    assert service.list_records()[0].weights.count("+") == 1


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_interpolated_weights_lie_between_the_two(share: float) -> None:
    first, second = {"a": torch.tensor([1.0, 2.0])}, {"a": torch.tensor([3.0, -2.0])}
    torch.testing.assert_close(
        interpolate(first, second, share=share)["a"], torch.tensor([3.0 - 2 * share, -2.0 + 4 * share])
    )


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_published_weights_give_what_realesrganer_gives(
    hub: Hub, data_folder: Path, tmp_path: Path, strength: float, rng: np.random.Generator
) -> None:
    from realesrgan import RealESRGANer

    names = ("realesr-general-x4v3.pth", "realesr-general-wdn-x4v3.pth")
    files = [data_folder / "weights" / name for name in names]
    for file in files:
        hub.files["jhj0517/realesr-general-x4v3", file.name] = file.read_bytes()
    pixels = rng.integers(0, 256, (24, 31, 3), dtype=np.uint8)
    service = Service(records_path=tmp_path / "records.sqlite3", device="cpu")
    request = RestoreRequest(
        image=pixels,
        task=Task.SUPER_RESOLUTION,
        model="realesr-general-x4v3",
        parameters={"denoise_strength": strength},
        precision="exact",
    )
    done = list(service.restore(request))[-1]
    assert isinstance(done, Done)
    network = SRVGGNetCompact(num_in_ch=3, num_out_ch=3, num_feat=64, num_conv=32, upscale=4, act_type="prelu")
    reference = RealESRGANer(
        scale=4,
        model_path=[str(file) for file in files],
        dni_weight=[strength, 1 - strength],
        model=network,
        tile=0,
        pre_pad=0,
        device="cpu",
    )
    # the engine continues the picture by 4 mirrored pixels, as RealESRGANer does (only below and right) with pre_pad
    continued = np.pad(pixels, ((4, 4), (4, 4), (0, 0)), mode="symmetric")
    expected, _ = reference.enhance(continued[..., ::-1].copy())
    difference = done.result.picture.to_array().astype(int) - expected[16:-16, 16:-16, ::-1]
    assert np.abs(difference).max() <= 1
