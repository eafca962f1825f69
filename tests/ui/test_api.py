"""The endpoints, called through gradio_client on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from restoration.images import read
from restoration.service.door import Service
from restoration.types import Done, RestoreRequest, Task, as_mapping
from tests.ui import pictures


def _answer(service: Service, path: Path, task: Task, model: str, **fields: Any) -> np.ndarray:
    """Return the pixels that the service itself gives."""
    parameters = as_mapping(fields.pop("parameters", {}))
    request = RestoreRequest(image=path, task=task, model=model, parameters=parameters, **fields)
    last = list(service.restore(request))[-1]
    assert isinstance(last, Done)
    return last.result.picture.to_array()


@pytest.mark.parametrize(
    ("task", "model", "parameters"),
    [
        (Task.DENOISE, "non-local-means", {"sigma": 12}),
        (Task.DEJPEG, "jpeg-deblock", {}),
        (Task.DEBLUR, "richardson-lucy", {"iterations": 3}),
    ],
)
def test_denoise_endpoint_gives_the_services_own_answer(
    client: Client, service: Service, tmp_path: Path, task: Task, model: str, parameters: dict[str, Any]
) -> None:
    path = pictures.write_picture(tmp_path / "grainy.png")
    file, facts = client.predict(
        image=handle_file(path), task=task.value, model=model, **parameters, api_name="/denoise"
    )
    np.testing.assert_array_equal(read(file).to_array(), _answer(service, path, task, model, parameters=parameters))
    assert Path(file).name == "grainy-restored.png"
    assert facts["model"] == model
    assert facts["task"] == task
    assert facts["parameters"] | parameters == facts["parameters"]
    assert facts["input_size"] == facts["output_size"] == list(pictures.SIZE)
    assert facts["seconds"] >= 0


def test_super_resolution_endpoint_enlarges(client: Client, service: Service, tmp_path: Path) -> None:
    path = pictures.write_picture(tmp_path / "small.png")
    file, facts = client.predict(image=handle_file(path), model="lanczos", scale=2, api_name="/super_resolution")
    assert facts["output_size"] == [2 * side for side in pictures.SIZE]
    expected = _answer(service, path, Task.SUPER_RESOLUTION, "lanczos", parameters={"scale": 2})
    np.testing.assert_array_equal(read(file).to_array(), expected)


def test_inpaint_endpoint_touches_only_what_the_mask_marks(client: Client, tmp_path: Path) -> None:
    path = pictures.write_picture(tmp_path / "torn.png")
    file, _ = client.predict(
        image=handle_file(path),
        mask=handle_file(pictures.write_mask(tmp_path / "mask.png")),
        model="telea",
        api_name="/inpaint",
    )
    restored = read(file).to_array()
    holes = pictures.mask()
    np.testing.assert_array_equal(restored[~holes], pictures.pixels()[~holes])
    assert (restored[holes] != pictures.pixels()[holes]).any()


def test_low_light_endpoint_brightens(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "dark.png"
    Image.fromarray(pictures.pixels() // 4).save(path)
    file, _ = client.predict(image=handle_file(path), model="clahe", api_name="/low_light")
    assert read(file).pixels.mean() > read(path).pixels.mean()


def test_result_is_of_the_format_asked_for(client: Client, tmp_path: Path) -> None:
    path = pictures.write_picture(tmp_path / "small.png")
    file, _ = client.predict(
        image=handle_file(path), model="bicubic", scale=2, format="TIFF", api_name="/super_resolution"
    )
    with Image.open(file) as image:
        assert image.format == "TIFF"


def test_heic_is_accepted_and_answered_without_loss(client: Client, service: Service, tmp_path: Path) -> None:
    path = pictures.write_picture(tmp_path / "phone.heic")
    file, _ = client.predict(image=handle_file(path), model="adaptive-median", api_name="/denoise")
    expected = _answer(service, path, Task.DENOISE, "adaptive-median")
    np.testing.assert_array_equal(read(file).to_array(), expected)


def test_models_endpoint_lists_the_default_first(client: Client, service: Service) -> None:
    listed = client.predict(task="denoise", api_name="/models")
    assert [entry["id"] for entry in listed] == [status.info.id for status in service.list_models(Task.DENOISE)]
    everything = client.predict(api_name="/models")
    assert len(everything) == len(service.list_models())


def test_public_endpoints_are_exactly_the_documented_ones(client: Client) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(named) == {"/denoise", "/super_resolution", "/inpaint", "/low_light", "/models"}


def test_every_parameter_of_a_tasks_models_is_an_argument(client: Client, service: Service) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    arguments = {entry["parameter_name"] for entry in named["/super_resolution"]["parameters"]}
    statuses = service.list_models(Task.SUPER_RESOLUTION)
    assert {param.name for status in statuses for param in status.info.params} <= arguments


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"model": "no-such-model"}, "no-such-model"),
        ({"model": "non-local-means", "sigma": 900}, "from 0 to 75"),
        ({"model": "adaptive-median", "sigma": 5}, "sigma"),
        ({"task": "sharpen"}, "must be one of denoise, salt-and-pepper, dejpeg, deblur"),
        ({"format": "GIF"}, "must be auto or one of"),
        ({"precision": "exakt"}, "must be auto or exact"),
        ({"fit": "false"}, "must be true or false"),
        ({"model": "non-local-means", "sigma": [1]}, "must be a number"),
    ],
)
def test_bad_argument_comes_back_as_a_sentence(
    client: Client, tmp_path: Path, arguments: dict[str, Any], sentence: str
) -> None:
    path = pictures.write_picture(tmp_path / "small.png")
    with pytest.raises((AppError, ValueError), match=sentence):
        client.predict(image=handle_file(path), **arguments, api_name="/denoise")


@pytest.mark.parametrize("feather_px", ["abc", [3], 1.9, True])
def test_feather_must_be_a_whole_number(client: Client, tmp_path: Path, feather_px: Any) -> None:
    image = handle_file(pictures.write_picture(tmp_path / "torn.png"))
    mask = handle_file(pictures.write_mask(tmp_path / "mask.png"))
    with pytest.raises(AppError, match='"feather_px" must be a whole number, but is '):
        client.predict(image=image, mask=mask, model="telea", feather_px=feather_px, api_name="/inpaint")


@pytest.mark.parametrize(
    ("name", "content"),
    [("page.png", b"<html><body>not a picture</body></html>"), ("empty.png", b""), ("cut.png", None)],
)
def test_file_that_is_no_picture_comes_back_as_a_sentence(
    client: Client, tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = tmp_path / name
    whole = pictures.write_picture(tmp_path / "whole.png").read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(AppError) as caught:
        client.predict(image=handle_file(path), model="adaptive-median", api_name="/denoise")
    assert str(caught.value).endswith(".")
    assert "Traceback" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_mask_of_another_size_comes_back_as_a_sentence(client: Client, tmp_path: Path) -> None:
    mask_path = tmp_path / "mask.png"
    Image.new("L", (10, 10), 255).save(mask_path)
    path = pictures.write_picture(tmp_path / "small.png")
    with pytest.raises(AppError, match="Mask is 10x10 px"):
        client.predict(image=handle_file(path), mask=handle_file(mask_path), api_name="/inpaint")


@pytest.mark.parametrize("image", ["/etc/hostname", {"path": "/etc/hostname"}, None, 3])
def test_only_uploaded_files_are_read(client: Client, image: Any) -> None:
    with pytest.raises((AppError, ValueError)) as caught:
        client.predict(image=image, api_name="/denoise")
    assert "handle_file" in str(caught.value)


def test_path_dressed_as_an_upload_is_refused(url: str) -> None:
    image = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    call = httpx.post(f"{url}gradio_api/call/denoise", json={"data": [image, "denoise"]})
    stream = httpx.get(f"{url}gradio_api/call/denoise/{call.json()['event_id']}")
    assert "event: error" in stream.text
    assert "event: complete" not in stream.text


def test_queue_cannot_be_skipped(url: str) -> None:
    assert httpx.post(f"{url}gradio_api/run/models", json={"data": [None]}).status_code == 404


def test_bad_format_is_refused_before_the_work(client: Client, service: Service, tmp_path: Path) -> None:
    image, before = handle_file(pictures.write_picture(tmp_path / "small.png")), len(service.list_records())
    with pytest.raises(AppError, match="must be auto or one of"):
        client.predict(image=image, format="png", api_name="/denoise")
    assert len(service.list_records()) == before
