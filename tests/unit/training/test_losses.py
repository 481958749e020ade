from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from abag.model.network.network import NetworkOutput
from abag.training.engine.losses import (
    Targets,
    bce,
    compute_loss,
    focal_mse,
    gaussian_nll,
    huber,
    log_interval,
    mse,
    ranking,
    soft_spearman,
    tobit,
)
from abag.training.recipe import (
    BceLoss,
    FocalMseLoss,
    GaussianLoss,
    HuberLoss,
    LossTerm,
    MseLoss,
    RankingLoss,
    SoftSpearmanLoss,
    TobitLoss,
)

NAN, INF = math.nan, math.inf
ALL_TERMS: tuple[LossTerm, ...] = (
    MseLoss(), HuberLoss(), FocalMseLoss(), BceLoss(), SoftSpearmanLoss(), RankingLoss(),
    GaussianLoss(), TobitLoss(),
)  # fmt: skip


def numbers(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def output_of(
    pkd: list[float] | torch.Tensor,
    logit: list[float] | None = None,
    log_variance: list[float] | None = None,
    scale: list[float] | None = None,
    comparable: list[bool] | None = None,
) -> NetworkOutput:
    values = pkd if isinstance(pkd, torch.Tensor) else numbers(pkd)
    scales = torch.ones_like(values) if scale is None else numbers(scale)
    return NetworkOutput(
        pkd=values,
        value=values * scales,
        strong_logit=None if logit is None else numbers(logit),
        log_variance=None if log_variance is None else numbers(log_variance),
        scale=scales.detach(),
        comparable=torch.tensor(comparable or [True] * len(values)),
    )


def targets_of(
    value: list[float],
    lower: list[float] | None = None,
    upper: list[float] | None = None,
    assay: list[int] | None = None,
    absolute: list[bool] | None = None,
) -> Targets:
    n = len(value)
    return Targets(
        numbers(value),
        numbers(lower or [-INF] * n),
        numbers(upper or [INF] * n),
        torch.tensor(assay or [0] * n),
        torch.tensor([True] * n if absolute is None else absolute),
    )


def test_squared_errors_of_exact_rows_by_hand():
    # Errors 1, -2, and a row that is only a bound: (1 + 4) / 2.
    got = mse(output_of([7.0, 5.0, 9.0]), targets_of([6.0, 7.0, NAN], upper=[INF, INF, 5.0]))
    assert got.item() == pytest.approx(2.5)


def test_huber_by_hand_and_as_torch_has_it():
    output, targets = output_of([6.5, 9.0]), targets_of([6.0, 7.0])
    # Error 0.5: 0.125. Error 2 with delta 1: 1 * (2 - 0.5).
    assert huber(output, targets, 1.0).item() == pytest.approx((0.125 + 1.5) / 2)
    expected = torch.nn.functional.huber_loss(output.value, targets.value, delta=0.7)
    assert huber(output, targets, 0.7).item() == pytest.approx(expected.item())


def test_the_focal_squared_error_by_hand():
    output, targets = output_of([7.0, 5.0]), targets_of([6.0, 7.0])
    by_hand = ((1 - math.exp(-1)) ** 2 * 1 + (1 - math.exp(-4)) ** 2 * 4) / 2
    assert focal_mse(output, targets, 2.0).item() == pytest.approx(by_hand)
    assert focal_mse(output, targets, 0.0).item() == pytest.approx(mse(output, targets).item())


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_the_focal_squared_error_has_a_gradient_where_the_error_is_zero(gamma: float):
    values = numbers([6.0]).requires_grad_()
    focal_mse(output_of(values), targets_of([6.0]), gamma).backward()
    assert torch.isfinite(values.grad).all()


def test_cross_entropy_counts_the_rows_whose_class_is_known():
    # 9.0 is strong; 8.9 is not; > 9.5 is; < 8 and < 9 are not; > 6 and < 10 decide nothing; the
    # last row is of an assay without pKd.
    value = [9.0, 8.9, NAN, NAN, NAN, NAN, NAN, 9.9]
    lower = [-INF, -INF, 9.5, -INF, -INF, 6.0, -INF, -INF]
    upper = [INF, INF, INF, 8.0, 9.0, INF, 10.0, INF]
    absolute = [True] * 7 + [False]
    logits = [2.0, -1.0, 0.5, 0.3, -3.0, 50.0, -50.0, -50.0]
    got = bce(
        output_of([7.0] * 8, logit=logits), targets_of(value, lower, upper, None, absolute), 9.0
    )
    p = [1 / (1 + math.exp(-x)) for x in logits[:5]]
    by_hand = -(math.log(p[0]) + math.log(1 - p[1]) + math.log(p[2]) + math.log(1 - p[3])
                + math.log(1 - p[4])) / 5  # fmt: skip
    assert got.item() == pytest.approx(by_hand)


def test_soft_ranks_of_two_rows_by_hand():
    # Ranks about the middle are -+(s - 1/2) with s = sigmoid(gap / T), and the known -+ 1/2; each
    # variance of the soft ranks has 0.001 added.
    gap, temperature = 0.4, 0.5
    half = 1 / (1 + math.exp(-gap / temperature)) - 0.5
    correlation = half * 0.5 / (math.sqrt(half**2 + 1e-3) * 0.5)
    got = soft_spearman(output_of([6.0, 6.4]), targets_of([5.0, 9.0]), temperature)
    assert got.item() == pytest.approx(1 - correlation)


def test_soft_spearman_becomes_spearmans_correlation_as_the_temperature_falls():
    random = np.random.default_rng(0)
    known = random.normal(7, 1, 40).round(1)  # with ties
    predicted = known + random.normal(0, 1, 40)
    expected = stats.spearmanr(predicted, known).statistic
    got = soft_spearman(output_of(predicted.tolist()), targets_of(known.tolist()), 1e-4)
    assert 1 - got.item() == pytest.approx(expected, abs=1e-4)


def test_soft_spearman_ranks_assays_apart_and_counts_them_by_their_rows():
    # Absolute rows are one group whatever their assay; the two other assays are in perfect and in
    # inverted order. A seventh row stands alone in its assay, an eighth is a bound.
    predicted = [5.0, 6.0, 50.0, 60.0, 70.0, 90.0, 80.0, 1.0, 2.0]
    known = [5.0, 6.0, 1.0, 2.0, 3.0, 100.0, 200.0, 7.0, NAN]
    assay = [1, 2, 3, 3, 3, 4, 4, 5, 3]
    absolute = [True, True] + [False] * 7
    got = soft_spearman(output_of(predicted), targets_of(known, None, None, assay, absolute), 1e-3)
    assert got.item() == pytest.approx((2 * 0 + 3 * 0 + 2 * 2) / 7, abs=5e-3)


def test_equal_predictions_leave_soft_spearman_a_finite_gradient():
    values = numbers([6.0, 6.0, 6.0]).requires_grad_()
    loss = soft_spearman(output_of(values), targets_of([5.0, 6.0, 7.0]), 0.1)
    loss.backward()
    assert loss.item() == pytest.approx(1.0)
    assert torch.isfinite(values.grad).all()
    assert values.grad.abs().sum() > 0


def test_ranking_counts_the_pairs_whose_order_is_sure():
    # 8 > 7.8 is within the margin; "> 9" is above 8, 7.8 and "< 6"; "< 6" is below all the others.
    value = [8.0, 7.8, NAN, NAN]
    lower, upper = [-INF, -INF, 9.0, -INF], [INF, INF, INF, 6.0]
    x = [7.0, 7.5, 6.0, 6.5]
    sure = [(2, 0), (2, 1), (2, 3), (0, 3), (1, 3)]
    by_hand = sum(math.log(1 + math.exp(x[j] - x[i])) for i, j in sure) / len(sure)
    got = ranking(output_of(x), targets_of(value, lower, upper), 0.3)
    assert got.item() == pytest.approx(by_hand)


def test_ranking_stays_inside_an_assay_and_its_margin_has_the_assays_scale():
    value, assay = [1.0, 5.0, 100.0, 104.0, 150.0], [1, 1, 2, 2, 2]
    targets = targets_of(value, None, None, assay, [False] * 5)
    # Margin 0.3 pKd: 0.3 units in assay 1, 9 units in assay 2, where 100 and 104 are then alike.
    output = output_of([6.0, 7.0, 8.0, 9.0, 9.0], scale=[1, 1, 30, 30, 30])
    gaps = [1.0, 1.0, 0.0]
    by_hand = sum(math.log(1 + math.exp(-gap)) for gap in gaps) / 3
    assert ranking(output, targets, 0.3).item() == pytest.approx(by_hand)


def test_the_gaussian_likelihood_is_scipys():
    predicted, known, log_variance = [6.0, 7.0], [6.5, 9.0], [math.log(0.25), math.log(4.0)]
    got = gaussian_nll(output_of(predicted, log_variance=log_variance), targets_of(known))
    expected = -stats.norm.logpdf(known, predicted, [0.5, 2.0]).mean()
    assert got.item() == pytest.approx(expected)


def test_the_censored_likelihood_is_scipys_for_values_and_for_bounds_of_every_kind():
    predicted = [6.0, 6.0, 6.0, 6.0]
    value, lower, upper = [6.5, NAN, NAN, NAN], [-INF, -INF, 7.0, 5.5], [INF, 5.0, INF, 7.0]
    sigma = 0.8
    got = tobit(output_of(predicted), targets_of(value, lower, upper), sigma)
    normal = stats.norm(6.0, sigma)
    expected = -np.mean(
        [
            normal.logpdf(6.5),
            normal.logcdf(5.0),  # "< 5": the probability of being below
            normal.logsf(7.0),  # "> 7": of being above
            np.log(normal.cdf(7.0) - normal.cdf(5.5)),
        ]
    )
    assert got.item() == pytest.approx(expected)


def test_a_predicted_variance_and_an_assays_scale_enter_the_censored_likelihood():
    targets = targets_of([NAN], upper=[5.0])
    predicted = tobit(output_of([6.0], log_variance=[math.log(0.25)]), targets, 0.8)
    assert predicted.item() == pytest.approx(-stats.norm.logcdf(5.0, 6.0, 0.5))
    scaled = tobit(output_of([6.0], scale=[10.0]), targets_of([NAN], upper=[50.0]), 0.8)
    assert scaled.item() == pytest.approx(-stats.norm.logcdf(50.0, 60.0, 8.0))


def test_a_bound_that_is_met_teaches_nearly_nothing_and_one_that_is_not_pulls():
    """A row "< 5" is no 5.0: a prediction of 2 is right."""
    gradients = []
    for predicted in (2.0, 5.0, 8.0):
        values = numbers([predicted]).requires_grad_()
        tobit(output_of(values), targets_of([NAN], upper=[5.0]), 0.8).backward()
        gradients.append(values.grad.item())
    assert abs(gradients[0]) < 1e-3
    assert gradients[0] < gradients[1] < gradients[2]
    assert gradients[2] == pytest.approx(
        stats.norm.pdf(5, 8, 0.8) / stats.norm.cdf(5, 8, 0.8), rel=1e-6
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bounds_missed_by_far_keep_a_finite_loss_and_gradient(dtype: torch.dtype):
    values = torch.tensor([30.0, -30.0, 30.0, -30.0, 0.0], dtype=dtype, requires_grad=True)
    lower = torch.tensor([-INF, 5.0, 5.0, 5.0, 5.0], dtype=dtype)
    upper = torch.tensor([4.0, INF, 5.001, 5.001, 5.001], dtype=dtype)
    ones = torch.ones_like(values)
    output = NetworkOutput(values, values, None, None, ones.detach(), ones.bool())
    nothing = torch.full_like(values, NAN).detach()
    targets = Targets(nothing, lower, upper, torch.zeros(5, dtype=torch.int64), ones.bool())
    loss = tobit(output, targets, 0.5)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(values.grad).all()
    assert values.grad[0] > 0 > values.grad[1]
    assert values.grad[2] > 0 > values.grad[3]


def test_the_probability_of_an_interval_is_exact_in_both_tails():
    below = numbers([-1.0, 9.0, -10.0, 0.0, 20.0])
    above = numbers([1.0, 10.0, -9.0, 1e-6, 21.0])
    expected = [
        math.log(stats.norm.cdf(1) - stats.norm.cdf(-1)),
        math.log(stats.norm.sf(9) - stats.norm.sf(10)),
        math.log(stats.norm.cdf(-9) - stats.norm.cdf(-10)),
        math.log(stats.norm.pdf(0) * 1e-6),
        stats.norm.logsf(20) + math.log1p(-math.exp(stats.norm.logsf(21) - stats.norm.logsf(20))),
    ]
    assert log_interval(below, above).tolist() == pytest.approx(expected, rel=1e-6)


def test_rows_that_are_not_comparable_enter_rankings_alone():
    output = output_of([6.0, 7.0], comparable=[False, False], log_variance=[0.0, 0.0])
    targets = targets_of([100.0, 300.0], None, None, [1, 1], [False, False])
    for loss in (
        mse(output, targets), huber(output, targets, 1.0), focal_mse(output, targets, 2.0),
        gaussian_nll(output, targets), tobit(output, targets, 0.8),
    ):  # fmt: skip
        assert loss.item() == 0.0
    assert ranking(output, targets, 0.3).item() == pytest.approx(math.log(1 + math.exp(-1)))


@pytest.mark.parametrize("term", ALL_TERMS, ids=lambda term: term.kind)
def test_a_term_without_a_usable_row_is_an_exact_zero_with_a_graph(term: LossTerm):
    raw = numbers([6.0, 7.0]).requires_grad_()
    output = NetworkOutput(
        raw, raw, raw * 1.0, raw * 0.0, torch.ones_like(raw), torch.tensor([True, True])
    )
    total = compute_loss([term], output, targets_of([NAN, NAN]), 9.0)
    assert total.item() == 0.0
    total.backward()
    assert raw.grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("term", ALL_TERMS, ids=lambda term: term.kind)
def test_gradients_are_the_finite_differences(term: LossTerm):
    value = [9.5, 6.1, NAN, NAN, NAN, 3.0, 5.0]
    targets = targets_of(
        value,
        [-INF, -INF, -INF, 9.2, 6.5, -INF, -INF],
        [INF, INF, 5.0, INF, 7.5, INF, INF],
        [0, 0, 0, 0, 0, 1, 1],
        [True] * 5 + [False] * 2,
    )

    def loss_of(raw: torch.Tensor) -> torch.Tensor:
        pkd, logit, log_variance = raw
        output = NetworkOutput(
            pkd, pkd * 1.0, logit, log_variance, torch.ones_like(pkd), torch.ones(7).bool()
        )
        return compute_loss([term], output, targets, 9.0)

    random = torch.Generator().manual_seed(1)
    raw = torch.randn(3, 7, generator=random, dtype=torch.float64)
    raw[0] += 7
    assert torch.autograd.gradcheck(loss_of, raw.requires_grad_(), eps=1e-6, atol=1e-6)


def test_the_sum_is_weighted():
    output, targets = output_of([7.0, 5.0], logit=[0.0, 0.0]), targets_of([6.0, 9.0])
    total = compute_loss([MseLoss(weight=0.7), BceLoss(weight=0.3)], output, targets, 9.0)
    assert total.item() == pytest.approx(0.7 * 8.5 + 0.3 * math.log(2))
