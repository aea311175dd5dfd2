"""How much a codec keeps: reconstruction, similarities between masks, and who is whose nearest neighbour."""

from __future__ import annotations

import numpy as np

_MOST = 1000  # masks compared with each other; beyond, every n-th


def codec_figures(
    embeddings: np.ndarray, codes: np.ndarray, decoded: np.ndarray | None
) -> dict[str, float | int]:
    """Figures of N masks.

    Args:
        embeddings: (N, D) unit rows.
        codes: (N, dim) unit rows.
        decoded: (N, D) unit rows, or None where there is no decoder.

    Returns:
        `masks`; `reconstruction`, the mean cosine between an embedding and what is decoded of its code;
        `similarity_error`, the mean difference between the cosines of two embeddings and of their codes;
        `similarity_correlation`, Pearson's, between both (none for fewer than three masks, or where all are alike);
        `same_nearest`, the share of masks whose nearest mask is the same in both (none for fewer than three masks).
    """
    figures: dict[str, float | int] = {"masks": len(embeddings)}
    if decoded is not None and len(embeddings):
        figures["reconstruction"] = float((embeddings * decoded).sum(1).mean())
    step = -(-len(embeddings) // _MOST) or 1
    rows, of_codes = embeddings[::step].astype(np.float64), codes[::step].astype(np.float64)
    if len(rows) < 2:
        return figures
    before, after = rows @ rows.T, of_codes @ of_codes.T
    pairs = np.triu_indices(len(rows), 1)
    figures["similarity_error"] = float(np.abs(before[pairs] - after[pairs]).mean())
    if len(rows) < 3:
        return figures
    if before[pairs].std() > 1e-6 and after[pairs].std() > 1e-6:
        figures["similarity_correlation"] = float(np.corrcoef(before[pairs], after[pairs])[0, 1])
    for matrix in (before, after):
        np.fill_diagonal(matrix, -np.inf)
    # the nearest in codes may be any of those that are equally near in embeddings
    nearest = before[np.arange(len(rows)), after.argmax(1)]
    figures["same_nearest"] = float((nearest >= before.max(1) - 1e-6).mean())
    return figures
