"""Azure ML's documented entry script, as its pages show it, for the model that is measured.

https://learn.microsoft.com/azure/machine-learning/how-to-deploy-advanced-entry-script
"""

import json
import os

import joblib
import pandas as pd

model = None


def init():  # type: ignore[no-untyped-def]
    """Load the model once."""
    global model
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.joblib"))


def run(raw_data):  # type: ignore[no-untyped-def]
    """Answer one request."""
    data = pd.DataFrame(json.loads(raw_data)["data"])
    return model.predict(data).tolist()  # type: ignore[attr-defined]
