"""Weights through the real huggingface_hub client, against a loopback server."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import numpy as np
import pytest
import torch
from safetensors.torch import save

from restoration.catalogue.manifest import load_manifest
from restoration.cli import weights as weights_command
from restoration.cli.main import main
from restoration.errors import WeightsUnavailable
from restoration.lab.bench.cases import Damage, load_cases
from restoration.lab.bench.quality import measure
from restoration.models.shared.state import interpolate
from restoration.models.shared.torchvision_compat import provide_functional_tensor
from restoration.networks.srvggnet import SRVGGNetCompact
from restoration.service.door import Service
from restoration.types import Done, ModelInfo, RestoreRequest, Task, WeightFile
from restoration.weights import store
from restoration.weights.hub import client, downloads
from tests.models import zoo
from tests.weights.hub_server import Hub, run_hub

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
        monkeypatch.setenv("RESTORATION_HOME", str(tmp_path / "home"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(file_download, "HF_HUB_DISABLE_SYMLINKS_WARNING", True, raising=False)
        server.files["someone/some-model", "net.pth"] = CONTENT
        yield server


def test_file_is_downloaded_once_and_then_taken_from_the_cache(hub: Hub) -> None:
    assert store.status(FILE)[0] is False
    path = store.ensure(FILE, model="some-model")
    assert path.read_bytes() == CONTENT
    assert store.status(FILE) == (True, "")
    store.ensure(FILE, model="some-model")
    assert hub.downloads() == 1, hub.requests


def test_wrong_bytes_of_the_right_size_are_fetched_again_then_refused_and_removed(hub: Hub) -> None:
    hub.serve = lambda content: bytes(len(content))
    with pytest.raises(WeightsUnavailable, match="wrong content twice"):
        store.ensure(FILE, model="some-model")
    assert hub.downloads() == 2
    assert store.local_path(FILE) is None


def test_one_wrong_download_is_mended_by_the_second(hub: Hub) -> None:
    answers = iter([bytes(len(CONTENT)), CONTENT])
    hub.serve = lambda content: next(answers) if hub.requests[-1][0] == "GET" else content
    assert store.ensure(FILE, model="some-model").read_bytes() == CONTENT


def test_file_damaged_in_the_cache_is_fetched_again(hub: Hub) -> None:
    path = store.ensure(FILE, model="some-model")
    path.resolve().write_bytes(CONTENT[:100])
    assert store.ensure(FILE, model="some-model").read_bytes() == CONTENT
    assert hub.downloads() == 2


@pytest.mark.parametrize("change", [{"filename": "other.pth"}, {"repo_id": "someone/nothing"}])
def test_file_that_is_not_on_the_hub_is_named(hub: Hub, change: dict[str, str]) -> None:
    with pytest.raises(WeightsUnavailable, match="no longer on the Hub"):
        store.ensure(dataclasses.replace(FILE, **change), model="some-model")


def test_without_network_the_message_says_what_to_do(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsUnavailable, match="cannot be reached; connect once or choose a built-in model"):
        store.ensure(FILE, model="some-model")
    assert hub.requests == []


def test_cached_file_needs_no_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    store.ensure(FILE, model="some-model")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert store.ensure(FILE, model="some-model").read_bytes() == CONTENT


UNKNOWN = dataclasses.replace(FILE, sha256=None, size_bytes=None)


def test_file_whose_hash_is_unknown_is_checked_against_the_hub_and_written_down(hub: Hub) -> None:
    hub.serve = lambda content: bytes(len(content))
    with pytest.raises(WeightsUnavailable, match="wrong content twice"):
        store.ensure(UNKNOWN, model="some-model")
    hub.serve = lambda content: content
    store.ensure(UNKNOWN, model="some-model")
    pin = store.pins()[store.pin_name(UNKNOWN)]
    assert (pin["sha256"], pin["size_bytes"]) == (FILE.sha256, FILE.size_bytes)


def test_cached_file_of_unknown_hash_is_checked_by_the_name_that_the_hub_gave_it(hub: Hub) -> None:
    path = Path(huggingface_hub.hf_hub_download("someone/some-model", "net.pth"))  # by another program
    assert store.is_right(UNKNOWN)
    path.resolve().write_bytes(b"something else")
    assert store.is_right(UNKNOWN) is False
    assert store.ensure(UNKNOWN, model="some-model").read_bytes() == CONTENT
    assert store.pins()[store.pin_name(UNKNOWN)]["sha256"] == FILE.sha256


def test_other_file_than_the_one_written_down_is_refused_before_it_is_downloaded(hub: Hub) -> None:
    path = store.ensure(UNKNOWN, model="some-model")
    path.resolve().unlink()
    path.unlink()
    hub.files["someone/some-model", "net.pth"] = CONTENT[::-1]
    before = hub.downloads()
    with pytest.raises(WeightsUnavailable, match="than the one that was checked"):
        store.ensure(UNKNOWN, model="some-model")
    assert hub.downloads() == before


def test_eight_threads_share_one_download(hub: Hub) -> None:
    everybody = threading.Barrier(9)
    waiting = threading.Event()
    hub.before_body = lambda: waiting.wait(20) and None

    def one() -> Path:
        everybody.wait(20)
        steps = store.fetch(FILE, model="some-model")
        next(steps)
        joined.release()
        try:
            while True:
                next(steps)
        except StopIteration as end:
            return end.value

    joined = threading.Semaphore(0)
    with ThreadPoolExecutor(max_workers=8) as pool:
        paths = [pool.submit(one) for _ in range(8)]
        everybody.wait(20)
        for _ in range(8):
            assert joined.acquire(timeout=20)
        waiting.set()
        assert len({path.result(20) for path in paths}) == 1
    assert hub.downloads() == 1


def test_progress_tells_what_has_come(hub: Hub) -> None:
    go_on = threading.Event()
    hub.before_body = lambda: go_on.wait(20) and None
    steps = store.fetch(FILE, model="some-model")
    step = next(steps)
    assert step.total_bytes == len(CONTENT)
    assert 0 <= step.done_bytes <= len(CONTENT)
    assert str(step).startswith("Downloading net.pth: 0.0 of 0.0 MB")
    go_on.set()
    assert all(later.done_bytes >= step.done_bytes for later in steps)


def test_download_that_nobody_waits_for_stops_and_the_next_one_works(hub: Hub) -> None:
    go_on = threading.Event()
    hub.before_body = lambda: go_on.wait(20) and None
    steps = store.fetch(FILE, model="some-model")
    next(steps)
    steps.close()
    go_on.set()
    assert store.ensure(FILE, model="some-model").read_bytes() == CONTENT


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("status", [429, 503])
def test_overloaded_hub_is_asked_again(hub: Hub, monkeypatch: pytest.MonkeyPatch, method: str, status: int) -> None:
    monkeypatch.setattr(downloads, "PAUSES_S", (0.0, 0.0))
    refusals = iter([(status, "")])
    hub.refuse = lambda asked: next(refusals, None) if asked == method else None
    assert store.ensure(FILE, model="some-model").read_bytes() == CONTENT


def test_hub_that_stays_overloaded_is_given_up(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PAUSES_S", (0.0, 0.0))
    hub.refuse = lambda _: (503, "")
    with pytest.raises(WeightsUnavailable, match="try again later"):
        store.ensure(FILE, model="some-model")
    assert len(hub.requests) == 3


def test_body_that_is_too_short_is_fetched_again(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PAUSES_S", (0.0, 0.0))
    bodies = iter([CONTENT[:99]])
    hub.serve = lambda content: next(bodies, content) if hub.requests[-1][0] == "GET" else content
    assert store.ensure(FILE, model="some-model").read_bytes() == CONTENT


def test_gated_file_asks_for_a_token(hub: Hub) -> None:
    hub.refuse = lambda _: (401, "GatedRepo")
    with pytest.raises(WeightsUnavailable, match="set HF_TOKEN"):
        store.ensure(FILE, model="some-model")


def test_full_disk_is_noticed_before_the_download(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    with pytest.raises(WeightsUnavailable, match="need 200 MB of free disk but only 1 MB"):
        store.ensure(FILE, model="some-model")
    assert hub.downloads() == 0


def test_download_beyond_its_time_is_given_up(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PAUSES_S", ())
    monkeypatch.setattr(downloads, "TIME_LIMIT_S", -1.0)
    with pytest.raises(WeightsUnavailable, match=r"cannot be reached|cannot be downloaded"):
        store.ensure(FILE, model="some-model")


def test_commands_get_verify_pin_and_list(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = tmp_path / "manifest"
    manifest.mkdir()
    (manifest / "denoise.toml").write_text(
        """
