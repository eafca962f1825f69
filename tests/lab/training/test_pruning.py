"""A narrow chain of layers follows a wider one as closely as least squares can."""

from __future__ import annotations

import copy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from restoration.cli.main import main
from restoration.errors import InvalidRequest
from restoration.lab.training.config import read_recipe
from restoration.lab.training.datasets import open_dataset
from restoration.lab.training.pruning import Hints, followed_channels, solve_layers, write_solved
from restoration.lab.training.trainer import Trainer
from restoration.models.edsr import EDSR
from restoration.networks.srvggnet import SRVGGNetCompact


def _network(width: int, layers: int = 2) -> nn.Module:
    torch.manual_seed(width)
    network: nn.Module = SRVGGNetCompact(num_feat=width, num_conv=layers, upscale=2)
    return network.requires_grad_(False)


def _pictures(count: int = 3) -> Tensor:
    return torch.rand(count, 3, 24, 24, generator=torch.Generator().manual_seed(0))


def _solved(teacher: nn.Module, pupil: nn.Module) -> list[list[int]]:
    return solve_layers(teacher, pupil, _pictures())


def test_a_pupil_as_wide_as_its_teacher_answers_as_it_does() -> None:
    teacher, pupil = _network(8), _network(8)
    for parameter in pupil.parameters():
        parameter.mul_(-0.3)
    told: list[int] = []
    followed = solve_layers(teacher, pupil, _pictures(), moved=told.append)
    assert (told, followed) == ([1, 2, 3, 4], 3 * [list(range(8))])
    other = _pictures(7)[3:]
    torch.testing.assert_close(pupil(other), teacher(other), atol=1e-3, rtol=0)


def test_channels_that_nothing_follows_from_are_left_out_at_no_loss() -> None:
    teacher, pupil = _network(8), _network(6)
    for layer in (2, 4, 6):
        teacher.body[layer].weight[:, [1, 5]] = 0  # type: ignore[index, union-attr, operator]
    _solved(teacher, pupil)
    torch.testing.assert_close(pupil(_pictures()), teacher(_pictures()), atol=1e-3, rtol=0)
    torch.testing.assert_close(pupil.body[1].weight, teacher.body[1].weight[[0, 2, 3, 4, 6, 7]])  # type: ignore[index, union-attr]


def test_later_layers_make_good_for_earlier_ones() -> None:
    teacher, pupil = _network(8, 4), _network(5, 4)
    _solved(teacher, pupil)
    cut = copy.deepcopy(pupil)
    cut.body[-1].weight.copy_(teacher.body[-1].weight[:, :5])  # type: ignore[index, union-attr, operator]
    wanted = teacher(_pictures())

    def error(network: nn.Module) -> float:
        return float((network(_pictures()) - wanted).square().mean())

    assert error(pupil) < 0.5 * error(cut)
    assert error(pupil) < float((wanted - wanted.mean()).square().mean())


