"""MI-GAN with small ONNX graphs that take and give what the published pipeline takes and gives."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from restoration.errors import ModelUnavailable, WeightsUnavailable
from restoration.models.migan import MiGan, build
from restoration.service.door import Service
from restoration.types import Done, ModelInfo, RestoreRequest, Task, WeightFile
from restoration.weights import onnx_file as onnx_files
from restoration.weights import store as weight_files
from tests.models.onnx_graphs import constant, constant_fill, pipeline

Build = Callable[..., MiGan]


def _side_fill(axis: int) -> Any:
    """Answer with an eighth of the length of an axis everywhere."""
    nodes = [
        helper.make_node("Shape", ["image"], ["shape"]),
        helper.make_node("Gather", ["shape", "axis"], ["side"]),
        helper.make_node("Div", ["side", "eight"], ["share"]),
        helper.make_node("Cast", ["share"], ["value"], to=TensorProto.UINT8),
        helper.make_node("Expand", ["value", "shape"], ["result"]),
    ]
    return pipeline(nodes, [constant("axis", axis, np.int64), constant("eight", 8, np.int64)])


def _known_fill() -> Any:
    """Answer everywhere with the mean of the mask."""
    nodes = [
        helper.make_node("Cast", ["mask"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["levels"], ["mean"]),
        helper.make_node("Cast", ["mean"], ["value"], to=TensorProto.UINT8),
        helper.make_node("Shape", ["image"], ["shape"]),
        helper.make_node("Expand", ["value", "shape"], ["result"]),
    ]
    return pipeline(nodes)


def _blending_fill() -> Any:
    """Fill with the mean of the known pixels around and blend as the published pipeline does.

    The known area grows by one pixel and is blurred over five; the image is multiplied with it.
    """
    mean = np.ones((1, 1, 23, 23))
    blur = np.full((1, 1, 5, 5), 1 / 25)
    nodes = [
        helper.make_node("Cast", ["image"], ["colours"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["mask"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["levels", "white"], ["known"]),
        helper.make_node("Mul", ["colours", "known"], ["seen"]),
        helper.make_node("Conv", ["seen", "mean3"], ["sums"], pads=[11] * 4, group=3),
        helper.make_node("Conv", ["known", "mean1"], ["counts"], pads=[11] * 4),
        helper.make_node("Max", ["counts", "one"], ["divisors"]),
        helper.make_node("Div", ["sums", "divisors"], ["fill"]),
        helper.make_node("MaxPool", ["known"], ["grown"], kernel_shape=[3, 3], pads=[1] * 4),
        helper.make_node("Pad", ["grown", "edges"], ["continued"], mode="reflect"),
        helper.make_node("Conv", ["continued", "blur"], ["share"]),
        helper.make_node("Sub", ["one", "share"], ["rest"]),
        helper.make_node("Mul", ["colours", "share"], ["kept"]),
        helper.make_node("Mul", ["fill", "rest"], ["filled"]),
        helper.make_node("Add", ["kept", "filled"], ["both"]),
        helper.make_node("Clip", ["both", "zero", "white"], ["clipped"]),
        helper.make_node("Cast", ["clipped"], ["result"], to=TensorProto.UINT8),
    ]
    constants = [
        constant("white", 255),
        constant("zero", 0),
        constant("one", 1),
        constant("mean1", mean),
        constant("mean3", np.repeat(mean, 3, axis=0)),
        constant("blur", blur),
        constant("edges", [0, 0, 2, 2, 0, 0, 2, 2], np.int64),
    ]
    return pipeline(nodes, constants)


@pytest.fixture
def open_model(tmp_path: Path) -> Build:
    """Save an ONNX model, or the bytes of one, and build the restorer from the file."""

    def opened(model: Any) -> MiGan:
        path = tmp_path / "migan_pipeline_v2.onnx"
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        return build(config={}, weights={"net": path}, parameters={})

    return opened


def _picture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    return rng.random((height, width, 3), dtype=np.float32)


def _hole(height: int, width: int, *boxes: tuple[slice, slice]) -> np.ndarray:
    mask = np.zeros((height, width), np.bool_)
    for box in boxes:
        mask[box] = True
    return mask


def test_hole_is_filled_and_known_pixels_are_not_touched(open_model: Build, rng: np.random.Generator) -> None:
    image = _picture(rng, 70, 90)
    mask = _hole(70, 90, np.s_[10:30, 50:77])
    answer = open_model(constant_fill(200)).restore_array(image, parameters={}, mask=mask)
    np.testing.assert_array_equal(answer[mask], np.float32(200) / np.float32(255))
    np.testing.assert_array_equal(answer[~mask], image[~mask])
    assert answer.dtype == np.float32


def test_known_pixels_stay_although_the_file_changes_them(open_model: Build, rng: np.random.Generator) -> None:
    image = _picture(rng, 70, 90)
    mask = _hole(70, 90, np.s_[10:30, 50:77])
    answer = open_model(_side_fill(2)).restore_array(image, parameters={}, mask=mask)
    np.testing.assert_array_equal(answer[~mask], image[~mask])


def test_picture_that_was_given_is_not_changed(open_model: Build, rng: np.random.Generator) -> None:
    image = _picture(rng, 40, 40)
    before = image.copy()
    open_model(constant_fill(1)).restore_array(image, parameters={}, mask=_hole(40, 40, np.s_[3:9, 3:9]))
    np.testing.assert_array_equal(image, before)


SHAPES = {
    "small": (40, 30, [np.s_[12:20, 9:17]]),
    "of the network's size": (512, 512, [np.s_[200:260, 100:350]]),
    "thin, across": (530, 1200, [np.s_[100:103, :], np.s_[:, 700:702]]),
    "at the edges": (300, 260, [np.s_[:20, :30], np.s_[290:, 200:]]),
    "thick and large": (1300, 1150, [np.s_[150:1100, 120:1000]]),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_was_in_the_hole_leaves_no_trace(open_model: Build, rng: np.random.Generator, shape: str) -> None:
    height, width, boxes = SHAPES[shape]
    mask = _hole(height, width, *boxes)
    dark = _picture(rng, height, width)
    light = dark.copy()
    dark[mask], light[mask] = 0, 1
    model = open_model(_blending_fill())
    np.testing.assert_array_equal(
        model.restore_array(dark, parameters={}, mask=mask), model.restore_array(light, parameters={}, mask=mask)
    )


def test_traces_would_be_seen(open_model: Build) -> None:
    """The blending graph lets the hole's old content through where the mask it gets is not larger than the hole."""
    session = open_model(_blending_fill())._session
    mask = np.full((1, 1, 64, 64), 255, np.uint8)
    mask[..., 20:40, 20:40] = 0
    answers = []
    for value in (0, 255):
        image = np.full((1, 3, 64, 64), 100, np.uint8)
        image[..., 20:40, 20:40] = value
        answers.append(session.run(None, {"image": image, "mask": mask})[0].astype(int))
    reach = np.abs(answers[0] - answers[1])[0, 0, 30, 20:30] > 0
    assert reach.tolist() == [True] * 3 + [False] * 7


