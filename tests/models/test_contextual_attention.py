"""Contextual attention against a slow definition; the model built on it keeps what is known."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from restoration.algorithms.gaussian import gaussian_smooth
from restoration.algorithms.harmonic_fill import fill_smoothly
from restoration.models import contextual_attention
from restoration.models.contextual_attention import (
    ContextualAttentionNet,
    ContextualAttentionRestorer,
    build,
    plausible_share,
)
from restoration.models.shared.fill import Pass
from restoration.networks import attention
from restoration.networks.attention import attend


def _slowly(features: Tensor, mask: Tensor) -> Tensor:
    """The layer's definition, patch by patch, for one picture (C, H, W) and its mask (H, W)."""
    channels, height, width = features.shape
    small, lost = features[:, ::2, ::2], mask.reshape(height // 2, 2, width // 2, 2).amax(dim=(1, 3)) > 0
    places = [(y, x) for y in range(height // 2) for x in range(width // 2)]

    def patch(y: int, x: int) -> Tensor:
        values = torch.zeros(channels, 3, 3)
        for i in range(3):
            for j in range(3):
                if 0 <= y + i - 1 < height // 2 and 0 <= x + j - 1 < width // 2:
                    values[:, i, j] = small[:, y + i - 1, x + j - 1]
        return values.flatten()

    def is_known(y: int, x: int) -> bool:
        return not bool(lost[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].any())

    patches = {place: patch(*place) for place in places}
    cosines = {
        (here, there): float(
            torch.dot(patches[here], patches[there])
            / max(float(patches[here].norm()), 1e-4)
            / max(float(patches[there].norm()), 1e-4)
        )
        for here in places
        for there in places
    }
    scores = {
        ((y, x), (v, u)): sum(
            cosines.get(((y + i, x + j), (v + i, u + j)), 0.0) for i in (-1, 0, 1) for j in (-1, 0, 1)
        )
        for y, x in places
        for v, u in places
    }
    known = [place for place in places if is_known(*place)] or places
    total, count = torch.zeros_like(features), torch.zeros(height, width)
    for y, x in places:
        largest = max(scores[(y, x), there] for there in known)
        weights = {there: math.exp(10 * (scores[(y, x), there] - largest)) for there in known}
        norm = sum(weights.values())
        for i in range(-1, 3):
            for j in range(-1, 3):
                row, column = 2 * y + i, 2 * x + j
                if not (0 <= row < height and 0 <= column < width):
                    continue
                for (v, u), weight in weights.items():
                    if 0 <= 2 * v + i < height and 0 <= 2 * u + j < width:
                        total[:, row, column] += weight / norm * features[:, 2 * v + i, 2 * u + j]
                count[row, column] += 1
    return total / count


@pytest.mark.parametrize("hole", [np.s_[4:7, 2:6], np.s_[0:0], np.s_[:]], ids=["hole", "nothing lost", "all lost"])
def test_attention_equals_its_slow_definition(hole: tuple[slice, ...]) -> None:
    features = torch.randn(2, 3, 10, 8, generator=torch.Generator().manual_seed(1))
    mask = torch.zeros(2, 1, 10, 8)
    mask[0, 0][hole] = 1
    answer = attend(features, mask)
    for number in range(2):
        torch.testing.assert_close(answer[number], _slowly(features[number], mask[number, 0]), atol=2e-5, rtol=1e-4)


def test_attention_rebuilds_a_lost_part_of_a_repeating_texture() -> None:
    tile = torch.randn(1, 16, 4, 4, generator=torch.Generator().manual_seed(2))
    texture = tile.repeat(1, 1, 8, 8)
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 14:16, 14:16] = 1
    damaged = torch.where(mask > 0, texture.mean(dim=(2, 3), keepdim=True), texture)
    before, after = (
        (each - texture)[mask.expand_as(texture) > 0].abs().mean() for each in (damaged, attend(damaged, mask))
    )
    assert float(after) < 0.1 * float(before)


def test_attention_carries_other_values_than_it_compares() -> None:
    generator = torch.Generator().manual_seed(7)
    features, values = torch.randn(1, 3, 10, 8, generator=generator), torch.randn(1, 5, 10, 8, generator=generator)
    mask = torch.zeros(1, 1, 10, 8)
    mask[..., 4:7, 2:6] = 1
    together = attend(features, mask, torch.cat([features, values], dim=1))
    torch.testing.assert_close(together[:, :3], attend(features, mask))
    torch.testing.assert_close(attend(features, mask, values), together[:, 3:])


def _offsets(rounds: int, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """Return how far away the patches are that a flat hole takes, (2, 8, 8), in patches."""
    taken: list[Tensor] = []
    choose = attention._best_alone
    monkeypatch.setattr(attention, "_ROUNDS", rounds)
    monkeypatch.setattr(attention, "_best_alone", lambda weights: taken.append(weights) or choose(weights))
    features = 1 + torch.randn(1, 4, 40, 56, generator=torch.Generator().manual_seed(8))
    mask = torch.zeros(1, 1, 40, 56)
    mask[..., 12:28, 8:24] = 1
    attend(torch.where(mask > 0, 1.0, features), mask, copies=True)
    best = taken.pop().argmax(dim=2).reshape(20, 28)
    rows, columns = torch.meshgrid(torch.arange(20), torch.arange(28), indexing="ij")
    return torch.stack([best // 28 - rows, best % 28 - columns])[:, 6:14, 4:12]


def test_agreement_is_that_of_all_pairs_of_patches() -> None:
    random = torch.Generator().manual_seed(9)
    mask = torch.zeros(2, 1, 16, 20)
    mask[0, :, 4:9, 2:8] = 1
    mask[1, :, 0:6, 11:20] = 1
    allowed = 5 * torch.randn(2, 80, 80, generator=random)
    allowed[0, :, ::7], allowed[1, :, 1::5] = -torch.inf, -torch.inf
    asking = torch.nn.functional.max_pool2d(mask, 2).flatten(2).mT
    expected = started = allowed.softmax(dim=2)
    for _ in range(attention._ROUNDS):
        said = expected * asking
        around = attention._fused(said.reshape(2, 8, 10, 8, 10)).reshape(said.shape) - said
        expected = (allowed + attention._AGREEMENT * around).softmax(dim=2)
    assert float((expected - started).abs().max()) > 0.1
    torch.testing.assert_close(attention._agreed(started, allowed, mask), expected)


def test_lost_neighbours_agree_from_where_to_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    alone, agreed = (
        float((_offsets(rounds, monkeypatch).diff(dim=2) == 0).all(dim=0).float().mean()) for rounds in (0, 8)
    )
    assert alone < 0.3
    assert agreed > 0.6


def test_every_patch_that_is_copied_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, columns = torch.meshgrid(torch.arange(6, 14), torch.arange(4, 12), indexing="ij")
    down, right = _offsets(8, monkeypatch)
    is_lost = ((rows + down >= 5) & (rows + down < 15)) & ((columns + right >= 3) & (columns + right < 13))
    assert not is_lost.any()


def test_choosing_the_best_patch_lets_gradients_pass() -> None:
    features = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(9), requires_grad=True)
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 4:10, 4:10] = 1
    values = torch.randn(1, 2, 16, 16, generator=torch.Generator().manual_seed(10))
    attend(features, mask, values, copies=True)[..., 4:10, 4:10].square().sum().backward()  # type: ignore[no-untyped-call]
    assert features.grad is not None
    assert bool(torch.isfinite(features.grad).all())
    assert float(features.grad.abs().max()) > 0


_SMALL = {"widths": [4, 8, 8, 8], "blocks": [1, 1, 1], "dilations": [1, 2]}


@pytest.fixture
def restorer(tmp_path: Path) -> ContextualAttentionRestorer:
    torch.manual_seed(0)
    network = ContextualAttentionNet(**_SMALL)
    torch.nn.init.normal_(network.fine.tail.weight, std=0.1)
    state = network.state_dict()
    parts = {
        "coarse": {name: tensor for name, tensor in state.items() if not name.startswith("fine.")},
        "fine": {name: tensor for name, tensor in state.items() if name.startswith("fine.")},
    }
    for role, part in parts.items():
        save_file(part, tmp_path / f"{role}.safetensors")
    return build(config=_SMALL, weights={role: tmp_path / f"{role}.safetensors" for role in parts}, parameters={})


def _filled(restorer: ContextualAttentionRestorer, image: np.ndarray, mask: np.ndarray, *, seed: int = 0) -> np.ndarray:
    picture = torch.from_numpy(image).permute(2, 0, 1)[None]
    holes = torch.from_numpy(mask.astype(np.float32))[None, None]
    *_, (fraction, answer) = restorer.steps(picture, parameters={"seed": seed}, mask=holes)
    assert fraction == 1.0
    return answer[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize(("height", "width"), [(9, 13), (250, 70), (500, 470)])
def test_known_pixels_stay_bit_for_bit_and_every_lost_one_is_filled(
    restorer: ContextualAttentionRestorer, height: int, width: int
) -> None:
    rng = np.random.default_rng(3)
    image = rng.random((height, width, 3), dtype=np.float32)
    mask = np.zeros((height, width), np.bool_)
    mask[height // 4 : height // 2, width // 4 : -1] = True
    mask[-1, :3] = True
    image[mask] = -9
    answer = _filled(restorer, image, mask)
    np.testing.assert_array_equal(answer[~mask], image[~mask])
    assert answer[mask].min() > -3


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_gives_nearly_the_same(restorer: ContextualAttentionRestorer, dtype: torch.dtype) -> None:
    image = np.random.default_rng(15).random((96, 96, 3), dtype=np.float32)
    mask = np.zeros((96, 96), np.bool_)
    mask[20:60, 30:60] = True
    exact = _filled(restorer, image, mask)
    restorer.to(device=torch.device("cpu"), dtype=dtype)
    answer = _filled(restorer, image, mask)
    np.testing.assert_array_equal(answer[~mask], image[~mask])
    assert np.abs(answer - exact).mean() < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("side", [15, 16, 17, 18, 19, 20])
def test_hole_of_every_width_is_filled(restorer: ContextualAttentionRestorer, side: int) -> None:
    image = np.random.default_rng(16).random((100, 110, 3), dtype=np.float32)
    for offset in (40, 41):
        mask = np.zeros((100, 110), np.bool_)
        mask[offset : offset + side, offset : offset + side] = True
        answer = _filled(restorer, np.where(mask[..., None], np.float32(-9), image), mask)
        assert answer[mask].min() > -3


@pytest.mark.slow
def test_network_sees_no_window_larger_than_its_limit(
    restorer: ContextualAttentionRestorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restorer, "whole_pixels", 160**2, raising=False)
    monkeypatch.setattr(restorer, "cell_px", 64, raising=False)
    sizes: list[int] = []
    find = restorer.damage

    def watched(filled: Tensor, mask: Tensor, *, which: Pass) -> Tensor:
        sizes.append(filled.shape[2] * filled.shape[3])
        return find(filled, mask, which=which)

    monkeypatch.setattr(restorer, "damage", watched)
    image = np.random.default_rng(17).random((400, 400, 3), dtype=np.float32)
    mask = np.zeros((400, 400), np.bool_)
    np.fill_diagonal(mask, True)
    wide = cv2.dilate(mask.astype(np.uint8), np.ones((20, 20), np.uint8)) > 0
    answer = _filled(restorer, image, wide)
    np.testing.assert_array_equal(answer[~wide], image[~wide])
    assert len(sizes) > 8
    assert max(sizes) <= (64 + 2 * 48 + 16) ** 2


def test_nothing_lost_changes_nothing(restorer: ContextualAttentionRestorer) -> None:
    image = np.random.default_rng(4).random((20, 30, 3), dtype=np.float32)
    np.testing.assert_array_equal(_filled(restorer, image, np.zeros((20, 30), np.bool_)), image)


def test_all_lost_gives_a_picture(restorer: ContextualAttentionRestorer) -> None:
    answer = _filled(restorer, np.zeros((24, 24, 3), np.float32), np.ones((24, 24), np.bool_))
    assert np.isfinite(answer).all()


def test_what_lies_in_the_holes_is_not_seen(restorer: ContextualAttentionRestorer) -> None:
    image = np.random.default_rng(5).random((64, 64, 3), dtype=np.float32)
    mask = np.zeros((64, 64), np.bool_)
    mask[20:30, 20:40] = True
    answers = [_filled(restorer, np.where(mask[..., None], np.float32(value), image), mask) for value in (0, 1)]
    np.testing.assert_array_equal(*answers)


def test_fine_stage_adds_detail_but_moves_no_colours_until_it_has_learnt() -> None:
    image = np.random.default_rng(6).random((32, 32, 3), dtype=np.float32)
    mask = np.zeros((32, 32), np.bool_)
    mask[8:20, 8:20] = True
    filled = torch.from_numpy(fill_smoothly(image, mask)).permute(2, 0, 1)[None]
    holes = torch.from_numpy(mask.astype(np.float32))[None, None]
    with torch.no_grad():
        coarse, fine = ContextualAttentionNet(**_SMALL).stages(filled, holes)
    added = gaussian_smooth(holes * (fine - torch.lerp(filled, coarse, holes)), 4.0)
    assert float(added.abs().max()) < 0.1
    assert float((fine - coarse)[holes.expand_as(filled) > 0].std()) > 0.02
    assert (coarse - filled)[holes.expand_as(filled) > 0].abs().max() > 1e-4


def test_what_is_known_at_half_the_size_passes_the_coarse_stage_by() -> None:
    network = ContextualAttentionNet(**_SMALL)
    filled = torch.rand(3, 3, 32, 48, generator=torch.Generator().manual_seed(11))
    holes = torch.zeros(3, 1, 32, 48)
    holes[..., 8:20, 8:30] = 1
    told = torch.tensor([0.0, 1.0, 0.0]).reshape(3, 1, 1, 1)
    with torch.no_grad():
        rough, fine = network.stages(filled, holes, told)
        assert torch.equal(rough[1], filled[1])
        assert not torch.equal(rough[0], filled[0])
        for number in range(3):
            one = slice(number, number + 1)
            torch.testing.assert_close(network.stages(filled[one], holes[one], told[one])[1], fine[one])
        torch.testing.assert_close(network(filled, holes, told), filled - fine)
        torch.testing.assert_close(network(filled[:1], holes[:1]), filled[:1] - fine[:1])


@pytest.mark.slow
def test_wide_holes_are_known_at_half_the_size_after_the_first_pass(
    restorer: ContextualAttentionRestorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[tuple[int, Pass]] = []
    find = restorer.damage

    def watched(filled: Tensor, mask: Tensor, *, which: Pass) -> Tensor:
        passes.append((filled.shape[3], which))
        return find(filled, mask, which=which)

    monkeypatch.setattr(restorer, "damage", watched)
    mask = np.zeros((256, 256), np.bool_)
    mask[80:176, 80:176] = True
    _filled(restorer, np.random.default_rng(12).random((256, 256, 3), dtype=np.float32), mask)
    assert passes == [(128, Pass.FIRST), (256, Pass.LATER)]


@pytest.mark.parametrize("lost_share", [0.2, 0.8])
def test_parts_of_the_picture_go_into_wide_holes_where_more_is_known_than_lost(
    restorer: ContextualAttentionRestorer, monkeypatch: pytest.MonkeyPatch, lost_share: float
) -> None:
    moved: list[float] = []
    fill = contextual_attention.fill_by_example

    def watched(image: np.ndarray, mask: np.ndarray, **settings: object) -> np.ndarray:
        moved.append(float(mask.mean()))
        return fill(image, mask, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(contextual_attention, "fill_by_example", watched)
    image = np.random.default_rng(13).random((160, 160, 3), dtype=np.float32)
    side = round(160 * lost_share**0.5)
    mask = np.zeros((160, 160), np.bool_)
    mask[8 : 8 + side, 8 : 8 + side] = True
    passes: list[Pass] = []
    find = restorer.damage

    def seen(filled: Tensor, mask: Tensor, *, which: Pass) -> Tensor:
        passes.append(which)
        return find(filled, mask, which=which)

    monkeypatch.setattr(restorer, "damage", seen)
    answer = _filled(restorer, image, mask)
    np.testing.assert_array_equal(answer[~mask], image[~mask])
    assert np.isfinite(answer).all()
    if lost_share < 0.5:  # after the first and the last of the passes
        assert moved == [pytest.approx(lost_share, rel=0.1)] * len(passes)
        assert passes == [Pass.FIRST, Pass.LATER]
    else:
        assert not moved
        assert set(passes) == {Pass.FIRST}


@pytest.mark.slow
def test_seed_gives_wide_holes_another_fill(restorer: ContextualAttentionRestorer) -> None:
    image = np.random.default_rng(14).random((128, 128, 3), dtype=np.float32)
    mask = np.zeros((128, 128), np.bool_)
    mask[40:80, 40:80] = True
    first, again, other = (_filled(restorer, image, mask, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_detail_is_copied_where_there_is_some_around_and_not_into_a_clear_sky(rng: np.random.Generator) -> None:
    texture = 0.2 * torch.from_numpy(rng.standard_normal((1, 3, 96, 192), dtype=np.float32))
    detail, mask = texture.clone(), torch.zeros(1, 1, 96, 192)
    detail[..., :96] = 0
    mask[..., 32:64, 32:64] = mask[..., 32:64, 128:160] = 1
    share = plausible_share(texture, detail, mask)
    assert float(share[..., 40:56, 40:56].max()) < 0.15
    assert float(share[..., 32:64, 128:160].mean()) > 0.9


def test_where_nothing_is_known_detail_stays() -> None:
    copied = torch.rand(1, 3, 16, 16)
    assert torch.equal(plausible_share(copied, copied, torch.ones(1, 1, 16, 16)), torch.ones(1, 1, 16, 16))


def test_answer_is_that_of_the_second_stage_inside_the_holes(restorer: ContextualAttentionRestorer) -> None:
    image = np.random.default_rng(6).random((64, 64, 3), dtype=np.float32)
    mask = np.zeros((64, 64), np.bool_)
    mask[20:30, 20:40] = True
    filled = torch.from_numpy(fill_smoothly(image, mask)).permute(2, 0, 1)[None]
    with torch.no_grad():
        *_, expected = restorer.network.stages(filled, torch.from_numpy(mask)[None, None].float())
    inside = expected.clamp(0, 1)[0].permute(1, 2, 0).numpy()[mask]
    np.testing.assert_allclose(_filled(restorer, image, mask)[mask], inside, atol=1e-5)
    assert np.abs(inside - filled[0].permute(1, 2, 0).numpy()[mask]).max() > 0.01
