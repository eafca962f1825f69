"""The web page. `python app.py` starts it; importing this file only builds it."""

from __future__ import annotations

import argparse
import logging
from typing import Any

import PIL.Image

from restoration.catalogue import own_models
from restoration.errors import InvalidRequest
from restoration.images import MAX_PIXELS_TO_FIT
from restoration.service.door import Service
from restoration.service.python import default_service
from restoration.ui.demo import build_demo
from restoration.ui.sweeping import swept
from restoration.ui.theme import STYLE_SHEET, CalmTheme, page_head

log = logging.getLogger(__name__)
demo = build_demo()


def launch_settings() -> dict[str, Any]:
    """Return the settings under which the page is meant to be launched."""
    return {
        "theme": CalmTheme(),
        "css_paths": STYLE_SHEET,
        "head": page_head(),
        "show_error": False,
        "max_file_size": "64mb",
        "app_kwargs": {"lifespan": swept},
        "run_history": False,
        "enable_monitoring": False,
        "mcp_server": False,
        "ssr_mode": False,
        "footer_links": ["api", "settings"],
    }


def _check_device(parser: argparse.ArgumentParser, name: str) -> None:
    """End the program with a sentence where the device is not there: no picture could be restored."""
    from restoration.devices.device import pick_devices

    try:
        pick_devices(name)
    except InvalidRequest as error:
        parser.error(str(error))


def main() -> None:
    """Parse flags and serve the page until interrupted."""
    parser = argparse.ArgumentParser(description="Start the web page.")
    parser.add_argument("--host", default=None, help="address to listen on; default: this machine only")
    parser.add_argument("--port", type=int, default=None, help="default: the first free one from 7860")
    parser.add_argument("--share", action="store_true", help="also open a temporary public address")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument("--device", default=None, help="cpu, cuda, cuda:1 or mps; default: the best present")
    parser.add_argument("--time-limit", type=float, default=None, metavar="S", help="give up a picture after this time")
    parser.add_argument("--no-warm-up", action="store_true", help="load models with the first job, not at start")
    parser.add_argument("--own-models", action="store_true", help="register new files in the folder of own models")
    arguments = parser.parse_args()
    if arguments.device is not None:
        _check_device(parser, arguments.device)
    PIL.Image.MAX_IMAGE_PIXELS = MAX_PIXELS_TO_FIT
    page, service = demo, default_service()
    if arguments.own_models:
        for line in own_models.scan()[1]:
            log.warning("own model left out: %s", line)
    if arguments.device is not None or arguments.time_limit is not None or arguments.own_models:
        service = Service(device=arguments.device, time_limit_s=arguments.time_limit)
        page = build_demo(service)
    if not arguments.no_warm_up:
        service.warm_up()
    page.launch(
        server_name=arguments.host,
        server_port=arguments.port,
        share=arguments.share or None,
        inbrowser=arguments.open,
        **launch_settings(),
    )


if __name__ == "__main__":
    main()
