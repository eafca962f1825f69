from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restoration.errors import InvalidRequest
from restoration.lab.bench.cases import Case, Damage, load_cases
from restoration.types import Task


def _save(path: Path, size: tuple[int, int], value: int = 128) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    pixels = np.stack([x * 3 + value, y * 3 + value, x + y], axis=2) % 256
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def _cases(task: Task, folder: Path, **damage: object) -> list[Case]:
    return list(load_cases(task, folder, Damage(**damage)))  # type: ignore[arg-type]


def test_noise_has_the_level_asked_for_and_leaves_the_reference_clean(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", (96, 80))
    (case,) = _cases(Task.DENOISE, tmp_path, sigma_255=25.0)
    noise = case.degraded.pixels - case.reference.pixels
    assert float(noise.std()) * 255 == pytest.approx(25, rel=0.03)
    np.testing.assert_array_equal(case.reference.to_array(), np.asarray(Image.open(tmp_path / "a.png")))


def test_noise_of_a_picture_depends_on_its_name_and_the_seed_only(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        _save(tmp_path / "both" / name, (32, 32))
    _save(tmp_path / "one" / "b.png", (32, 32))
    first, second = _cases(Task.DENOISE, tmp_path / "both", sigma_255=10.0)
    (alone,) = _cases(Task.DENOISE, tmp_path / "one", sigma_255=10.0)
    (other_seed,) = _cases(Task.DENOISE, tmp_path / "one", sigma_255=10.0, seed=1)
    np.testing.assert_array_equal(second.degraded.pixels, alone.degraded.pixels)
    assert (first.degraded.pixels != second.degraded.pixels).any()
    assert (other_seed.degraded.pixels != alone.degraded.pixels).any()


@pytest.mark.parametrize(
    ("noise", "deviations"),
    [("gaussian", (20, 20, 20)), ("poisson", (20 / 2**0.5, 20, 20 * 1.5**0.5)), ("speckle", (5, 10, 15))],
)
def test_noise_follows_the_signal_as_its_kind_does(
    tmp_path: Path, noise: str, deviations: tuple[float, float, float]
) -> None:
    steps = np.array([0.25, 0.5, 0.75])
    Image.fromarray(np.rint(np.repeat(255 * steps, 4000)).astype(np.uint8).reshape(120, 100)).save(tmp_path / "a.png")
    (case,) = _cases(Task.DENOISE, tmp_path, sigma_255=20.0, noise=noise)
    found = 255 * (case.degraded.pixels - case.reference.pixels)[..., 0].reshape(3, -1).std(axis=1)
    np.testing.assert_allclose(found, deviations, rtol=0.05)


def test_camera_noise_is_uneven_and_in_8_bits(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", (96, 80))
    (case,) = _cases(Task.DENOISE, tmp_path, sigma_255=20.0, noise="camera")
    steps = case.degraded.pixels * 255
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)
    assert 5 < 255 * float((case.degraded.pixels - case.reference.pixels).std()) < 40


def test_noise_without_strength_is_refused(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", (32, 32))
    with pytest.raises(InvalidRequest, match="speckle has no strength; give --sigma"):
        _cases(Task.DENOISE, tmp_path, noise="speckle")


def test_camera_noise_is_for_colour_pictures(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", (32, 32))
    with pytest.raises(InvalidRequest, match="is gray, but a camera's noise"):
        _cases(Task.DENOISE, tmp_path, sigma_255=20.0, noise="camera", gray=True)


def test_clipped_noise_is_what_an_8_bit_file_holds(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", (32, 32))
    (case,) = _cases(Task.DENOISE, tmp_path, sigma_255=50.0, clip8=True)
    steps = case.degraded.pixels * 255
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)
    assert case.degraded.pixels.min() >= 0


def test_gray_sets_stay_gray(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", (32, 32))
    (case,) = _cases(Task.DEJPEG, tmp_path, gray=True, quality=10)
    assert case.degraded.is_gray
    assert np.ptp(case.degraded.pixels, axis=2).max() == 0
    assert (case.degraded.pixels != case.reference.pixels).any()


def test_super_resolution_takes_the_shrunk_partner(tmp_path: Path) -> None:
    _save(tmp_path / "HR" / "a.png", (65, 49))
    _save(tmp_path / "LRx4" / "ax4.png", (16, 12), value=7)
    (case,) = _cases(Task.SUPER_RESOLUTION, tmp_path, scale=4)
    assert (case.degraded.width, case.degraded.height) == (16, 12)
    assert (case.reference.width, case.reference.height) == (64, 48)


def test_super_resolution_shrinks_where_there_is_no_partner(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", (65, 49))
    (case,) = _cases(Task.SUPER_RESOLUTION, tmp_path, scale=2)
    assert (case.degraded.width, case.degraded.height) == (32, 24)


@pytest.mark.parametrize(
    ("task", "damage", "named"),
    [
        (Task.SUPER_RESOLUTION, {"sigma_255": 25.0}, "sigma_255"),
        (Task.INPAINT, {"quality": 10}, "quality"),
        (Task.LOW_LIGHT, {"salt_and_pepper": 0.1}, "salt_and_pepper"),
        (Task.DENOISE, {"from_web": True}, "from_web"),
    ],
)
def test_damage_that_would_not_be_made_is_refused(
    task: Task, damage: dict[str, object], named: str, tmp_path: Path
) -> None:
    _save(tmp_path / "a.png", (32, 32))
    with pytest.raises(InvalidRequest, match=f"get no {named}; leave that out"):
        _cases(task, tmp_path, **damage)


def test_both_pictures_of_a_pair_turn_gray(tmp_path: Path) -> None:
    _save(tmp_path / "a_real.png", (32, 32))
    _save(tmp_path / "a_mean.png", (32, 32), value=100)
    (case,) = _cases(Task.DENOISE, tmp_path, gray=True)
    assert case.degraded.is_gray
    assert case.reference.is_gray


def test_holes_hide_the_reference(tmp_path: Path) -> None:
    _save(tmp_path / "images" / "a.png", (40, 30))
    mask = np.zeros((30, 40), np.uint8)
    mask[5:10, 5:20] = 255
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    (case,) = _cases(Task.INPAINT, tmp_path)
    assert case.mask is not None
    np.testing.assert_array_equal(case.mask, mask > 0)
    assert (case.degraded.pixels[case.mask] == 0.5).all()
    np.testing.assert_array_equal(case.degraded.pixels[~case.mask], case.reference.pixels[~case.mask])
    (inverse,) = _cases(Task.INPAINT, tmp_path, mask_white_is_known=True)
    assert inverse.mask is not None
    np.testing.assert_array_equal(inverse.mask, ~case.mask)


def test_dark_pictures_find_their_bright_partner(tmp_path: Path) -> None:
    _save(tmp_path / "low" / "7.png", (20, 20), value=3)
    _save(tmp_path / "high" / "7.png", (20, 20), value=90)
    (case,) = _cases(Task.LOW_LIGHT, tmp_path)
    assert (case.degraded.pixels != case.reference.pixels).any()


@pytest.mark.parametrize("task", [Task.DENOISE, Task.SUPER_RESOLUTION, Task.INPAINT, Task.LOW_LIGHT])
def test_folder_without_pictures_is_refused(task: Task, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="No pictures lie in"):
        _cases(task, tmp_path)
    with pytest.raises(InvalidRequest, match="does not exist"):
        _cases(task, tmp_path / "none")


def test_partner_that_is_missing_is_named(tmp_path: Path) -> None:
    _save(tmp_path / "HR" / "a.png", (64, 48))
    (tmp_path / "LRx4").mkdir()
    with pytest.raises(InvalidRequest, match=r"no partner of a\.png"):
        _cases(Task.SUPER_RESOLUTION, tmp_path, scale=4)


def test_real_noise_comes_in_pairs_that_nothing_is_added_to(tmp_path: Path) -> None:
    _save(tmp_path / "a_real.png", (16, 16), value=10)
    _save(tmp_path / "a_mean.png", (16, 16), value=12)
    (case,) = _cases(Task.DENOISE, tmp_path)
    np.testing.assert_array_equal(case.degraded.to_array(), np.asarray(Image.open(tmp_path / "a_real.png")))
    np.testing.assert_array_equal(case.reference.to_array(), np.asarray(Image.open(tmp_path / "a_mean.png")))


def test_kernels_blur_every_picture_and_only_what_is_seen_is_compared(tmp_path: Path) -> None:
    _save(tmp_path / "gt" / "a.png", (40, 30))
    for name, side in (("kernel1", 5), ("kernel2", 9)):
        spot = np.zeros((side, side), np.uint8)
        spot[side // 2, side // 2] = 255
        Image.fromarray(spot).save(tmp_path / "gt" / f"{name}.png")
    first, second = _cases(Task.DEBLUR, tmp_path)
    assert [(case.name, case.degraded.size_text) for case in (first, second)] == [
        ("a_kernel1", "36x26 px"),
        ("a_kernel2", "32x22 px"),
    ]
    np.testing.assert_allclose(first.degraded.pixels, first.reference.pixels, atol=1e-6)
    assert second.kernel == tmp_path / "gt" / "kernel2.png"


def test_damage_from_the_web_is_seeded_by_the_name_and_fits_the_reference(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", (50, 39))
    (case,), (again,) = (_cases(Task.SUPER_RESOLUTION, tmp_path, scale=4, from_web=True) for _ in range(2))
    (plain,) = _cases(Task.SUPER_RESOLUTION, tmp_path, scale=4)
    assert (case.degraded.width, case.degraded.height) == (12, 9)
    assert (case.reference.width, case.reference.height) == (48, 36)
    np.testing.assert_array_equal(case.degraded.pixels, again.degraded.pixels)
    assert (case.degraded.pixels != plain.degraded.pixels).any()


def test_mask_that_marks_nothing_is_refused(tmp_path: Path) -> None:
    _save(tmp_path / "images" / "a.png", (40, 30))
    (tmp_path / "masks").mkdir()
    Image.new("L", (40, 30)).save(tmp_path / "masks" / "a.png")
    with pytest.raises(InvalidRequest, match="marks nothing"):
        _cases(Task.INPAINT, tmp_path)