[[model]]
id = "some-model"
title = "Some model"
summary = "Does something."
tasks = ["denoise"]
kind = "network"
factory = "resunet:build"
max_megapixels = 1

[[model.file]]
role = "net"
repo_id = "someone/some-model"
filename = "net.pth"
size_bytes = 16384
when = { scale = 1 }

[[model.param]]
name = "scale"
kind = "int"
default = 1
minimum = 1
maximum = 1
step = 1
label = "Scale"
affects_weights = true
""",
        encoding="utf-8",
    )
    monkeypatch.setattr(weights_command, "manifest_folder", lambda: manifest)
    monkeypatch.setattr(weights_command, "load_manifest", lambda: load_manifest(manifest))
    assert main(["weights", "list"]) == 0
    assert "not downloaded" in capsys.readouterr().out
    assert main(["weights", "get", "some-model"]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert main(["weights", "pin"]) == 0
    (info,) = load_manifest(manifest)
    assert (info.files[0].sha256, info.files[0].size_bytes) == (FILE.sha256, FILE.size_bytes)
    assert main(["weights", "verify"]) == 0
    assert "right" in capsys.readouterr().out
    path.resolve().write_bytes(b"other")
    assert main(["weights", "verify"]) == 1
    assert "WRONG" in capsys.readouterr().out
    assert main(["weights", "get"]) == 2
    assert main(["weights", "get", "nothing"]) == 2


@pytest.mark.parametrize("is_open", [False, True])
def test_weights_that_may_not_be_sold_come_only_when_asked_for(monkeypatch: pytest.MonkeyPatch, is_open: bool) -> None:
    withheld = {info.id for info in load_manifest() if info.non_commercial and info.files}
    got: set[str] = set()
    monkeypatch.setattr(weights_command, "_fetch", lambda info, _: got.add(info.id) is None)
    monkeypatch.setattr(weights_command, "offers_non_commercial", lambda: is_open)
    assert main(["weights", "get", "--all"]) == 0
    assert "resunet-color" in got
    assert withheld
    assert got >= withheld if is_open else not got & withheld
    got.clear()
    assert main(["weights", "get", *withheld]) == 0
    assert got == withheld


def test_only_what_this_application_downloaded_is_collected(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants, hf_hub_download

    hub.files["someone/shared-model", "net.pth"] = CONTENT
    shared = dataclasses.replace(FILE, repo_id="someone/shared-model")
    hf_hub_download("someone/shared-model", "net.pth", cache_dir=constants.HF_HUB_CACHE)  # as another program would
    paths = [store.ensure(file, model="some-model") for file in (FILE, shared)]
    assert main(["weights", "gc"]) == 0
    assert [path.exists() for path in paths] == [False, True]
    assert list(store.pins()) == [store.pin_name(shared)]


def test_doctor_says_what_works(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert "torch " in told
    assert "fast precisions" in told
    assert f"{hub.url} is reached" in told


def test_hub_model_without_network_names_one_that_works(hub: Hub, tmp_path: Path) -> None:
    hub.refuse = lambda _: (404, "RepoNotFound")
    service = Service(records_path=tmp_path / "records.sqlite3", device="cpu")
    request = RestoreRequest(image=np.zeros((8, 8, 3), np.uint8), task=Task.SUPER_RESOLUTION, model="realesrgan-x4plus")
    with pytest.raises(WeightsUnavailable, match=r"Built-in upscaler .* works now"):
        list(service.restore(request))


PROGRAM = f"""
from restoration.weights import store
from restoration.types import WeightFile
file = WeightFile(role="net", repo_id={FILE.repo_id!r}, filename={FILE.filename!r}, sha256={FILE.sha256!r})
print(store.ensure(file, model="some-model"))
"""


def _settings(hub: Hub, folder: Path) -> dict[str, str]:
    """The environment of another process that works with the loopback Hub and a cache of its own."""
    return {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(folder / "home"),
        "HF_HUB_DISABLE_XET": "1",
        "RESTORATION_HOME": str(folder / "ours"),
    }


@pytest.mark.slow
def test_two_processes_leave_one_right_file(hub: Hub, tmp_path: Path) -> None:
    settings = _settings(hub, tmp_path)
    users = [
        subprocess.Popen([sys.executable, "-c", PROGRAM], env=settings, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = {user.communicate(timeout=60)[0].strip() for user in users}
    assert len(answers) == 1
    assert Path(answers.pop()).read_bytes() == CONTENT


@pytest.mark.slow
def test_process_killed_in_the_middle_leaves_nothing_harmful(hub: Hub, tmp_path: Path) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        go_on.wait(30)

    hub.before_body = hold
    settings = _settings(hub, tmp_path)
    victim = subprocess.Popen([sys.executable, "-c", PROGRAM], env=settings, stdout=subprocess.PIPE, text=True)
    assert asked.wait(30)
    victim.kill()
    victim.communicate()
    go_on.set()
    hub.before_body = lambda: None
    answer = subprocess.run([sys.executable, "-c", PROGRAM], env=settings, capture_output=True, text=True, check=True)
    assert Path(answer.stdout.strip()).read_bytes() == CONTENT


def test_missing_and_foreign_built_in_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "weights_folder", lambda: tmp_path)
    file = WeightFile(role="net", path="net.safetensors", sha256="0" * 64)
    with pytest.raises(WeightsUnavailable, match="is missing"):
        store.ensure(file, model="m")
    (tmp_path / "net.safetensors").write_bytes(b"something else")
    with pytest.raises(WeightsUnavailable, match="not the one that ships"):
        store.ensure(file, model="m")


def test_short_hashes_are_the_beginnings_of_the_files_sha256(hub: Hub) -> None:
    store.ensure(FILE, model="some-model")
    assert store.short_hashes([FILE, FILE]) == "+".join([hashlib.sha256(CONTENT).hexdigest()[:12]] * 2)


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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit.*deprecated", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("name", zoo.PUBLISHED)
def test_model_of_the_zoo_takes_the_whole_way(hub: Hub, tmp_path: Path, name: str) -> None:
    """The published architecture with random weights: served, downloaded, recognised, loaded, run."""
    info = next(info for info in load_manifest() if info.id == name)
    (file,) = info.files
    torch.manual_seed(0)
    network = zoo.PUBLISHED[name]()
    stream = io.BytesIO()
    if str(file.filename).endswith(".safetensors"):
        stream.write(save(network.state_dict()))
    elif str(file.filename).endswith(".pt"):  # published as TorchScript
        image = torch.zeros(1, 3, 64, 64)
        torch.jit.save(torch.jit.trace(network.eval(), (image, image[:, :1])), stream)
    else:
        torch.save({"params": network.state_dict()}, stream)
    hub.files[str(file.repo_id), str(file.filename)] = stream.getvalue()
    unpinned = dataclasses.replace(info, files=(dataclasses.replace(file, sha256=None, size_bytes=None),))
    service = Service(models=[unpinned], records_path=tmp_path / "records.sqlite3", device="cpu")
    pixels = np.random.default_rng(0).integers(0, 256, (41, 50, 3), dtype=np.uint8)
    mask = np.pad(np.full((9, 9), 255, np.uint8), ((10, 22), (10, 31))) if info.tasks[0] is Task.INPAINT else None
    done = list(service.restore(RestoreRequest(image=pixels, task=info.tasks[0], mask=mask)))[-1]
    assert isinstance(done, Done)
    scale = int(done.result.parameters.get("scale", 1))
    assert done.result.image.size == (50 * scale, 41 * scale)
    service.close()


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "folder", "task", "damage", "least_db"),
    [
        ("dncnn_color_blind.pth", "CBSD68", Task.DENOISE, {"sigma_255": 25.0}, 31.0),
        ("dncnn3_gray.pth", "Classic5", Task.DEJPEG, {"quality": 10, "gray": True}, 29.3),
    ],
)
def test_published_weights_give_the_published_quality(
    hub: Hub, data_folder: Path, tmp_path: Path, name: str, folder: str, task: Task, damage: dict, least_db: float
) -> None:
    hub.files["someone/dncnn", name] = (data_folder / "weights" / name).read_bytes()
    info = ModelInfo(
        id="dncnn",
        title="DnCNN",
        summary="Removes noise.",
        tasks=(task,),
        kind="network",
        factory="spandrel_models:build",
        config={"architecture": "DnCNN"},
        params=(),
        files=(WeightFile(role="net", repo_id="someone/dncnn", filename=name),),
        max_megapixels=4,
    )
    service = Service(models=[info], records_path=tmp_path / "records.sqlite3", device="cpu")
    cases = load_cases(task, data_folder / "bench" / folder, Damage(**damage))
    rows = measure(service, cases, task=task, models=["dncnn"], parameters={})
    assert rows[-1].mean("psnr") >= least_db
    service.close()


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_published_weights_give_what_realesrganer_gives(
    hub: Hub, data_folder: Path, tmp_path: Path, strength: float, rng: np.random.Generator
) -> None:
    provide_functional_tensor()
    from realesrgan import RealESRGANer
    from realesrgan.archs.srvgg_arch import SRVGGNetCompact as Published

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
    network = Published(num_in_ch=3, num_out_ch=3, num_feat=64, num_conv=32, upscale=4, act_type="prelu")
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


LARGE = np.random.default_rng(1).integers(0, 256, 3_500_000, dtype=np.uint8).tobytes()
LARGE_FILE = dataclasses.replace(FILE, sha256=hashlib.sha256(LARGE).hexdigest(), size_bytes=len(LARGE))


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.rests_s: list[float] = []

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.rests_s.append(seconds)


class Gate:
    """Where the server stops until the test lets it go on."""

    def __init__(self) -> None:
        self._reached, self._open = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self._reached.set()
        self._open.wait(20)

    @property
    def is_reached(self) -> bool:
        return self._reached.is_set()

    def wait(self) -> None:
        assert self._reached.wait(20)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock for our downloads and the client's, so that no test waits for a pause or a limit."""
    from huggingface_hub import file_download

    ours = Clock()
    monkeypatch.setattr(downloads, "time", ours)
    monkeypatch.setattr(file_download, "time", ours)
    return ours


