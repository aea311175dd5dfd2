"""How well pictures fit a text: LangSplat's relevancy (Qin et al. 2024, after LERF, Kerr et al. 2023)."""

from __future__ import annotations

import numpy as np

_TEMPERATURE = 10.0


def relevancy(pictures: np.ndarray, text: np.ndarray, canonical: np.ndarray) -> np.ndarray:
    """Relevancy float64 (N,) in (0, 1): the smallest, over canonical phrases, of the chance of the text against it.

    The chance is the softmax of ten times the two cosine similarities; .5 means as like as that phrase.

    Args:
        pictures: (N, dim) unit rows; a row of zeros has relevancy .5.
        text: (dim,) unit vector of the text.
        canonical: (C, dim) unit rows of phrases that fit everything, C >= 1.
    """
    pictures = np.asarray(pictures, np.float64)
    asked = pictures @ np.asarray(text, np.float64)
    general = pictures @ np.asarray(canonical, np.float64).T
    chance = 1 / (1 + np.exp(_TEMPERATURE * (general - asked[:, None])))
    return chance.min(axis=1)
