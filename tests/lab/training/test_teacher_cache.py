"""A teacher's kept answers are those it gives, lie where they were asked for, and are learnt from."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from restoration.cli.main import main
from restoration.errors import InvalidRequest
from restoration.lab.training.config import Recipe, Teaching
from restoration.lab.training.dataset import PatchDataset
from restoration.lab.training.datasets import open_dataset
from restoration.lab.training.teacher import Teacher, build_teacher
from restoration.lab.training.teacher_cache import AnsweredDataset, keep_answers
from restoration.lab.training.trainer import Trainer

CPU = torch.device("cpu")
TEACHING = Teaching("edsr-lite", share=1.0, parameters={"scale": 2, "views": 1})
RECIPE = Recipe(
    name="small",
    network="models.edsr:EDSR",
    network_config={"scale": 2, "width": 8, "blocks": 1},
    degradation="second-order",
    steps=4,
    scale=2,
    patch_px=12,
    batch=3,
    warmup_steps=1,
    held_out=0.3,
    teaching=TEACHING,
)


@pytest.fixture
def photos(tmp_path: Path, rng: np.random.Generator) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(4):
        coarse = rng.integers(0, 256, (8, 9, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.resize(coarse, (70, 64), interpolation=cv2.INTER_CUBIC))
    return folder


@pytest.fixture
def answers(tmp_path: Path, photos: Path) -> Path:
    folder = tmp_path / "answers"
    _keep(photos, folder)
    return folder


def _teacher() -> Teacher:
    return build_teacher(TEACHING, scale=2, device=CPU)


def _keep(photos: Path, folder: Path, *, recipe: Recipe = RECIPE, count: int = 3) -> None:
    dataset = PatchDataset(dataclasses.replace(recipe, patch_px=20, batch=1), [photos])
    assert recipe.teaching is not None
    keep_answers(dataset, _teacher(), folder, teaching=recipe.teaching, count=count, device=CPU)


def test_batches_hold_what_the_teacher_answers(answers: Path) -> None:
    dataset = AnsweredDataset(dataclasses.replace(RECIPE, patch_px=20), [answers])
    assert dataset.count == 3
    batch = dataset.batch(0)
    assert batch.answer is not None
    assert (batch.lq.shape, batch.gt.shape, batch.answer.shape) == ((3, 3, 20, 20), (3, 3, 40, 40), (3, 3, 40, 40))
    with np.load(sorted(answers.glob("0*.npz"))[0]) as arrays:
        kept = torch.from_numpy(arrays["lq"]).permute(2, 0, 1)[None] / 255
        given = 255 * _teacher()(kept)[0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(arrays["answer"], given, atol=0.51)


def test_patches_of_picture_photograph_and_answer_show_the_same_place(answers: Path) -> None:
    batch = AnsweredDataset(RECIPE, [answers]).batch(1)
    assert batch.answer is not None
    small = torch.nn.functional.avg_pool2d(batch.answer, 2)
    right = (small - batch.lq).abs().mean()
    for wrong in (small.flip(2), small.flip(3), small.mT, small.roll(1, 0)):
        assert right < (wrong - batch.lq).abs().mean() / 2


def test_batches_depend_on_seed_and_step_alone(answers: Path) -> None:
    dataset = AnsweredDataset(RECIPE, [answers])
    assert torch.equal(dataset.batch(7).lq, AnsweredDataset(RECIPE, [answers]).batch(7).lq)
    assert not torch.equal(dataset.batch(7).lq, dataset.batch(8).lq)


def test_answers_that_exist_stay_and_missing_ones_are_made(answers: Path, photos: Path) -> None:
    first = answers / "000000.npz"
    first.write_bytes(b"mine")
    whole = (answers / "000002.npz").read_bytes()
    (answers / "000002.npz").unlink()
    _keep(photos, answers, count=4)
    assert first.read_bytes() == b"mine"
    assert (answers / "000002.npz").read_bytes() == whole
    assert (answers / "000003.npz").is_file()


def test_answers_of_another_teacher_are_neither_added_to_nor_learnt_from(answers: Path, photos: Path) -> None:
    other = dataclasses.replace(RECIPE, teaching=Teaching("srcnn", parameters={"scale": 2}))
    with pytest.raises(InvalidRequest, match=r"for another teacher or recipe; name another folder"):
        _keep(photos, answers, recipe=other)
    with pytest.raises(InvalidRequest, match=r"does not hold the answers of srcnn .* make them with `cache-teacher`"):
        open_dataset(other, [answers])


def test_answers_to_other_damage_are_not_added_but_may_be_learnt_from(answers: Path, photos: Path) -> None:
    lighter = dataclasses.replace(RECIPE, light_share=0.5)
    with pytest.raises(InvalidRequest, match=r"for another teacher or recipe"):
        _keep(photos, answers, recipe=lighter)
    assert open_dataset(lighter, [answers]).count == 3


def test_answers_are_kept_for_recipes_that_enlarge(photos: Path, tmp_path: Path) -> None:
    cleaner = dataclasses.replace(
        RECIPE, scale=1, degradation="gaussian", network="networks.unet:ResUNet", network_config={}
    )
    with pytest.raises(InvalidRequest, match=r"does not enlarge; .* `train` on the photographs"):
        _keep(photos, tmp_path / "a", recipe=cleaner)
    assert not (tmp_path / "a").exists()


def test_answers_without_held_out_ones_say_what_to_do(answers: Path) -> None:
    for file in answers.glob("held-out*.npz"):
        file.unlink()
    with pytest.raises(InvalidRequest, match=r"No answers to held-out pictures .* run `cache-teacher` again"):
        AnsweredDataset(RECIPE, [answers])


@pytest.mark.parametrize(("share", "learnt"), [(1.0, "answer"), (0.5, "answer"), (0.0, "gt")])
def test_training_is_judged_by_what_counts_most(answers: Path, share: float, learnt: str) -> None:
    recipe = dataclasses.replace(RECIPE, teaching=dataclasses.replace(TEACHING, share=share))
    held_out = sorted(answers.glob("held-out*.npz"))
    for batch, file in zip(AnsweredDataset(recipe, [answers]).validation, held_out, strict=True):
        with np.load(file) as arrays:
            expected = torch.from_numpy(arrays[learnt]).permute(2, 0, 1)[None] / 255
        torch.testing.assert_close(batch.gt, expected)


def test_recipe_without_a_teacher_does_not_learn_from_answers(answers: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"has no teacher, .* add \[teaching\]"):
        open_dataset(dataclasses.replace(RECIPE, teaching=None), [answers])


def test_damaged_answer_and_wide_patches_say_what_to_do(answers: Path) -> None:
    with pytest.raises(InvalidRequest, match="smaller than patches of 21 px; lower patch_px"):
        AnsweredDataset(dataclasses.replace(RECIPE, patch_px=21), [answers]).batch(0)
    for content in (next(answers.glob("0*.npz")).read_bytes()[:200], b"nothing"):  # cut short, or something else
        for file in answers.glob("0*.npz"):
            file.write_bytes(content)
        with pytest.raises(InvalidRequest, match="cannot be read; remove it and run `cache-teacher` again"):
            AnsweredDataset(RECIPE, [answers]).batch(0)
    for file in answers.glob("0*.npz"):
        file.unlink()
    with pytest.raises(InvalidRequest, match="No answers lie in"):
        AnsweredDataset(RECIPE, [answers])


def test_full_disk_says_what_to_do(answers: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(InvalidRequest, match=r"No space left on device.*goes on with those that are missing"):
        _keep(photos, answers, count=5)
    assert not (answers / "000003.npz").exists()


def test_training_follows_the_answers_without_the_teacher(
    answers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restoration.lab.training.trainer.build_teacher", None)
    for file in answers.glob("*.npz"):
        with np.load(file) as arrays:
            lq, gt = arrays["lq"], arrays["gt"]
        np.savez(file, lq=lq, gt=gt, answer=np.full_like(gt, 255))
    recipe = dataclasses.replace(RECIPE, steps=40, lr=5e-3)
    trainer = Trainer(recipe, open_dataset(recipe, [answers]), tmp_path / "run", device=CPU)
    before = trainer.validate()
    trainer.run(every=40, report=lambda _: None)
    assert trainer.validate() > before + 3  # white, although no photograph is


def test_command_keeps_answers(photos: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "r"\nnetwork = "models.edsr:EDSR"\ndegradation = "second-order"\nscale = 2\nsteps = 2\npatch_px = 8\n'
        'held_out = 0.3\n[network_config]\nscale = 2\n[teaching]\nmodel = "edsr-lite"\nparameters = { scale = 2 }\n',
        encoding="utf-8",
    )
    call = ["teach", str(recipe), "--data", str(photos), "--out", str(tmp_path / "a"), "--count", "2"]
    assert main([*call, "--patch-px", "16"]) == 0
    assert len(list((tmp_path / "a").glob("0*.npz"))) == 2
    recipe.write_text(recipe.read_text().split("[teaching]")[0], encoding="utf-8")
    assert main([*call]) == 2


def test_interrupted_command_says_how_to_go_on(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("restoration.lab.training.teacher_cache.keep_answers", interrupted)
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "r"\nnetwork = "models.edsr:EDSR"\ndegradation = "second-order"\nscale = 2\nsteps = 2\npatch_px = 8\n'
        'held_out = 0.3\n[network_config]\nscale = 2\n[teaching]\nmodel = "edsr-lite"\nparameters = { scale = 2 }\n',
        encoding="utf-8",
    )
    call = ["teach", str(recipe), "--data", str(photos), "--out", str(tmp_path / "a"), "--patch-px", "16"]
    with caplog.at_level(logging.INFO):
        assert main(call) == 130
    assert "goes on with the answers that are missing" in caplog.text
