"""SCI, Zero-DCE and DarkIR against closed forms, their authors' code, their published weights, and through the Hub."""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from restoration.catalogue.manifest import load_manifest
from restoration.errors import ManifestError, UnknownModel, WeightsUnavailable
from restoration.lab.bench.cases import Case, Damage, load_cases
from restoration.lab.bench.quality import measure
from restoration.metrics import psnr
from restoration.models import darkir, sci, zero_dce
from restoration.models.shared.contract import Factory
from restoration.service.choice import NON_COMMERCIAL_VARIABLE
from restoration.service.door import Service
from restoration.types import Done, ModelInfo, RestoreRequest, Task, WeightFile
from restoration.weights import store
from tests.weights.hub_server import Hub, run_hub

MANIFEST: Mapping[str, ModelInfo] = {info.id: info for info in load_manifest()}
SCI = ModelInfo(
    id="sci",
    title="SCI",
    summary="Brightens dark photographs.",
    tasks=(Task.LOW_LIGHT,),
    kind="network",
    factory="sci:build",
    config={},
    params=(),
    files=(WeightFile(role="net", repo_id="someone/sci", filename="sci_medium.pt"),),
    max_megapixels=25,
)
SMALL_DARKIR = {
    "width": 4,
    "enc_blk_nums": [1, 2],
    "dec_blk_nums": [2, 1],
    "dilations": [1, 3],
    "middle_blk_num_enc": 1,
    "middle_blk_num_dec": 1,
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub on this machine, an empty cache, and no pins."""
    from huggingface_hub import constants

    with run_hub() as server:
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("RESTORATION_HOME", str(tmp_path / "home"))
        yield server


def _waves(shape: torch.Size | tuple[int, ...], phase: float) -> Tensor:
    count = math.prod(shape)
    return torch.sin(0.37 * torch.arange(count, dtype=torch.float64) + phase).reshape(shape).float()


def _wavy_state(network: nn.Module) -> dict[str, Tensor]:
    """Return weights that any program can make again: sines, by the order of the names, each as wide as usual."""
    state = {}
    for number, (name, tensor) in enumerate(sorted(network.state_dict().items())):
        values = _waves(tensor.shape, number) / math.sqrt(tensor.numel() / tensor.shape[0]) if tensor.ndim else tensor
        state[name] = values.abs() if name.endswith("running_var") else values
    return state


def _wavy(network: nn.Module) -> nn.Module:
    network.load_state_dict(_wavy_state(network))
    return network.eval()


PICTURE = 0.5 + 0.5 * _waves((1, 3, 12, 20), 0)


def _check(answer: Tensor, *, mean: list[float], std: list[float], pixel: list[float]) -> None:
    """Compare the statistics of each channel and one pixel with those of the authors' code on the same weights."""
    spread, middle = torch.std_mean(answer, dim=(2, 3))
    for found, expected in ((middle[0], mean), (spread[0], std), (answer[0, :, 5, 7], pixel)):
        torch.testing.assert_close(found, torch.tensor(expected), rtol=0, atol=3e-4)


# --- DarkIR


@torch.no_grad()
def test_darkir_gives_what_the_authors_code_gives() -> None:
    answer = _wavy(darkir.DarkIR(**SMALL_DARKIR))(PICTURE)
    _check(
        answer,
        mean=[-1.5473, -2.7976, -2.6688],
        std=[2.9103, 3.5255, 2.8204],
        pixel=[2.9087, 1.8204, -0.4128],
    )


def test_darkir_has_the_size_that_its_authors_publish() -> None:
    network = darkir.DarkIR()
    side_out = sum(parameter.numel() for parameter in network.side_out.parameters())
    total = sum(parameter.numel() for parameter in network.parameters())
    assert round((total - side_out) / 1e6, 2) == 3.31
    assert len(network.state_dict()) == 343


@torch.no_grad()
@pytest.mark.parametrize("size", [(8, 8), (7, 9), (1, 1), (1, 6)])
def test_perceptron_that_keeps_amplitudes_keeps_the_picture(size: tuple[int, int]) -> None:
    channels = 3
    perceptron = darkir.SpectrumPerceptron(channels)
    first, _, last = perceptron.process1
    one = torch.eye(channels)[..., None, None]
    first.weight.copy_(torch.cat([one, torch.zeros_like(one)]))
    last.weight.copy_(2 * torch.cat([one, torch.zeros_like(one)], dim=1))
    first.bias.zero_()
    last.bias.zero_()
    image = torch.rand(2, channels, *size, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(perceptron(image), 2 * image)


@torch.no_grad()
def test_normalised_pixels_have_mean_0_and_variance_1() -> None:
    answer = darkir.ChannelNorm(16)(torch.rand(2, 16, 5, 4, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(answer.mean(dim=1), torch.zeros(2, 5, 4), rtol=0, atol=1e-5)
    torch.testing.assert_close(answer.var(dim=1, correction=0), torch.ones(2, 5, 4), rtol=0, atol=1e-3)


@torch.no_grad()
def test_darkir_whose_last_layer_is_silent_gives_its_input() -> None:
    network = _wavy(darkir.DarkIR(**SMALL_DARKIR))
    network.ending.weight.zero_()
    network.ending.bias.zero_()
    torch.testing.assert_close(network(PICTURE), PICTURE)


def test_darkir_asks_for_float32_and_the_whole_picture(tmp_path: Path) -> None:
    network = darkir.DarkIR(**SMALL_DARKIR)
    torch.save({"params": network.state_dict()}, tmp_path / "net.pt")
    contract = darkir.build(config=SMALL_DARKIR, weights={"net": tmp_path / "net.pt"}, parameters={}).contract
    assert contract.dtypes == (torch.float32,)
    assert contract.tiling == "discouraged"
    assert contract.size_multiple == 4


@pytest.mark.parametrize("content", [{"state": {}}, {"params": {"intro.weight": torch.zeros(4, 3, 3, 3)}}])
def test_darkir_refuses_other_files(tmp_path: Path, content: dict[str, object]) -> None:
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(WeightsUnavailable):
        darkir.build(config=SMALL_DARKIR, weights={"net": tmp_path / "net.pt"}, parameters={})


# --- Zero-DCE


@torch.no_grad()
def test_zero_dce_gives_what_the_authors_code_gives() -> None:
    answer = zero_dce.apply_curves(PICTURE, _wavy(zero_dce.CurveNetwork())(PICTURE))
    _check(answer, mean=[0.4835, 0.4381, 0.3923], std=[0.4277, 0.4254, 0.4161], pixel=[0.9983, 0.7332, 0.0224])


@pytest.mark.parametrize("iterations", [1, 3, 8])
def test_steepest_curves_have_a_closed_form(iterations: int) -> None:
    image = torch.linspace(0, 1, 300).reshape(1, 3, 10, 10)
    answer = zero_dce.apply_curves(image, -torch.ones(1, 3 * iterations, 10, 10))
    torch.testing.assert_close(answer, 1 - (1 - image) ** (2**iterations))


@torch.no_grad()
def test_zero_dce_without_weights_leaves_the_picture(tmp_path: Path) -> None:
    state = {name: torch.zeros_like(tensor) for name, tensor in zero_dce.CurveNetwork().state_dict().items()}
    torch.save(state, tmp_path / "net.pth")
    restorer = zero_dce.build(config={}, weights={"net": tmp_path / "net.pth"}, parameters={})
    assert torch.equal(restorer.restore(PICTURE, parameters=[{}]), PICTURE)


def test_zero_dce_refuses_other_files(tmp_path: Path) -> None:
    torch.save({"e_conv1.weight": torch.zeros(32, 3, 3, 3)}, tmp_path / "net.pth")
    with pytest.raises(WeightsUnavailable, match="Zero-DCE"):
        zero_dce.build(config={}, weights={"net": tmp_path / "net.pth"}, parameters={})


# --- SCI


@torch.no_grad()
def test_sci_gives_what_the_authors_code_gives() -> None:
    answer = _wavy(sci.IlluminationNetwork())(PICTURE)
    _check(answer, mean=[0.5475, 0.6066, 0.5244], std=[0.3224, 0.3029, 0.3395], pixel=[0.9746, 0.7593, 0.3682])


@torch.no_grad()
def test_sci_without_weights_divides_by_the_picture_and_a_half() -> None:
    network = sci.IlluminationNetwork().eval()
    for parameter in network.parameters():
        parameter.zero_()
    torch.testing.assert_close(network(PICTURE), PICTURE / (PICTURE + 0.5).clamp(max=1))


@torch.no_grad()
def test_sci_of_black_is_black() -> None:
    network = _wavy(sci.IlluminationNetwork())
    nn.init.constant_(network.out_conv[0].bias, -1000.0)  # no light at all: the division must still have an answer
    assert not network(torch.zeros(1, 3, 4, 4)).any()


def _sci_file(folder: Path, **more: Tensor) -> Path:
    state = {f"enhance.{name}": tensor for name, tensor in _wavy_state(sci.IlluminationNetwork()).items()}
    torch.save({**state, **more}, folder / "net.pt")
    return folder / "net.pt"


def test_calibration_of_the_training_is_left_out(tmp_path: Path) -> None:
    file = _sci_file(tmp_path, **{"calibrate.in_conv.0.weight": torch.zeros(16, 3, 3, 3)})
    restorer = sci.build(config={}, weights={"net": file}, parameters={})
    with torch.inference_mode():
        torch.testing.assert_close(
            restorer.restore(PICTURE, parameters=[{}]), _wavy(sci.IlluminationNetwork())(PICTURE)
        )


def test_sci_refuses_weights_that_it_does_not_know(tmp_path: Path) -> None:
    file = _sci_file(tmp_path, **{"enhance.second.weight": torch.zeros(3)})
    with pytest.raises(WeightsUnavailable, match="SCI"):
        sci.build(config={}, weights={"net": file}, parameters={})


# --- the published weights


# Of the fifteen pairs of LOL eval, on which the authors' code and weights reach 14.85 (SCI) and 14.86 dB (Zero-DCE),
# eight lie in the data folder; this is what the authors' code gives for them, in the order of their names.
LOL_DB: Mapping[str, tuple[float, ...]] = {
    "sci": (17.655, 12.667, 18.356, 14.299, 7.597, 16.031, 7.372, 9.750),
    "zero-dce": (13.806, 12.647, 15.479, 13.127, 8.259, 18.077, 7.978, 10.791),
}
PUBLISHED_FILES: Mapping[str, tuple[ModelInfo, str, str]] = {
    "sci": (SCI, "sci_medium.pt", "someone/sci"),
    "zero-dce": (MANIFEST["zero-dce"], "zero_dce.pth", "spaces/IanNathaniel/Zero-DCE"),
}


def _cases(data_folder: Path) -> Iterator[Case]:
    return load_cases(Task.LOW_LIGHT, data_folder / "bench" / "LOL_eval", Damage())


@pytest.mark.data
@pytest.mark.parametrize(("name", "build"), [("sci", sci.build), ("zero-dce", zero_dce.build)])
def test_published_weights_give_what_the_authors_code_gives(name: str, build: Factory, data_folder: Path) -> None:
    _, file_name, _ = PUBLISHED_FILES[name]
    restorer = build(config={}, weights={"net": data_folder / "weights" / file_name}, parameters={})
    scores = []
    for case in _cases(data_folder):
        dark = torch.from_numpy(case.degraded.pixels).permute(2, 0, 1)[None]
        with torch.inference_mode():
            restored = restorer.restore(dark, parameters=[{}])[0].permute(1, 2, 0).numpy()
        restored_255 = np.rint(255 * np.clip(restored, 0, 1)).astype(np.float64)
        scores.append(psnr(restored_255, 255.0 * case.reference.pixels.astype(np.float64), data_range=255.0))
    assert scores == pytest.approx(LOL_DB[name], abs=0.002)


@pytest.mark.data
@pytest.mark.hub
@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED_FILES)
def test_published_weights_from_the_hub_lose_nothing_in_the_service(
    hub: Hub, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The engine mirrors the picture at its border, which is a little better than the zeros of the authors' code."""
    monkeypatch.setenv(NON_COMMERCIAL_VARIABLE, "1")
    info, file_name, address = PUBLISHED_FILES[name]
    hub.files[address, str(info.files[0].filename)] = (data_folder / "weights" / file_name).read_bytes()
    service = Service(models=[info], records_path=tmp_path / "records.sqlite3", device="cpu")
    rows = measure(service, _cases(data_folder), task=Task.LOW_LIGHT, models=[info.id], parameters={})
    service.close()
    gains_db = np.array(rows[-1].scores["psnr"]) - LOL_DB[name]
    assert 0 <= gains_db.mean() < 0.1
    assert gains_db.min() > -0.02


# --- from the Hub to the picture


@pytest.mark.hub
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "address"), [("darkir", "Cidaut/DarkIR"), ("zero-dce", "spaces/IanNathaniel/Zero-DCE")]
)
def test_low_light_network_takes_the_whole_way(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, address: str
) -> None:
    """The published architecture with random weights: served, downloaded, loaded, run."""
    monkeypatch.setenv(NON_COMMERCIAL_VARIABLE, "1")
    info = MANIFEST[name]
    (file,) = info.files
    torch.manual_seed(0)
    stream = io.BytesIO()
    if name == "darkir":
        torch.save({"params": darkir.DarkIR().state_dict()}, stream)
    else:
        torch.save(zero_dce.CurveNetwork().state_dict(), stream)
    hub.files[address, str(file.filename)] = stream.getvalue()
    unpinned = dataclasses.replace(info, files=(dataclasses.replace(file, sha256=None, size_bytes=None),))
    service = Service(models=[unpinned], records_path=tmp_path / "records.sqlite3", device="cpu")
    assert not service.list_models()[0].is_available
    pixels = np.random.default_rng(0).integers(0, 64, (41, 50, 3), dtype=np.uint8)
    done = list(service.restore(RestoreRequest(image=pixels, task=Task.LOW_LIGHT)))[-1]
    assert isinstance(done, Done)
    assert done.result.model.id == name
    assert done.result.image.size == (50, 41)
    assert service.list_models()[0].is_available
    service.close()


SPACE_FILE = WeightFile(role="net", repo_id="someone/thing", repo_type="space", filename="net.pth")


@pytest.mark.hub
def test_file_of_a_space_is_fetched_from_there_and_kept_apart(hub: Hub) -> None:
    hub.files["spaces/someone/thing", "net.pth"] = b"of the space"
    hub.files["someone/thing", "net.pth"] = b"of the model"
    model_file = dataclasses.replace(SPACE_FILE, repo_type="model")
    assert store.ensure(SPACE_FILE, model="thing").read_bytes() == b"of the space"
    assert store.status(SPACE_FILE) == (True, "")
    assert not store.status(model_file)[0]
    assert store.ensure(model_file, model="thing").read_bytes() == b"of the model"
    assert set(store.pins()) == {"spaces/someone/thing/net.pth@main", "someone/thing/net.pth@main"}


@pytest.mark.hub
def test_space_without_the_file_is_named_by_its_address(hub: Hub) -> None:
    assert "huggingface.co/spaces/someone/thing" in store.status(SPACE_FILE)[1]
    with pytest.raises(WeightsUnavailable, match=r"\(huggingface\.co/spaces/someone/thing\) is no longer on the Hub"):
        store.ensure(SPACE_FILE, model="thing")


# --- models for non-commercial use


def _service(folder: Path, monkeypatch: pytest.MonkeyPatch, value: str | None) -> Service:
    monkeypatch.delenv(NON_COMMERCIAL_VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(NON_COMMERCIAL_VARIABLE, value)
    return Service(records_path=folder / "records.sqlite3", device="cpu")


def _listed(service: Service) -> set[str]:
    return {status.info.id for status in service.list_models()}


@pytest.mark.parametrize("value", [None, "", "0"])
def test_non_commercial_model_is_neither_listed_nor_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    service = _service(tmp_path, monkeypatch, value)
    assert set(MANIFEST) - _listed(service) == {"bm3d", "zero-dce"}
    request = RestoreRequest(image=np.zeros((8, 8, 3), np.uint8), task=Task.LOW_LIGHT, model="zero-dce")
    with pytest.raises(UnknownModel, match="non-commercial use only; set RESTORATION_NON_COMMERCIAL=1"):
        list(service.restore(request))


def test_non_commercial_model_is_listed_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = _service(tmp_path, monkeypatch, "1")
    assert _listed(service) >= set(MANIFEST)
    assert service.list_models(Task.LOW_LIGHT)[-1].info.title == "Zero-DCE (non-commercial)"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ('title = "One"\nnon_commercial = true', "title must end with"),
        ('title = "One (non-commercial)"', "title must end with"),
        ('title = "One"\nnon_commercial = "no"', "non_commercial must be a valid boolean"),
        ('title = "One"\nfile = [{ role = "net", repo_id = "a/b", filename = "c", repo_type = "shelf" }]', "repo_type"),
    ],
)
def test_wrong_licence_mark_or_address_is_refused(change: str, words: str, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.toml"
    manifest.write_text(
        f'[[model]]\nid = "one"\n{change}\nsummary = "Does one thing."\ntasks = ["denoise"]\nkind = "network"\n'
        'factory = "one:build"\nmax_megapixels = 4\n',
        encoding="utf-8",
    )
    with pytest.raises(ManifestError, match=words):
        load_manifest(manifest)
