from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restoration.cli.main import main
from restoration.images import read


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


def test_unknown_command_exits_with_2() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["polish"])
    assert caught.value.code == 2


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
