"""The check of an accelerator, tried on the CPU itself."""

import numpy as np
import pytest

from restoration.lab.bench.gpu_check import LEAST_EXACT_DB, LEAST_FAST_DB, Parity, check_device, psnr_db


def _row(*, exact_db: float, fast_db: float) -> Parity:
    return Parity("denoise", "one", "bfloat16", exact_db=exact_db, fast_db=fast_db, first_s=1, warm_s=1)


def test_both_precisions_have_to_be_near_the_cpu() -> None:
    assert _row(exact_db=LEAST_EXACT_DB, fast_db=LEAST_FAST_DB).is_right
    assert not _row(exact_db=LEAST_EXACT_DB - 0.1, fast_db=LEAST_FAST_DB).is_right
    assert not _row(exact_db=LEAST_EXACT_DB, fast_db=LEAST_FAST_DB - 0.1).is_right


def test_psnr_of_a_known_error() -> None:
    flat = np.full((4, 4, 3), 0.5, np.float32)
    assert psnr_db(flat, flat) == 120
    assert psnr_db(flat, flat + 0.1) == pytest.approx(20, abs=0.01)


@pytest.mark.slow
def test_the_cpu_passes_its_own_check() -> None:
    result = check_device("cpu", budget_s=60, models=["srcnn", "ircnn"], progress=lambda _: None)
    assert result["faults"] == []
    assert {row["model"] for row in result["parity"]} == {"srcnn", "ircnn"}
    assert min(row["exact_db"] for row in result["parity"]) >= LEAST_EXACT_DB


@pytest.mark.slow
def test_models_beyond_the_time_are_named() -> None:
    result = check_device("cpu", budget_s=0, models=["srcnn"], progress=lambda _: None)
    assert result["left_out"] == ["srcnn"]
