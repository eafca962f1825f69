"""What training does when something goes wrong, and what it leaves to be looked at."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import signal
import sys
import types
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from torch import Tensor

from restoration.cli.train import command as train
from restoration.errors import InvalidRequest, UnstableOutput
from restoration.lab.training import display, driver
from restoration.lab.training.config import Recipe, read_recipe
from restoration.lab.training.dataset import Batch, PatchDataset, is_held_out, load_photo
from restoration.lab.training.export import export
from restoration.lab.training.objectives import restored_and_reference
from restoration.lab.training.trainer import Trainer

RECIPE = Recipe(
    name="tiny",
    network="networks.ircnn:IRCNN",
    network_config={"width": 4, "dilations": (1, 1)},
    degradation="gaussian",
    steps=6,
    patch_px=16,
    batch=2,
    warmup_steps=1,
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(3):
        coarse = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.resize(coarse, (48, 48), interpolation=cv2.INTER_CUBIC))
    return folder


def _trainer(photos: Path, folder: Path, **changes: object) -> Trainer:
    recipe = dataclasses.replace(RECIPE, **changes)
    return Trainer(recipe, PatchDataset(recipe, [photos]), folder, device=torch.device("cpu"))


def _broken_from(trainer: Trainer, step: int) -> Trainer:
    sound = trainer.train_step
    trainer.train_step = lambda: float("nan") if trainer.step >= step else sound()  # type: ignore[method-assign]
    return trainer


def test_broken_loss_ends_the_run_and_leaves_the_last_checkpoint(photos: Path, tmp_path: Path) -> None:
    trainer = _broken_from(_trainer(photos, tmp_path), 4)
    with pytest.raises(UnstableOutput, match=r"became nan at step 4; halve lr .* goes on from the last checkpoint"):
        trainer.run(every=2, report=lambda _: None)
    resumed = _trainer(photos, tmp_path)
    assert resumed.resume()
    assert resumed.step == 4
    assert all(torch.isfinite(tensor).all() for tensor in resumed.network.state_dict().values())


def test_broken_loss_before_the_first_checkpoint_starts_anew(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(UnstableOutput, match="it starts anew"):
        _broken_from(_trainer(photos, tmp_path), 0).run(every=2, report=lambda _: None)
    assert not (tmp_path / "checkpoint.pt").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_full_disk_is_told_and_leaves_the_last_checkpoint(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(photos, tmp_path)
    trainer.run(every=2, until_step=2, report=lambda _: None)
    whole = (tmp_path / "checkpoint.pt").read_bytes()
    (tmp_path / "checkpoint.partial").symlink_to("/dev/full")
    with pytest.raises(InvalidRequest, match=r"step 4 cannot be written .*No space left.* make room"):
        trainer.run(every=2, until_step=4, report=lambda _: None)
    assert (tmp_path / "checkpoint.pt").read_bytes() == whole
    assert not (tmp_path / "checkpoint.partial").exists()


def _tiny(folder: Path) -> Path:
    recipe = folder / "tiny.toml"
    recipe.write_text(
        'name = "tiny"\nnetwork = "networks.ircnn:IRCNN"\ndegradation = "gaussian"\n'
        "steps = 4\npatch_px = 16\nbatch = 2\n"
        "[network_config]\nwidth = 4\ndilations = [1, 1]\n"
    )
    return recipe


def _interrupt_at(step: int, monkeypatch: pytest.MonkeyPatch, *, times: int = 1) -> None:
    sound = Trainer.train_step

    def interrupted(trainer: Trainer) -> float:
        if trainer.step == step:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)
        return sound(trainer)

    monkeypatch.setattr(Trainer, "train_step", interrupted)


def _saved(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(folder / "checkpoint.pt", weights_only=True)
    return state


def test_interrupted_command_saves_after_the_step_and_goes_on_exactly(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, options = _tiny(tmp_path), ("--every", "4", "--threads", "1")
    assert _train(recipe, photos, tmp_path / "whole", *options) == 0
    with monkeypatch.context() as patch:
        _interrupt_at(2, patch)
        assert _train(recipe, photos, tmp_path / "cut", *options) == 130
    assert _saved(tmp_path / "cut")["step"] == 3
    assert _train(recipe, photos, tmp_path / "cut", "--resume", *options) == 0
    whole, cut = _saved(tmp_path / "whole"), _saved(tmp_path / "cut")
    assert all(torch.equal(whole["network"][name], tensor) for name, tensor in cut["network"].items())


def test_second_interruption_ends_at_once_and_leaves_the_last_checkpoint(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _interrupt_at(3, monkeypatch, times=2)
    assert _train(_tiny(tmp_path), photos, tmp_path / "run", "--every", "2", "--threads", "1") == 130
    assert _saved(tmp_path / "run")["step"] == 2


def test_interruptions_mean_again_what_they_did_before(tmp_path: Path, photos: Path) -> None:
    earlier = signal.getsignal(signal.SIGINT)
    _train(_tiny(tmp_path), photos, tmp_path / "run", "--threads", "1")
    assert signal.getsignal(signal.SIGINT) is earlier


def test_nothing_to_resume_is_told(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"no checkpoint in .*run to go on from"):
        _train(_tiny(tmp_path), photos, tmp_path / "run", "--resume", "--threads", "1")


def test_absent_device_is_told_before_photographs_are_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match='Device "warp" is unknown'):
        _train(_tiny(tmp_path), tmp_path / "none", tmp_path / "run", "--device", "warp", "--threads", "1")


def test_broken_weights_are_not_saved(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = _trainer(photos, tmp_path)
    trainer.run(every=2, until_step=2, report=lambda _: None)
    sound = trainer.train_step

    def breaking() -> float:
        loss = sound()
        next(trainer.network.parameters()).data.fill_(float("inf"))
        return loss

    monkeypatch.setattr(trainer, "train_step", breaking)
    with pytest.raises(UnstableOutput, match=r"Weights became infinite .* step 3; halve lr .* last checkpoint"):
        trainer.run(every=1, until_step=3, report=lambda _: None)
    assert _saved(tmp_path)["step"] == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_full_disk_is_told_of_the_log_too(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").symlink_to("/dev/full")
    with pytest.raises(InvalidRequest, match=r"log of step 2 cannot be written .*No space left"):
        _trainer(photos, tmp_path).run(every=2, report=lambda _: None)
    assert _saved(tmp_path)["step"] == 2


def _train(recipe: Path, photos: Path, out: Path, *more: str) -> int:
    code: int = train.main([str(recipe), "--data", str(photos), "--out", str(out), *more], standalone_mode=False)
    return code


def test_run_without_gain_stops_early_and_stays_stopped(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(photos, tmp_path, patience=2, steps=40)
    trainer.best_psnr = 1000.0
    trainer.run(every=2, report=lambda _: None)
    assert trainer.step == 4
    resumed = _trainer(photos, tmp_path, patience=2, steps=40)
    resumed.resume()
    resumed.run(every=2, report=lambda _: None)
    assert resumed.step == 4


def test_run_that_stops_early_exports_the_weights_of_its_best_validation(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([20.0, 21.0, 20.5, 20.4])
    trainer = _trainer(photos, tmp_path, patience=2, steps=40)
    monkeypatch.setattr(trainer, "validate", lambda: next(scores))
    seen = []
    trainer.run(every=2, report=lambda _: seen.append(copy.deepcopy(trainer.average.state_dict())))
    assert trainer.step == 8
    export([trainer.checkpoint_path], tmp_path / "x.safetensors", metadata={})
    for name, tensor in load_file(tmp_path / "x.safetensors").items():
        assert torch.equal(tensor, seen[1][name].half()), name
    resumed = _trainer(photos, tmp_path, patience=2, steps=40)
    resumed.resume()
    assert resumed.best is not None
    assert resumed.best["step"] == 4
    assert all(torch.equal(tensor, seen[1][name]) for name, tensor in resumed.best["average"].items())
    patient = _trainer(photos, tmp_path, steps=40)  # without patience the last weights count
    patient.resume()
    assert patient.best is None


def test_samples_are_written_with_every_validation(photos: Path, tmp_path: Path) -> None:
    _trainer(photos, tmp_path).run(every=3, report=lambda _: None)
    sheets = sorted((tmp_path / "samples").iterdir())
    assert [sheet.name for sheet in sheets] == ["0000003.png", "0000006.png"]
    assert cv2.imread(str(sheets[0])).shape == (48, 3 * 48, 3)


def test_samples_of_upscaling_have_one_size(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(
        photos,
        tmp_path,
        degradation="bicubic",
        objective="luma",
        scale=2,
        network="models.srcnn:SRCNN",
        network_config={"kernels_px": (3, 1, 3), "widths": (2, 2)},
    )
    trainer.write_samples()
    assert cv2.imread(str(tmp_path / "samples" / "0000000.png")).shape == (36, 3 * 36, 3)


def test_unreadable_training_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(InvalidRequest, match=r"a\.jpg cannot be read; remove or replace it"):
        load_photo(tmp_path / "a.jpg", max_side_px=100, multiple=1)


@pytest.mark.parametrize(("share", "kept"), [(0.025, 1), (0.4, 16), (1 / 3, 14), (0.5, 20)])
def test_held_out_photographs_are_the_share_asked_for(share: float, kept: int) -> None:
    assert sum(is_held_out(index, share) for index in range(40)) == kept
    assert is_held_out(0, share)


def test_every_fortieth_photograph_is_held_out_unless_said_otherwise() -> None:
    assert [index for index in range(200) if is_held_out(index, RECIPE.held_out)] == [0, 40, 80, 120, 160]


def test_share_of_all_photographs_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text('name = "x"\nnetwork = "a:b"\ndegradation = "gaussian"\nsteps = 1\nheld_out = 1.0')
    with pytest.raises(InvalidRequest, match=r"held_out 1\.0; use a number above 0 and below 1"):
        read_recipe(file)


class _Nothing(torch.nn.Module):
    """Find nothing, whatever it is told."""

    def forward(self, picture: Tensor, told: Tensor | None = None) -> Tensor:
        return torch.zeros_like(picture)


@pytest.mark.parametrize(("objective", "channels", "side_px"), [("luma", 1, 20), ("upsampled", 3, 32)])
def test_objective_without_a_finding_compares_bicubic_interpolation(
    objective: str, channels: int, side_px: int
) -> None:
    recipe = dataclasses.replace(RECIPE, degradation="bicubic", scale=2, objective=objective)
    flat = torch.full((1, 3, 16, 16), 0.5)
    batch = Batch(flat, torch.full((1, 3, 32, 32), 0.5), torch.zeros(1, 1, 1, 1))
    restored, reference = restored_and_reference(_Nothing(), batch, recipe)
    assert restored.shape == reference.shape == (1, channels, side_px, side_px)
    torch.testing.assert_close(restored, reference)


def test_missing_tensorboard_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InvalidRequest, match="pip install tensorboard"):
        driver.open_board(tmp_path)


def test_rows_of_the_log_reach_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, float, int]] = []

    class Writer:
        def __init__(self, folder: str) -> None:
            assert folder == str(tmp_path)

        def add_scalar(self, name: str, value: float, step: int) -> None:
            shown.append((name, value, step))

        def flush(self) -> None:
            pass

    module = types.ModuleType("tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    driver.open_board(tmp_path)({"step": 5, "loss": 0.1})
    assert ("loss", 0.1, 5) in shown


def test_perceptual_distance_is_added_to_the_loss(photos: Path, tmp_path: Path) -> None:
    plain = _trainer(photos, tmp_path / "plain").train_step()
    felt = _trainer(photos, tmp_path / "felt", perceptual=0.5, features="denoiser").train_step()
    assert felt > plain


def test_log_has_a_row_for_every_validation(photos: Path, tmp_path: Path) -> None:
    _trainer(photos, tmp_path, degradation="dark-dots", objective="", patch_px=16).run(every=3, report=lambda _: None)
    assert [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()] == [3, 6]


def test_terminal_shows_a_bar_with_the_steps_and_a_file_does_not() -> None:
    for is_terminal in (True, False):
        text = io.StringIO()
        console = Console(file=text, force_terminal=is_terminal, width=100)
        with display.bar(console, "tiny", done=2, total=8) as moved:
            for step in (3, 4):
                moved(step)
        assert ("4/8" in text.getvalue()) == is_terminal


def test_row_of_the_log_is_shown_with_its_units() -> None:
    line = display.line_of({"step": 3, "loss": 0.25, "val_psnr_db": 30.5, "patches_per_s": 7.0})
    assert line == "step 3, loss 0.25, validation dB 30.5, patches/s 7"
