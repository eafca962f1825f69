"""From a model's parameters to controls: the one place that knows both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from restoration.types import ModelInfo, Param, ParamValue

_MAX_RADIO_CHOICES = 5


@dataclass(frozen=True)
class _Control:
    model: str
    param: Param
    component: Component


class ParamControls:
    """The controls of all models of a tab, of which those of one model are shown.

    Every model has its own controls, so that a value set for one model is still there after a look at another one,
    and no control ever changes its range.
    """

    def __init__(self, models: Iterable[ModelInfo]) -> None:
        self._models = list({info.id: info for info in models}.values())
        self._controls: list[_Control] = []
        self._groups: list[tuple[str, gr.Column]] = []

    def build(self, *, advanced: bool, shown: str | None) -> None:
        """Place the everyday or the advanced controls into the layout that is open.

        Args:
            shown: the model whose controls are visible at first.
        """
        for info in self._models:
            params = [param for param in info.params if param.is_advanced is advanced]
            if not params:
                continue
            with gr.Column(visible=info.id == shown, elem_classes="params") as group:
                for param in params:
                    self._controls.append(_Control(info.id, param, control(param)))
                    self._follow(self._controls[-1], info)
            self._groups.append((info.id, group))

    def _follow(self, entry: _Control, info: ModelInfo) -> None:
        """Show a control only while it counts; what it depends on stands before it."""
        defaults = {param.name: param.default for param in info.params}
        entry.component.visible = entry.param.is_enabled(defaults)
        for model, name, other in ((each.model, each.param.name, each.component) for each in self._controls):
            if model == info.id and name in entry.param.enabled_when:
                other.change(  # type: ignore[attr-defined]
                    lambda value, name=name, param=entry.param: gr.update(visible=param.is_enabled({name: value})),
                    inputs=other,
                    outputs=entry.component,
                    queue=False,
                    show_progress="hidden",
                    api_visibility="private",
                )

    @property
    def components(self) -> list[Component]:
        """All controls, in the order that `values` expects."""
        return [entry.component for entry in self._controls]

    @property
    def groups(self) -> list[gr.Column]:
        """All groups, in the order that `visibility` returns."""
        return [group for _, group in self._groups]

    @property
    def mixes(self) -> list[gr.Slider]:
        """The controls that only mix the answer with the input: they act without a new run."""
        chosen = [entry.component for entry in self._controls if entry.param.is_mix]
        return [component for component in chosen if isinstance(component, gr.Slider)]

    def named(self, name: str) -> list[tuple[str, Component]]:
        """Return (model, control) of every parameter of a name."""
        return [(entry.model, entry.component) for entry in self._controls if entry.param.name == name]

    def visibility(self, model: str | None) -> list[dict[str, Any]]:
        """Return updates that show the groups of one model and hide all others."""
        return [gr.update(visible=owner == model) for owner, _ in self._groups]

    def values(self, model: str | None, values: Sequence[ParamValue]) -> dict[str, ParamValue]:
        """Pick one model's parameters out of the values of all controls."""
        pairs = zip(self._controls, values, strict=True)
        return {entry.param.name: value for entry, value in pairs if entry.model == model}


def control(param: Param) -> Component:
    """Return the control that suits a parameter."""
    label = param.label or param.name.replace("_", " ").capitalize()
    info = param.help or None
    if param.kind == "bool":
        return gr.Checkbox(bool(param.default), label=label, info=info)
    if param.kind == "choice":
        choices = [(str(choice), choice) for choice in param.choices]
        kind = gr.Radio if len(choices) <= _MAX_RADIO_CHOICES else gr.Dropdown
        return kind(choices, value=param.default, label=label, info=info)
    number = param.default
    assert not isinstance(number, str), f"{param.name} has a text as its default"
    if param.minimum is None or param.maximum is None:
        return gr.Number(number, label=label, info=info, precision=0 if param.kind == "int" else None)
    return gr.Slider(
        param.minimum,
        param.maximum,
        value=number,
        step=_step(param, span=param.maximum - param.minimum),
        label=label,
        info=info,
        buttons=["reset"],
    )


def _step(param: Param, *, span: float) -> float:
    if param.step is not None:
        return param.step
    return 1 if param.kind == "int" else span / 100
