"""Models of a few lines whose right answers are known."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from restoration.models.shared.contract import Contract, Restorer
from restoration.types import Parameters

WAIT_S = 20


class Identity(Restorer):
    """Give the input back, enlarged by repeating pixels where the contract has a scale; remember the batches."""

    def __init__(self, contract: Contract | None = None) -> None:
        self.contract = Contract() if contract is None else contract
        self.seen: list[tuple[int, ...]] = []

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        assert len(parameters) == len(image)
        self.seen.append(tuple(image.shape))
        scale = self.contract.scale
        return image.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)


class Watched(Identity):
    """An identity that calls a function with its call number, from 0, before it answers."""

    def __init__(self, watch: Callable[[int], None], contract: Contract | None = None) -> None:
        super().__init__(Contract(overlap_px=4) if contract is None else contract)
        self.watch = watch
        self.calls = 0

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        number = self.calls
        self.calls += 1
        self.watch(number)
        return super().restore(image, parameters=parameters, mask=mask)


class BoxBlur(Restorer):
    """Blur with a box of radius 12, so that tiles without overlap would show seams."""

    radius_px = 12

    def __init__(self, *, overlap_px: int) -> None:
        self.contract = Contract(overlap_px=overlap_px)

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        side = 2 * self.radius_px + 1
        padded = functional.pad(image, [self.radius_px] * 4, mode="replicate")
        return functional.avg_pool2d(padded, side, stride=1)


class Hungry(Identity):
    """Run out of memory above a number of pixels in a batch."""

    def __init__(
        self,
        most_pixels: int,
        error: type[Exception] = torch.OutOfMemoryError,
        contract: Contract | None = None,
    ) -> None:
        super().__init__(Contract(overlap_px=4) if contract is None else contract)
        self.most_pixels = most_pixels
        self.error = error

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        if image.shape[0] * image.shape[2] * image.shape[3] > self.most_pixels:
            raise self.error("out of memory")
        return super().restore(image, parameters=parameters, mask=mask)


class Stepwise(Restorer):
    """Iterate 100 times, each time when the test has opened the gate; count the steps done."""

    contract = Contract(tiling="internal", is_iterative=True)

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.first_step = threading.Event()
        self.steps_done = 0

    def restore(self, image: Tensor, *, parameters: Sequence[Parameters], mask: Tensor | None = None) -> Tensor:
        raise AssertionError("an iterative method works by steps")

    def steps(
        self, image: Tensor, *, parameters: Parameters, mask: Tensor | None = None, kernel: Tensor | None = None
    ) -> Iterator[tuple[float, Tensor]]:
        for number in range(1, 101):
            self.first_step.set()
            assert self.gate.wait(WAIT_S)
            self.steps_done = number
            yield number / 100, image * number / 100
