"""A pipeline of dates, columns and a model as ONNX, as exact as it can be had.

skl2onnx reckons with 32 bits, which is too coarse at two places: a number's distance from its mean,
and a split of gradient boosting close to a number. Both are put right in the graph it makes.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from amlkit.tabular.dates import expanded_names
from amlkit.tabular.features import ExpandDates
from amlkit.tabular.saved_model import LIMIT, MISSING

OPSET = {"": 21, "ai.onnx.ml": 3}
STEPS = ("dates", "columns", "model")
PARTS = ("texts", "numbers")


class Unknown(ValueError):
    """One line: why there is no way from this pipeline to ONNX."""


def check_steps(model: Any) -> None:
    """Raise Unknown if `model` is no pipeline as the template's `build_pipeline` makes it.

    Steps of one's own between its three would be passed over; so would columns that they make.
    """
    if not isinstance(model, Pipeline):
        raise Unknown(f"it is a {type(model).__name__}, not a Pipeline of {', '.join(STEPS)}")
    steps = [name for name, _ in model.steps]
    if steps != list(STEPS):
        raise Unknown(
            f"the pipeline has steps of its own ({', '.join(steps)}); a copy is made of "
            f"{', '.join(STEPS)} alone"
        )
    if not isinstance(model["dates"], ExpandDates):
        raise Unknown(f'its step "dates" is a {type(model["dates"]).__name__}')
    if not isinstance(model["columns"], ColumnTransformer):
        raise Unknown(f'its step "columns" is a {type(model["columns"]).__name__}')
    own = [name for name, part, _ in model["columns"].transformers_ if part != "drop"]
    if "words" in own:
        raise Unknown("it learns from free text, which training.drop_columns leaves out")
    if other := [name for name in own if name not in PARTS]:
        raise Unknown(
            f'its step "columns" has parts of its own ({", ".join(other)}); a copy is made of '
            f"{' and '.join(PARTS)} alone"
        )


def describe(pipeline: Pipeline, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The columns behind the inputs of ONNX, as `OnnxModel` feeds them; or Unknown."""
    check_steps(pipeline)
    dates = pipeline["dates"]
    parts = {name: list(columns) for name, _, columns in pipeline["columns"].transformers_}
    texts, numbers, expanded = parts.get("texts", []), parts.get("numbers", []), dates.parts()
    own = numbers[: len(numbers) - len(expanded)]
    if numbers != own + expanded or not {*texts, *own} <= set(schema["features"]):
        raise Unknown("its numbers are not the table's, followed by the parts of the dates")
    classes = schema["classes"]
    if classes is not None and np.asarray(pipeline.classes_).tolist() != classes:
        raise Unknown("its classes are in another order than the table's")
    return {
        "texts": texts,
        "numbers": own,
        "dates": list(dates.columns),
        "timed": list(dates.timed),
        "probabilities": classes is not None and hasattr(pipeline, "predict_proba"),
        "limit": LIMIT,
    }


def convert(pipeline: Pipeline, facts: Mapping[str, Any]) -> bytes:
    """Return the ONNX file; Unknown, or whatever else skl2onnx raises, if there is no way."""
    model = pipeline["model"]
    model = getattr(model, "best_estimator_", model)  # of a search: the one it found
    width = len(facts["numbers"]) + len(expanded_names(facts["dates"], facts["timed"]))
    # Codes of texts are whole numbers: alone they need no 64 bits, which ONNX would not take then.
    exact = width > 0 and type(model).__name__.startswith("HistGradientBoosting")
    table, centre = _by_position(pipeline["columns"], len(facts["texts"]))
    number = DoubleTensorType if exact else FloatTensorType
    inputs = [("texts", StringTensorType([None, len(facts["texts"])]))] if facts["texts"] else []
    inputs += [("numbers", number([None, width]))] if width else []
    try:
        onnx: ModelProto = to_onnx(
            Pipeline([("columns", table), ("model", model)]),
            initial_types=inputs,
            options={id(model): {"zipmap": False}} if is_classifier(model) else None,
            target_opset=OPSET,
        )
    except (MissingConverter, MissingShapeCalculator) as error:
        raise Unknown(f"skl2onnx knows no {type(model).__name__}, or no part of it") from error
    if facts["texts"]:
        _mark_missing(onnx, table.named_transformers_["texts"].categories_)
    if exact:
        _exact_trees(onnx, model)
    elif width:
        _centre(onnx, width, centre)
    content: bytes = onnx.SerializeToString()
    return content


