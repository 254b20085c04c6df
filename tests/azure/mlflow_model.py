"""A model of MLflow in its own format: a rule in plain Python, so that it needs no estimator."""

from __future__ import annotations

#: Path below the folder of a client's script → text. `a` times `b`, times a parameter.
FILES = {
    "flow/MLmodel": """\
flavors:
  python_function:
    code: code
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: rule_of_flow
    python_version: 3.11.0
signature:
  inputs: '[{"name": "a", "type": "double"}, {"name": "b", "type": "integer"}]'
  outputs: '[{"type": "double"}]'
  params: '[{"name": "times", "type": "long", "default": 1, "shape": null}]'
""",
    "flow/conda.yaml": """\
channels:
- conda-forge
dependencies:
- python=3.11.0
- pip<=23.1.2
- pip:
  - azureml-inference-server-http==1.5.1
  - mlflow-skinny==3.15.0
  - numpy==2.3.2
  - pandas==2.3.3
  - pyarrow==23.0.1
name: mlflow-env
""",
    "flow/code/rule_of_flow.py": """\
class Rule:
    def predict(self, table, params=None):
        return (table["a"] * table["b"] * (params or {"times": 1})["times"]).to_numpy()

def _load_pyfunc(path):
    return Rule()
""",
}
