"""Models that look at the whole picture first: once per picture, and every tile learns of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.engine.local.job import Answer, Job
from restoration.engine.local.scheduler import Scheduler
from restoration.models.shared.contract import Contract
from restoration.models.shared.global_pass import GlobalPassRestorer, TileContext, shrunk_to
from restoration.types import Parameters

CPU = torch.device("cpu")


class Vignette(GlobalPassRestorer):
    """Multiply every pixel by the blurred whole picture at its place; remember the surveys."""

    def __init__(self, **contract: int) -> None:
        super().__init__(nn.Identity(), Contract(global_pass_px=16, **contract))
        self.surveyed: list[tuple[int, ...]] = []

    def global_pass(self, small: Tensor, *, parameters: Parameters) -> Tensor:
        self.surveyed.append(tuple(small.shape))
        return functional.avg_pool2d(small, 3, stride=1, padding=1)

    def restore_tiles(
        self, image: Tensor, *, parameters: Sequence[Parameters], contexts: Sequence[TileContext]
    ) -> Tensor:
        return image * torch.cat([context.maps((image.shape[2], image.shape[3])) for context in contexts])


def _restored(restorer: Vignette, pixels: np.ndarray, tile_px: int | None = None) -> Answer:
    answer = list(Scheduler(CPU).run(Job(restorer, pixels, {}, tile_px=tile_px)))[-1]
    assert isinstance(answer, Answer)
    return answer


@pytest.mark.parametrize("border_px", [0, 5])
@pytest.mark.parametrize("multiple", [1, 8])
def test_tiles_know_their_place_in_the_picture(border_px: int, multiple: int, rng: np.random.Generator) -> None:
    pixels = rng.random((150, 203, 3), dtype=np.float32)
    restorer = Vignette(border_px=border_px, size_multiple=multiple, overlap_px=4)
    whole, tiled = _restored(restorer, pixels), _restored(restorer, pixels, tile_px=48)
    assert tiled.stats.tiles > 4
    np.testing.assert_allclose(tiled.pixels, whole.pixels, atol=1e-5)


def test_picture_is_surveyed_once_and_in_small(rng: np.random.Generator) -> None:
    restorer = Vignette()
    _restored(restorer, rng.random((96, 64, 3), dtype=np.float32), tile_px=32)
    assert restorer.surveyed == [(1, 3, 16, 11)]


def test_finding_is_enlarged_as_torch_does(rng: np.random.Generator) -> None:
    finding = torch.from_numpy(rng.random((1, 2, 7, 9), dtype=np.float32))
    expected = functional.interpolate(finding, size=(35, 40), mode="bilinear", align_corners=False)
    torch.testing.assert_close(TileContext(finding, 0, 0, 35, 40).maps((35, 40)), expected)
    torch.testing.assert_close(TileContext(finding, 10, 5, 35, 40).maps((8, 20)), expected[:, :, 10:18, 5:25])


def test_small_picture_is_surveyed_as_it_is() -> None:
    image = torch.rand(1, 3, 5, 9)
    assert torch.equal(shrunk_to(image, side_px=9), image)
    assert shrunk_to(image, side_px=3).shape == (1, 3, 2, 3)


def test_alone_the_model_surveys_by_itself(rng: np.random.Generator) -> None:
    pixels = rng.random((40, 56, 3), dtype=np.float32)
    restorer = Vignette()
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    by_itself = restorer.restore(image, parameters=[{}])[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(by_itself, _restored(restorer, pixels).pixels, atol=1e-6)
