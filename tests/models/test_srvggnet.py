"""The small Real-ESRGAN network is the published one."""

from __future__ import annotations

import torch

from restoration.models._torchvision_compat import provide_functional_tensor
from restoration.models.srvggnet import SRVGGNetCompact


def test_network_answers_as_that_of_realesrgan_does() -> None:
    provide_functional_tensor()
    from realesrgan.archs.srvgg_arch import SRVGGNetCompact as Published

    torch.manual_seed(0)
    theirs = Published(num_feat=6, num_conv=3, upscale=3)
    with torch.no_grad():
        for number, parameter in enumerate(theirs.parameters()):
            parameter.add_(0.01 * number)
    ours = SRVGGNetCompact(num_feat=6, num_conv=3, upscale=3)
    ours.load_state_dict(theirs.state_dict())
    picture = torch.rand(2, 3, 9, 7)
    with torch.no_grad():
        torch.testing.assert_close(ours(picture), theirs(picture))