@pytest.mark.parametrize("axis", [2, 3])
@pytest.mark.parametrize(
    ("height", "width", "box", "side_px"),
    [
        (20, 300, np.s_[5:9, 100:140], 512),
        (600, 700, np.s_[100:150, 100:150], 512),
        (1500, 400, np.s_[700:702, 10:20], 512),
        (900, 1000, np.s_[300:684, 300:500], 640),
        (1600, 1500, np.s_[100:1500, 100:1400], 1024),
    ],
)
def test_window_is_a_square_that_fits_the_hole(
    open_model: Build, height: int, width: int, box: tuple[slice, slice], side_px: int, axis: int
) -> None:
    mask = _hole(height, width, box)
    image = np.zeros((height, width, 3), np.float32)
    answer = open_model(_side_fill(axis)).restore_array(image, parameters={}, mask=mask)
    assert np.unique(np.rint(answer[mask] * 255) * 8).tolist() == [min(side_px, 255 * 8)]


def test_scratch_across_a_large_picture_is_filled_at_full_resolution(open_model: Build) -> None:
    mask = np.eye(1500, dtype=np.bool_)
    image = np.zeros((1500, 1500, 3), np.float32)
    answer = open_model(_side_fill(2)).restore_array(image, parameters={}, mask=mask)
    np.testing.assert_array_equal(np.rint(answer[mask] * 255), 512 / 8)


