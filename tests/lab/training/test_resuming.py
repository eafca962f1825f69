"""A run goes on as what it was or not at all, and its checkpoint is exported as what it is."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from restoration.cli.export import command as export
from restoration.cli.main import main
from restoration.errors import InvalidRequest
from restoration.lab.training import noise_level, perceptual
from restoration.lab.training.adversarial import AdversarialTrainer
from restoration.lab.training.adversarial_config import Adversarial
from restoration.lab.training.config import Recipe
from restoration.lab.training.dataset import PatchDataset
from restoration.lab.training.photographs import keep_list
from restoration.lab.training.trainer import Trainer

RECIPE = Recipe(
    name="tiny-x2",
    network="models.edsr:EDSR",
    network_config={"scale": 2, "width": 4, "blocks": 1},
    degradation="bicubic",
    scale=2,
    steps=6,
    patch_px=8,
    batch=2,
    warmup_steps=1,
)
COLLAPSIBLE = dataclasses.replace(RECIPE, network_config={**RECIPE.network_config, "expansion": 2})
_LASTING = (
    "network_name",
    "network_config",
    "optimizer_name",
    "features",
    "degradation",
    "objective",
    "scale",
    "seed",
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(3):
        coarse = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.resize(coarse, (48, 48), interpolation=cv2.INTER_CUBIC))
    return folder


def _trainer(photos: Path, folder: Path, recipe: Recipe = RECIPE, **changes: object) -> Trainer:
    recipe = dataclasses.replace(recipe, **changes)
    kind = Trainer if recipe.adversarial is None else AdversarialTrainer
    return kind(recipe, PatchDataset(recipe, [photos]), folder, device=torch.device("cpu"))


def _forget(checkpoint: Path) -> None:
    """Turn a checkpoint into one of the time before it said what it is of."""
    state = torch.load(checkpoint, weights_only=True)
    torch.save({name: value for name, value in state.items() if name not in _LASTING}, checkpoint)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimizer": "muon"}, "has optimizer adam, but here this recipe would go on with muon; name the former"),
        ({"network_config": {"scale": 2, "width": 8, "blocks": 1}}, "has network_config"),
        (
            {"network": "models.rrdbnet:EasedRRDBNet", "network_config": {"num_in_ch": 3, "num_out_ch": 3}},
            "models.edsr:EDSR",
        ),
        ({"perceptual": 0.1, "features": "contrast"}, "features none, .* with contrast; leave that out"),
        ({"seed": 5}, "has seed 0, but here this recipe would go on with 5; name the former"),
        ({"objective": "upsampled"}, "objective detail, .* with upsampled; name the former"),
    ],
)
def test_run_with_another_setting_is_refused(
    changes: dict[str, object], words: str, photos: Path, tmp_path: Path
) -> None:
    _trainer(photos, tmp_path).save()
    with pytest.raises(InvalidRequest, match=f"{words}.*another folder in --out"):
        _trainer(photos, tmp_path, **changes).resume()


def test_run_whose_judge_the_network_connection_decides_is_refused_with_another(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _trainer(photos, tmp_path, perceptual=0.1, features="contrast").save()

    def fail() -> perceptual.VGGFeatures:
        raise OSError("no network")

    monkeypatch.setattr(perceptual, "_vgg_features", fail)
    with pytest.raises(InvalidRequest, match=r"features contrast, .* with denoiser; name the former in the recipe"):
        _trainer(photos, tmp_path, perceptual=0.1, features="auto").resume()


def test_message_names_the_setting_of_the_critics_table(photos: Path, tmp_path: Path) -> None:
    critic = Adversarial(critic="unet", kind="vanilla", critic_config={"width": 4}, perceptual=1, features="contrast")
    _trainer(photos, tmp_path, adversarial=critic).save()
    other = dataclasses.replace(critic, features="denoiser")
    with pytest.raises(InvalidRequest, match=r"features in the table \[adversarial\] contrast"):
        _trainer(photos, tmp_path, adversarial=other).resume()


def test_critic_of_another_width_is_refused(photos: Path, tmp_path: Path) -> None:
    critic = Adversarial(critic="unet", kind="vanilla", critic_config={"width": 4})
    _trainer(photos, tmp_path, adversarial=critic).save()
    other = dataclasses.replace(critic, critic_config={"width": 8})
    with pytest.raises(InvalidRequest, match="does not fit this recipe's networks"):
        _trainer(photos, tmp_path, adversarial=other).resume()


def test_stages_without_holes_are_refused(photos: Path, tmp_path: Path) -> None:
    critic = Adversarial(critic="unet", kind="vanilla", critic_config={"width": 4})
    staged = {"network": "models.contextual_attention:ContextualAttentionNet", "network_config": {}, "scale": 1}
    with pytest.raises(InvalidRequest, match="fills holes in stages, but gaussian cuts none"):
        _trainer(photos, tmp_path, degradation="gaussian", adversarial=critic, **staged)


def test_checkpoint_that_does_not_say_what_it_is_goes_on(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(photos, tmp_path)
    trainer.run(every=2, until_step=2, report=lambda _: None)
    _forget(trainer.checkpoint_path)
    resumed = _trainer(photos, tmp_path)
    assert resumed.resume()
    assert resumed.step == 2


def test_such_a_checkpoint_of_another_width_is_refused(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(photos, tmp_path)
    trainer.save()
    _forget(trainer.checkpoint_path)
    with pytest.raises(InvalidRequest, match="does not fit this recipe's networks or optimiser"):
        _trainer(photos, tmp_path, network_config={"scale": 2, "width": 8, "blocks": 1}).resume()


@pytest.mark.parametrize("content", ["cut", "noise", "other", "nothing"])
def test_damaged_checkpoint_is_refused(content: str, photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(photos, tmp_path)
    trainer.save()
    whole = trainer.checkpoint_path.read_bytes()
    if content == "other":
        torch.save({"net": torch.zeros(1)}, trainer.checkpoint_path)
    else:
        spoilt = {"cut": whole[: len(whole) // 2], "noise": b"\x80\x02no pickle", "nothing": b""}
        trainer.checkpoint_path.write_bytes(spoilt[content])
    with pytest.raises(InvalidRequest, match="is damaged or is none; put back a copy") as caught:
        trainer.resume()
    assert "weights_only" not in str(caught.value)
    with pytest.raises(InvalidRequest, match="is damaged or is none"):
        _export(tmp_path, tmp_path / "x.safetensors")


def test_checkpoint_that_is_a_folder_cannot_be_read(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").mkdir()
    with pytest.raises(InvalidRequest, match=r"checkpoint\.pt cannot be read"):
        _trainer(photos, tmp_path).resume()


def test_file_in_the_place_of_the_folder_is_told_before_the_first_step(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    trainer = _trainer(photos, tmp_path / "run")
    with pytest.raises(InvalidRequest, match="cannot be made a folder"):
        trainer.run(every=2, report=lambda _: None)
    assert trainer.step == 0


def test_folder_that_becomes_a_file_is_told(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(InvalidRequest, match="checkpoint of step 0 cannot be written"):
        _trainer(photos, tmp_path / "run").save()


def test_steps_are_kept_where_the_validation_fails(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(photos, tmp_path)

    def fail() -> float:
        raise MemoryError

    trainer.validate = fail  # type: ignore[method-assign]
    with pytest.raises(MemoryError):
        trainer.run(every=3, report=lambda _: None)
    resumed = _trainer(photos, tmp_path)
    assert resumed.resume()
    assert resumed.step == 3


def _export(run: Path, target: Path, *more: str) -> None:
    arguments = [str(run), "-o", str(target), *more]
    assert not export.main(arguments, standalone_mode=False)


def test_run_of_any_name_is_exported_with_plain_convolutions(photos: Path, tmp_path: Path) -> None:
    _trainer(photos, tmp_path / "mine", COLLAPSIBLE).save()
    _export(tmp_path / "mine", tmp_path / "absent" / "x.safetensors")
    names = load_file(tmp_path / "absent" / "x.safetensors")
    assert names.keys() == _trainer(photos, tmp_path).network.state_dict().keys()


def test_old_checkpoint_with_collapsible_convolutions_needs_its_recipe(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(photos, tmp_path / "mine", COLLAPSIBLE)
    trainer.save()
    _forget(trainer.checkpoint_path)
    target = tmp_path / "x.safetensors"
    with pytest.raises(InvalidRequest, match=r"does not say of which network; name its recipe in --recipe"):
        _export(tmp_path / "mine", target)
    with pytest.raises(InvalidRequest, match="another network than the recipe's"):
        _export(tmp_path / "mine", target, "--recipe", "edsr-lite-x4-deep")
    assert not target.exists()
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        'name = "x"\nnetwork = "models.edsr:EDSR"\ndegradation = "bicubic"\nscale = 2\nsteps = 1\n'
        "[network_config]\nscale = 2\nwidth = 4\nblocks = 1\nexpansion = 2\n"
    )
    _export(tmp_path / "mine", target, "--recipe", str(recipe))
    assert load_file(target).keys() == _trainer(photos, tmp_path).network.state_dict().keys()


def test_card_says_what_was_trained_and_on_what(photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "mine"
    _trainer(photos, run).run(every=3, report=lambda _: None)
    keep_list([photos], run, goes_on=False)
    _export(run, tmp_path / "x.safetensors", "--note", "Trained for a test.")
    card = (tmp_path / "x.md").read_text(encoding="utf-8")
    digest = hashlib.sha256((tmp_path / "x.safetensors").read_bytes()).hexdigest()
    for words in (
        digest,
        "Trained for a test.",
        "| network | models.edsr:EDSR |",
        "| steps | 6 |",
        "| photographs found | 3, listed",
    ):
        assert words in card, words


def test_mistyped_recipe_is_refused(photos: Path, tmp_path: Path) -> None:
    _trainer(photos, tmp_path / "mine").save()
    with pytest.raises(InvalidRequest, match="Recipe esdr-x4 cannot be read"):
        _export(tmp_path / "mine", tmp_path / "x.safetensors", "--recipe", "esdr-x4")


def test_folder_of_the_run_is_not_taken_for_its_recipe(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _trainer(photos, tmp_path / "mine").save()
    monkeypatch.chdir(tmp_path)
    _export(Path("mine"), tmp_path / "x.safetensors")


def test_weights_that_cannot_be_written_are_told(photos: Path, tmp_path: Path) -> None:
    _trainer(photos, tmp_path / "mine").save()
    (tmp_path / "file").write_text("a file")
    with pytest.raises(InvalidRequest, match=r"cannot be written .* name another file in -o"):
        _export(tmp_path / "mine", tmp_path / "file" / "x.safetensors")


def test_noise_level_weights_are_written_into_a_new_folder(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noise_level, "make_samples", lambda folders, *, count, seed: (None, None))
    monkeypatch.setattr(noise_level, "fit", lambda rows, targets, *, seed: (b"weights", 0.0))
    target = tmp_path / "absent" / "x.safetensors"
    assert main(["train-noise-level", "--data", str(photos), "-o", str(target)]) == 0
    assert target.read_bytes() == b"weights"


def test_photographs_too_small_for_their_noise_to_be_measured_are_told(tmp_path: Path) -> None:
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((8, 8, 3), 128, np.uint8))
    with pytest.raises(InvalidRequest, match="No noise can be measured in these photographs; use larger ones"):
        noise_level.make_samples([tmp_path], count=10, seed=0)
