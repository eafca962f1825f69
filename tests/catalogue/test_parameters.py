from __future__ import annotations

import dataclasses
import math

import pytest

from restoration.catalogue.manifest import load_manifest
from restoration.catalogue.parameters import (
    check,
    complete,
    fits,
    in_model_units,
    representative,
    resolve_auto,
    strength_of,
)
from restoration.errors import InvalidParameter
from restoration.types import ModelInfo, Param, ParamValue, Task

SIGMA = Param("sigma", "float", 25.0, minimum=0, maximum=75, unit_scale=255)
COUNT = Param("iterations", "int", 10, minimum=1, maximum=50)
SCALE = Param("scale", "choice", 4, choices=(2, 4))
KEEP = Param("keep", "bool", True)
INFO = ModelInfo(
    id="test-model",
    title="Test",
    summary="",
    tasks=(Task.DENOISE,),
    kind="classical",
    factory="none:build",
    config={},
    params=(SIGMA, COUNT, SCALE, KEEP),
    files=(),
    max_megapixels=1,
)


def test_defaults_are_filled_in() -> None:
    assert complete(INFO, {"sigma": 50}) == {"sigma": 50.0, "iterations": 10, "scale": 4, "keep": True}


def test_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidParameter, match="it takes: sigma, iterations, scale, keep") as caught:
        complete(INFO, {"sgima": 1})
    assert caught.value.name == "sgima"


@pytest.mark.parametrize("value", [-1, 75.5, math.nan, math.inf, True, "25"])
def test_bad_number_is_refused_with_the_range(value: ParamValue) -> None:
    with pytest.raises(InvalidParameter, match="from 0 to 75"):
        check(SIGMA, value)


def test_whole_float_is_taken_for_an_int_and_a_broken_one_refused() -> None:
    assert check(COUNT, 3.0) == 3
    with pytest.raises(InvalidParameter, match="whole number"):
        check(COUNT, 3.5)


@pytest.mark.parametrize("value", [3, "4", True])
def test_value_outside_the_choices_is_refused(value: ParamValue) -> None:
    with pytest.raises(InvalidParameter, match="one of 2, 4"):
        check(SCALE, value)


def test_float_equal_to_a_choice_becomes_that_choice() -> None:
    assert type(check(SCALE, 2.0)) is int


def test_number_is_no_truth_value() -> None:
    with pytest.raises(InvalidParameter, match="true or false"):
        check(KEEP, 1)


def test_only_scaled_parameters_change_unit() -> None:
    converted = in_model_units(INFO, complete(INFO, {"sigma": 51}))
    assert converted["sigma"] == pytest.approx(0.2)
    assert converted["iterations"] == 10
    assert converted["keep"] is True


def test_fits_tells_whether_all_values_are_taken() -> None:
    assert fits(INFO, {"scale": 2})
    assert not fits(INFO, {"scale": 3})
    assert not fits(INFO, {"radius": 3})


AUTO = Param("level", "float", 0, minimum=0, maximum=75, step=1, auto_from="noise_level", auto_fallback=9)
MIX = Param("strength", "float", 1, minimum=0, maximum=1.5, is_mix=True)


@pytest.mark.parametrize(
    ("told", "settled"), [(12.4, 12), (0.1, 1), (200, 75), (None, 9)], ids=["rounded", "never 0", "limited", "untold"]
)
def test_zero_stands_for_what_the_picture_tells(told: float | None, settled: float) -> None:
    info = dataclasses.replace(INFO, params=(AUTO,))
    assert resolve_auto(info, {"level": 0.0}, tell=lambda _: told) == {"level": settled}


def test_value_that_was_given_is_not_measured() -> None:
    def tell(_: str) -> float:
        raise AssertionError("the picture was asked")

    assert resolve_auto(dataclasses.replace(INFO, params=(AUTO,)), {"level": 3.0}, tell=tell) == {"level": 3.0}


@pytest.mark.parametrize(("sigma", "settled"), [(0.0, 30.0), (12.0, 0.0)])
def test_what_goes_with_another_parameter_is_measured_only_where_that_is(sigma: float, settled: float) -> None:
    level = dataclasses.replace(SIGMA, auto_from="noise_level")
    speckle = dataclasses.replace(SIGMA, name="speckle", auto_from="speckle_level", auto_with="sigma")
    info = dataclasses.replace(INFO, params=(level, speckle))
    assert resolve_auto(info, {"sigma": sigma, "speckle": 0.0}, tell=lambda name: 30.0)["speckle"] == settled


def test_mix_is_the_strength_up_to_one() -> None:
    info = dataclasses.replace(INFO, params=(MIX,))
    assert [strength_of(info, {"strength": value}) for value in (0.0, 0.4, 1.0, 1.5)] == [0, 0.4, 1, 1]
    assert strength_of(INFO, {}) == 1


@pytest.mark.parametrize("info", load_manifest(), ids=lambda info: info.id)
def test_representative_parameters_leave_nothing_to_be_measured(info: ModelInfo) -> None:
    given = complete(info, {"blur": "estimate"} if info.param("blur") else {})
    shown = representative(info, given)
    assert all(shown[param.name] for param in info.params if param.auto_from and not param.auto_with)
    assert shown.get("blur") != "estimate"
    assert complete(info, shown) == shown


def test_number_that_a_model_is_built_with_is_rounded_to_the_step_of_its_control() -> None:
    sharpness = Param("sharpness", "float", 0.5, minimum=0, maximum=1, step=0.05, affects_weights=True)
    info = dataclasses.replace(
        INFO, params=(sharpness, dataclasses.replace(sharpness, name="mix", affects_weights=False))
    )
    assert complete(info, {"sharpness": 0.500001, "mix": 0.500001}) == {"sharpness": 0.5, "mix": 0.500001}
    assert complete(info, {"sharpness": 1.0}) == {"sharpness": 1.0, "mix": 0.5}
