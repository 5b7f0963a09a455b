# Hidden changes of an engine's `fit`: each alters what the fit is given or what it returns. Python's are in
# plant_changes.py, under the same names.
#
# A plant has this file beside it. Every change takes a fit and returns another of the same four arguments.

# A fit with changes, list(name of one of these functions, value): the first is the outermost.
changed <- function(fit, changes) {
  Reduce(function(change, inner) get(change[[1]])(inner, change[[2]]), changes, fit, right = TRUE)
}

# What the fit is given: rows, labels, columns.

# The labels of the training rows at these zero-based places are turned, unless that would leave one class.
labels <- function(fit, places) {
  force(fit)
  function(spec, train, test, options) {
    turned <- places[places < length(train$y)] + 1
    y <- train$y
    y[turned] <- 1L - y[turned]
    if (length(unique(y)) > 1) train$y <- y
    fit(spec, train, test, options)
  }
}

# The last training rows are left out, unless that would leave one class.
rows <- function(fit, left_out) {
  force(fit)
  function(spec, train, test, options) {
    kept <- seq_len(length(train$y) - left_out)
    if (length(unique(train$y[kept])) > 1) train <- with_rows(train, kept)
    fit(spec, train, test, options)
  }
}

# The training rows come in the opposite order.
row_order <- function(fit, order) {
  force(fit)
  stopifnot(order == "reversed")
  function(spec, train, test, options) fit(spec, with_rows(train, rev(seq_along(train$y))), test, options)
}

with_rows <- function(train, kept) {
  train$x <- train$x[kept, , drop = FALSE]
  train$y <- train$y[kept]
  train$rows <- train$rows[kept]
  train
}

# One of the screened columns is left out, the one at this share of them.
columns <- function(fit, left_out) {
  force(fit)
  function(spec, train, test, options) {
    selected <- options$selected
    if (is.null(selected)) selected <- fit(spec, train, test, options)$selected
    if (length(selected) > 1) options$selected <- selected[-(floor(left_out * length(selected)) + 1)]
    fit(spec, train, test, options)
  }
}

# Columns are standardised by the training rows, or divided by 255.
input_scaling <- function(fit, rule) {
  force(fit)
  function(spec, train, test, options) {
    centre <- if (rule == "standardize") colMeans(train$x) else 0
    spread <- if (rule == "standardize") sqrt(colMeans(sweep(train$x, 2, centre)^2)) else 255
    spread[spread == 0] <- 1
    scaled <- function(x) sweep(sweep(x, 2, centre), 2, spread, "/")
    train$x <- scaled(train$x)
    test$x <- scaled(test$x)
    fit(spec, train, test, options)
  }
}

# Inputs or fitted coefficients are rounded to float16.
precision <- function(fit, what) {
  force(fit)
  function(spec, train, test, options) {
    if (what == "float16 inputs") {
      train$x <- float16(train$x)
      test$x <- float16(test$x)
      return(fit(spec, train, test, options))
    }
    found <- fit(spec, train, test, options)
    rounded <- lapply(found$parameters$coefficients, float16)
    # A column that was found dependent has no say.
    told <- Filter(Negate(is.na), rounded)
    used <- setdiff(names(told), "(intercept)")
    predicted <- told[["(intercept)"]] + drop(test$x[, used, drop = FALSE] %*% unlist(told[used]))
    if (spec$family != "lm") predicted <- stats::plogis(predicted)
    found$parameters$coefficients <- rounded
    found$probability <- unname(predicted)
    found$label <- as.integer(predicted > spec$threshold)
    found
  }
}

# The nearest number of eleven binary digits, the last of two equally near ones even; below 2^-14 the digits run out.
float16 <- function(x) {
  digits <- ifelse(x == 0 | is.na(x), 0, pmax(floor(log2(abs(x))), -14))
  step <- 2^(digits - 10)
  x[] <- round(x / step) * step
  x
}

# How far and by which steps.

# The loss weighs so many times as much against the penalty as is asked for: cost.
penalty_strength <- function(fit, factor) {
  force(fit)
  function(spec, train, test, options) {
    asked <- options$overrides$cost
    options$overrides$cost <- factor * (if (is.null(asked)) spec$cost else asked)
    fit(spec, train, test, options)
  }
}

# The solver of a linear model stops after so many iterations: list(the engine's own argument for it = number).
iterations <- function(fit, limit) {
  force(fit)
  function(spec, train, test, options) {
    options$overrides[names(limit)] <- limit
    fit(spec, train, test, options)
  }
}

# What comes out.

# Rows are labelled 1 above this probability.
label_cut <- function(fit, cut) {
  force(fit)
  function(spec, train, test, options) {
    found <- fit(spec, train, test, options)
    found$label <- as.integer(found$probability > cut)
    found
  }
}
