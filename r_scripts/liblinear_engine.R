# LIBLINEAR through the R package LiblineaR: a Leekasso's penalised logistic regression, and what it can of a Linear.

# contract.R lies beside this file, whether source() or sys.source() reads it and from whichever directory.
source(Find(file.exists, file.path(c(unlist(lapply(rev(sys.frames()), function(frame) {
  dirname(as.character(c(frame$ofile, if (is.character(frame$file)) frame$file)))
})), "."), "contract.R")), local = TRUE)
source(beside("liblinear_linear.R"), local = TRUE)

defaults <- function(spec, train, options) {
  selected <- screen(spec, train, options)
  arguments <- computed(arguments_liblinear(spec, options), train, selected)
  # Ties may leave the screen without a column, and without a model nothing tells.
  model <- if (length(selected)) train_liblinear(train, selected, arguments, options)
  told <- list()
  flags <- list()
  # Cross-validation and the search for a cost return a number, which keeps nothing of the call.
  if (inherits(model, "LiblineaR")) {
    told <- list(type = model$Type, bias = model$Bias)
    returned <- names(predict_liblinear(model, train, selected))
    flags <- list(proba = "probabilities" %in% returned, decisionValues = "decisionValues" %in% returned)
  }
  c(
    screen_rows(spec, options),
    declared(
      "LiblineaR::LiblineaR", LiblineaR::LiblineaR,
      c(list(data = "x_train[, selected, drop = FALSE]", target = "y_train"), arguments), told,
      "Type and Bias of the fitted model",
      override = known_liblinear()
    ),
    declared(
      "LiblineaR:::predict.LiblineaR", utils::getS3method("predict", "LiblineaR", envir = asNamespace("LiblineaR")),
      c(list(object = "model", newx = "x_test[, selected, drop = FALSE]"), flags), flags,
      "the names of what predict returned"
    )
  )
}

translate <- function(spec, options) {
  arguments <- arguments_liblinear(spec, options)
  regression <- least_squares(spec)
  scored <- if (regression) "" else ", proba = TRUE"
  list(
    calls = c(screen_calls(spec, options), list(native_call_with("LiblineaR::LiblineaR", arguments))),
    code = paste(c(
      screen_code(spec, options),
      if (!is.null(seed_of(options))) sprintf("set.seed(%d)", as.integer(seed_of(options))),
      paste("model <-", call_code(
        "LiblineaR::LiblineaR", arguments,
        first = c("x_train[, selected, drop = FALSE]", "y_train")
      )),
      sprintf("predicted <- predict(model, x_test[, selected, drop = FALSE]%s)", scored),
      if (regression) "probability <- predicted$predictions" else 'probability <- predicted$probabilities[, "1"]',
      if (own_cut(spec)) {
        "label <- as.integer(as.character(predicted$predictions))"
      } else {
        sprintf("label <- as.integer(probability > %s)", format(spec$threshold))
      }
    ), collapse = "\n"),
    not_expressible = c(screen_gaps(spec, options), linear_gaps(spec, options)),
    added = linear_notes(spec, options)
  )
}

fit <- function(spec, train, test, options) {
  recorded({
    refuse(options, c("initial_weights", "row_order", "trace", "untrained"), "LiblineaR")
    refuse_gaps(linear_gaps(spec, options))
    fit_liblinear(spec, train, test, options)
  })
}

fit_liblinear <- function(spec, train, test, options) {
  chosen <- screened(spec, train, options)
  selected <- chosen$selected
  if (length(selected) == 0) {
    stop("LiblineaR needs a column, and ties left the screen without one", call. = FALSE)
  }
  arguments <- computed(arguments_liblinear(spec, options), train, selected)
  model <- train_liblinear(train, selected, arguments, options)
  predicted <- predict_liblinear(model, test, selected)
  score <- score_of(model, predicted)
  answer(
    score, if (own_cut(spec)) as.character(predicted$predictions) else score > spec$threshold,
    parameters = list(coefficients = coefficients_of(model, selected)),
    # The fitted object keeps neither cost nor epsilon; these two are what the call gave or the signature declares.
    effective = list(
      type = model$Type, bias = model$Bias,
      cost = option(arguments, "cost", formals(LiblineaR::LiblineaR)$cost), epsilon = arguments$epsilon
    ),
    selected = selected, scores = chosen$scores
  )
}

arguments_liblinear <- function(spec, options) {
  arguments <- if (is_linear(spec)) arguments_linear(spec, options) else list(cost = option(spec, "cost"))
  arguments <- overridden(Filter(Negate(is.null), arguments), options, known_liblinear())
  # Where bias is 0 predict multiplies it by a weight past the end of W (load_model in linear.cpp has one where bias is
  # not negative): NaN, if that memory is not finite. A negative bias trains the same and is predicted without it.
  if (option(arguments, "bias", 1) <= 0) arguments$bias <- -1
  arguments
}

# Names that an override can set.
known_liblinear <- function() setdiff(names(formals(LiblineaR::LiblineaR)), c("data", "target", "..."))

train_liblinear <- function(train, selected, arguments, options) {
  # The dual solvers (type 1, 3, 7) visit the rows in an order drawn from R's generator; the lasso's (5, 6) the columns.
  if (!is.null(seed_of(options))) set.seed(seed_of(options))
  do.call(LiblineaR::LiblineaR, c(list(data = train$x[, selected, drop = FALSE], target = train$y), arguments))
}

predict_liblinear <- function(model, rows, selected) {
  logistic <- is_logistic(model)
  machine <- !logistic && !is_regression(model)
  stats::predict(model, rows$x[, selected, drop = FALSE], proba = logistic, decisionValues = machine)
}

# Of class 1: its probability or decision value, or the fitted value of a regression.
score_of <- function(model, predicted) {
  if (is_logistic(model)) {
    predicted$probabilities[, "1"]
  } else if (is_regression(model)) {
    predicted$predictions
  } else {
    predicted$decisionValues[, "1"]
  }
}

# Only logistic regression has probabilities; an override may have chosen a support vector machine.
is_logistic <- function(model) model$Type %in% c(0, 6, 7)

is_regression <- function(model) model$Type >= 11

# predict labels a row by the sign of its decision value, which is a cut of the probability at 0.5.
own_cut <- function(spec) option(spec, "threshold", 0.5) == 0.5 && !least_squares(spec)

# LIBLINEAR writes the decision value of the class that it met first in training, so the signs of W follow the order
# of the rows; class 1's are wanted. Its intercept is a weight on a constant column of value Bias.
coefficients_of <- function(model, selected) {
  w <- model$W[1, ] * if (is_regression(model) || as.character(model$ClassNames[1]) == "1") 1 else -1
  intercept <- if (model$Bias > 0) w[["Bias"]] * model$Bias else 0
  named_coefficients(intercept, unname(w[seq_along(selected)]), selected)
}
