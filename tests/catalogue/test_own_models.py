from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from restoration.catalogue import own_models
from restoration.cli.main import main
from restoration.errors import InvalidRequest, WeightsUnavailable
from restoration.models.sci import IlluminationNetwork
from restoration.models.zero_dce import CurveNetwork
from restoration.service.door import Service
from restoration.types import Done, RestoreRequest, Task
from tests.models import zoo


@pytest.fixture(autouse=True)
def _empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTORATION_HOME", str(tmp_path / "home"))


@pytest.fixture
def upscaler(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    file = tmp_path / "4x My Upscaler.safetensors"
    save_file(zoo.TINY["PLKSR"]().state_dict(), file)
    return file


def test_own_file_becomes_a_model_of_its_task(upscaler: Path) -> None:
    info = own_models.add(upscaler)
    assert (info.id, info.tasks) == ("own-4x-my-upscaler", (Task.SUPER_RESOLUTION,))
    service = Service(device="cpu")
    assert info.id in [status.info.id for status in service.list_models(Task.SUPER_RESOLUTION) if status.is_available]
    request = RestoreRequest(image=np.zeros((20, 30, 3), np.uint8), task=Task.SUPER_RESOLUTION, model=info.id)
    done = list(service.restore(request))[-1]
    assert isinstance(done, Done)
    assert done.result.image.size == (120, 80)
    service.close()


def test_networks_that_spandrel_does_not_know_are_recognised(tmp_path: Path) -> None:
    torch.manual_seed(0)
    light = {f"enhance.{name}": tensor.clone() for name, tensor in IlluminationNetwork().state_dict().items()}
    torch.save(light, tmp_path / "light.pt")
    torch.save(CurveNetwork().state_dict(), tmp_path / "curves.pth")
    models = [own_models.add(tmp_path / name) for name in ("light.pt", "curves.pth")]
    assert [info.tasks for info in models] == [(Task.LOW_LIGHT,), (Task.LOW_LIGHT,)]
    service = Service(device="cpu")
    for info in models:
        request = RestoreRequest(image=np.full((20, 30, 3), 20, np.uint8), task=Task.LOW_LIGHT, model=info.id)
        done = list(service.restore(request))[-1]
        assert isinstance(done, Done)
        assert done.result.image.size == (30, 20)
    service.close()


def test_dropped_files_are_registered_by_a_scan_and_bad_ones_named(upscaler: Path) -> None:
    folder = own_models.folder()
    folder.mkdir(parents=True)
    upscaler.rename(folder / upscaler.name)
    torch.manual_seed(0)
    torch.save(zoo.TINY["DRUNet"]().state_dict(), folder / "grain.pth")
    (folder / "letter.pth").write_bytes(b"Dear all")
    (folder / "notes.txt").write_text("nothing", encoding="utf-8")
    added, refused = own_models.scan()
    assert [info.id for info in added] == ["own-4x-my-upscaler", "own-grain"]
    assert added[1].param("sigma") is not None
    assert len(refused) == 1
    assert refused[0].startswith("letter.pth: ")
    assert own_models.scan()[0] == []


def test_file_changed_after_it_was_added_is_refused(upscaler: Path) -> None:
    info = own_models.add(upscaler)
    (own_models.folder() / upscaler.name).write_bytes(upscaler.read_bytes()[::-1])
    service = Service(device="cpu")
    request = RestoreRequest(image=np.zeros((20, 30, 3), np.uint8), task=Task.SUPER_RESOLUTION, model=info.id)
    with pytest.raises(WeightsUnavailable, match="not the one that was added"):
        list(service.restore(request))


def test_file_that_is_gone_or_has_changed_can_be_added_again(upscaler: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    torch.save(zoo.TINY["DRUNet"]().state_dict(), tmp_path / "grain.pth")
    others = own_models.add(tmp_path / "grain.pth")
    first = own_models.add(upscaler)
    (own_models.folder() / upscaler.name).unlink()
    assert own_models.add(upscaler) == first
    (own_models.folder() / upscaler.name).write_bytes(b"changed")
    assert own_models.add(upscaler) == first
    assert own_models.load() == (others, first)


@pytest.mark.parametrize("name", ["none.pth", "picture.png"])
def test_what_is_no_weights_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"x")
    with pytest.raises(InvalidRequest, match="no weights file"):
        own_models.add(tmp_path / name)


def test_second_file_of_one_name_is_refused(upscaler: Path) -> None:
    own_models.add(upscaler)
    with pytest.raises(InvalidRequest, match="registered already"):
        own_models.add(upscaler)


def test_task_can_be_named(upscaler: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    torch.save(zoo.TINY["NAFNet"]().state_dict(), tmp_path / "night.pth")
    assert main(["add", str(tmp_path / "night.pth"), "--task", "low-light"]) == 0
    assert "For low-light." in capsys.readouterr().out
    assert main(["add", str(tmp_path / "none.pth")]) == 2


@pytest.mark.parametrize(
    "content", [b"[[model", "title = 'ü'".encode("latin-1"), b"model = 3", b"[[model]]\ntasks = 3"]
)
def test_broken_list_of_own_models_does_not_keep_the_application_from_starting(content: bytes) -> None:
    own_models.folder().mkdir(parents=True)
    (own_models.folder() / "models.toml").write_bytes(content)
    assert Service(device="cpu").list_models()


def test_hash_of_a_wrong_kind_does_not_keep_the_application_from_starting(upscaler: Path) -> None:
    own_models.add(upscaler)
    manifest = own_models.folder() / "models.toml"
    lines = manifest.read_text(encoding="utf-8").splitlines()
    manifest.write_text("\n".join("sha256 = 5" if "sha256" in line else line for line in lines), encoding="utf-8")
    assert Service(device="cpu").list_models()


def test_any_character_may_stand_in_the_name_of_a_file(upscaler: Path, tmp_path: Path) -> None:
    named = tmp_path / "träume 😀.safetensors"
    named.write_bytes(upscaler.read_bytes())
    assert own_models.add(named).title == "träume 😀 (own)"
    assert own_models.add(upscaler) in own_models.load()


def test_names_without_latin_letters_get_ids_of_their_own(upscaler: Path, tmp_path: Path) -> None:
    names = ["модель.safetensors", "图像.safetensors"]
    for name in names:
        (tmp_path / name).write_bytes(upscaler.read_bytes())
    assert len({own_models.add(tmp_path / name).id for name in names}) == 2