def test_gradient_continues_through_a_hole(open_model: Build) -> None:
    """The fill lands where it belongs: a window that is moved, padded or resized must not shift it."""
    for height, width in [(60, 200), (700, 640)]:
        ramp = np.linspace(0.2, 0.8, width, dtype=np.float32)
        image = np.broadcast_to(ramp[None, :, None], (height, width, 3)).copy()
        mask = _hole(height, width, np.s_[height // 2 : height // 2 + 3, :])
        damaged = np.where(mask[..., None], np.float32(0), image)
        answer = open_model(_blending_fill()).restore_array(damaged, parameters={}, mask=mask)
        np.testing.assert_allclose(answer[:, 10:-10], image[:, 10:-10], atol=0.02)


def test_flat_picture_stays_flat_at_its_edges(open_model: Build) -> None:
    image = np.full((300, 40, 3), 0.6, np.float32)
    mask = _hole(300, 40, np.s_[:, 37:], np.s_[298:, :])
    answer = open_model(_blending_fill()).restore_array(image * ~mask[..., None], parameters={}, mask=mask)
    np.testing.assert_allclose(answer, image, atol=1 / 255)


def test_piece_that_is_filled_is_known_to_the_next_one(open_model: Build) -> None:
    """A hole 100 px high and 2 x 100 px wide lies in two pieces; around it 4 px count as unknown, too."""
    mask = _hole(512, 512, np.s_[100:200, 156:356])
    answer = open_model(_known_fill()).restore_array(np.zeros((512, 512, 3), np.float32), parameters={}, mask=mask)
    shares = [1 - 108 * width / 512**2 for width in (208, 108)]
    levels = np.rint(answer * 255)
    assert np.unique(levels[100:200, 156:256]).tolist() == [int(255 * shares[0])]
    assert np.unique(levels[100:200, 256:356]).tolist() == [int(255 * shares[1])]


def test_nothing_to_fill_gives_the_picture_back(open_model: Build, rng: np.random.Generator) -> None:
    image = _picture(rng, 12, 9)
    answer = open_model(constant_fill(9)).restore_array(image, parameters={}, mask=_hole(12, 9))
    np.testing.assert_array_equal(answer, image)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (2, 3), (700, 1)])
def test_tiny_and_narrow_pictures_are_filled(open_model: Build, shape: tuple[int, int]) -> None:
    image = np.zeros((*shape, 3), np.float32)
    mask = _hole(*shape, np.s_[:1, :1])
    answer = open_model(constant_fill(255)).restore_array(image, parameters={}, mask=mask)
    assert answer.sum() == 3


def test_steps_end_with_the_whole_answer(open_model: Build, rng: np.random.Generator) -> None:
    image = _picture(rng, 600, 300)
    mask = _hole(600, 300, np.s_[10:20, 10:20], np.s_[300:310, 200:250], np.s_[550:555, 20:30])
    model = open_model(_blending_fill())
    batch = torch.from_numpy(image).permute(2, 0, 1)[None]
    holes = torch.from_numpy(mask).float()[None, None]
    steps = list(model.steps(batch, parameters={}, mask=holes))
    assert [fraction for fraction, _ in steps] == pytest.approx([1 / 3, 2 / 3, 1.0])
    expected = model.restore_array(image, parameters={}, mask=mask)
    np.testing.assert_array_equal(steps[-1][1][0].permute(1, 2, 0).numpy(), expected)
    assert not torch.equal(steps[0][1], steps[1][1]), "an answer that was given is not changed later"


