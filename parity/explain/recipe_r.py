"""The parts of a recipe in R around an engine's own code; recipe_python.py has the same functions for Python."""

from __future__ import annotations

from collections.abc import Sequence

from parity.explain.recipe_text import listed, quoted

Lines = list[str]

SUFFIX = ".R"
INDENT = "  "
FENCES = ("c(", ")")
"Around the elements of a vector."


def imports(named: bool, backend: str | None, server: bool) -> Lines:
    """Packages are named where they are called; named, server: as in recipe_python.py. backend: Keras'."""
    if backend is None:
        return []
    return [f'Sys.setenv(KERAS_BACKEND = "{backend}")  # before keras3 starts Python: that of RETICULATE_PYTHON']


def rows(named: bool) -> Lines:
    """The rows of the draw and those that are scored on, from the current folder."""
    return [
        'x_train <- as.matrix(read.csv("x_train.csv", check.names = FALSE, colClasses = "numeric"))',
        'x_test <- as.matrix(read.csv("x_test.csv", check.names = FALSE, colClasses = "numeric"))',
        'y_train <- scan("y_train.csv", integer(), skip = 1, quiet = TRUE)',
        'y_test <- scan("y_test.csv", integer(), skip = 1, quiet = TRUE)',
    ]


def initial_weights(end: str, layers: int) -> Lines:
    """(in, out) and (out,) arrays, of each layer one file."""
    return [
        "initial_weights <- list(",
        f"  weights = lapply(1:{layers}, function(i) {{",
        f'    unname(as.matrix(read.csv(sprintf("{end}_weights_%d.csv", i), header = FALSE)))',
        "  }),",
        f'  biases = lapply(1:{layers}, function(i) scan(sprintf("{end}_biases_%d.csv", i), quiet = TRUE))',
        ")",
    ]


def row_order(end: str) -> Lines:
    """Zero-based places, of each epoch one line."""
    return [f'row_order <- lapply(strsplit(readLines("{end}_row_order.csv"), ","), as.integer)']


def flipped(places: Sequence[int]) -> Lines:
    """These rows have the other label."""
    return [*listed("places <- ", counted(places), FENCES, INDENT), "y_train[places] <- 1L - y_train[places]"]


def masked(end: str) -> Lines:
    """Training inputs multiplied number by number."""
    return [f'x_train <- x_train * unname(as.matrix(read.csv("{end}_mask.csv", header = FALSE)))']


def blanked(names: Sequence[str]) -> Lines:
    """Columns that are 0."""
    return [*listed("blank <- ", map(quoted, names), FENCES, INDENT), "x_train[, blank] <- 0", "x_test[, blank] <- 0"]


def given_rows(places: Sequence[int]) -> Lines:
    """These rows in this order."""
    return [
        *listed("rows <- ", counted(places), FENCES, INDENT),
        "x_train <- x_train[rows, , drop = FALSE]",
        "y_train <- y_train[rows]",
    ]


def varying_columns(named: bool) -> Lines:
    """Those columns that are not one value in all training rows."""
    return _kept(["kept <- apply(x_train, 2, function(column) any(column != column[1]))"])


def columns_but(names: Sequence[str]) -> Lines:
    """All columns but these, as they stand."""
    return [
        *listed("left_out <- ", map(quoted, names), FENCES, INDENT),
        *columns_of("setdiff(colnames(x_train), left_out)"),
    ]


def columns_of(names: Sequence[str] | str) -> Lines:
    """These columns in this order, or those that code gives."""
    return _kept(
        [f"kept <- {names}"] if isinstance(names, str) else listed("kept <- ", map(quoted, names), FENCES, INDENT)
    )


def _kept(chosen: Lines) -> Lines:
    return [*chosen, "x_train <- x_train[, kept, drop = FALSE]", "x_test <- x_test[, kept, drop = FALSE]"]


def transformed(kind: str) -> Lines:
    """Something else of every input."""
    told = {
        "square-root": "sqrt({x})",
        "logarithm": "log1p({x})",
        "square": "{x}^2",
        "above-0": "1 * ({x} > 0)",
        "above-127": "1 * ({x} > 127)",
    }
    return [f"{x} <- {told[kind].format(x=x)}" for x in ("x_train", "x_test")]


def multiplied(factor: float) -> Lines:
    """All inputs by one number."""
    return [f"x_train <- x_train * {factor!r}", f"x_test <- x_test * {factor!r}"]


def rounded(kind: str) -> Lines:
    """Inputs in a shorter format, of which R has none: what they would be in it."""
    if kind == "float32":
        body = ['  x[] <- readBin(writeBin(as.vector(x), raw(), size = 4), "double", length(x), size = 4)', "  x"]
    else:
        body = [
            "  # 11 bits from the first on; below 2^-14 the last of them stands for 2^-24.",
            "  last <- 2^(pmax(floor(log2(abs(x))), -14) - 10)",
            "  ifelse(abs(x) < 65520, round(x / last) * last, sign(x) * Inf)",
        ]
    return [f"{kind} <- function(x) {{", *body, "}", f"x_train <- {kind}(x_train)", f"x_test <- {kind}(x_test)"]


