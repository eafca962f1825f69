"""Outputs kept before a change of the code are compared after it."""

from pathlib import Path

import numpy as np
import pytest

from restoration.errors import InvalidRequest
from restoration.lab.bench.outputs import IDENTICAL_DB, compare, save


def _outputs(offset: float = 0.0):
    yield "denoise/median/a.png", np.full((4, 4, 3), 0.5 + offset, np.float32)
    yield "denoise/median/b.png", np.full((4, 4, 3), 0.25, np.float32)


def test_identical_outputs_are_told_from_changed_ones(tmp_path: Path) -> None:
    file = tmp_path / "before.npz"
    assert save(_outputs(), file, progress=lambda _: None) == 2
    scores = dict(compare(_outputs(0.01), file))
    assert scores["denoise/median/a.png"] == pytest.approx(40, abs=0.01)
    assert scores["denoise/median/b.png"] == IDENTICAL_DB


def test_another_shape_is_no_match(tmp_path: Path) -> None:
    file = tmp_path / "before.npz"
    save(_outputs(), file, progress=lambda _: None)
    grown = ((name, np.zeros((8, 8, 3), np.float32)) for name, _ in _outputs())
    assert set(dict(compare(grown, file)).values()) == {-IDENTICAL_DB}


def test_an_output_that_is_gone_is_named(tmp_path: Path) -> None:
    file = tmp_path / "before.npz"
    save(_outputs(), file, progress=lambda _: None)
    with pytest.raises(InvalidRequest, match=r"median/b\.png"):
        list(compare(iter([next(_outputs())]), file))


def test_a_new_model_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    file = tmp_path / "before.npz"
    save(_outputs(), file, progress=lambda _: None)
    new = [*_outputs(), ("denoise/new/a.png", np.zeros((4, 4, 3), np.float32))]
    assert len(dict(compare(iter(new), file))) == 2


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.npz").write_text("text")
    with pytest.raises(InvalidRequest, match="--save"):
        list(compare(_outputs(), tmp_path / "other.npz"))