def _by_position(table: Any, texts: int) -> tuple[Any, Any]:
    """A copy of the fitted ColumnTransformer that takes places instead of names; and the centre.

    The centre of the numbers, their mean, is taken from the copy's own: numbers are to be sent to
    it less that. None if nothing in it scales them, or something of one's own does.
    """
    table, centre = copy.deepcopy(table), None
    places = {"texts": 0, "numbers": texts}
    parts = []
    for name, part, columns in table.transformers_:
        parts.append((name, part, [places[name] + at for at in range(len(columns))]))
        kinds = [type(step) for _, step in part.steps] if isinstance(part, Pipeline) else []
        if name == "numbers" and kinds == [SimpleImputer, StandardScaler]:
            fill, scale = part[0], part[1]
            centre, scale.mean_ = scale.mean_, np.zeros_like(scale.mean_)
            fill.statistics_ = fill.statistics_ - centre
    table.transformers = table.transformers_ = parts
    del table.feature_names_in_
    return table, centre


def _mark_missing(onnx: ModelProto, categories: list[Any]) -> None:
    """Write the NaN among a column's categories, which is the last, as `MISSING` instead of "nan".

    Which column a node is for, its input tells: of a dozen nodes, number 10 comes before number 2.
    """
    graph, place = onnx.graph, {"texts": 0}
    values = {value.name: value for value in graph.initializer}
    for node in graph.node:
        if len(node.input) == 2 and node.input[0] == "texts":
            place[node.output[0]] = int(numpy_helper.to_array(values[node.input[1]]).item())
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name in ("keys_strings", "cats_strings"):
                known = categories[place[node.input[0]]]
                if known[-1] != known[-1]:  # only NaN is not itself
                    attribute.strings[-1] = MISSING.encode()


def _centre(onnx: ModelProto, width: int, centre: Any) -> None:
    """Let the graph take 64 bits, and subtract the centre before it goes on with 32."""
    graph = onnx.graph
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == "numbers":
                node.input[place] = "numbers_32"
    last, nodes = "numbers", []
    if centre is not None:
        graph.initializer.append(numpy_helper.from_array(np.asarray(centre), "centre"))
        nodes.append(helper.make_node("Sub", ["numbers", "centre"], ["numbers_64"]))
        last = "numbers_64"
    nodes.append(helper.make_node("Cast", [last], ["numbers_32"], to=TensorProto.FLOAT))
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *rest])
    value = helper.make_tensor_value_info("numbers", TensorProto.DOUBLE, [None, width])
    next(i for i in graph.input if i.name == "numbers").CopyFrom(value)


def _exact_trees(onnx: ModelProto, model: Any) -> None:
    """Put the splits and leaves of histogram gradient boosting in with 64 bits."""
    node = next(n for n in onnx.graph.node if n.op_type.startswith("TreeEnsemble"))
    trees = [tree.nodes for step in model._predictors for tree in step]
    nodes = np.concatenate(trees)
    leaf = nodes["is_leaf"].astype(bool)
    weights = "class_weights" if node.op_type == "TreeEnsembleClassifier" else "target_weights"
    base = np.asarray(model._baseline_prediction, dtype=np.float64).ravel()
    _set_doubles(node, "nodes_values", np.where(leaf, 0.0, nodes["num_threshold"]))
    _set_doubles(node, weights, nodes["value"][leaf])
    _set_doubles(node, "base_values", base)
    _set_doubles(node, "nodes_hitrates", None)
    for domain in onnx.opset_import:  # the first that knows doubles; it may be of an older one
        if domain.domain == "ai.onnx.ml":
            domain.version = max(domain.version, OPSET["ai.onnx.ml"])
    for output in onnx.graph.output:  # the answers are of 32 bits, which skl2onnx overlooks
        if output.type.tensor_type.elem_type == TensorProto.DOUBLE:
            output.type.tensor_type.elem_type = TensorProto.FLOAT


def _set_doubles(node: NodeProto, name: str, values: Any) -> None:
    """Replace an attribute of floats by a tensor of doubles; None only removes it."""
    old = [a for a in node.attribute if a.name in (name, f"{name}_as_tensor")]
    for attribute in old:
        node.attribute.remove(attribute)
    if values is not None:
        tensor = numpy_helper.from_array(np.ascontiguousarray(values, dtype=np.float64))
        node.attribute.append(helper.make_attribute(f"{name}_as_tensor", tensor))
