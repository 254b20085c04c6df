"""The model: what it is made of (features), how it is trained, measured and served."""
