"""`restoration bench plot`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("plot")
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--metric", default="psnr")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="the .svg file to write")
def command(*, result: Path, metric: str, output: Path) -> None:
    """Draw quality against speed as SVG, from RESULT, a .json file that `quality` wrote."""
    from restoration.lab.bench.plot import draw_quality_against_speed
    from restoration.lab.bench.report import read_result

    drawing = draw_quality_against_speed(read_result(result), metric=metric)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(drawing, encoding="utf-8")
