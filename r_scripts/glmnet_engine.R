# glmnet: penalised least squares and logistic regression by coordinate descent. It fits a Linear alone.

# contract.R lies beside this file, whether source() or sys.source() reads it and from whichever directory.
source(Find(file.exists, file.path(c(unlist(lapply(rev(sys.frames()), function(frame) {
  dirname(as.character(c(frame$ofile, if (is.character(frame$file)) frame$file)))
})), "."), "contract.R")), local = TRUE)

defaults <- function(spec, train, options) {
  selected <- screen(spec, train, options)
  arguments <- computed(arguments_glmnet(spec, options), train, selected)
  # Without two columns there is no model, and without one nothing tells.
  model <- if (length(glmnet_gaps(spec, options, length(selected))) == 0) train_glmnet(train, selected, arguments)
  method <- if (least_squares(spec)) "elnet" else "lognet"
  predict_glmnet <- utils::getS3method("predict", method, envir = asNamespace("glmnet"))
  c(
    declared(
      "glmnet::glmnet", glmnet::glmnet, c(list(x = "x_train[, selected, drop = FALSE]", y = "y_train"), arguments),
      if (!is.null(model)) list(lambda = model$lambda), "the fitted model",
      override = known_glmnet()
    ),
    declared("glmnet::glmnet.control", glmnet::glmnet.control,
      effective = glmnet::glmnet.control(), read = "glmnet.control(), which these settings of the session answer"
    ),
    declared(
      paste0("glmnet:::predict.", method), predict_glmnet,
      list(object = "model", newx = "x_test[, selected, drop = FALSE]", type = "response")
    )
  )
}

translate <- function(spec, options) {
  arguments <- arguments_glmnet(spec, options)
  chosen <- option(options, "selected")
  list(
    calls = list(native_call_with("glmnet::glmnet", arguments)),
    code = paste(c(
      screen_code(spec, options),
      paste("model <-", call_code(
        "glmnet::glmnet", arguments,
        first = c("x_train[, selected, drop = FALSE]", "y_train")
      )),
      'probability <- predict(model, x_test[, selected, drop = FALSE], type = "response")[, 1]',
      sprintf("label <- as.integer(probability > %s)", format(spec$threshold))
    ), collapse = "\n"),
    not_expressible = glmnet_gaps(spec, options, if (!is.null(chosen)) length(chosen)),
    added = list(added("maxit", patience, "passes over the columns; the model is empty where they run out"))
  )
}

fit <- function(spec, train, test, options) {
  recorded({
    refuse(options, c("initial_weights", "row_order", "trace", "untrained"), "glmnet")
    selected <- screen(spec, train, options)
    refuse_gaps(glmnet_gaps(spec, options, length(selected)))
    fit_glmnet(spec, train, test, options, selected)
  })
}

fit_glmnet <- function(spec, train, test, options, selected) {
  arguments <- computed(arguments_glmnet(spec, options), train, selected)
  model <- train_glmnet(train, selected, arguments)
  # What it returns then is the empty model of an infinite lambda, all zeros.
  if (model$jerr != 0) {
    stop(
      "glmnet did not reach thresh = ", format(arguments$thresh), " in ", format(arguments$maxit),
      " passes over the columns, and returned an empty model",
      call. = FALSE
    )
  }
  probability <- stats::predict(model, test$x[, selected, drop = FALSE], type = "response")[, 1]
  answer(
    probability, probability > spec$threshold,
    parameters = list(coefficients = named_coefficients(unname(model$a0), as.numeric(model$beta[, 1]), selected)),
    # The fitted object keeps lambda alone; the others are what the call gave.
    effective = c(list(lambda = model$lambda), plain_scalars(arguments, but = "lambda")),
    iterations = model$npasses, converged = TRUE, selected = selected
  )
}

train_glmnet <- function(train, selected, arguments) {
  do.call(glmnet::glmnet, c(list(x = train$x[, selected, drop = FALSE], y = train$y), arguments))
}

# glmnet minimises mean loss + lambda * ((1 - alpha) / 2 * sum(b^2) + alpha * sum(|b|)), the squared loss halved.
arguments_glmnet <- function(spec, options) {
  squares <- least_squares(spec)
  arguments <- list(
    family = if (squares) "gaussian" else "binomial",
    lambda = if (squares && spec$l2 > 0) bquote(.(spec$l1) + .(spec$l2) * .(deviation(spec))) else spec$l1 + spec$l2,
    alpha = if (squares && spec$l1 > 0 && spec$l2 > 0) {
      bquote(.(spec$l1) / (.(spec$l1) + .(spec$l2) * .(deviation(spec))))
    } else if (spec$l1 + spec$l2 > 0) {
      spec$l1 / (spec$l1 + spec$l2)
    } else {
      0
    },
    standardize = FALSE, intercept = intercept_of(spec) != "none",
    thresh = threshold_of(spec), maxit = patience
  )
  overridden(arguments, options, known_glmnet())
}

# Before it fits the gaussian family glmnet divides y by this, and lambda with it (standard in glmnet's elnet). Absolute
# values follow y, but squares do not: their weight would be lambda over it.
deviation <- function(spec) {
  if (intercept_of(spec) == "none") quote(sqrt(mean(y_train^2))) else quote(sqrt(mean((y_train - mean(y_train))^2)))
}

# thresh for the tolerance that is pinned. A pass ends the search when no step d of a coefficient has mean(x^2) * d^2
# above thresh times the null deviance. The gradient that later steps of that pass leave on a column is then at most
# (columns + 1) * sqrt(thresh) times its root mean square; the null deviance is 1 for a scaled y, where the gradient is
# as many times too small, and at most 2 * log(2) for two classes.
threshold_of <- function(spec) {
  reach <- quote((length(selected) + 1) * max(1, sqrt(colMeans(x_train[, selected, drop = FALSE]^2))))
  if (least_squares(spec)) {
    bquote((.(spec$tolerance) / (.(reach) * .(deviation(spec))))^2)
  } else {
    bquote((.(spec$tolerance) / .(reach))^2 / (2 * log(2)))
  }
}

# Passes over the columns: two of them that differ by a hundredth of themselves took a quarter of it.
patience <- 1e6

# Names that an override can set.
known_glmnet <- function() setdiff(names(formals(glmnet::glmnet)), c("x", "y", "..."))

# columns: how many are fitted, NULL where that is not known yet.
glmnet_gaps <- function(spec, options, columns = NULL) {
  overrides <- names(option(options, "overrides", list()))
  gap <- function(holds, parameter, reason) if (holds) list(cannot_express(parameter, reason))
  as.list(c(
    gap(
      intercept_of(spec) == "penalised", "intercept",
      "glmnet penalises no intercept, and drops a constant column, which could stand for one"
    ),
    gap(!is.null(columns) && columns < 2, "selected", "glmnet needs two columns or more"),
    gap("type.gaussian" %in% overrides && !least_squares(spec), "type.gaussian", "only the squared loss has a choice"),
    gap("type.logistic" %in% overrides && least_squares(spec), "type.logistic", "only the logistic loss has a choice")
  ))
}