def _serve_large(hub: Hub) -> None:
    hub.files["someone/some-model", "net.pth"] = LARGE


def _cut_first(hub: Hub, sent_bytes: int) -> None:
    """Let the first GET of the body end after so many bytes."""
    answers = iter([sent_bytes])
    hub.cut = lambda content, start: next(answers, None)


def test_download_that_stands_still_is_given_up(hub: Hub, clock: Clock) -> None:
    gate = hub.before_body = Gate()
    steps = store.fetch(FILE, model="some-model")
    next(steps)
    gate.wait()
    clock.now_s += downloads.STALL_LIMIT_S + 1
    with pytest.raises(WeightsUnavailable, match="nothing more of it has come for 2 minutes; try again later"):
        list(steps)
    gate.open()
    assert store.ensure(FILE, model="some-model").read_bytes() == CONTENT


def test_download_that_stands_still_ends_for_everybody_who_waits(hub: Hub, clock: Clock) -> None:
    gate = hub.before_body = Gate()
    everybody = [store.fetch(FILE, model="some-model") for _ in range(3)]
    for steps in everybody:
        next(steps)
    gate.wait()
    clock.now_s += downloads.STALL_LIMIT_S + 1
    for steps in everybody:
        with pytest.raises(WeightsUnavailable, match="nothing more of it has come"):
            list(steps)
    assert hub.downloads() == 1
    gate.open()


