# L2-penalised logistic regression by LIBLINEAR, through the R package LiblineaR, on columns screened by colFtests.

# contract.R lies beside this file, whether source() or sys.source() reads it and from whichever directory.
source(Find(file.exists, file.path(c(unlist(lapply(rev(sys.frames()), function(frame) {
  dirname(as.character(c(frame$ofile, if (is.character(frame$file)) frame$file)))
})), "."), "contract.R")), local = TRUE)

defaults <- function(spec, train, options) {
  arguments <- arguments_liblinear(spec, options)
  selected <- screen(spec, train, options)
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
  list(
    calls = list(
      native_call("genefilter::colFtests", x = "x_train", fac = "factor(y_train)"),
      native_call_with("LiblineaR::LiblineaR", arguments)
    ),
    code = paste(c(
      screen_code(spec),
      if (!is.null(seed_of(options))) sprintf("set.seed(%d)", as.integer(seed_of(options))),
      paste("model <-", call_code(
        "LiblineaR::LiblineaR", arguments,
        first = c("x_train[, selected, drop = FALSE]", "y_train")
      )),
      "predicted <- predict(model, x_test[, selected, drop = FALSE], proba = TRUE)",
      'probability <- predicted$probabilities[, "1"]',
      if (own_cut(spec)) {
        "label <- as.integer(as.character(predicted$predictions))"
      } else {
        sprintf("label <- as.integer(probability > %s)", format(spec$threshold))
      }
    ), collapse = "\n"),
    not_expressible = screen_gaps(spec, options),
    added = list()
  )
}

fit <- function(spec, train, test, options) {
  recorded({
    refuse(options, c("initial_weights", "row_order", "trace", "untrained"), "LiblineaR")
    fit_liblinear(spec, train, test, options)
  })
}

fit_liblinear <- function(spec, train, test, options) {
  selected <- screen(spec, train, options)
  if (length(selected) == 0) {
    stop("LiblineaR needs a column, and ties left the screen without one", call. = FALSE)
  }
  arguments <- arguments_liblinear(spec, options)
  model <- train_liblinear(train, selected, arguments, options)
  predicted <- predict_liblinear(model, test, selected)
  score <- if (is_logistic(model)) predicted$probabilities else predicted$decisionValues
  answer(
    score[, "1"], if (own_cut(spec)) as.character(predicted$predictions) else score[, "1"] > spec$threshold,
    parameters = list(coefficients = coefficients_of(model, selected)),
    # The fitted object keeps neither cost nor epsilon; these two are what the call gave or the signature declares.
    effective = list(
      type = model$Type, bias = model$Bias,
      cost = option(arguments, "cost", formals(LiblineaR::LiblineaR)$cost), epsilon = arguments$epsilon
    ),
    selected = selected
  )
}

arguments_liblinear <- function(spec, options) {
  arguments <- if (is.null(option(spec, "cost"))) list() else list(cost = option(spec, "cost"))
  overridden(arguments, options, known_liblinear())
}

# Names that an override can set.
known_liblinear <- function() setdiff(names(formals(LiblineaR::LiblineaR)), c("data", "target", "..."))

train_liblinear <- function(train, selected, arguments, options) {
  # The dual solvers (type 1, 3, 7) visit the rows in an order drawn from R's generator.
  if (!is.null(seed_of(options))) set.seed(seed_of(options))
  do.call(LiblineaR::LiblineaR, c(list(data = train$x[, selected, drop = FALSE], target = train$y), arguments))
}

predict_liblinear <- function(model, rows, selected) {
  logistic <- is_logistic(model)
  stats::predict(model, rows$x[, selected, drop = FALSE], proba = logistic, decisionValues = !logistic)
}

# Only logistic regression has probabilities; an override may have chosen a support vector machine.
is_logistic <- function(model) model$Type %in% c(0, 6, 7)

# predict labels a row by the sign of its decision value, which is a cut of the probability at 0.5.
own_cut <- function(spec) option(spec, "threshold", 0.5) == 0.5

# LIBLINEAR writes the decision value of the class that it met first in training, so the signs of W follow the order
# of the rows; class 1's are wanted. Its intercept is a weight on a constant column of value Bias.
coefficients_of <- function(model, selected) {
  w <- model$W[1, ] * if (as.character(model$ClassNames[1]) == "1") 1 else -1
  intercept <- if (model$Bias > 0) w[["Bias"]] * model$Bias else 0
  as.list(stats::setNames(c(intercept, w[seq_along(selected)]), c("(intercept)", selected)))
}
