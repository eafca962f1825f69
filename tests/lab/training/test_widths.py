"""Channels go where least is lost for what is saved."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from restoration.errors import InvalidRequest
from restoration.lab.training.widths import cheapest, choose_widths
from restoration.networks.srvggnet import SRVGGNetCompact

FULL = (4, 4, 2)


def test_what_costs_least_per_saved_multiply_add_goes_first() -> None:
    losses = [{3: 1.0, 2: 3.0}, {3: 10.0, 2: 11.0}]
    assert cheapest(losses, FULL, taken=1, budget=1.0) == [4, 4]
    assert cheapest(losses, FULL, taken=1, budget=0.9) == [3, 4]  # 23 of 28 for 1 a 5
    assert cheapest(losses, FULL, taken=1, budget=0.7) == [2, 4]  # 18 of 28 for 2 more a 5, not 10 a 5
    assert cheapest(losses, FULL, taken=1, budget=0.6) == [2, 3]


def test_too_small_a_budget_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"0\.42 of the teacher's multiply-adds, more than 0\.3; allow more"):
        cheapest([{2: 1.0}, {2: 1.0}], (4, 4, 4), taken=4, budget=0.3)


def test_layers_with_idle_channels_are_narrowed_first() -> None:
    torch.manual_seed(0)
    teacher: nn.Module = SRVGGNetCompact(num_feat=16, num_conv=2, upscale=2).requires_grad_(False)
    teacher.body[4].weight[:, ::2] = 0  # type: ignore[index, union-attr, operator]
    told: list[int] = []
    pictures = torch.rand(2, 3, 16, 16)
    assert choose_widths(teacher, pictures, budget=0.75, moved=told.append) == [16, 8, 16]
    assert told == [1, 2, 3]
    with pytest.raises(InvalidRequest, match="chain"):
        choose_widths(nn.Conv2d(3, 3, 3), pictures, budget=0.5)
