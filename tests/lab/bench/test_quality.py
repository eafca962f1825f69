from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from restoration.cli.bench.cases import CaseOptions
from restoration.cli.bench.quality import command
from restoration.cli.main import main
from restoration.errors import InvalidRequest
from restoration.lab.bench.cases import Damage, load_cases
from restoration.lab.bench.quality import BASELINES, INPUT, Row, measure
from restoration.lab.bench.report import refresh, to_json, to_markdown, with_others
from restoration.metrics import CATALOGUE
from restoration.service.door import Service
from restoration.types import Task


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    x, y = np.meshgrid(np.linspace(0, 6, 64), np.linspace(0, 6, 48))
    for number in range(2):
        waves = np.stack([np.sin(x + number), np.cos(y), np.sin(x + y)], axis=2)
        Image.fromarray(((waves + 1) * 127).astype(np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(records_path=tmp_path / "records.sqlite3", device="cpu")


def test_rows_hold_the_means_of_what_scikit_image_measures(photographs: Path, service: Service) -> None:
    damage = Damage(salt_and_pepper=0.1, clip8=True)
    cases = list(load_cases(Task.DENOISE, photographs, damage))
    source, median = measure(service, cases, task=Task.DENOISE, models=["adaptive-median"], parameters={"sigma": 25})
    assert (source.model, median.model) == (INPUT, "adaptive-median")
    expected = [
        peak_signal_noise_ratio(case.reference.to_array(), case.degraded.to_array(), data_range=255) for case in cases
    ]
    assert source.scores["psnr"] == pytest.approx(expected, abs=1e-3)
    assert median.mean("psnr") > source.mean("psnr") + 10
    assert len(median.seconds_per_megapixel) == 2


def test_restored_pictures_are_kept_where_asked(photographs: Path, service: Service, tmp_path: Path) -> None:
    cases = load_cases(Task.SUPER_RESOLUTION, photographs, Damage(scale=2))
    measure(
        service,
        cases,
        task=Task.SUPER_RESOLUTION,
        models=["bicubic"],
        parameters={"scale": 2},
        folder=tmp_path / "kept",
    )
    assert sorted(file.name for file in (tmp_path / "kept").iterdir()) == ["0_bicubic.png", "1_bicubic.png"]


def test_super_resolution_has_no_row_for_the_input(photographs: Path, service: Service) -> None:
    cases = load_cases(Task.SUPER_RESOLUTION, photographs, Damage(scale=2))
    rows = measure(service, cases, task=Task.SUPER_RESOLUTION, models=["bicubic"], parameters={"scale": 2})
    assert [row.model for row in rows] == ["bicubic"]


def test_super_resolution_is_also_compared_with_its_input(photographs: Path, service: Service, tmp_path: Path) -> None:
    cases = list(load_cases(Task.SUPER_RESOLUTION, photographs, Damage(scale=2)))
    (row,) = measure(
        service, cases, task=Task.SUPER_RESOLUTION, models=["bicubic"], parameters={"scale": 2}, folder=tmp_path
    )
    for case, score in zip(cases, row.scores["consistency"], strict=True):
        shrunk = Image.open(tmp_path / f"{case.name}_bicubic.png").resize(
            (case.degraded.width, case.degraded.height), Image.Resampling.BICUBIC
        )
        expected = peak_signal_noise_ratio(case.degraded.to_array(), np.asarray(shrunk), data_range=255)
        assert score == pytest.approx(expected, abs=1)  # the kept picture is rounded to 8 bits
    assert "CONSISTENCY dB" in to_markdown(to_json([row], title="", command="", settings={}))


@pytest.mark.parametrize("task", list(Task))
def test_baseline_of_every_task_is_a_classical_model_of_it(task: Task, service: Service) -> None:
    kinds = {status.info.id: status.info.kind for status in service.list_models(task)}
    assert kinds[BASELINES[task]] == "classical"


def test_command_prints_the_table_and_writes_the_result(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "results" / "sr.json"
    arguments = ["--set", str(photographs), "--task", "super-resolution", "--scale", "2", "--model", "lanczos"]
    assert main(["bench", "quality", *arguments, "--json", str(file)]) == 0
    result = json.loads(file.read_text(encoding="utf-8"))
    assert [row["model"] for row in result["rows"]] == ["bicubic", "lanczos"]
    assert result["settings"]["scale"] == 2
    assert str(tmp_path) not in file.read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() == to_markdown(result)


def test_models_not_measured_again_stay_in_the_file_with_their_date() -> None:
    def result(models: Sequence[str], psnr: float, date: str) -> dict[str, Any]:
        rows = [Row(model, {"psnr": [psnr], "ssim": [0.5]}, [0.5]) for model in models]
        return {**to_json(rows, title="", command="bench quality", settings={"scale": 2}), "date": date}

    first = result(("a", "b", "c"), 20.0, "2001-01-01")
    second = with_others(result(("b", "d"), 21.0, "2002-02-02"), first)
    third = with_others(result(("c",), 22.0, "2003-03-03"), second)
    told = [(row["model"], row["psnr"], row.get("measured", third)["date"]) for row in third["rows"]]
    assert told == [
        ("a", 20.0, "2001-01-01"),
        ("b", 21.0, "2002-02-02"),
        ("c", 22.0, "2003-03-03"),
        ("d", 21.0, "2002-02-02"),
    ]
    assert {"commit", "machine", "versions"} <= third["rows"][0]["measured"].keys()
    with pytest.raises(InvalidRequest, match="other settings; name another one"):
        with_others(result(("b",), 21.0, "2002-02-02") | {"settings": {"scale": 3}}, first)


def test_command_keeps_the_others_in_its_file(photographs: Path, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    arguments = ["--set", str(photographs), "--task", "super-resolution", "--scale", "2", "--json", str(file)]
    assert main(["bench", "quality", *arguments, "--model", "lanczos", "--keep-others"]) == 0
    assert main(["bench", "quality", *arguments, "--keep-others"]) == 0
    bicubic, lanczos = json.loads(file.read_text(encoding="utf-8"))["rows"]
    assert (bicubic["model"], lanczos["model"]) == ("bicubic", "lanczos")
    assert "measured" in lanczos
    assert "measured" not in bicubic
    file.write_text("no result", encoding="utf-8")
    assert main(["bench", "quality", *arguments, "--keep-others"]) == 2


def test_command_refuses_a_set_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "quality", "--set", str(tmp_path / "none"), "--task", "denoise"]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_tables_of_a_document_are_made_anew(tmp_path: Path) -> None:
    row = Row("lanczos", {metric.name: [1.0, 3.0] for metric in CATALOGUE}, [0.5])
    result = to_json([row], title="A set", command="bench quality", settings={})
    (tmp_path / "sr.json").write_text(json.dumps(result), encoding="utf-8")
    document = "Before\n<!-- bench:sr -->\nold\n<!-- /bench:sr -->\nAfter\n"
    renewed = refresh(document, tmp_path)
    assert "| lanczos | 2.00 |" in renewed
    assert "old" not in renewed
    assert renewed.startswith("Before\n")
    assert renewed.endswith("\nAfter\n")
    assert refresh(renewed, tmp_path) == renewed


def test_figure_in_a_sentence_is_made_anew(tmp_path: Path) -> None:
    row = Row("lanczos", {metric.name: [1.0, 3.0] for metric in CATALOGUE}, [0.5])
    (tmp_path / "sr.json").write_text(
        json.dumps(to_json([row], title="A set", command="bench quality", settings={})), encoding="utf-8"
    )
    line = {"what": "x4, 512x512", "ours": 14.66, "baseline": 35.04, "ratio": 2.389}
    (tmp_path / "speed.json").write_text(json.dumps({"title": "Speed", "lines": [line]}), encoding="utf-8")
    marked = "<!-- figure: {} -->{}<!-- /figure -->"
    document = "It scores {} dB in {} s, {} times as fast."
    paths = ("sr / lanczos / psnr", "speed / x4, 512x512 / ours", "speed / x4, 512x512 / ratio")
    before = document.format(*(marked.format(path, "old") for path in paths))
    after = document.format(*map(marked.format, paths, ("2.00", "14.7", "2.39")))
    assert refresh(before, tmp_path) == refresh(after, tmp_path) == after
    for path in ("sr / bicubic / psnr", "sr / lanczos / votes", "none / lanczos / psnr"):
        with pytest.raises(InvalidRequest, match="measure it"):
            refresh(marked.format(path, "old"), tmp_path)


def test_table_without_a_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="measure it first"):
        refresh("<!-- bench:none -->\n<!-- /bench:none -->", tmp_path)


def test_score_without_bound_is_none_in_the_file(service: Service) -> None:
    row = Row("m", scores={"psnr": [float("inf"), 30.0], "ssim": [1.0, 0.9]})
    result = to_json([row], title="", command="", settings={})
    assert json.loads(json.dumps(result, allow_nan=False))["rows"][0]["psnr"] is None
    assert "| m |  | 0.95" in to_markdown(result)


def test_picture_too_small_for_a_metric_is_named(tmp_path: Path, service: Service) -> None:
    Image.new("RGB", (6, 6), (90, 120, 60)).save(tmp_path / "tiny.png")
    cases = load_cases(Task.DENOISE, tmp_path, Damage(sigma_255=10.0))
    with pytest.raises(InvalidRequest, match="tiny cannot be scored"):
        measure(service, cases, task=Task.DENOISE, models=[], parameters={})


def _options(*words: str) -> CaseOptions:
    """Return what the command hands over to its function."""
    handed: dict[str, Any] = {}
    with command.make_context("quality", ["--set", "x", *words]) as ctx:
        ctx.invoke = lambda _, **values: handed.update(values)  # type: ignore[method-assign]
        command.invoke(ctx)
    options: CaseOptions = handed["options"]
    return options


def test_model_is_told_the_blur_that_was_made_unless_blind() -> None:
    words = ["--task", "deblur", "--blur", "2"]
    assert _options(*words).told() == {"blur": "gaussian", "radius": 2.0}
    assert _options(*words, "--blind").told() == {"blur": "estimate"}


def test_several_holes_follow_one_option() -> None:
    options = _options("--task", "inpaint", "--holes", "boxes", "dust", "--seed", "3")
    assert options.damage() == Damage(holes=("boxes", "dust"), seed=3)
    assert _options("--task", "inpaint").damage() == Damage()


def test_result_names_only_settings_that_say_something() -> None:
    assert _options("--task", "denoise", "--sigma", "25", "--clip8", "--model", "ircnn").settings() == {
        "task": "denoise",
        "sigma": 25.0,
        "clip8": True,
        "scale": 4,
    }


def test_parameter_of_a_benchmark_must_have_a_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    command = ["bench", "quality", "--set", str(tmp_path), "--task", "denoise", "--param", "sigma="]
    assert main(command) == 2
    assert "NAME=VALUE" in capsys.readouterr().err


def test_blind_deblurring_keeps_the_kernel_and_forgives_a_shift(tmp_path: Path, service: Service) -> None:
    folder = tmp_path / "set"
    (folder / "gt").mkdir(parents=True)
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (60, 60), dtype=np.uint8)).save(folder / "gt" / "im.png")
    moved = np.zeros((5, 5), np.uint8)
    moved[1, 4] = 255
    Image.fromarray(moved).save(folder / "gt" / "kernel1.png")
    cases = list(load_cases(Task.DEBLUR, folder, Damage()))
    settings = {"task": Task.DEBLUR, "models": ["wiener"], "parameters": {"blur": "defocus", "radius": 0}}
    blind = measure(service, cases, is_blind=True, **settings)  # type: ignore[arg-type]
    assert [row.mean("mse") for row in blind] == [0, 0]
    told = measure(service, cases, **settings)  # type: ignore[arg-type]
    assert told[0].mean("psnr") < 15
