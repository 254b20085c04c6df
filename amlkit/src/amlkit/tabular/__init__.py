"""The model: table, features, training, evaluation, figures. Knows nothing of Azure."""