def test_download_beyond_its_time_is_given_up_although_nothing_comes(hub: Hub, clock: Clock) -> None:
    gate = hub.before_body = Gate()
    steps = store.fetch(FILE, model="some-model")
    next(steps)
    gate.wait()
    clock.now_s += downloads.TIME_LIMIT_S + 1
    with pytest.raises(WeightsUnavailable, match="cannot be downloaded within 60 minutes"):
        list(steps)
    gate.open()


def test_download_by_another_process_is_no_standstill(hub: Hub, clock: Clock) -> None:
    from huggingface_hub import constants
    from huggingface_hub.utils import WeakFileLock

    name = "models--someone--some-model"
    cache = Path(constants.HF_HUB_CACHE)
    lock, partial = cache / ".locks" / name / f"{FILE.sha256}.lock", cache / name / "blobs" / "other.incomplete"
    lock.parent.mkdir(parents=True)
    partial.parent.mkdir(parents=True)
    with WeakFileLock(lock):
        steps = store.fetch(FILE, model="some-model")
        next(steps)
        for size in (10, 20, 30):
            partial.write_bytes(bytes(size))
            clock.now_s += downloads.STALL_LIMIT_S + 1
            next(steps)
        assert hub.downloads() == 0
    assert [step for step in steps if step.done_bytes > len(CONTENT)] == []
    assert store.ensure(FILE, model="some-model").read_bytes() == CONTENT


