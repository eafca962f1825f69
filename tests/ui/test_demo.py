from __future__ import annotations

import gradio as gr

from restoration.service import Service
from restoration.ui.demo import build_demo


def test_nothing_lies_between_the_tabs(service: Service) -> None:
    demo = build_demo(service)
    (tabs,) = (block for block in demo.blocks.values() if isinstance(block, gr.Tabs))
    assert {type(child) for child in tabs.children} == {gr.Tab}
    demo.close(verbose=False)
