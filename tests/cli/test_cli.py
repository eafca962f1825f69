from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

import restoration
from restoration.cli.bench import command as bench
from restoration.cli.main import command, main
from restoration.cli.options import OneOrMore, SpreadingCommand
from restoration.cli.weights import command as weights
from restoration.errors import OutOfMemory
from restoration.images import read
from restoration.service.door import Service

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def photo(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(path)
    return path


def _restore(photo: Path, *arguments: str) -> int:
    output = photo.with_name("out.png")
    return main(["restore", str(photo), "-o", str(output), *arguments])


def test_restored_file_is_written_and_named_on_stdout(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--task", "super-resolution", "--model", "lanczos", "--scale", "2"]
    assert _restore(photo, *arguments) == 0
    captured = capsys.readouterr()
    written = Path(captured.out.strip())
    assert read(written).size_text == "80x60 px"
    assert "40x30 px -> 80x60 px" in captured.err


def test_mask_file_guides_inpainting(photo: Path) -> None:
    mask = np.zeros((30, 40), np.uint8)
    mask[5:9, 5:9] = 255
    mask_path = photo.with_name("mask.png")
    Image.fromarray(mask).save(mask_path)
    assert _restore(photo, "--task", "inpaint", "--model", "telea", "--mask", str(mask_path)) == 0
    before, after = (read(photo.with_name(name)).to_array() for name in ("photo.png", "out.png"))
    np.testing.assert_array_equal(before[mask == 0], after[mask == 0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--task", "denoise", "--model", "nonsense"], "does not exist"),
        (["--task", "denoise", "--sigma", "900"], "sigma"),
        (["--task", "denoise", "--sigma", "many"], "sigma"),
        (["--task", "inpaint"], "mask"),
        (["--task", "denoise", "--tile", "3"], "tile"),
        (["--task", "denoise", "--device", "toaster"], "toaster"),
        (["--task", "denoise", "--feather", "3"], "leave --feather out"),
    ],
)
def test_bad_request_is_one_sentence_and_exit_code_2(
    photo: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _restore(photo, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert words in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("content", [b"", b"this is no picture"])
def test_bad_file_is_one_sentence_and_exit_code_2(
    photo: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    photo.write_bytes(content)
    assert _restore(photo, "--task", "denoise", "--model", "adaptive-median") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_missing_file_is_exit_code_2(tmp_path: Path) -> None:
    assert _restore(tmp_path / "none.png", "--task", "denoise") == 2


def test_unknown_output_format_is_refused(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(
        ["restore", str(photo), "-o", str(photo.with_suffix(".xyz")), "--task", "denoise", "--model", "adaptive-median"]
    )
    assert code == 2
    assert ".png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["restor"], "'restore'?"),
        (["bench", "qualty"], "Did you mean 'quality'?"),
        (["restore", "a.png", "--sigmaa", "5"], "'--sigma'"),
        (["restore", "a.png", "-o", "b.png", "--task", "polish"], "'polish' is not one of 'denoise'"),
        (["restore", "a.png", "-o", "b.png"], "Missing option '--task'"),
        (["restore", "a.png", "-o"], "'-o' requires an argument"),
        (["train", "r", "--data", "--out", "o"], "'--data' requires an argument"),
        (["export", "-o", "x"], "Missing argument 'RUN...'"),
        (["bench"], ""),
        (["bench", "outputs"], "Give either --save or --compare"),
        (["bench", "outputs", "--save", "a", "--compare", "b"], "Give either --save or --compare"),
        (["prune", "r", "--data", "d"], "Give either -o or --budget"),
        (["bench", "speed", "--only", "latency"], "realesrganer"),
    ],
)
def test_misspelt_or_incomplete_call_is_one_line_and_exit_code_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err
    if words:
        assert captured.err.startswith("error: ")
        assert captured.err.count("\n") == 1
    else:
        assert "low-light" in captured.err


def test_every_command_of_the_help_can_be_called(capsys: pytest.CaptureFixture[str]) -> None:
    def names(group: click.Group, path: list[str]) -> list[list[str]]:
        return [[*path, name] for name in group.list_commands(click.Context(group))]

    calls = names(command, []) + names(bench, ["bench"]) + names(weights, ["weights"])
    for call in [*calls, ["teach"], ["narrow"]]:
        assert main([*call, "-h"]) == 0, call
        assert f"Usage: python -m restoration {' '.join(call)}" in capsys.readouterr().out


def test_earlier_names_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "cache-teacher" in shown
    assert "teach " not in shown.replace("cache-teacher", "")
    assert "narrow " not in shown


def test_help_of_restore_says_which_models_take_a_parameter(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["restore", "--help"]) == 0
    options, parameters = capsys.readouterr().out.split("Parameters of the models:")
    assert "--keep-gps" in options
    assert "--noise-power" not in options
    assert "(wiener" in " ".join(parameters.split("--noise-power")[1].split("  --")[0].split())


def test_words_after_an_option_of_many_values_belong_to_it() -> None:
    @click.command(cls=SpreadingCommand)
    @click.argument("rest", nargs=-1)
    @click.option("--data", cls=OneOrMore, multiple=True)
    @click.option("--flag", is_flag=True)
    def told(*, rest: tuple[str, ...], data: tuple[str, ...], flag: bool) -> object:
        return rest, data, flag

    def call(*words: str) -> object:
        return told.main(list(words), standalone_mode=False)

    assert call("r", "--data", "a", "b", "--flag") == (("r",), ("a", "b"), True)
    assert call("--data", "a", "--data", "b", "--", "--data", "r") == (("--data", "r"), ("a", "b"), False)
    assert call("--data=a", "r") == (("r",), ("a",), False)


@pytest.mark.parametrize("words", [["models"], ["weights", "where"]], ids=["long", "short"])
def test_output_ends_quietly_where_the_reader_has_seen_enough(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # with it Python keeps nothing to flush at the end
    call = [sys.executable, "-m", "restoration", *words]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_interruption_is_said_and_is_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: Service) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(Service, "records_csv", interrupted)
    assert main(["records"]) == 130
    assert capsys.readouterr().err == "cancelled\n"


def test_failure_is_exit_code_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def failing(_: Service) -> str:
        raise OutOfMemory("The record is away; come again.")

    monkeypatch.setattr(Service, "records_csv", failing)
    assert main(["records"]) == 1
    assert capsys.readouterr().err == "error: The record is away; come again.\n"


def test_version_is_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"restoration {restoration.__version__}\n"


def test_models_lists_every_model_of_the_task(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--task", "inpaint"]) == 0
    listed = capsys.readouterr().out
    assert "telea" in listed
    assert "navier-stokes" in listed
    assert "lanczos" not in listed


def test_records_prints_csv(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _restore(photo, "--task", "denoise", "--model", "adaptive-median")
    capsys.readouterr()
    assert main(["records"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert rows[-1]["model"] == "adaptive-median"


def test_output_that_cannot_be_written_is_refused_before_the_work(
    photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["restore", str(photo), "-o", str(photo.with_suffix(".gif")), "--task", "denoise", "--model", "none"])
    assert code == 2
    assert '".gif"' in capsys.readouterr().err


@pytest.mark.parametrize("model", [[], ["--model", "adaptive-median"]], ids=["default", "named"])
def test_kernel_that_no_model_has_is_refused_before_the_work(
    photo: Path, model: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _restore(photo, "--task", "denoise", *model, "--save-kernel", str(photo.with_name("kernel.png"))) == 2
    assert "leave --save-kernel out" in capsys.readouterr().err
    assert not photo.with_name("out.png").exists()


@pytest.mark.parametrize("model", [["--noise-power", "0.02"], ["--model", "wiener"]], ids=["by its parameter", "named"])
def test_kernel_is_saved_where_the_model_has_one(photo: Path, model: list[str]) -> None:
    kernel = photo.with_name("kernel.png")
    assert _restore(photo, "--task", "deblur", *model, "--blur", "gaussian", "--save-kernel", str(kernel)) == 0
    samples = np.asarray(Image.open(kernel))
    np.testing.assert_array_equal(samples, samples[::-1, ::-1])
