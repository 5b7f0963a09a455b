"""Native names lead to canonical ones, in the unit and words of the glossary, and a mistake in the table is named."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections import Counter
from pathlib import Path

import pytest

from parity.engines import names
from parity.engines.names import canonical, tables
from parity.engines.sheet import engine, engines
from parity.errors import RequestError
from parity.spec.vocabulary import GLOSSARY, Context

CONTEXT = Context(n=40, batch_size=8, epochs=20, momentum=0.5, smaller_class=0.25)

ENTRIES = [(title, found) for title, table in tables().items() for found in table.names.values()]

MODULES = {
    "sklearn": ("sklearn.feature_selection", "sklearn.linear_model", "sklearn.neural_network"),
    "statsmodels": ("statsmodels.api", "statsmodels.genmod.families"),
    "h2o": ("h2o.estimators", "h2o.utils.model_utils"),
}
"Where the functions of a table are found in Python."


def told(id: str, function: str, name: str, value: object, **settings: object) -> tuple:
    found = canonical(engine(id), function, name, value, CONTEXT, settings)
    assert found is not None
    return found.parameter, found.value


@functools.cache
def found_in(title: str, function: str) -> inspect.Signature | None:
    """The signature of a function or method of a framework, None where it has none of that name."""
    first, *rest = function.split(".")
    for module in map(importlib.import_module, MODULES[title]):
        if hasattr(module, first):
            return inspect.signature(functools.reduce(getattr, rest, getattr(module, first)))
    return None


def parts(key: str) -> tuple[str, str]:
    """The function and the parameter of a key that names both, with one dot at most in the function."""
    qualified = names._QUALIFIED.fullmatch(key)
    if qualified:
        return qualified["function"], qualified["name"]
    function, _, name = key.rpartition(".")
    return function, name


@pytest.mark.parametrize("id", engines())
def test_every_engine_has_its_tables(id):
    assert engine(id).names
    assert set(engine(id).names) <= set(tables())


@pytest.mark.parametrize(("title", "found"), ENTRIES, ids=lambda each: getattr(each, "key", each))
def test_every_name_leads_to_a_parameter_and_a_unit_of_the_glossary(title, found):
    known = GLOSSARY[found.parameter]
    assert found.unit == known.unit or found.unit in known.units


@pytest.mark.parametrize("parameter", GLOSSARY)
def test_every_parameter_of_the_glossary_has_a_name_in_some_framework(parameter):
    assert any(found.parameter == parameter for _, found in ENTRIES)


@pytest.mark.parametrize("title", tables())
def test_no_function_has_two_names_for_one_parameter(title):
    keys = [found for found in tables()[title].names.values() if "[" not in found.key]
    # Python's client writes lambda_ where R's writes lambda.
    named = Counter((parts(found.key)[0], found.parameter) for found in keys if not found.key.endswith("lambda_"))
    assert [each for each, count in named.items() if count > 1] == []


@pytest.mark.parametrize(
    ("title", "key"), [(title, found.key) for title, found in ENTRIES if title in MODULES], ids=lambda each: each
)
def test_every_name_in_a_table_of_python_is_an_argument_there(title, key):
    function, name = parts(key)
    if function:
        signature = found_in(title, function)
        assert signature is not None
        # h2o.glm of R says lambda, which is no name in Python.
        assert name in signature.parameters or name == "lambda"
    else:
        functions = {parts(found.key)[0] for found in tables()[title].names.values()} - {""}
        methods = functions | {f"{each}.fit" for each in functions if title == "sklearn"}
        methods |= {"Binomial", "GLM", "Logit"} if title == "statsmodels" else set()
        assert any((s := found_in(title, each)) and name in s.parameters for each in methods)


@pytest.mark.parametrize(
    ("id", "function", "name", "value", "parameter", "expected"),
    [
        ("py-sklearn", "LogisticRegression", "C", 0.5, "penalty.strength", 0.05),
        ("r-liblinear", "LiblineaR::LiblineaR", "cost", 0.5, "penalty.strength", 0.05),
        ("r-h2o", "h2o::h2o.glm", "lambda", [0.05], "penalty.strength", 0.05),
        ("py-h2o", "H2OGeneralizedLinearEstimator", "lambda_", 0.05, "penalty.strength", 0.05),
        ("py-sklearn", "MLPClassifier", "alpha", 0.08, "penalty.l2", 0.01),
        ("py-h2o", "H2ODeepLearningEstimator", "l2", 0.01, "penalty.l2", 0.08),
        ("py-h2o", "H2ODeepLearningEstimator", "rate", 0.02, "learning_rate", 0.01),
        ("py-h2o", "H2ODeepLearningEstimator", "momentum_ramp", 400, "momentum.ramp", 10),
        ("py-keras-jax", "keras.optimizers.RMSprop", "epsilon", 1e-4, "adaptive.epsilon", 0.01),
        ("r-keras3", "keras3::optimizer_rmsprop", "epsilon", 1e-4, "adaptive.epsilon", 0.01),
        ("r-keras3", "keras3::optimizer_adam", "epsilon", 1e-4, "adaptive.epsilon", 1e-4),
        ("r-liblinear", "LiblineaR::LiblineaR", "bias", 2, "penalty.intercept", 0.25),
        ("r-liblinear", "LiblineaR::LiblineaR", "epsilon", 0.01, "tolerance.gradient_fall", 0.0025),
        ("r-stats", "stats::glm.control", "maxit", 25, "iterations", 25),
    ],
)
def test_numbers_come_in_the_unit_of_the_glossary(id, function, name, value, parameter, expected):
    assert told(id, function, name, value, adaptive_rate=False) == (parameter, pytest.approx(expected))


@pytest.mark.parametrize(
    ("id", "function", "name", "value", "expected"),
    [
        ("py-h2o", "H2ODeepLearningEstimator", "activation", "Tanh", "tanh"),
        ("r-h2o", "h2o::h2o.deeplearning", "activation", "RectifierWithDropout", "relu"),
        ("py-h2o", "H2ODeepLearningEstimator", "loss", "CrossEntropy", "cross-entropy"),
        ("py-keras-torch", "compile", "loss", "binary_crossentropy", "cross-entropy"),
        ("py-keras-torch", "Dense", "kernel_initializer", "GlorotUniform", "glorot-uniform"),
        ("r-keras3", "keras3::layer_dense", "kernel_initializer", "glorot_uniform", "glorot-uniform"),
        ("py-h2o", "H2ODeepLearningEstimator", "missing_values_handling", "MeanImputation", "mean"),
        ("py-h2o", "H2ODeepLearningEstimator", "missing_values_handling", "mean_imputation", "mean"),
        ("py-h2o", "H2ODeepLearningEstimator", "train_samples_per_iteration", -2.0, "auto"),
        ("py-h2o", "H2ODeepLearningEstimator", "max_w2", 3.4028234663852886e38, "none"),
        ("py-h2o", "H2ODeepLearningEstimator", "hidden", (160, 160), [160, 160]),
        ("py-h2o", "H2ODeepLearningEstimator", "hidden", [160], 160),
        ("py-sklearn", "MLPClassifier", "batch_size", "auto", "auto"),
        ("py-sklearn", "LogisticRegression", "C", None, None),
        ("py-sklearn", "LogisticRegression", "class_weight", None, "equal"),
        ("r-stats", "genefilter::colFtests", "var.equal", True, "equal"),
        ("r-stats", "base::rank", "ties.method", "average", "average"),
        ("r-stats", "stats::glm", "family", "binomial", "cross-entropy"),
        ("py-statsmodels", "GLM", "family", "Binomial", "cross-entropy"),
    ],
)
def test_words_come_as_the_glossary_writes_them(id, function, name, value, expected):
    assert told(id, function, name, value)[1] == expected


def test_h2os_nesterov_is_a_heavy_ball_and_keras_is_not():
    ours = told("py-h2o", "H2ODeepLearningEstimator", "nesterov_accelerated_gradient", True, adaptive_rate=False)
    assert ours == told("py-keras-jax", "SGD", "nesterov", False) == ("nesterov", "heavy-ball")
    assert told("py-keras-jax", "SGD", "nesterov", True) == ("nesterov", "nesterov")


def test_what_scikit_learns_tol_means_depends_on_the_solver():
    for solver, parameter in (("lbfgs", "tolerance.gradient"), ("liblinear", "tolerance.gradient_fall")):
        assert told("py-sklearn", "LogisticRegression", "tol", 1e-4, solver=solver)[0] == parameter
    assert told("py-sklearn", "MLPClassifier", "tol", 1e-4, solver="adam")[0] == "stopping.tolerance"
    assert told("py-sklearn", "MLPClassifier", "tol", 1e-4, solver="lbfgs")[0] == "tolerance.gradient"


def test_the_output_layer_has_names_of_its_own():
    assert told("py-keras-jax", "Dense", "units", 128)[0] == "hidden"
    assert told("py-keras-jax", "Dense", "units", 1, layer="output") == ("output.units", 1)
    assert told("py-keras-jax", "Dense", "activation", "sigmoid", layer="output")[0] == "activation.output"


def test_an_r_function_is_not_taken_for_another_that_ends_like_it():
    assert canonical(engine("r-stats"), "stats::predict.lm", "na.action", "na.pass", CONTEXT) is None


def test_a_value_that_the_context_cannot_convert_keeps_its_own_unit():
    found = canonical(engine("py-statsmodels"), "GLM.fit", "tol", 1e-8, CONTEXT)
    assert found is not None
    assert (found.value, found.unit, found.native_unit) == (1e-8, "absolute change", "absolute change")
    found = canonical(engine("py-statsmodels"), "GLM.fit", "tol", 1e-8, Context(deviance=0.0))
    assert found is not None
    assert (found.value, found.unit) == (pytest.approx(1e-7), "relative change")


def test_a_parameter_without_a_counterpart_has_no_canonical_name():
    assert canonical(engine("py-sklearn"), "LogisticRegression", "verbose", 0, CONTEXT) is None
    assert canonical(engine("r-h2o"), "h2o::h2o.glm", "model_id", None, CONTEXT) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[sklearn]\n"LogisticRegression.C" = "penalty.strenth"', "unknown canonical parameter 'penalty.strenth'"),
        ('[sklearn]\nC = "penalty.strength in C on the sumed loss"', "unknown unit 'C on the sumed loss'"),
        ('[sklearn]\nC = { canonical = "penalty.strength", unt = "x" }', "unknown key 'unt'"),
        ("[sklearn]\nC = 3", "'C' in [sklearn] of {path} is 3; write"),
        ("[sklearn", "the table of names {path} cannot be read"),
    ],
)
def test_a_mistake_in_the_table_is_named_with_file_table_and_key(tmp_path, text, said):
    path: Path = tmp_path / "names.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RequestError) as refused:
        names.read(path)
    message = str(refused.value)
    assert said.format(path=path) in message
    assert str(path) in message
    assert "\n" not in message
    if "unknown" in said:
        assert "did you mean" in message
        assert "[sklearn]" in message
