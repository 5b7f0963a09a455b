"""The family "linear" in scikit-learn: LinearRegression, Ridge, ElasticNet or LogisticRegression."""

from __future__ import annotations

import warnings
from typing import Any

from parity.engines.contract import Plain, answer, beside, call

said, framework = beside(__file__, "sklearn_linear_arguments"), beside(__file__, "sklearn_defaults")
# A module loaded twice would have two classes named Code.
native = said.native


def defaults(spec: Plain, train: Plain, options: Plain) -> list[Plain]:
    """Rows of the estimator and of what is called of it; raises ValueError where `fit` does."""
    native.refuse_gaps(said.gaps(spec, options), "scikit-learn")
    with warnings.catch_warnings(record=True):  # warnings belong to the fit that is asked for
        model, asked, _ = fitted(spec, train, train, options)
    names = ["fit", "predict_proba" if spec["loss"] == "logistic" else "predict"]
    calls = {f"{type(model).__name__}.{name}": (getattr(model, name), {}) for name in names}
    return list(framework.rows_of(model, calls, native.declared, asked=asked, override=model.get_params()))


def translate(spec: Plain, options: Plain) -> Plain:
    """The native call, as data and as code that starts from arrays x_train, y_train and x_test."""
    name, _ = said.chosen(spec, options)
    given = said.arguments(spec, options)
    code = [
        "import numpy as np",
        f"from sklearn.linear_model import {name}\n",
        *native.columns_comment(options),
        *said.before(spec, options),
        f"model = {native.call_code(name, given)}.fit(x_train, y_train)",
        f"probability = model.{'predict_proba(x_test)[:, 1]' if spec['loss'] == 'logistic' else 'predict(x_test)'}",
        f"label = (probability > {spec['threshold']}).astype(int)",
    ]
    return {
        "calls": [call(name, **native.printable(given))],
        "code": "\n".join(code),
        "not_expressible": said.gaps(spec, options),
        "added": said.added(spec, options),
    }


def fit(spec: Plain, train: Plain, test: Plain, options: Plain) -> Plain:
    """One fit. x: (n, p); probability and label: (n_test,). Raises ValueError for what cannot be expressed."""
    native.refuse_gaps(said.gaps(spec, options), "scikit-learn")
    model, _, x_test = fitted(spec, train, test, options)
    logistic = spec["loss"] == "logistic"
    probability = model.predict_proba(x_test)[:, 1] if logistic else model.predict(x_test)
    steps = steps_of(model)
    limit = getattr(model, "max_iter", None)
    selected = native.columns(train, options)
    return answer(
        probability=probability,
        label=(probability > spec["threshold"]).astype(int),
        parameters={"coefficients": coefficients_of(model, spec, selected)},
        effective={**model.get_params(), "n_iter_": steps},
        iterations=steps,
        converged=None if steps is None or limit is None else steps < limit,
        selected=selected,
    )


def fitted(spec: Plain, train: Plain, test: Plain, options: Plain) -> tuple[Any, Plain, Any]:
    """The fitted estimator, the arguments that it was given, and the test columns that it predicts from."""
    import numpy as np

    names = native.columns(train, options)
    x, x_test = native.values(train, names), native.values(test, names)
    known = {"np": np, "x_train": x, "y_train": train["y"], "x_test": x_test}
    exec("\n".join(said.before(spec, options)), known)
    given = native.evaluated(said.arguments(spec, options), known)
    model = said.estimator(said.chosen(spec, options)[0])(**given).fit(known["x_train"], train["y"])
    return model, given, known["x_test"]


def steps_of(model: Any) -> int | None:
    """Iterations of the solver; None for a direct one."""
    import numpy as np

    steps = getattr(model, "n_iter_", None)
    return None if steps is None else int(np.max(steps))


def coefficients_of(model: Any, spec: Plain, selected: list[str]) -> Plain:
    """Coefficients by name; a constant column appended to the others has the intercept as its coefficient."""
    import numpy as np

    values = np.ravel(model.coef_)
    # LIBLINEAR without an intercept keeps a number in place of an array.
    intercept = values[-1] if len(values) > len(selected) else np.ravel(model.intercept_)[0]
    names = ["(intercept)", *selected]
    return dict(zip(names, map(float, [intercept, *values[: len(selected)]]), strict=True))
