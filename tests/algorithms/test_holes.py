"""Cutting holes into pieces, the smooth fill, the match of tones, and the fills that are built on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from restoration.algorithms.harmonic_fill import fill_smoothly
from restoration.algorithms.holes import cut_holes, halved, match_tone, window_of
from restoration.algorithms.patch_fill import fill_by_example
from restoration.models.exemplar import ExemplarFill
from restoration.models.fill_unet import build
from restoration.models.shared.fill import FillRestorer
from restoration.networks.fill_unet import FillUNet

CONFIG = {"widths": [4, 6, 8], "blocks": [1, 1], "dilations": [1, 2]}


def _ramp(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([0.2 + 0.003 * rows, 0.8 - 0.004 * columns, 0.1 + 0.002 * (rows + columns)], axis=2)


def _mask(height: int, width: int, *boxes: tuple[slice, slice]) -> np.ndarray:
    mask = np.zeros((height, width), np.bool_)
    for box in boxes:
        mask[box] = True
    return mask


@pytest.fixture
def restorer(tmp_path: Path) -> FillRestorer:
    """The inpainting network with random weights."""
    torch.manual_seed(0)
    save_file(FillUNet(**CONFIG).state_dict(), tmp_path / "net.safetensors")
    return build(config=CONFIG, weights={"net": tmp_path / "net.safetensors"}, parameters={})


def test_smooth_fill_continues_a_ramp(rng: np.random.Generator) -> None:
    image = _ramp(60, 80)
    mask = _mask(60, 80, np.s_[20:32, 30:50], np.s_[5, :])
    damaged = np.where(mask[..., None], rng.random((60, 80, 1), dtype=np.float32), image)
    filled = fill_smoothly(damaged, mask)
    np.testing.assert_array_equal(filled[~mask], image[~mask])
    np.testing.assert_allclose(filled[mask], image[mask], atol=0.01)


def test_smooth_fill_obeys_the_maximum_principle(rng: np.random.Generator) -> None:
    image = rng.random((33, 21, 3), dtype=np.float32)
    mask = rng.random((33, 21)) < 0.7
    filled = fill_smoothly(image, mask)
    assert image[~mask].min() - 1e-5 <= filled.min() <= filled.max() <= image[~mask].max() + 1e-5


def test_smooth_fill_of_nothing_known_is_gray() -> None:
    np.testing.assert_array_equal(fill_smoothly(np.ones((4, 5, 3), np.float32), np.ones((4, 5), np.bool_)), 0.5)


@pytest.mark.parametrize("join_px", [None, 32])
def test_pieces_are_a_partition_of_the_holes(join_px: int | None, rng: np.random.Generator) -> None:
    mask = _mask(300, 400, np.s_[10:12, :], np.s_[100:200, 200:330], np.s_[280:284, 5:9])
    mask |= rng.random(mask.shape) < 0.001
    numbers, pieces = cut_holes(mask, cell_px=128, thick_px=40, join_px=join_px)
    np.testing.assert_array_equal(numbers > 0, mask)
    assert sorted(np.unique(numbers[mask])) == [piece.number for piece in pieces]
    for piece in pieces:
        rows, columns = np.nonzero(numbers == piece.number)
        assert piece.box == (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)


def test_distant_specks_are_pieces_of_their_own_and_a_thick_hole_stays_whole() -> None:
    mask = _mask(1000, 1000, np.s_[10:13, 10:13], np.s_[980:983, 970:973], np.s_[300:600, 300:600])
    _, pieces = cut_holes(mask, cell_px=512, thick_px=96, join_px=64)
    assert [piece.box for piece in pieces] == [(10, 10, 13, 13), (980, 970, 983, 973), (300, 300, 600, 600)]
    assert pieces[2].thickness_px == pytest.approx(300, rel=0.05)


def test_window_lies_in_the_picture() -> None:
    assert window_of((0, 90, 4, 100), (50, 100), height_px=20, width_px=30) == (slice(0, 20), slice(70, 100))
    assert window_of((0, 0, 4, 4), (10, 100), height_px=20, width_px=30) == (slice(0, 10), slice(0, 30))


def test_half_size_counts_every_touched_pixel_as_hole() -> None:
    _, mask = halved(np.zeros((6, 7, 3), np.float32), _mask(6, 7, np.s_[3, 6]))
    assert mask.shape == (3, 4)
    assert np.argwhere(mask).tolist() == [[1, 3]]


def test_half_size_takes_the_mean_of_what_is_known_where_that_is_enough() -> None:
    image = np.full((4, 6, 3), 0.9, np.float32)
    mask = _mask(4, 6, np.s_[0:2, 0:2], np.s_[0, 2:4], np.s_[1, 2])
    image[1, 3] = 0.2  # the one known of its four
    small, lost = halved(image, mask, least_known=0.25)
    assert np.argwhere(lost).tolist() == [[0, 0]]
    np.testing.assert_allclose(small[0, 1], 0.2, atol=1e-6)
    np.testing.assert_allclose(small[1], 0.9, atol=1e-6)
    assert halved(image, mask, least_known=0.5)[1][0, 1]


def test_tone_of_a_fill_is_matched_with_its_rim() -> None:
    image = _ramp(64, 64)
    mask = _mask(64, 64, np.s_[20:44, 20:44])
    np.testing.assert_allclose(match_tone(image + np.float32(0.2), image, mask)[mask], image[mask], atol=1e-4)


@pytest.mark.parametrize("shape", [(64, 72), (37, 53), (8, 300)])
def test_network_leaves_known_pixels_bit_for_bit(
    restorer: FillRestorer, shape: tuple[int, int], rng: np.random.Generator
) -> None:
    image = torch.from_numpy(rng.random((1, 3, *shape), dtype=np.float32))
    mask = torch.from_numpy((rng.random((1, 1, *shape)) < 0.1).astype(np.float32))
    filled = restorer.restore(image, parameters=[{}], mask=mask)
    known = mask.expand_as(image) == 0
    assert torch.equal(filled[known], image[known])
    assert not torch.equal(filled, image)


def test_network_does_not_see_what_was_in_the_hole(restorer: FillRestorer, rng: np.random.Generator) -> None:
    image = torch.from_numpy(rng.random((1, 3, 400, 300), dtype=np.float32))
    mask = torch.zeros(1, 1, 400, 300)
    mask[..., 100:260, 80:230] = 1
    mask[..., 5:9, :] = 1
    dark, light = (torch.where(mask > 0, torch.tensor(value), image) for value in (0.0, 1.0))
    answers = [restorer.restore(each, parameters=[{}], mask=mask) for each in (dark, light)]
    assert torch.equal(*answers)


def test_network_without_a_correction_gives_the_smooth_fill(restorer: FillRestorer, rng: np.random.Generator) -> None:
    torch.nn.init.zeros_(restorer.network.tail.weight)
    torch.nn.init.zeros_(restorer.network.tail.bias)
    image = rng.random((40, 48, 3), dtype=np.float32)
    mask = _mask(40, 48, np.s_[10:14, 5:40])
    batch = torch.from_numpy(image).permute(2, 0, 1)[None]
    filled = restorer.restore(batch, parameters=[{}], mask=torch.from_numpy(mask[None, None].astype(np.float32)))
    np.testing.assert_allclose(filled[0].permute(1, 2, 0).numpy(), fill_smoothly(image, mask), atol=1e-6)


def test_every_piece_is_a_step(restorer: FillRestorer) -> None:
    mask = torch.zeros(1, 1, 600, 600)
    mask[..., 10:14, 10:14] = mask[..., 500:504, 500:504] = 1
    fractions = [fraction for fraction, _ in restorer.steps(torch.rand(1, 3, 600, 600), parameters={}, mask=mask)]
    assert fractions == [0.5, 1.0]


def _filled(restorer: FillRestorer, image: np.ndarray, mask: np.ndarray, **parameters: object) -> np.ndarray:
    batch = torch.from_numpy(image).permute(2, 0, 1)[None]
    holes = torch.from_numpy(mask[None, None].astype(np.float32))
    return restorer.restore(batch, parameters=[parameters], mask=holes)[0].permute(1, 2, 0).numpy()


def test_fill_of_a_small_mirrored_picture_is_the_mirrored_fill(
    restorer: FillRestorer, rng: np.random.Generator
) -> None:
    image, mask = rng.random((64, 64, 3), dtype=np.float32), _mask(64, 64, np.s_[20:44, 30:34])
    filled = _filled(restorer, image, mask)
    mirrored = _filled(restorer, np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(mask[:, ::-1]))
    np.testing.assert_allclose(mirrored[:, ::-1], filled, atol=1e-5)


def test_wide_holes_get_texture_and_thin_ones_the_network(restorer: FillRestorer) -> None:
    image = np.tile(np.random.default_rng(5).random((16, 16, 3), dtype=np.float32), (12, 12, 1))
    wide, thin = _mask(192, 192, np.s_[60:100, 60:100]), _mask(192, 192, np.s_[150:153, 20:170])
    texture = _filled(restorer, image, wide | thin, large_holes="texture", seed=0)
    smooth = _filled(restorer, image, wide | thin, large_holes="smooth", seed=0)
    np.testing.assert_array_equal(texture[thin], smooth[thin])
    np.testing.assert_array_equal(texture[~(wide | thin)], image[~(wide | thin)])
    inside = _mask(192, 192, np.s_[70:90, 70:90])
    assert np.median(np.abs(texture - image)[inside]) < 0.2 * np.median(np.abs(smooth - image)[inside])


def test_texture_is_taken_only_where_more_is_known_than_lost(restorer: FillRestorer, rng: np.random.Generator) -> None:
    image, mask = rng.random((96, 96, 3), dtype=np.float32), _mask(96, 96, np.s_[8:88, 4:92])
    texture, smooth = (_filled(restorer, image, mask, large_holes=kind, seed=0) for kind in ("texture", "smooth"))
    np.testing.assert_array_equal(texture, smooth)


def test_many_wide_specks_are_left_to_the_network(restorer: FillRestorer, rng: np.random.Generator) -> None:
    image, mask = rng.random((260, 260, 3), dtype=np.float32), np.zeros((260, 260), np.bool_)
    for row in range(4, 250, 32):
        for column in range(4, 250, 32):
            mask[row : row + 16, column : column + 16] = True
    texture, smooth = (_filled(restorer, image, mask, large_holes=kind, seed=0) for kind in ("texture", "smooth"))
    np.testing.assert_array_equal(texture, smooth)


def test_holes_with_very_large_surroundings_are_left_to_the_network(
    restorer: FillRestorer, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restoration.algorithms.patch_fill._LARGEST_AROUND_PX", 100)
    image, mask = rng.random((96, 96, 3), dtype=np.float32), _mask(96, 96, np.s_[30:60, 30:60])
    texture, smooth = (_filled(restorer, image, mask, large_holes=kind, seed=0) for kind in ("texture", "smooth"))
    np.testing.assert_array_equal(texture, smooth)


@pytest.mark.slow
def test_another_seed_gives_wide_holes_another_texture(restorer: FillRestorer, rng: np.random.Generator) -> None:
    image, mask = rng.random((128, 128, 3), dtype=np.float32), _mask(128, 128, np.s_[40:70, 40:70])
    first, again, other = (_filled(restorer, image, mask, large_holes="texture", seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_exemplar_completes_a_regular_texture() -> None:
    rows, columns = np.mgrid[:72, :72]
    stripes = ((rows + columns) % 8 < 4).astype(np.float32)[..., None].repeat(3, axis=2)
    mask = _mask(72, 72, np.s_[30:44, 28:46])
    filled = fill_by_example(stripes, mask, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(filled[~mask], stripes[~mask])
    assert np.mean(np.abs(filled[mask] - stripes[mask])) < 0.1
    assert np.mean(np.abs(fill_smoothly(stripes, mask)[mask] - stripes[mask])) > 0.3


def test_seed_repeats_and_changes_the_exemplar_fill(rng: np.random.Generator) -> None:
    image = rng.random((48, 64, 3), dtype=np.float32)
    mask = _mask(48, 64, np.s_[20:28, 20:40])
    first, second, other = (
        ExemplarFill().restore_array(image, parameters={"seed": seed}, mask=mask) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (9, 40)])
def test_exemplar_fills_pictures_with_hardly_a_patch(shape: tuple[int, int], rng: np.random.Generator) -> None:
    image = rng.random((*shape, 3), dtype=np.float32)
    mask = np.zeros(shape, np.bool_)
    mask[0, 0] = True
    filled = fill_by_example(image, mask, rng=rng)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[~mask], image[~mask])
