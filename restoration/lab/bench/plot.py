"""Plot quality against speed as SVG, one dot per model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from restoration.errors import InvalidRequest
from restoration.lab.bench.quality import INPUT

_WIDTH, _HEIGHT = 760, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 190, 40, 48
_LABEL_PX = 15
_TICKS = (1, 2, 5)
_SPEED_TICKS = (1, 1.5, 2, 3, 5, 7)


def draw_quality_against_speed(result: Mapping[str, Any], *, metric: str = "psnr") -> str:
    """Return an SVG of one result of `bench quality`: up is better, left is faster (logarithmic).

    Args:
        result: as `report.to_json` made it.
        metric: the column that goes up.

    Raises:
        InvalidRequest: fewer than two models of the result were timed.
    """
    rows = [row for row in result.get("rows", ()) if row["seconds_per_megapixel"] and row["model"] != INPUT]
    if len(rows) < 2 or metric not in rows[0]:
        raise InvalidRequest(f'The result holds no two models with a speed and "{metric}"; measure with bench quality.')
    across = _Axis([math.log10(row["seconds_per_megapixel"]) for row in rows], _LEFT, _WIDTH - _RIGHT)
    up = _Axis([row[metric] for row in rows], _HEIGHT - _BOTTOM, _TOP)
    points = [(across(math.log10(row["seconds_per_megapixel"])), up(row[metric]), row["model"]) for row in rows]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        'font-size="13">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{_LEFT}" y="22" font-size="15">{escape(str(result.get("title", "")))}</text>',
        *_speed_ticks(across),
        *_quality_ticks(up),
        f'<text x="{_LEFT}" y="{_HEIGHT - 8}" fill="#555">seconds per megapixel, faster to the left</text>',
        f'<text x="8" y="{_TOP - 8}" fill="#555">{escape(metric.upper())}</text>',
        *_dots(points),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


class _Axis:
    """Map values to pixels with a tenth of free room at both ends."""

    def __init__(self, values: Sequence[float], start_px: float, stop_px: float) -> None:
        room = 0.1 * (max(values) - min(values)) or 0.5
        self.low, self.high = min(values) - room, max(values) + room
        self._start, self._length = start_px, stop_px - start_px

    def __call__(self, value: float) -> float:
        return self._start + self._length * (value - self.low) / (self.high - self.low)


def _speed_ticks(axis: _Axis) -> list[str]:
    powers = range(math.floor(axis.low), math.ceil(axis.high) + 1)
    values = [step * 10.0**power for power in powers for step in _SPEED_TICKS]
    shown = [value for value in values if axis.low <= math.log10(value) <= axis.high]
    lines = []
    for value in shown:
        x = axis(math.log10(value))
        lines.append(f'<path d="M{x:.1f} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="#e4e4e4"/>')
        lines.append(f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{value:g}</text>')
    return lines


def _quality_ticks(axis: _Axis) -> list[str]:
    rough = (axis.high - axis.low) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (*_TICKS, 10) if factor * power >= rough)
    lines = []
    for number in range(math.ceil(axis.low / step), math.floor(axis.high / step) + 1):
        y = axis(number * step)
        lines.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#e4e4e4"/>')
        lines.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{number * step:g}</text>')
    return lines


def _dots(points: Sequence[tuple[float, float, str]]) -> list[str]:
    """Draw dots, and their names in a column at the right, pushed apart where they would cover one another."""
    lines = []
    label_x, least_y = _WIDTH - _RIGHT + 16, float(_TOP)
    for x, y, name in sorted(points, key=lambda point: point[1]):
        label_y = max(y, least_y)
        least_y = label_y + _LABEL_PX
        lines.append(f'<path d="M{x:.1f} {y:.1f}L{label_x - 4} {label_y:.1f}" stroke="#bbb" fill="none"/>')
        lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="#c2410c"/>')
        lines.append(f'<text x="{label_x}" y="{label_y + 4:.1f}">{escape(name)}</text>')
    return lines