def scaled(kind: str) -> Lines:
    """Both sets of rows, by what the training rows tell."""
    if kind == "divide-by-255":
        return ["x_train <- x_train / 255", "x_test <- x_test / 255"]
    least = "apply(x_train, 2, min)" if kind == "unit-range" else "colMeans(x_train)"
    moved = [f"least <- {least}", "x_train <- sweep(x_train, 2, least)", "x_test <- sweep(x_test, 2, least)"]
    if kind == "centre":
        return moved
    told = {
        "standardize": "sqrt(colMeans(x_train^2))",
        "standardize-n-1": "sqrt(colSums(x_train^2) / (nrow(x_train) - 1))",
        "unit-range": "apply(x_train, 2, max)",
    }
    return [
        *moved,
        f"spread <- {told[kind]}",
        "spread[spread == 0] <- 1  # a constant column keeps its scale",
        "x_train <- sweep(x_train, 2, spread, `/`)",
        "x_test <- sweep(x_test, 2, spread, `/`)",
    ]


def scaled_by_itself(kind: str) -> Lines:
    """Each set of rows by what it tells itself."""
    least = "apply(x, 2, min)" if kind == "unit-range" else "colMeans(x)"
    spread = {
        "standardize": "sqrt(colMeans(x^2))",
        "standardize-n-1": "sqrt(colSums(x^2) / (nrow(x) - 1))",
        "unit-range": "apply(x, 2, max)",
    }.get(kind)
    divided = [
        f"{INDENT}spread <- {spread}",
        f"{INDENT}spread[spread == 0] <- 1  # a constant column keeps its scale",
        f"{INDENT}sweep(x, 2, spread, `/`)",
    ]
    return [
        "by_itself <- function(x) {",
        f"{INDENT}x <- sweep(x, 2, {least})",
        *(divided if spread else [f"{INDENT}x"]),
        "}",
        "x_train <- by_itself(x_train)",
        "x_test <- by_itself(x_test)",
    ]


def alone(sets: str, lines: Lines) -> Lines:
    """What is done to the training or the test rows alone leaves the others as they were."""
    other = {"train": "x_test", "test": "x_train"}[sets]
    return [f"as_it_was <- {other}", *lines, f"{other} <- as_it_was"]


def rescaled(factors: Sequence[tuple[str, float]]) -> Lines:
    """Columns by name, each with what it is multiplied by."""
    return [
        *listed("factors <- ", [f"{quoted(name)} = {times!r}" for name, times in factors], FENCES, INDENT),
        "times <- ifelse(colnames(x_train) %in% names(factors), factors[colnames(x_train)], 1)",
        "x_train <- sweep(x_train, 2, times, `*`)",
        "x_test <- sweep(x_test, 2, times, `*`)",
    ]


def given_as(kind: str) -> Lines:
    """Inputs in a shorter type, of which R has none."""
    return rounded(kind)


def selected(names: Sequence[str]) -> Lines:
    """Nothing: the engine's own code names the columns that a model is to have in place of a screen's."""
    return []


def server_started() -> Lines:
    """A server of H2O's that nothing beyond this machine reaches, and that is no other session's."""
    return [
        "port <- 2 * sample(20000:30000, 1)  # h2o.init takes whatever server it finds at a port",
        'h2o::h2o.init(ip = "127.0.0.1", port = port, bind_to_localhost = TRUE)',
        "h2o::h2o.no_progress()",
    ]


def server_ended() -> Lines:
    """Its end."""
    return ["h2o::h2o.shutdown(prompt = FALSE)"]


def with_training_rows() -> Lines:
    """The training rows behind those that are predicted."""
    return ["n_test <- nrow(x_test)", "x_test <- rbind(x_test, x_train)"]


def cut_at(threshold: float) -> Lines:
    """Labels by a cut."""
    return [f"label <- as.integer(probability > {threshold!r})"]


def cut_where_f1_is_largest() -> Lines:
    """Labels by the cut of the training rows; they stand last, and of several cuts the highest counts."""
    return [
        "on_train <- probability[-seq_len(n_test)]",
        "probability <- probability[seq_len(n_test)]",
        "cuts <- sort(unique(on_train), decreasing = TRUE)",
        "ones <- y_train == 1",
        "f1 <- vapply(cuts, function(cut) 2 * sum(ones & on_train >= cut) / (sum(on_train >= cut) + sum(ones)), 0)",
        "label <- as.integer(probability >= cuts[which.max(f1)])",
    ]


def accuracy() -> Lines:
    """The share of right labels, on the last line that is printed."""
    return ["accuracy <- mean(label == y_test)", 'cat(sprintf("%.6f\\n", accuracy))']


def counted(places: Sequence[int]) -> list[int]:
    """Places as R counts them."""
    return [place + 1 for place in places]
