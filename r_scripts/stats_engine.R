# lm and glm of R's stats, on columns screened by genefilter's colFtests: the Leekasso as it was fitted in 2017.

# contract.R lies beside this file, whether source() or sys.source() reads it and from whichever directory.
source(Find(file.exists, file.path(c(unlist(lapply(rev(sys.frames()), function(frame) {
  dirname(as.character(c(frame$ofile, if (is.character(frame$file)) frame$file)))
})), "."), "contract.R")), local = TRUE)

defaults <- function(spec, train, options) {
  data <- as_data(train$x, screen(spec, train, options), train$y)
  # What a fit on these rows has to say (separation, a deficient rank) is not what is asked.
  suppressWarnings(c(
    screen_rows(spec, options),
    if (least_squares(spec)) {
      rows_lm(arguments_lm(spec, options), data)
    } else {
      rows_glm(arguments_glm(spec, options), data)
    }
  ))
}

translate <- function(spec, options) {
  native <- if (least_squares(spec)) "stats::lm" else "stats::glm"
  arguments <- if (least_squares(spec)) arguments_lm(spec, options) else arguments_glm(spec, options)
  scale <- if (least_squares(spec)) "" else ', type = "response"'
  list(
    calls = c(screen_calls(spec, options), list(native_call_with(native, arguments))),
    code = paste(c(
      screen_code(spec, options),
      "train <- data.frame(y = y_train, x_train[, selected, drop = FALSE])",
      paste("model <-", call_code(native, arguments, last = "data = train")),
      sprintf("probability <- predict(model, data.frame(x_test[, selected, drop = FALSE])%s)", scale),
      sprintf("label <- as.integer(probability > %s)", format(spec$threshold))
    ), collapse = "\n"),
    not_expressible = c(screen_gaps(spec, options), penalty_gaps(spec)),
    added = if (is_linear(spec) && !least_squares(spec)) {
      list(added("epsilon", tightest, paste(
        "the tolerance is on the gradient; glm stops where the deviance changes by less than this share of itself, to",
        "which no gradient corresponds, so the tightest share that rounding lets it reach is asked for"
      )))
    } else {
      list()
    }
  )
}

fit <- function(spec, train, test, options) {
  recorded({
    refuse(options, c("initial_weights", "row_order", "trace", "untrained"), "stats")
    refuse_gaps(penalty_gaps(spec))
    if (least_squares(spec)) fit_lm(spec, train, test, options) else fit_glm(spec, train, test, options)
  })
}

fit_lm <- function(spec, train, test, options) {
  chosen <- screened(spec, train, options)
  selected <- chosen$selected
  model <- do.call(stats::lm, c(arguments_lm(spec, options), list(data = as_data(train$x, selected, train$y))))
  probability <- stats::predict(model, as_data(test$x, selected))
  answer(
    probability, probability > spec$threshold,
    parameters = list(coefficients = coefficients_of(model, selected)),
    effective = list(method = class(model$qr), tol = model$qr$tol, rank = model$rank),
    selected = selected, scores = chosen$scores
  )
}

fit_glm <- function(spec, train, test, options) {
  chosen <- screened(spec, train, options)
  selected <- chosen$selected
  model <- do.call(stats::glm, c(arguments_glm(spec, options), list(data = as_data(train$x, selected, train$y))))
  probability <- stats::predict(model, as_data(test$x, selected), type = "response")
  answer(
    probability, probability > spec$threshold,
    parameters = list(coefficients = coefficients_of(model, selected)),
    effective = list(
      family = model$family$family, link = model$family$link, method = model$method, epsilon = model$control$epsilon,
      maxit = model$control$maxit, tol = model$qr$tol, rank = model$rank
    ),
    iterations = model$iter, converged = model$converged, selected = selected, scores = chosen$scores
  )
}

arguments_lm <- function(spec, options) overridden(list(formula = formula_of(spec)), options, known_lm())

arguments_glm <- function(spec, options) {
  stopping <- if (is_linear(spec)) list(epsilon = tightest, maxit = patience)
  overridden(c(list(formula = formula_of(spec), family = "binomial"), stopping), options, known_glm())
}

formula_of <- function(spec) if (is_linear(spec) && intercept_of(spec) == "none") "y ~ 0 + ." else "y ~ ."

# The deviance of a few hundred rows is summed to about 1e-15 of itself: a smaller change is rounding, and at its mercy
# glm would run until it gave up.
tightest <- 1e-14

