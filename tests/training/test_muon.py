"""Muon: orthogonal changes to kernels, Adam's to the rest, and state that travels."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from spectile.training.muon import QUINTIC, Muon, orthogonalised


@pytest.mark.parametrize("shape", [(8, 63), (64, 4), (30, 90)])
def test_no_direction_of_a_matrix_lags_behind(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    rank = min(shape)
    left, _ = torch.linalg.qr(torch.randn(shape[0], rank))
    right, _ = torch.linalg.qr(torch.randn(shape[1], rank))
    matrix = left @ torch.diag(torch.logspace(3, 1.3, rank)) @ right.t()
    singular = torch.linalg.svdvals(orthogonalised(matrix))
    assert 0.6 < float(singular.min()) <= float(singular.max()) < 1.3


def test_the_rounds_are_those_of_the_paper() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(40, 300) @ torch.diag(torch.logspace(0, -3, 300))
    a, b, c = QUINTIC
    x = matrix / matrix.norm()
    for _ in range(5):
        gram = x @ x.t()
        x = a * x + (b * gram + c * gram @ gram) @ x
    torch.testing.assert_close(orthogonalised(matrix), x, rtol=0, atol=1e-3)


def test_linears_and_biases_take_adams_steps() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8, 5), nn.Linear(5, 2))
    other = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8, 5), nn.Linear(5, 2))
    other.load_state_dict(network.state_dict())
    ours = Muon(network, 1e-2, lr_of_others=1e-3, weight_decay=0.1)
    adam = torch.optim.AdamW(other.parameters(), 1e-3, weight_decay=0.1)
    x = torch.randn(4, 3, 3, 3)
    network(x).square().sum().backward()
    other(x).square().sum().backward()
    ours.step()
    adam.step()
    alike = {
        name
        for (name, one), two in zip(network.named_parameters(), other.parameters(), strict=True)
        if torch.allclose(one, two, atol=1e-6)
    }
    assert alike == {"0.bias", "2.weight", "2.bias", "3.weight", "3.bias"}


def test_a_step_is_as_large_as_adams() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(45, 100, 3, bias=False), nn.Conv2d(100, 2, 1))
    before = network[0].weight.detach().clone()
    optimizer = Muon(network, 1e-2, lr_of_others=1e-2)
    network(torch.randn(300, 45, 3, 3)).square().sum().backward()
    optimizer.step()
    change = (network[0].weight.detach() - before).square().mean().sqrt()
    assert float(change) == pytest.approx(0.2 * 1e-2, rel=0.9)


def test_its_state_can_be_taken_up_again() -> None:
    def trained(steps: int, saved: dict[str, object] | None = None) -> dict[str, object]:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(6, 5, 1), nn.Flatten(), nn.Linear(5, 2))
        optimizer = Muon(network, 1e-2, lr_of_others=1e-2)
        if saved:
            network.load_state_dict(saved["network"])  # type: ignore[arg-type]
            optimizer.load_state_dict(saved["optimizer"])  # type: ignore[arg-type]
        x = torch.randn(9, 6, 1, 1, generator=torch.Generator().manual_seed(1))
        for _ in range(steps):
            optimizer.zero_grad()
            network(x).square().sum().backward()
            optimizer.step()
        return {"network": network.state_dict(), "optimizer": optimizer.state_dict()}

    at_once, in_two = trained(6), trained(3, trained(3))
    for one, two in zip(
        at_once["network"].values(),  # type: ignore[attr-defined]
        in_two["network"].values(),  # type: ignore[attr-defined]
        strict=True,
    ):
        assert torch.equal(one, two)
