"""The model: how the table is read, features, training, evaluation and figures. Knows nothing of Azure."""