# Steps of Newton's method: a dozen meet that on classes that overlap.
patience <- 100L

penalty_gaps <- function(spec) {
  asked <- Filter(function(name) is_linear(spec) && spec[[name]] > 0, c("l1", "l2"))
  lapply(asked, cannot_express, reason = "neither lm nor glm has a penalty")
}

# Names that an override can set. lm passes its dots on to lm.fit, whose `tol` decides which coefficients are aliased,
# and glm its own to glm.control.
known_lm <- function() setdiff(union(names(formals(stats::lm)), "tol"), c("data", "..."))

known_glm <- function() {
  setdiff(union(names(formals(stats::glm)), names(formals(stats::glm.control))), c("data", "..."))
}

rows_lm <- function(arguments, data) {
  model <- do.call(stats::lm, c(arguments, list(data = data)))
  solver <- if (is.null(model[["weights"]])) "lm.fit" else "lm.wfit"
  # lm hands it on; no solver keeps its own.
  handed_on <- list(offset = model[["offset"]])
  decomposed <- model[["qr"]]
  if (!is.null(decomposed)) handed_on <- c(handed_on, list(method = class(decomposed), tol = decomposed$tol))
  c(
    declared(
      "stats::lm", stats::lm, c(arguments, list(data = "train")),
      c(kept(model, arguments), list(method = handed_on$method, weights = model[["weights"]]), columns(model, "qr")),
      read_lm,
      override = known_lm()
    ),
    declared(
      paste0("stats::", solver), getExportedValue("stats", solver), arguments[names(arguments) == "tol"], handed_on,
      "the fitted model and its qr",
      override = "tol"
    ),
    declared("stats::predict.lm", stats::predict.lm, list(object = "model", newdata = "test"))
  )
}

rows_glm <- function(arguments, data) {
  model <- do.call(stats::glm, c(arguments, list(data = data)))
  family <- model[["family"]]
  handed_on <- list(
    family = family$family, weights = unique(unname(model$prior.weights)), offset = model[["offset"]],
    control = model$control
  )
  control <- names(formals(stats::glm.control))
  c(
    declared(
      "stats::glm", stats::glm, c(arguments, list(data = "train")),
      c(kept(model, arguments), handed_on, list(method = model$method)), read_lm,
      override = known_glm()
    ),
    declared(paste0("stats::", family$family), getExportedValue("stats", family$family),
      effective = family["link"], read = "the fitted model's family"
    ),
    declared("stats::glm.control", stats::glm.control,
      asked = option(arguments, "control", arguments[names(arguments) %in% control]), effective = model$control,
      read = "the fitted model's control", override = control
    ),
    declared("stats::glm.fit", stats::glm.fit,
      effective = c(handed_on, list(intercept = attr(stats::terms(model), "intercept") == 1)),
      read = "the fitted model"
    ),
    declared("stats::predict.glm", stats::predict.glm, list(object = "model", newdata = "test", type = "response"))
  )
}

# A model keeps the rows that it left out, but not the rule; model.frame takes R's own where none is asked for.
read_lm <- c("the fitted model", na.action = 'getOption("na.action")')

# What lm and glm alike keep of their arguments. `[[`, because `$x` would find xlevels.
kept <- function(model, arguments) {
  c(
    list(
      formula = paste(deparse(stats::formula(model), width.cutoff = 500L), collapse = " "),
      contrasts = model[["contrasts"]], offset = model[["offset"]]
    ),
    if (is.null(arguments$na.action)) list(na.action = getOption("na.action")),
    columns(model, c("model", "x", "y"))
  )
}

# Parts that a fitted model has where it was asked to keep them.
columns <- function(model, names) lapply(stats::setNames(nm = names), function(name) !is.null(model[[name]]))

# A feature that is itself called y would stand in for the response; make.unique gives it another name.
as_data <- function(x, selected, y = NULL) {
  columns <- make.unique(c("y", selected))
  data <- stats::setNames(data.frame(x[, selected, drop = FALSE]), columns[-1])
  if (is.null(y)) data else cbind(y = y, data)
}

# In the features' own names; NA where the column is aliased.
coefficients_of <- function(model, selected) {
  found <- unname(stats::coef(model))
  free <- length(found) > length(selected)
  named_coefficients(if (free) found[1] else 0, if (free) found[-1] else found, selected)
}
