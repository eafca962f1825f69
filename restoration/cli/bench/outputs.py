"""`restoration bench outputs`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from restoration.cli.options import require_one


@click.command("outputs")
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="keep the outputs of before the change (.npz)",
)
@click.option(
    "--compare", type=click.Path(path_type=Path), metavar="FILE", help="compare with those; fails below 80 dB"
)
def command(*, save: Path | None, compare: Path | None) -> int:
    """Tell whether a change of the code changes what the built-in models answer."""
    require_one({"--save": save, "--compare": compare})
    from restoration.folders import assets_folder
    from restoration.lab.bench import outputs
    from restoration.service.door import Service

    made = outputs.outputs_of(Service(), assets_folder() / "examples")
    if save is not None:
        count = outputs.save(made, save, progress=partial(print, file=sys.stderr))
        print(f"{count} outputs in {save}")
    if compare is None:
        return 0
    scores = dict(outputs.compare(made, compare))
    changed = {name: score for name, score in scores.items() if score != outputs.IDENTICAL_DB}
    for name, score in changed.items():
        print(f"{name}: {score:.1f} dB")
    print(f"{len(scores) - len(changed)} of {len(scores)} outputs are bit-identical")
    return 1 if any(score < outputs.SAME_DB for score in changed.values()) else 0
