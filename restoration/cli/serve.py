"""`restoration serve`, which is also `python app.py`."""

from __future__ import annotations

import logging
from typing import Any

import click

log = logging.getLogger(__name__)


@click.command("serve")
@click.option("--host", help="address to listen on; default: this machine only")
@click.option("--port", type=click.IntRange(1, 65535), help="default: the first free one from 7860")
@click.option("--share", is_flag=True, help="also open a temporary public address")
@click.option("--open", "open_browser", is_flag=True, help="open the page in a browser")
@click.option("--device", help="cpu, cuda, cuda:1 or mps; default: the best present")
@click.option("--time-limit", type=float, metavar="S", help="give up a picture after this time")
@click.option("--no-warm-up", is_flag=True, help="load models with the first job, not at start")
@click.option("--own-models", is_flag=True, help="register new files in the folder of own models")
@click.pass_obj
def command(
    page: Any,
    *,
    host: str | None,
    port: int | None,
    share: bool,
    open_browser: bool,
    device: str | None,
    time_limit: float | None,
    no_warm_up: bool,
    own_models: bool,
) -> None:
    """Start the web page and serve it until interrupted."""
    import PIL.Image

    from restoration.catalogue.own_models import scan
    from restoration.devices.device import pick_devices
    from restoration.images import MAX_PIXELS_TO_FIT
    from restoration.service.door import Service
    from restoration.service.python import default_service
    from restoration.ui.demo import build_demo
    from restoration.ui.launch import check_port, launch

    if device is not None:
        pick_devices(device)  # one that is not there is told now: no picture could be restored
    if port is not None:
        check_port(host, port)
    PIL.Image.MAX_IMAGE_PIXELS = MAX_PIXELS_TO_FIT
    if own_models:
        for line in scan()[1]:
            log.warning("own model left out: %s", line)
    if device is not None or time_limit is not None or own_models:
        service = Service(device=device, time_limit_s=time_limit)
        page = build_demo(service)
    else:
        service = default_service()
        page = page or build_demo()  # `app.py` has built it already
    if not no_warm_up:
        service.warm_up()
    launch(page, host=host, port=port, share=share, open_browser=open_browser)
