"""`restoration bench`: one file for each kind of benchmark, and a line here."""

from __future__ import annotations

from restoration.cli.lazy import LazyGroup

_KINDS = {
    "quality": ("restoration.cli.bench.quality", "PSNR, SSIM, MSE and MAE on a test set"),
    "sheet": ("restoration.cli.bench.sheet", "a contact sheet of crops at full size, to be looked at"),
    "pairs": ("restoration.cli.bench.pairs", "two models side by side without their names, to be judged by eye"),
    "judge": ("restoration.cli.bench.judge", "count what was said of the pictures of `pairs`"),
    "low-light": (
        "restoration.cli.bench.low_light",
        "brightening: noise left, mean matched, what becomes of good pictures",
    ),
    "speed": ("restoration.cli.bench.speed", "time and memory of the engine, each beside a baseline"),
    "exposure": (
        "restoration.cli.bench.exposure",
        "what a brightener does to dark, mixed and bright pictures with noise",
    ),
    "noise-match": (
        "restoration.cli.bench.noise_match",
        "simulated noise of cameras beside real noise: spectra, correlations",
    ),
    "plot": ("restoration.cli.bench.plot", "draw a result of `quality`: quality against speed, as SVG"),
    "outputs": (
        "restoration.cli.bench.outputs",
        "whether a change of the code changes what built-in models answer",
    ),
    "gpu": ("restoration.cli.bench.gpu", "eight minutes on a machine with an accelerator: parity, memory, speed"),
    "report": ("restoration.cli.bench.report", "update the figures of README.md and docs/"),
}

command = LazyGroup("bench", help="Measure quality and speed.", modules=_KINDS)