def test_batch_is_filled_picture_by_picture(open_model: Build, rng: np.random.Generator) -> None:
    images = torch.from_numpy(rng.random((2, 3, 20, 20), dtype=np.float32))
    masks = torch.zeros(2, 1, 20, 20)
    masks[0, 0, 3:6, 3:6] = masks[1, 0, 9:12, 9:12] = 1
    answer = open_model(constant_fill(255)).restore(images, parameters=[{}, {}], mask=masks)
    assert torch.equal(answer, torch.where(masks > 0, torch.ones(()), images))


def test_service_fills_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    (tmp_path / "migan.onnx").write_bytes(constant_fill(77).SerializeToString())
    pixels = rng.integers(0, 256, (50, 60, 3), dtype=np.uint8)
    mask = np.zeros((50, 60), np.uint8)
    mask[10:20, 10:30] = 255
    request = RestoreRequest(image=pixels, task=Task.INPAINT, mask=mask)
    service = _service(tmp_path, monkeypatch)
    done = list(service.restore(request))[-1]
    service.close()
    assert isinstance(done, Done)
    expected = np.where(mask[..., None] > 0, np.uint8(77), pixels)
    np.testing.assert_array_equal(done.result.picture.to_array(), expected)


def test_service_says_that_the_library_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    (tmp_path / "migan.onnx").write_bytes(constant_fill(77).SerializeToString())
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    mask = np.zeros((20, 20), np.uint8)
    mask[5:9, 5:9] = 255
    service = _service(tmp_path, monkeypatch)
    request = RestoreRequest(image=np.zeros((20, 20, 3), np.uint8), task=Task.INPAINT, mask=mask)
    with pytest.raises(ModelUnavailable, match=r"install it \(pip install onnxruntime\) or choose another model"):
        list(service.restore(request))
    service.close()


