"""Small ONNX graphs in the place of published ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def constant(name: str, value: Any, dtype: type = np.float32) -> Any:
    """Return a tensor of a graph."""
    return numpy_helper.from_array(np.asarray(value, dtype), name)


def pipeline(
    nodes: Sequence[Any],
    constants: Sequence[Any] = (),
    *,
    dtype: int = TensorProto.UINT8,
    names: tuple[str, str, str] = ("image", "mask", "result"),
    domains: Sequence[str] = ("",),
    functions: Sequence[Any] = (),
) -> Any:
    """Return a model that takes and gives what the published pipeline of MI-GAN takes and gives."""
    channels = (3, 1, 3)
    image, mask, result = (
        helper.make_tensor_value_info(name, dtype, ["batch", count, "height", "width"])
        for name, count in zip(names, channels, strict=True)
    )
    graph = helper.make_graph(list(nodes), "pipeline", [image, mask], [result], list(constants))
    imports = [helper.make_opsetid(domain, 1 if domain else 17) for domain in domains]
    return helper.make_model(graph, opset_imports=imports, ir_version=8, functions=list(functions))


def constant_fill(value: int) -> Any:
    """Put one value where the mask is not 255."""
    nodes = [
        helper.make_node("Equal", ["mask", "known_value"], ["known"]),
        helper.make_node("Where", ["known", "image", "fill"], ["result"]),
    ]
    return pipeline(nodes, [constant("known_value", 255, np.uint8), constant("fill", value, np.uint8)])
