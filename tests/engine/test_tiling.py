from __future__ import annotations

import itertools

import numpy as np
import pytest

from restoration.engine.tiling import Canvas, plan_spans, ramp

LENGTHS = (1, 2, 7, 63, 64, 65, 127, 128, 200, 257, 1000)
TILES = (1, 16, 64, 96)
OVERLAPS = (0, 1, 8, 20)
ALIGNS = (1, 8)
CASES = list(itertools.product(LENGTHS, TILES, OVERLAPS, ALIGNS))


@pytest.mark.parametrize(("length", "tile_px", "overlap_px", "align_px"), CASES)
def test_inner_parts_cover_the_axis_exactly_once(length: int, tile_px: int, overlap_px: int, align_px: int) -> None:
    spans = plan_spans(length, tile_px=tile_px, overlap_px=overlap_px, align_px=align_px)
    covered = [pixel for span in spans for pixel in range(span.inner_start, span.inner_stop)]
    assert covered == list(range(length))


@pytest.mark.parametrize(("length", "tile_px", "overlap_px", "align_px"), CASES)
def test_inner_part_keeps_its_overlap_on_each_side(length: int, tile_px: int, overlap_px: int, align_px: int) -> None:
    for span in plan_spans(length, tile_px=tile_px, overlap_px=overlap_px, align_px=align_px):
        assert span.start == 0 or span.inner_start - span.start >= overlap_px
        assert span.stop == length or span.stop - span.inner_stop >= overlap_px
        assert span.start % align_px == 0


@pytest.mark.parametrize("blend_px", [0, 5, 8])
@pytest.mark.parametrize("scale", [1, 3])
def test_ramps_of_all_spans_add_up_to_one(blend_px: int, scale: int) -> None:
    length = 501
    total = np.zeros(scale * length, dtype=np.float32)
    for span in plan_spans(length, tile_px=64, overlap_px=16):
        total[scale * span.start : scale * span.stop] += ramp(span, blend_px=blend_px, length=length, scale=scale)
    np.testing.assert_allclose(total, 1.0, atol=1e-6)


@pytest.mark.parametrize("blend_px", [0, 6])
def test_canvas_gives_back_a_picture_cut_into_tiles(blend_px: int, rng: np.random.Generator) -> None:
    picture = rng.random((3, 150, 97), dtype=np.float32)
    canvas = Canvas(height=150, width=97, scale=1, blend_px=blend_px)
    for row in plan_spans(150, tile_px=48, overlap_px=12):
        for column in plan_spans(97, tile_px=48, overlap_px=12):
            tile = picture[:, row.start : row.stop, column.start : column.stop]
            canvas.add(tile, rows=row, columns=column)
    np.testing.assert_allclose(canvas.pixels, picture, atol=1e-6)