@pytest.mark.parametrize(
    ("pupil", "message"),
    [
        (_network(8, 3), "as many layers and the same scale"),
        (_network(9), "8 channels, fewer than the 9"),
        (EDSR(2, width=8, blocks=1), "chain of 3x3 convolutions"),
        (nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.PReLU(), nn.Conv2d(8, 12, 3, padding=1)), "shuffled pixels"),
        (
            nn.Sequential(
                nn.Conv2d(3, 8, 3, padding=1), nn.PReLU(), nn.Conv2d(8, 12, 3, padding=1), nn.PixelShuffle(2)
            ),
            "a slope per channel",
        ),
    ],
)
def test_networks_that_cannot_be_compared_are_refused(pupil: nn.Module, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        _solved(_network(8), pupil)


def test_hints_are_shares_of_the_variance_and_teach_every_layer() -> None:
    teacher, pupil = _network(8, 4), _network(5, 4)
    followed = _solved(teacher, pupil)
    hints = Hints(teacher, pupil, followed)
    pupil(_pictures())
    begun = float(hints.loss(_pictures()))
    assert 0 < begun < 1
    for layer in (0, 2, 4, 6, 8):
        pupil.body[layer].weight.zero_()  # type: ignore[index, union-attr, operator]
        pupil.body[layer].bias.zero_()  # type: ignore[index, union-attr, operator]
    pupil(_pictures())
    assert float(hints.loss(_pictures())) >= 0.99  # of what finds nothing
    pupil.requires_grad_(True)
    pupil(_pictures())
    hints.loss(_pictures()).backward()  # type: ignore[no-untyped-call]
    assert all(bool(pupil.body[layer].bias.grad.any()) for layer in (0, 2, 4, 6, 8))  # type: ignore[index, union-attr]


def test_hints_need_a_file_that_names_the_channels(tmp_path: Path) -> None:
    teacher, pupil = _network(8), _network(6)
    file = tmp_path / "new" / "start.safetensors"
    followed = _solved(teacher, pupil)
    write_solved(pupil, followed, file, teacher="wide")
    assert followed_channels(str(file), teacher="wide") == followed
    with pytest.raises(InvalidRequest, match="follow those of wide, not of another; run `prune` again"):
        followed_channels(str(file), teacher="another")
    with pytest.raises(InvalidRequest, match="not the one whose layers were solved"):
        Hints(teacher, _network(5), followed)
    for other in (_network(8, 3), _network(4)):
        with pytest.raises(InvalidRequest, match="not the one whose layers were solved"):
            Hints(other, pupil, followed)
    save_file(pupil.state_dict(), file)
    for other in (file, tmp_path / "absent"):
        with pytest.raises(InvalidRequest, match=r"hints need a recipe that starts from what `prune` wrote"):
            followed_channels(str(other), teacher="wide")
    with pytest.raises(InvalidRequest, match="cannot be written"):
        write_solved(pupil, followed, file / "below.safetensors", teacher="wide")


def test_the_command_writes_what_a_recipe_starts_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rng: np.random.Generator
) -> None:
    monkeypatch.setenv("RESTORATION_HOME", str(tmp_path / "home"))
    weights, recipe, answers, start = (tmp_path / name for name in ("t.safetensors", "r.toml", "a", "s.safetensors"))
    teacher = _network(8)
    save_file(teacher.state_dict(), weights)
    assert main(["add", str(weights)]) == 0
    recipe.write_text(
        'name = "r"\nnetwork = "networks.srvggnet:SRVGGNetCompact"\ndegradation = "second-order"\n'
        'objective = "direct"\n'
        "scale = 2\nsteps = 2\npatch_px = 16\nheld_out = 0.3\n"
        "[network_config]\nnum_feat = 8\nnum_conv = 2\nupscale = 2\n"
        '[teaching]\nmodel = "own-t"\n',
        encoding="utf-8",
    )
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(4):
        cv2.imwrite(str(photos / f"{number}.png"), rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    told = ["--out", str(answers), "--count", "4", "--patch-px", "16"]
    assert main(["teach", str(recipe), "--data", str(photos), *told]) == 0
    assert main(["narrow", str(recipe), "--data", str(answers), "-o", str(start)]) == 0
    pupil = _network(8)
    pupil.load_state_dict(load_file(start))
    torch.testing.assert_close(pupil(_pictures()), teacher(_pictures()), atol=2e-3, rtol=0)
    assert followed_channels(str(start), teacher="own-t") == 3 * [list(range(8))]

    capsys.readouterr()
    assert main(["narrow", str(recipe), "--data", str(answers), "--budget", "1"]) == 0
    assert capsys.readouterr().out == "num_feat = [8, 8, 8]\n"

    told_more = recipe.read_text() + "hints = 0.5\n"
    recipe.write_text(told_more.replace("patch_px", f'init_from = "{start.as_posix()}"\npatch_px'), encoding="utf-8")
    settings = read_recipe(recipe)
    trainer = Trainer(settings, open_dataset(settings, [answers]), tmp_path / "run", device=torch.device("cpu"))
    assert trainer.hints is not None
    begun = trainer.train_step()
    with torch.no_grad():
        trainer.network.body[2].weight.mul_(-1)  # type: ignore[index, union-attr]
    assert trainer.train_step() > begun + 0.2
