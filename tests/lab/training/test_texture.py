"""The distance between textures: what occurs in a region counts, not where in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from restoration.errors import InvalidRequest
from restoration.lab.training.config import read_recipe
from restoration.lab.training.texture import texture_distance

PICTURE = torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(0))
MASK = torch.zeros(2, 1, 48, 64)
MASK[:, :, 10:38, 12:52] = 1


def _in_hole(fill: Tensor) -> Tensor:
    return torch.lerp(PICTURE, fill, MASK)


def _distance(fill: Tensor) -> float:
    return float(texture_distance(_in_hole(fill), PICTURE, MASK))


def test_the_same_texture_elsewhere_is_nearer_than_none_and_than_noise_of_another_strength() -> None:
    assert _distance(PICTURE) == 0
    moved = _distance(PICTURE.roll((6, 4), dims=(2, 3)))
    flat, weak = (_distance(share * PICTURE + (1 - share) * PICTURE.mean()) for share in (0.0, 0.6))
    assert moved < 0.2 * weak
    assert weak == pytest.approx(0.4 * flat, rel=0.1)


def test_flat_colours_have_no_texture() -> None:
    everywhere = torch.ones(1, 1, 16, 16)
    dark, bright = torch.full((1, 3, 16, 16), 0.2), torch.full((1, 3, 16, 16), 0.7)
    inner = torch.zeros_like(everywhere)
    inner[:, :, 6:10, 6:10] = 1  # the border is padded with zeros
    assert float(texture_distance(dark, bright, inner)) == pytest.approx(0, abs=1e-6)


def test_pictures_without_holes_do_not_count() -> None:
    fill = _in_hole(torch.zeros_like(PICTURE))
    one_hole = MASK * torch.tensor([1.0, 0.0]).reshape(2, 1, 1, 1)
    alone = texture_distance(fill[:1], PICTURE[:1], MASK[:1])
    torch.testing.assert_close(texture_distance(fill, PICTURE, one_hole), alone)
    assert float(texture_distance(fill, PICTURE, torch.zeros_like(MASK))) == 0


def test_it_teaches_texture() -> None:
    fill = torch.full_like(PICTURE, 0.5).add_(0.01 * PICTURE).requires_grad_(True)
    descent = torch.optim.Adam([fill], lr=0.02)
    begun = _distance(fill.detach())
    for _ in range(30):
        descent.zero_grad()
        texture_distance(_in_hole(fill), PICTURE, MASK).backward()  # type: ignore[no-untyped-call]
        descent.step()
    assert _distance(fill.detach()) < 0.5 * begun


def test_only_what_was_lost_has_a_texture_to_compare(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text('name = "x"\nnetwork = "models.edsr:EDSR"\ndegradation = "gaussian"\nsteps = 4\ntexture = 1.0\n')
    with pytest.raises(InvalidRequest, match="gaussian cuts no holes; remove texture"):
        read_recipe(file)
