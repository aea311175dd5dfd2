"""The normalised cut of a picture's tokens: affinities, and the second smallest eigenvector without a full solver.

(D - A) x = l D x, A = 1 where two tokens are more alike than tau, else a tiny number. With S = D^-1/2 A D^-1/2 the
wanted x is D^-1/2 y, y the second *largest* eigenvector of S, at 1 - l; the largest, D^1/2 1 at eigenvalue 1, is known
and taken out. A few dozen products with the matrix (Lanczos, scipy's ARPACK) give y; a dense solver needs n^3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

UNLIKE = 1e-5  # affinity of tokens that are not alike: the graph stays connected
_KRYLOV = 20  # vectors kept: more than enough for one eigenvector
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Cut:
    """The second smallest eigenvector of a picture's tokens.

    Attributes:
        vector: float32 (N,), of either sign.
        value: the eigenvalue l: 0 where the tokens fall into two groups that have nothing in common, 1 where they are
            all the same and nothing can be cut.
    """

    vector: np.ndarray
    value: float


def unit_rows(features: np.ndarray) -> np.ndarray:
    """Features (N, C) float32 with rows of length 1; a row of zeros stays."""
    features = np.asarray(features, np.float32)
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return np.divide(features, length, out=np.zeros_like(features), where=length > 0)


def alike(features: np.ndarray, tau: float) -> np.ndarray:
    """Which tokens are alike: float32 (N, N) of 0 and 1, from features (N, C) whose rows have length 1 (or 0)."""
    similarity = features @ features.T
    return np.greater(similarity, tau, out=similarity)


def second_eigenvector(graph: np.ndarray, seed: int = 0) -> Cut:
    """The cut of a graph of 0 and 1, float32 (N, N), symmetric.

    Args:
        seed: of the vector the iteration starts from: the same seed gives the same vector, sign included.
    """
    count = len(graph)
    ones = np.ones(count, np.float32)
    degree = (1 - UNLIKE) * (graph @ ones).astype(np.float64) + UNLIKE * count
    scale = (1 / np.sqrt(degree)).astype(np.float32)
    trivial = np.sqrt(degree / degree.sum()).astype(np.float32)

    def product(vector: np.ndarray) -> np.ndarray:
        vector = vector.reshape(-1).astype(np.float32, copy=False)
        scaled = scale * (vector - trivial * (trivial @ vector))
        out = scale * (np.float32(1 - UNLIKE) * (graph @ scaled) + np.float32(UNLIKE) * scaled.sum())
        return out - trivial * (trivial @ out)

    start = np.random.default_rng(seed).standard_normal(count).astype(np.float32)
    operator = LinearOperator((count, count), matvec=product, dtype=np.float32)
    value, vector = _largest(operator, start)
    return Cut(scale * vector, float(np.clip(1 - value, 0, 2)))


def _largest(operator: LinearOperator, start: np.ndarray) -> tuple[float, np.ndarray]:
    count = len(start)
    tries = ((_KRYLOV, _TOLERANCE), (4 * _KRYLOV, _TOLERANCE), (4 * _KRYLOV, 1e-2))
    for krylov, tolerance in tries:
        try:
            values, vectors = eigsh(
                operator, k=1, which="LA", v0=start, ncv=min(krylov, count - 1), tol=tolerance, maxiter=50
            )
        except ArpackError:  # it does not converge, or there is nothing to iterate
            continue
        return float(values[0]), vectors[:, 0]
    return 0.0, start  # several cuts are equally good: none of them is a finding