def test_line_that_falls_silent_again_and_again_is_given_up(
    hub: Hub, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = hub.before_body = Gate()
    monkeypatch.setattr(
        huggingface_hub.constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2
    )  # less, and a busy server counts less
    monkeypatch.setattr(downloads, "PAUSES_S", (0.0,))
    with pytest.raises(WeightsUnavailable, match="the connection broke off; try again later"):
        store.ensure(FILE, model="some-model")
    gate.open()
    assert hub.downloads() == 12, "six by the client, twice"
    assert store.local_path(FILE) is None


def test_cut_download_goes_on_where_it_ended(hub: Hub, clock: Clock) -> None:
    _serve_large(hub)
    _cut_first(hub, 2_500_000)
    assert store.ensure(LARGE_FILE, model="some-model").read_bytes() == LARGE
    assert hub.statuses == [200, 206]
    assert hub.ranges[0] is None
    first_byte = int(str(hub.ranges[1]).removeprefix("bytes=").removesuffix("-"))
    assert 1_000_000 < first_byte <= 2_500_000, hub.ranges


def test_download_that_is_cut_five_times_still_comes_to_its_end(hub: Hub, clock: Clock) -> None:
    _serve_large(hub)
    cuts = iter([1_100_000] * 5)
    hub.cut = lambda content, start: next(cuts, None)
    assert store.ensure(LARGE_FILE, model="some-model").read_bytes() == LARGE


def test_progress_after_a_cut_counts_no_byte_twice(hub: Hub, clock: Clock) -> None:
    _serve_large(hub)
    _cut_first(hub, 2_500_000)
    hub.takes_ranges = False
    gate = Gate()
    hub.before_byte = 3_400_000, gate
    for step in store.fetch(LARGE_FILE, model="some-model"):
        assert step.done_bytes <= len(LARGE)
        if gate.is_reached:
            gate.open()
    assert hub.statuses == [200, 200]


def test_server_that_sends_the_whole_file_again_gives_the_right_file(hub: Hub, clock: Clock) -> None:
    _serve_large(hub)
    hub.takes_ranges = False
    _cut_first(hub, 2_500_000)
    assert store.ensure(LARGE_FILE, model="some-model").read_bytes() == LARGE
    assert hub.statuses == [200, 200]
    assert hub.ranges[1] is not None, "the rest was asked for, and not given"


def test_reset_connection_is_tried_again(hub: Hub, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PAUSES_S", (0.0, 0.0))
    _serve_large(hub)
    hub.resets = True
    _cut_first(hub, 2_500_000)
    assert store.ensure(LARGE_FILE, model="some-model").read_bytes() == LARGE
    assert hub.downloads() == 2


def test_body_that_always_ends_early_is_given_up(hub: Hub, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server announces more bytes than it ever sends."""
    monkeypatch.setattr(downloads, "PAUSES_S", (0.0,))
    hub.takes_ranges = False
    hub.cut = lambda content, start: 99
    with pytest.raises(WeightsUnavailable, match="the connection broke off; try again later"):
        store.ensure(FILE, model="some-model")
    assert store.local_path(FILE) is None
    assert not list(Path(huggingface_hub.constants.HF_HUB_CACHE).rglob("*.incomplete"))


def test_server_that_never_gets_beyond_the_middle_is_given_up_in_time(hub: Hub, clock: Clock) -> None:
    """The client begins anew without end, as some bytes come each time; only the limit stops it."""
    _serve_large(hub)
    hub.takes_ranges = False

    def cut(content: bytes, start: int) -> int:
        clock.now_s += downloads.TIME_LIMIT_S / 10
        return 2_500_000

    hub.cut = cut
    with pytest.raises(WeightsUnavailable, match="cannot be downloaded within 60 minutes"):
        store.ensure(LARGE_FILE, model="some-model")
    assert hub.downloads() <= 11


def test_progress_shows_the_first_megabyte(hub: Hub) -> None:
    _serve_large(hub)
    gate = Gate()
    hub.before_byte = 1_500_000, gate
    steps = store.fetch(LARGE_FILE, model="some-model")
    assert next(step.done_bytes for step in steps if step.done_bytes) >= 1_000_000
    gate.open()
    list(steps)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_overloaded_hub_is_left_alone_as_long_as_it_asks(
    hub: Hub, clock: Clock, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    rests_s: list[float] = []
    monkeypatch.setattr(downloads._Flight, "_rest", lambda self, pause_s: rests_s.append(pause_s))
    refusals = iter([(503, ""), (503, "")])
    hub.refuse = lambda asked: next(refusals, None) if asked == method else None
    hub.retry_after = "7"
    assert store.ensure(FILE, model="some-model").read_bytes() == CONTENT
    assert rests_s == [7.0, 8.0], "as long as asked, but not shorter than our own pauses"


@pytest.mark.parametrize(("asked", "rest_s"), [("86400", 60.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 2.0), ("-5", 2.0)])
def test_odd_demand_for_a_pause_is_bounded(
    hub: Hub, clock: Clock, monkeypatch: pytest.MonkeyPatch, asked: str, rest_s: float
) -> None:
    rests_s: list[float] = []
    monkeypatch.setattr(downloads._Flight, "_rest", lambda self, pause_s: rests_s.append(pause_s))
    refusals = iter([(503, "")])
    hub.refuse = lambda _: next(refusals, None)
    hub.retry_after = asked
    assert store.ensure(FILE, model="some-model").read_bytes() == CONTENT
    assert rests_s == [rest_s]


def test_overloaded_hub_is_asked_again_what_it_knows_of_a_file(hub: Hub, clock: Clock) -> None:
    refusals = iter([(503, "")])
    hub.refuse = lambda _: next(refusals, None)
    assert store.ensure(UNKNOWN, model="some-model").read_bytes() == CONTENT
    assert clock.rests_s == [2.0]


def test_file_in_the_storage_is_found_and_checked(hub: Hub) -> None:
    hub.has_storage = True
    assert store.ensure(UNKNOWN, model="some-model").read_bytes() == CONTENT
    assert store.pins()[store.pin_name(UNKNOWN)]["sha256"] == FILE.sha256
    (got,) = [path for method, path in hub.requests if method == "GET"]
    assert got.startswith("/storage/")


def test_token_is_not_shown_to_the_storage(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.has_storage = True
    store.ensure(FILE, model="some-model")
    assert hub.tokens == {"hub": {"Bearer hf_secret"}, "storage": {None}}


def test_cut_download_from_the_storage_goes_on_where_it_ended(hub: Hub, clock: Clock) -> None:
    _serve_large(hub)
    hub.has_storage = True
    _cut_first(hub, 2_500_000)
    assert store.ensure(LARGE_FILE, model="some-model").read_bytes() == LARGE
    assert hub.statuses == [200, 206]
