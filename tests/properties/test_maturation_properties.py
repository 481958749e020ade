"""What must hold of the substitution kernels, whatever the exponents and the variants."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from abag.model.assay_gp.kernels.substitution import correlation, distances

LETTERS = arrays(
    np.uint8, st.tuples(st.integers(2, 12), st.integers(1, 6)), elements=st.integers(0, 21)
)


def smallest_eigenvalue(matrix: np.ndarray) -> float:
    return float(np.linalg.eigvalsh(matrix)[0])


@given(power=st.floats(1e-4, 50.0))
@settings(max_examples=60)
def test_every_hadamard_power_of_the_correlation_is_positive_semi_definite(power: float) -> None:
    assert smallest_eigenvalue(correlation(power)) > -1e-10


@given(power=st.floats(0.01, 5.0), more=st.floats(0.01, 5.0))
def test_powers_multiply_as_powers_do(power: float, more: float) -> None:
    assert np.allclose(correlation(power) * correlation(more), correlation(power + more))


@given(letters=LETTERS, data=st.data())
@settings(max_examples=60)
def test_a_product_over_positions_with_any_exponents_is_positive_semi_definite(
    letters: np.ndarray, data: st.DataObject
) -> None:
    kernel = np.ones((len(letters), len(letters)))
    for column in letters.T:
        exponent = data.draw(st.floats(1e-3, 10.0))
        kernel *= np.exp(-exponent * distances()[column[:, None], column[None, :]])
    assert smallest_eigenvalue(kernel) > -1e-9
