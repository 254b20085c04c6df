"""Free text: many long texts, of which hardly two are equal, and what numbers are made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

FREE_TEXT_WORDS = 5  # on average; fewer are names and codes
SAMPLE = 1_000  # texts whose words are counted
MOST_WORDS = 5_000  # that a model knows
WORD = r"(?u)\w+"


def words_of(texts: pa.Array) -> float:
    """How many words the first of the texts hold on average; 0 without any."""
    some = texts.drop_null().slice(0, SAMPLE)
    words = pc.count_substring_regex(some.cast(pa.string()), r"[\pL\pN_]+")
    return pc.mean(words).as_py() or 0.0


class Words(TransformerMixin, BaseEstimator):
    """The words of free texts, each weighed by how rare it is.

    A DataFrame of texts in, those of a row taken together. Out come the weights of at most 5,000
    words, sparse, shape (rows, words); with `parts` that many numbers that say most of them, dense,
    shape (rows, parts), for models that take no sparse rows. A saved model refers to this class by
    its name and module: renaming either makes saved models unreadable.
    """

    def __init__(self, parts: int = 0) -> None:
        self.parts = parts

    def fit(self, X: pd.DataFrame, y: object = None) -> Words:
        """Learn which words there are, and how rare each is."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X: pd.DataFrame, y: object = None, **_: Any) -> Any:
        """As `fit` and `transform`, the words being looked up once."""
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        self.n_features_in_ = X.shape[1]
        self.weights_ = TfidfVectorizer(
            token_pattern=WORD, max_features=MOST_WORDS, sublinear_tf=True, dtype=np.float32
        )
        weights = self.weights_.fit_transform(_together(X))
        if not self.parts:
            return weights
        parts = min(self.parts, weights.shape[1])
        self.main_ = TruncatedSVD(parts, random_state=0).fit(weights)
        return self.main_.transform(weights)

    def transform(self, X: pd.DataFrame) -> Any:
        """The weights, or the numbers that say most of them."""
        weights = self.weights_.transform(_together(X))
        return self.main_.transform(weights) if self.parts else weights

    def get_feature_names_out(self, input_features: object = None) -> Any:
        """The words, or the names of the numbers."""
        names = self.main_ if self.parts else self.weights_
        return names.get_feature_names_out()


def _together(X: pd.DataFrame) -> list[str]:
    """The texts of each row as one; a missing one has no words."""
    return ["\n".join(row) for row in X.fillna("").astype(str).to_numpy()]
