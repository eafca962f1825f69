"""Training on a folder of tiny photographs: seeded, resumable, exportable."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from restoration.errors import InvalidParameter, InvalidRequest
from restoration.folders import weights_folder
from restoration.lab.recipes import RECIPES
from restoration.lab.training.config import OptimizerName, Recipe, Teaching, read_recipe
from restoration.lab.training.dataset import PatchDataset, find_photos
from restoration.lab.training.export import export
from restoration.lab.training.network import build_network
from restoration.lab.training.perceptual import build_feature_loss
from restoration.lab.training.teacher import Teacher
from restoration.lab.training.trainer import Trainer, learning_rate
from restoration.models.edsr import EDSR, upsample_skip
from restoration.models.resunet import build_denoiser as build
from restoration.models.shared.contract import Contract, Restorer

CPU = torch.device("cpu")
DENOISE = Recipe(
    name="tiny",
    network="networks.unet:ResUNet",
    network_config={"widths": (4, 8), "blocks": 1},
    degradation="gaussian",
    steps=20,
    patch_px=16,
    batch=2,
    warmup_steps=2,
)
UPSCALE = Recipe(
    name="tiny-x2",
    network="models.edsr:EDSR",
    network_config={"scale": 2, "width": 4, "blocks": 1},
    degradation="bicubic",
    scale=2,
    steps=20,
    patch_px=8,
    batch=2,
)

LUMA = dataclasses.replace(
    UPSCALE,
    name="tiny-luma",
    network="models.srcnn:SRCNN",
    network_config={"kernels_px": (5, 1, 3), "widths": (4, 4)},
    objective="luma",
    loss="l2",
    optimizer="kfac",
    lr=0.5,
    warmup_steps=0,
)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three smooth pictures of different sizes, one of them in a folder below."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "below").mkdir()
    rng = np.random.default_rng(1)
    for name, (height, width) in {"a.png": (64, 80), "below/b.png": (48, 48), "c.png": (40, 96)}.items():
        noise = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / name), cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC))
    return folder


class _Gray(Restorer):
    """Answers gray, twice as large."""

    contract = Contract(scale=2)

    def restore(self, image: torch.Tensor, **_: object) -> torch.Tensor:
        return torch.full((len(image), 3, 2 * image.shape[2], 2 * image.shape[3]), 0.5)


def _trainer(recipe: Recipe, photos: Path, folder: Path) -> Trainer:
    return Trainer(recipe, PatchDataset(recipe, [photos]), folder, device=CPU)


def test_natural_steps_can_go_towards_a_teacher(photos: Path, tmp_path: Path) -> None:
    plain = {**UPSCALE.network_config, "slopes": False}
    recipe = dataclasses.replace(LUMA, objective="", network="models.edsr:EDSR", network_config=plain)
    trainer = _trainer(recipe, photos, tmp_path)
    batch = trainer.next_batch()
    restored, _ = trainer.restore(trainer.network, batch)
    trainer.teacher, trainer.recipe = Teacher(_Gray(), {}), dataclasses.replace(recipe, teaching=Teaching("gray"))
    assert trainer.train_step() == pytest.approx(float((restored.detach() - 0.5).square().mean()), rel=1e-4)


def test_photographs_are_found_below_the_folder_in_one_order(photos: Path) -> None:
    assert [file.name for file in find_photos([photos])] == ["a.png", "b.png", "c.png"]


def test_missing_or_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="does not exist"):
        find_photos([tmp_path / "none"])
    with pytest.raises(InvalidRequest, match="No pictures"):
        find_photos([tmp_path])


def test_a_step_always_gives_the_same_batch(photos: Path) -> None:
    first, second = PatchDataset(DENOISE, [photos]), PatchDataset(DENOISE, [photos])
    assert torch.equal(first.batch(7).lq, second.batch(7).lq)
    assert not torch.equal(first.batch(7).lq, first.batch(8).lq)


def test_noise_of_a_batch_has_the_sigma_that_the_network_is_told(photos: Path) -> None:
    recipe = dataclasses.replace(DENOISE, batch=64, sigma_255=(10, 50))
    batch = PatchDataset(recipe, [photos]).batch(0)
    measured = (batch.lq - batch.gt).std(dim=(1, 2, 3))
    assert torch.allclose(measured, batch.level.flatten(), rtol=0.15)


def test_small_patch_is_the_large_one_shrunk(photos: Path) -> None:
    batch = PatchDataset(UPSCALE, [photos]).batch(3)
    assert batch.gt.shape[2:] == (16, 16)
    shrunk = torch.nn.functional.avg_pool2d(batch.gt, 2)
    assert float((shrunk - batch.lq).abs().mean()) < 0.02


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
@pytest.mark.parametrize("recipe", [DENOISE, UPSCALE], ids=lambda recipe: recipe.name)
def test_training_lowers_the_loss(recipe: Recipe, optimizer: OptimizerName, photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(dataclasses.replace(recipe, steps=60, lr=5e-3, optimizer=optimizer), photos, tmp_path)
    losses = [trainer.train_step() for _ in range(60)]
    assert np.mean(losses[-10:]) < np.mean(losses[:10])


@pytest.mark.parametrize(
    "recipe",
    [DENOISE, dataclasses.replace(DENOISE, optimizer="muon"), LUMA],
    ids=lambda recipe: f"{recipe.name}-{recipe.optimizer}",
)
def test_resumed_run_equals_an_unbroken_one(recipe: Recipe, photos: Path, tmp_path: Path) -> None:
    unbroken = _trainer(recipe, photos, tmp_path / "unbroken")
    unbroken.run(every=5, report=lambda _: None)
    broken = _trainer(recipe, photos, tmp_path / "broken")
    broken.run(every=5, until_step=13, report=lambda _: None)
    resumed = _trainer(recipe, photos, tmp_path / "broken")
    assert resumed.resume()
    assert resumed.step == 13
    resumed.run(every=5, report=lambda _: None)
    for name, tensor in unbroken.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name]), name


def test_run_logs_one_row_per_validation(photos: Path, tmp_path: Path) -> None:
    _trainer(DENOISE, photos, tmp_path).run(every=8, report=lambda _: None)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [8, 16, 20]
    assert all(math.isfinite(row["val_psnr_db"]) for row in rows)


def test_learning_rate_rises_then_falls_to_zero() -> None:
    recipe = dataclasses.replace(DENOISE, steps=100, warmup_steps=10, lr=1.0)
    rates = [learning_rate(recipe, step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[55] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0.0, abs=1e-12)


def test_exported_file_loads_as_the_model_that_ships(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(DENOISE, photos, tmp_path)
    trainer.run(every=20, report=lambda _: None)
    target = tmp_path / "tiny.safetensors"
    export([trainer.checkpoint_path], target, metadata={"note": "test"})
    assert {tensor.dtype for tensor in load_file(target).values()} == {torch.float16}
    restorer = build(config=DENOISE.network_config, weights={"net": target}, parameters={})
    picture = torch.rand(1, 3, 16, 16)
    expected = picture - trainer.average(picture, torch.full((1, 1, 1, 1), 0.1))
    torch.testing.assert_close(restorer.restore(picture, parameters=[{"sigma": 0.1}]), expected, atol=2e-3, rtol=0)


def test_the_same_run_exports_the_same_bytes(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(DENOISE, photos, tmp_path)
    trainer.run(every=5, until_step=5, report=lambda _: None)
    pairs = {"note": "test", "data": "photos"}
    digests = {export([trainer.checkpoint_path], tmp_path / "x.safetensors", metadata=pairs) for _ in range(8)}
    assert len(digests) == 1


def test_several_runs_become_a_bank(photos: Path, tmp_path: Path) -> None:
    trainers = [_trainer(dataclasses.replace(DENOISE, seed=seed), photos, tmp_path / str(seed)) for seed in (1, 2)]
    for trainer in trainers:
        trainer.save()
    file = tmp_path / "bank.safetensors"
    export([trainer.checkpoint_path for trainer in trainers], file, metadata={})
    expected = {
        f"{place}.{name}": tensor.half()
        for place, trainer in enumerate(trainers)
        for name, tensor in trainer.average.state_dict().items()
    }
    torch.testing.assert_close(load_file(file), expected, rtol=0, atol=0)
    assert not torch.equal(expected["0.head.weight"], expected["1.head.weight"])


def test_export_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="train first"):
        export([tmp_path / "checkpoint.pt"], tmp_path / "x.safetensors", metadata={})


def test_network_starts_from_other_weights_where_shapes_agree(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(UPSCALE, photos, tmp_path)
    trainer.save()
    file = tmp_path / "x2.safetensors"
    export([trainer.checkpoint_path], file, metadata={})
    config = {"scale": 4, "width": 4, "blocks": 1}
    recipe = dataclasses.replace(UPSCALE, scale=4, network_config=config, seed=9, init_from=str(file))
    started = build_network(recipe).state_dict()
    torch.testing.assert_close(started["head.weight"], load_file(file)["head.weight"].float())
    assert started["tail.weight"].shape[0] == 48


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_recipe_that_ships_is_valid_and_builds_its_network(recipe: Path) -> None:
    settings = dataclasses.replace(read_recipe(recipe), init_from="")
    assert settings.name == recipe.stem
    assert sum(parameter.numel() for parameter in build_network(settings).parameters()) > 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "not valid TOML"),
        ('name = "x"', "lacks degradation, network, steps"),
        ('name = "x"\nnetwork = "a:b"\ndegradation = "gaussian"\nsteps = 1\nspeed = 2', "unknown settings speed"),
        ('name = "x"\nnetwork = "a:b"\ndegradation = "rain"\nsteps = 1', 'degradation "rain"'),
        (
            'name = "x"\nnetwork = "a:b"\ndegradation = "jpeg"\nsteps = 1\noptimizer = "sgd"',
            "use one of adam, muon, kfac",
        ),
    ],
)
def test_bad_recipe_is_refused(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(text)
    with pytest.raises(InvalidRequest, match=words):
        read_recipe(file)


def test_absent_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read_recipe(tmp_path / "none.toml")


def test_collapsed_convolutions_are_exported_as_plain_ones_with_the_same_answers(photos: Path, tmp_path: Path) -> None:
    config = {"scale": 2, "width": 4, "blocks": 2}
    recipe = dataclasses.replace(UPSCALE, network_config={**config, "expansion": 2})
    trainer = _trainer(recipe, photos, tmp_path)
    trainer.run(every=5, until_step=5, report=lambda _: None)
    export([tmp_path / "checkpoint.pt"], tmp_path / "net.safetensors", metadata={}, recipe=recipe)
    plain = EDSR(**config)
    plain.load_state_dict({name: tensor.float() for name, tensor in load_file(tmp_path / "net.safetensors").items()})
    image = torch.rand(1, 3, 12, 20)
    with torch.no_grad():
        torch.testing.assert_close(plain(image), trainer.average(image), atol=2e-3, rtol=0)


def test_other_maps_start_at_zero_and_the_picture_is_seen_as_before(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(DENOISE, photos, tmp_path)
    trainer.save()
    export([trainer.checkpoint_path], tmp_path / "net.safetensors", metadata={})
    recipe = dataclasses.replace(
        DENOISE, network_config={**DENOISE.network_config, "maps": 3}, init_from=str(tmp_path / "net.safetensors")
    )
    head = build_network(recipe).head.weight
    expected = load_file(tmp_path / "net.safetensors")["head.weight"].float()
    assert torch.equal(head[:, :3], expected[:, :3])
    assert not head[:, 3:].any()


TAUGHT = dataclasses.replace(UPSCALE, teaching=Teaching("edsr-lite", parameters={"scale": 2}))


def test_a_teacher_is_the_reference(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(TAUGHT, photos, tmp_path)
    batch = trainer.next_batch()
    with torch.no_grad():
        restored, _ = trainer.restore(trainer.network, batch)
    network = EDSR(2)
    network.load_state_dict(load_file(weights_folder() / "edsr-lite-x2.safetensors"))
    mirrored = torch.from_numpy(np.pad(batch.lq.numpy(), [(0, 0), (0, 0), (4, 4), (4, 4)], mode="symmetric"))
    with torch.no_grad():
        answer = (upsample_skip(mirrored, 2) + network.float()(mirrored)).clamp(0, 1)[..., 8:-8, 8:-8]
    assert trainer.train_step() == pytest.approx(float((restored - answer).abs().mean()), rel=1e-2)


def test_features_are_compared_with_those_of_the_teacher(photos: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(TAUGHT, perceptual=0.5, features="contrast")
    trainer = _trainer(recipe, photos, tmp_path)
    batch = trainer.next_batch()
    assert trainer.teacher is not None
    with torch.no_grad():
        restored, _ = trainer.restore(trainer.network, batch)
    answer = trainer.teacher(batch.lq)
    expected = (restored - answer).abs().mean() + 0.5 * build_feature_loss("contrast")(restored, answer)
    assert trainer.train_step() == pytest.approx(float(expected), rel=1e-4)


def test_weights_of_other_layers_are_left_where_shapes_differ(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(UPSCALE, photos, tmp_path)
    trainer.save()
    export([trainer.checkpoint_path], tmp_path / "net.safetensors", metadata={})
    wider = {**UPSCALE.network_config, "width": 2 * int(UPSCALE.network_config["width"])}
    recipe = dataclasses.replace(UPSCALE, network_config=wider)
    started = dataclasses.replace(recipe, init_from=str(tmp_path / "net.safetensors"))
    for name, tensor in build_network(started).state_dict().items():
        if tensor.ndim == 4:
            assert torch.equal(tensor, build_network(recipe).state_dict()[name]), name


@pytest.mark.parametrize("expansion", [0, 2])
def test_a_deeper_network_starts_as_the_shallower_one(photos: Path, tmp_path: Path, expansion: int) -> None:
    trainer = _trainer(UPSCALE, photos, tmp_path)
    trainer.save()
    export([trainer.checkpoint_path], tmp_path / "net.safetensors", metadata={})
    deeper = {"blocks": 2 + int(UPSCALE.network_config["blocks"]), "expansion": expansion}
    deeper = {**UPSCALE.network_config, **deeper}
    recipe = dataclasses.replace(UPSCALE, network_config=deeper, init_from=str(tmp_path / "net.safetensors"))
    image = torch.rand(1, 3, 12, 20)
    with torch.no_grad():
        torch.testing.assert_close(build_network(recipe)(image), trainer.network(image), atol=2e-3, rtol=0)


def test_collapsible_layers_of_other_shapes_stay_at_their_random_start(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(UPSCALE, photos, tmp_path)
    trainer.save()
    export([trainer.checkpoint_path], tmp_path / "net.safetensors", metadata={})
    wider = {**UPSCALE.network_config, "width": 2 * int(UPSCALE.network_config["width"]), "expansion": 2}
    recipe = dataclasses.replace(UPSCALE, network_config=wider)
    started = build_network(dataclasses.replace(recipe, init_from=str(tmp_path / "net.safetensors")))
    for name, tensor in build_network(recipe).state_dict().items():
        if ".wide." in name:
            assert torch.equal(tensor, started.state_dict()[name]), name


def test_only_the_weights_that_a_recipe_names_are_learnt(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(UPSCALE, photos, tmp_path)
    trainer.save()
    file = tmp_path / "net.safetensors"
    export([trainer.checkpoint_path], file, metadata={})
    learnt = ("body.0.", "tail")
    recipe = dataclasses.replace(UPSCALE, init_from=str(file), learn=learnt)
    learner = _trainer(recipe, photos, tmp_path / "learner")
    learner.train_step()
    given = load_file(file)
    for name, tensor in learner.network.state_dict().items():
        assert torch.equal(tensor, given[name].float()) != name.startswith(learnt), name
    learner.save()
    export([learner.checkpoint_path], tmp_path / "part.safetensors", metadata={}, only=learnt)
    assert {name for name in given if name.startswith(learnt)} == set(load_file(tmp_path / "part.safetensors"))


def _save(network: torch.nn.Module, file: Path) -> None:
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, file)


def test_part_of_a_network_can_start_from_the_same_file(tmp_path: Path) -> None:
    shape = {"widths": [4, 8], "blocks": [1], "dilations": [1]}
    plain = dataclasses.replace(DENOISE, network="networks.fill_unet:FillUNet", network_config=shape, seed=3)
    file = tmp_path / "coarse.safetensors"
    _save(build_network(plain), file)
    network = "models.contextual_attention:ContextualAttentionNet"
    staged = dataclasses.replace(plain, network=network, init_from=str(file), seed=4)
    alone, both = (build_network(dataclasses.replace(staged, init_also=part)).state_dict() for part in ("", "fine"))
    for name, tensor in load_file(file).items():
        assert torch.equal(both[name], tensor)
        assert torch.equal(both[f"fine.{name}"], tensor)
    assert not torch.equal(alone["fine.head.weight"], both["fine.head.weight"])
    with pytest.raises(InvalidRequest, match=r"starts fien from the file, too, but .* has no such part; its parts are"):
        build_network(dataclasses.replace(staged, init_also="fien"))


def test_part_that_a_file_has_is_not_overwritten_by_the_whole(tmp_path: Path) -> None:
    shape = {"widths": [4, 8], "blocks": [1], "dilations": [1]}
    network = "models.contextual_attention:ContextualAttentionNet"
    staged = dataclasses.replace(DENOISE, network=network, network_config=shape, seed=5)
    file = tmp_path / "both.safetensors"
    _save(build_network(staged), file)
    again = build_network(dataclasses.replace(staged, init_from=str(file), init_also="fine", seed=6)).state_dict()
    for name, tensor in load_file(file).items():
        assert torch.equal(again[name], tensor), name


def test_weights_that_are_not_there_can_be_neither_learnt_nor_written(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(UPSCALE, photos, tmp_path)
    trainer.save()
    with pytest.raises(InvalidRequest, match=r"No weights of .* begin with nose; they are body, head, tail"):
        export([trainer.checkpoint_path], tmp_path / "part.safetensors", metadata={}, only=["nose"])
    with pytest.raises(InvalidRequest, match=r"lets nose learn, but no weights of .* they are body, head, tail"):
        build_network(dataclasses.replace(UPSCALE, learn=("nose", "body")))


def test_weights_to_start_from_that_are_absent_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"nothing\.safetensors, which cannot be read; train that network first"):
        build_network(dataclasses.replace(DENOISE, init_from=str(tmp_path / "nothing.safetensors")))


def test_a_teacher_that_would_measure_is_refused(photos: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(DENOISE, teaching=Teaching("resunet-color"))
    with pytest.raises(InvalidParameter, match="would measure sigma"):
        _trainer(recipe, photos, tmp_path)


def test_a_critic_goes_with_no_teacher(tmp_path: Path) -> None:
    recipe = tmp_path / "both.toml"
    base = 'name = "n"\nnetwork = "models.edsr:EDSR"\ndegradation = "bicubic"\nsteps = 1\n'
    recipe.write_text(base + '[teaching]\nmodel = "m"\n[adversarial]\ncritic = "unet"\nkind = "vanilla"\n')
    with pytest.raises(InvalidRequest, match="does not go with teaching"):
        read_recipe(recipe)


def test_a_teacher_of_another_scale_or_name_is_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="enlarges by 4, the recipe by 2"):
        _trainer(dataclasses.replace(TAUGHT, teaching=Teaching("edsr-lite", parameters={"scale": 4})), photos, tmp_path)
    with pytest.raises(InvalidRequest, match='"nobody" is not a model here'):
        _trainer(dataclasses.replace(TAUGHT, teaching=Teaching("nobody")), photos, tmp_path)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("share = 0.5", "lacks model"),
        ('model = "m"\nshare = 2', "share 2; use a number from 0 to 1"),
        ('id = "m"', "unknown settings id"),
    ],
)
def test_a_wrong_teaching_table_is_refused(table: str, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(
        f'name = "n"\nnetwork = "models.edsr:EDSR"\ndegradation = "bicubic"\nsteps = 1\n[teaching]\n{table}\n'
    )
    with pytest.raises(InvalidRequest, match=complaint):
        read_recipe(file)
