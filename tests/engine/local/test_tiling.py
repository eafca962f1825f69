from __future__ import annotations

import itertools

import numpy as np
import pytest

from restoration.engine.local.tiling import Canvas, Preview, Tile, TilePlan, plan_spans, ramp

LENGTHS = (1, 2, 7, 63, 64, 65, 127, 128, 200, 257, 1000)
TILES = (1, 16, 64, 96)
OVERLAPS = (0, 1, 8, 20)
ALIGNS = (1, 8)
CASES = list(itertools.product(LENGTHS, TILES, OVERLAPS, ALIGNS))


def test_inner_parts_cover_the_axis_exactly_once() -> None:
    for length, tile_px, overlap_px, align_px in CASES:
        spans = plan_spans(length, tile_px=tile_px, overlap_px=overlap_px, align_px=align_px)
        covered = [pixel for span in spans for pixel in range(span.inner_start, span.inner_stop)]
        assert covered == list(range(length)), (length, tile_px, overlap_px, align_px)


def test_inner_part_keeps_its_overlap_on_each_side() -> None:
    for length, tile_px, overlap_px, align_px in CASES:
        for span in plan_spans(length, tile_px=tile_px, overlap_px=overlap_px, align_px=align_px):
            assert span.start == 0 or span.inner_start - span.start >= overlap_px
            assert span.stop == length or span.stop - span.inner_stop >= overlap_px
            assert span.start % align_px == 0
            assert span.length <= max(tile_px, 2 * overlap_px + 2 * align_px) + 2 * align_px


@pytest.mark.parametrize("align_px", [1, 8])
@pytest.mark.parametrize("reach_px", [12, 90])
@pytest.mark.parametrize("scale", [1, 3])
def test_ramps_of_all_spans_add_up_to_one(reach_px: int, scale: int, align_px: int) -> None:
    for length in range(1, 400, 7):
        plan = TilePlan.of(height=1, width=length, tile_px=48, reach_px=reach_px, align_px=align_px)
        total = np.zeros(scale * length, dtype=np.float32)
        for tile in plan.tiles():
            span = tile.columns
            weights = ramp(span, blend_px=plan.blend_px, length=length, scale=scale)
            total[scale * span.start : scale * span.stop] += weights
        np.testing.assert_allclose(total, 1.0, atol=1e-6)


def test_spans_are_equally_long_so_that_they_share_batches() -> None:
    spans = plan_spans(1000, tile_px=300, overlap_px=16)
    assert {span.length for span in spans} == {274}  # 4 spans that share 3 times 32 pixels


def _plan(height: int, width: int, *, blend_px: int = 0, align_px: int = 1) -> TilePlan:
    return TilePlan(height, width, tile_px=48, overlap_px=12, blend_px=blend_px, align_px=align_px)


def _cut(picture: np.ndarray, tile: Tile) -> np.ndarray:
    rows, columns = slice(tile.rows.start, tile.rows.stop), slice(tile.columns.start, tile.columns.stop)
    return picture[rows, columns]


@pytest.mark.parametrize("blend_px", [0, 6])
def test_canvas_gives_back_a_picture_cut_into_tiles(blend_px: int, rng: np.random.Generator) -> None:
    picture = rng.random((150, 97, 3), dtype=np.float32)
    plan = _plan(150, 97, blend_px=blend_px)
    canvas = Canvas(plan, scale=1)
    for tile in plan.tiles():
        canvas.add(_cut(picture, tile), tile)
    np.testing.assert_allclose(canvas.pixels, picture, atol=1e-6)


@pytest.mark.parametrize("align_px", [1, 8])
@pytest.mark.parametrize("blend_px", [0, 6])
def test_split_tiles_take_the_place_of_any_tile(blend_px: int, align_px: int, rng: np.random.Generator) -> None:
    picture = rng.random((150, 97, 3), dtype=np.float32)
    plan = TilePlan(150, 97, tile_px=80, overlap_px=12, blend_px=blend_px, align_px=align_px)
    for number in range(len(plan.tiles())):
        canvas = Canvas(plan, scale=1)
        for index, tile in enumerate(plan.tiles()):
            smaller = plan.split(tile) if index == number else [tile]
            assert (len(smaller) == 1) is (index != number)
            assert sum(part.inner_pixels for part in smaller) == tile.inner_pixels
            for part in smaller:
                assert part.rows.start % align_px == part.columns.start % align_px == 0
                canvas.add(_cut(picture, part), part)
        np.testing.assert_allclose(canvas.pixels, picture, atol=1e-6)


def test_splitting_ends() -> None:
    plan = _plan(300, 300, blend_px=6)
    tiles = plan.tiles()[:1]
    for _ in range(20):
        tiles = [part for tile in tiles for part in plan.split(tile)]
    assert tiles == []


@pytest.mark.parametrize(("reach_px", "overlap_px", "blend_px"), [(0, 0, 0), (5, 5, 0), (16, 16, 0), (90, 16, 8)])
def test_tiles_are_pasted_exactly_where_the_overlap_covers_the_model(
    reach_px: int, overlap_px: int, blend_px: int
) -> None:
    plan = TilePlan.of(height=500, width=500, tile_px=100, reach_px=reach_px)
    assert (plan.overlap_px, plan.blend_px) == (overlap_px, blend_px)


@pytest.mark.parametrize("scale", [1, 2])
def test_preview_shows_the_input_and_over_it_what_is_done(scale: int) -> None:
    plan = _plan(96, 96)
    preview = Preview(np.zeros((96, 96, 3), np.float32), max_side_px=48)
    first = plan.tiles()[0]
    preview.add(np.ones((scale * first.rows.length, scale * first.columns.length, 3), np.float32), first, scale=scale)
    assert preview.samples.shape == (48, 48, 3)
    assert preview.samples[0, 0].tolist() == [255, 255, 255]
    assert preview.samples[-1, -1].tolist() == [0, 0, 0]
