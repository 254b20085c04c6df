"""A second, different model: one rule, no scikit-learn. It keeps `docs/contract.md` alone."""