def _service(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(weight_files, "weights_folder", lambda: folder)
    info = ModelInfo(
        id="migan",
        title="MI-GAN",
        summary="Fills holes.",
        tasks=(Task.INPAINT,),
        kind="network",
        factory="migan:build",
        config={},
        params=(),
        files=(WeightFile(role="net", path="migan.onnx"),),
        max_megapixels=1,
    )
    return Service(models=[info], records_path=folder / "records.sqlite3", device="cpu")


def _node_of_its_own(name: str = "result") -> Any:
    return helper.make_node("Anything", ["image"], [name], domain="someone.else")


def _choice(branch: Any) -> Any:
    """Put a node into a branch of an `If`."""
    result = helper.make_tensor_value_info("inner", TensorProto.UINT8, None)
    graph = helper.make_graph([branch], "branch", [], [result])
    nodes = [helper.make_node("If", ["always"], ["result"], then_branch=graph, else_branch=graph)]
    return pipeline(nodes, [constant("always", True, np.bool_)], domains=("", "someone.else"))


def _function() -> Any:
    function = helper.make_function(
        "ours", "Wrapped", ["image"], ["result"], [_node_of_its_own()], [helper.make_opsetid("someone.else", 1)]
    )
    return pipeline([helper.make_node("Identity", ["image"], ["result"])], functions=[function])


FOREIGN = {
    "node": lambda: pipeline([_node_of_its_own()], domains=("", "someone.else")),
    "branch": lambda: _choice(_node_of_its_own("inner")),
    "function": _function,
}


@pytest.mark.parametrize("place", FOREIGN)
def test_operators_outside_the_standard_are_refused(open_model: Build, place: str) -> None:
    with pytest.raises(WeightsUnavailable, match=r'needs operators outside the standard \("someone.else"\)'):
        open_model(FOREIGN[place]())


def _elsewhere() -> Any:
    tensor = TensorProto(name="data", data_type=TensorProto.UINT8, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/hostname")
    return tensor


def _only_marked() -> Any:
    return TensorProto(name="data", data_type=TensorProto.UINT8, dims=[1], data_location=TensorProto.EXTERNAL)


MUL = helper.make_node("Mul", ["image", "data"], ["result"])
EXTERNAL = {
    "initialiser": lambda: pipeline([MUL], [_elsewhere()]),
    "only marked": lambda: pipeline([MUL], [_only_marked()]),
    "constant": lambda: pipeline([helper.make_node("Constant", [], ["data"], value=_elsewhere()), MUL]),
    "branch": lambda: _choice(helper.make_node("Constant", [], ["inner"], value=_elsewhere())),
}


@pytest.mark.parametrize("place", EXTERNAL)
def test_data_in_other_files_is_refused(open_model: Build, place: str) -> None:
    with pytest.raises(WeightsUnavailable, match="keeps data in other files"):
        open_model(EXTERNAL[place]())


def test_numbers_of_the_fields_are_those_of_the_format() -> None:
    messages = {
        "model": onnx.ModelProto,
        "training": onnx.TrainingInfoProto,
        "function": onnx.FunctionProto,
        "graph": onnx.GraphProto,
        "node": onnx.NodeProto,
        "attribute": onnx.AttributeProto,
        "sparse": onnx.SparseTensorProto,
        "tensor": onnx.TensorProto,
    }
    kinds = {message.DESCRIPTOR.full_name: kind for kind, message in messages.items()}
    for kind, message in messages.items():
        inner = {
            field.number: kinds[field.message_type.full_name]
            for field in message.DESCRIPTOR.fields
            if field.message_type is not None and field.message_type.full_name in kinds
        }
        assert inner == dict(onnx_files._CHILDREN.get(kind, {})), kind
    assert onnx.NodeProto.DESCRIPTOR.fields_by_name["domain"].number == onnx_files._NODE_DOMAIN
    tensor = onnx.TensorProto.DESCRIPTOR.fields_by_name
    assert tensor["external_data"].number == onnx_files._EXTERNAL_DATA
    assert tensor["data_location"].number == onnx_files._DATA_LOCATION


def test_damaged_files_are_refused(open_model: Build, rng: np.random.Generator) -> None:
    whole = constant_fill(1).SerializeToString()
    for end in range(len(whole) - 1):
        with pytest.raises(WeightsUnavailable, match="delete it so that it is fetched again"):
            open_model(whole[:end])
    for _ in range(50):
        with pytest.raises(WeightsUnavailable, match="delete it so that it is fetched again"):
            open_model(rng.bytes(200))


IDENTITY = [helper.make_node("Identity", ["image"], ["result"])]
OTHERS = {
    "float": lambda: pipeline(IDENTITY, dtype=TensorProto.FLOAT),
    "names": lambda: pipeline([helper.make_node("Identity", ["input"], ["output"])], names=("input", "mask", "output")),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_networks_are_refused(open_model: Build, kind: str) -> None:
    with pytest.raises(WeightsUnavailable, match="does not take image and mask and give result, all as bytes"):
        open_model(OTHERS[kind]())


def test_answer_of_another_size_is_refused(open_model: Build) -> None:
    twice = pipeline([helper.make_node("Concat", ["image", "image"], ["result"], axis=2)])
    with pytest.raises(WeightsUnavailable, match="answers with a picture of another size"):
        open_model(twice).restore_array(
            np.zeros((8, 8, 3), np.float32), parameters={}, mask=_hole(8, 8, np.s_[2:4, 2:4])
        )


class _Failing:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def run(self, *_: object) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("words", "expected"),
    [("std::bad_alloc", MemoryError), ("Failed to allocate memory", MemoryError), ("wrong index", ModelUnavailable)],
)
def test_failure_of_the_runtime_is_translated(words: str, expected: type[Exception]) -> None:
    from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

    model = MiGan(_Failing(RuntimeException(words)), size_bytes=0)
    with pytest.raises(expected):
        model.restore_array(np.zeros((8, 8, 3), np.float32), parameters={}, mask=_hole(8, 8, np.s_[2:4, 2:4]))
