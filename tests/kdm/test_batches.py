from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch

from kdm.training.batches import Batches, ImportanceConfig, PermutationConfig


def test_permutations_show_every_pair_once_an_epoch_also_where_batches_reach_over_its_end():
    order = PermutationConfig().built(10, batch=4, seed=0)
    seen = torch.cat([order.dealt(step).indices for step in range(5)])
    assert sorted(seen[:10].tolist()) == sorted(seen[10:].tolist()) == list(range(10))
    assert seen[:10].tolist() != seen[10:].tolist()
    assert order.dealt(0).weights is None


def test_a_batch_larger_than_the_data_takes_several_epochs():
    order = PermutationConfig().built(3, batch=7, seed=0)
    assert torch.bincount(order.dealt(0).indices).tolist() in ([2, 2, 3], [2, 3, 2], [3, 2, 2])


def test_the_order_is_a_function_of_seed_and_step_alone():
    def dealt(seed: int, steps: list[int]) -> list[torch.Tensor]:
        order = PermutationConfig().built(50, batch=8, seed=seed)
        return [order.dealt(step).indices for step in steps]

    assert torch.equal(dealt(1, [0, 5, 9])[2], dealt(1, [9])[0])
    assert not torch.equal(dealt(1, [9])[0], dealt(2, [9])[0])


def test_who_looks_ahead_in_another_thread_draws_no_permutation_again(monkeypatch):
    drawn, randperm = [], torch.randperm

    def counted(count, generator):
        drawn.append(count)
        return randperm(count, generator=generator)

    expected = [PermutationConfig().built(50, batch=8, seed=1).dealt(step).indices for step in range(40)]
    monkeypatch.setattr(torch, "randperm", counted)
    order, together = PermutationConfig().built(50, batch=8, seed=1), Barrier(2)

    def walked(known: Batches, ahead: int) -> list[torch.Tensor]:
        seen = []
        for step in range(40):
            together.wait(timeout=10)
            seen.append(known.dealt(min(step + ahead, 39)).indices)
        return seen

    with ThreadPoolExecutor(2) as threads:
        here, there = threads.submit(walked, order, 0), threads.submit(walked, order.foreseen(), 3)
    assert all(map(torch.equal, here.result(), expected))
    assert all(map(torch.equal, there.result(), expected[3:]))
    assert len(drawn) == 7, "the epochs of 320 pairs"


def test_weights_undo_what_the_drawing_prefers():
    """E_q[w f] = mean f: with 40,000 draws the weighted mean of any f is its mean, within five standard errors."""
    order = ImportanceConfig(uniform_share=0.2, redraw_every=1).built(100, batch=40_000, seed=0)
    first = order.dealt(0)
    errors = torch.linspace(0.01, 3.0, 100).square()
    assert torch.allclose(first.weights, torch.ones(40_000)), "nothing is known yet: all alike"
    order.observe(first, errors[first.indices])
    batch = order.dealt(1)
    counts = torch.bincount(batch.indices, minlength=100)
    assert counts[-1] > 3 * counts[0], "large errors are drawn more often"
    values = torch.sin(torch.arange(100.0))
    terms = batch.weights * values[batch.indices]
    assert abs(terms.mean() - values.mean()) < 5 * terms.std() / 200
    assert batch.weights.max() <= 1 / 0.2 + 1e-5


def test_what_was_observed_and_drawn_is_the_state():
    def walked(order, steps: range) -> list[torch.Tensor]:
        seen = []
        for step in steps:
            batch = order.dealt(step)
            order.observe(batch, (batch.indices.float() + 1) / 30)
            seen.append(batch.indices.clone())
        return seen

    config = ImportanceConfig(redraw_every=4)
    whole = walked(config.built(30, batch=5, seed=3), range(20))
    first = config.built(30, batch=5, seed=3)
    walked(first, range(10))
    second = config.built(30, batch=5, seed=3)
    second.load_state_dict(first.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(walked(second, range(10, 20)), whole[10:], strict=True))


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="at least one pair"):
        PermutationConfig().built(0, batch=4, seed=0)
    with pytest.raises(ValueError, match="at least one pair"):
        ImportanceConfig().built(0, batch=4, seed=0)
    with pytest.raises(ValueError, match="uniform share"):
        ImportanceConfig(uniform_share=0.0)
    with pytest.raises(ValueError, match="redraw_every"):
        ImportanceConfig(redraw_every=0)
