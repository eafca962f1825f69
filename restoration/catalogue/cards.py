"""Model cards, written from the manifest, so that neither can say what the other does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from restoration.types import ModelInfo, WeightFile

_PREFACE = """# Model cards

Written by `python -m restoration weights cards` from `manifest/`. Scores are read from `assets/benchmarks`, which
`python -m restoration bench` wrote; where a score was made in another way, that is said. Built-in weights are
safetensors, nearly all of them float16, that this repository's training code made from the recipes in
`restoration/lab/recipes/`; the logs of the runs lie in `logs/`. Some went through several passes, and a few recipes
were changed while they ran, as `training` and the logs say: those files cannot be made again to the byte. Files from
the Hugging Face Hub are checked by size and sha256 before they are opened; those without a sha256 here are checked
against the Hub's own with the first download, and written down.
"""


def to_markdown(models: Iterable[ModelInfo]) -> str:
    """Return the cards of all models, those with weights first."""
    listed = sorted(models, key=lambda info: (info.kind != "network", not info.is_built_in))
    return "\n".join([_PREFACE, *(_card(info) for info in listed)])


def _card(info: ModelInfo) -> str:
    rows = "\n".join(f"| {name} | {value} |" for name, value in _rows(info) if value)
    return f"## {info.id}: {info.title}\n\n{info.summary}\n\n| | |\n|---|---|\n{rows}\n"


def _rows(info: ModelInfo) -> Iterator[tuple[str, str]]:
    yield "task", ", ".join(info.tasks)
    yield "paper", info.paper
    yield "licence of the code", info.code_licence
    yield "licence of the weights", info.weights_licence
    yield "trained on", info.trained_on
    yield "training", info.training
    scores = "; ".join(f"{name}: {value:g}" for name, value in info.measured.items())
    yield "measured", scores if scores or info.kind == "classical" else "not measured here yet"
    yield "limits", info.limits
    cost = info.macs_per_pixel
    yield "cost", f"{cost / 1e6:.3g} million multiply-adds per pixel of input" if cost else ""
    yield "largest picture", f"{info.max_megapixels:g} megapixel" + "s" * (info.max_megapixels != 1)
    for file in info.files:
        yield f"file ({file.role})", _file(file)


def _file(file: WeightFile) -> str:
    source = f"`{file.path}`, built in" if file.path is not None else f"`{file.filename}` of `{file.hub_address}`"
    revision = "" if file.path is not None else f", revision `{file.revision}`"
    size = "" if file.size_bytes is None else f", {file.size_bytes / 1e6:.1f} MB"
    digest = "" if file.sha256 is None else f", sha256 `{file.sha256}`"
    return f"{source}{revision}{size}{digest}"
