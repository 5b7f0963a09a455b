# lm and glm of R's stats, on columns screened by genefilter's colFtests: the Leekasso as it was fitted in 2017.

# contract.R lies beside this file, whether source() or sys.source() reads it and from whichever directory.
source(Find(file.exists, file.path(c(unlist(lapply(rev(sys.frames()), function(frame) {
  dirname(as.character(c(frame$ofile, if (is.character(frame$file)) frame$file)))
})), "."), "contract.R")), local = TRUE)

defaults <- function(family) {
  c(
    declared("genefilter::colFtests", genefilter::colFtests),
    switch(family,
      lm = c(
        declared("stats::lm", stats::lm),
        declared("stats::lm.fit", stats::lm.fit)
      ),
      glm = c(
        declared("stats::glm", stats::glm),
        declared("stats::glm.control", stats::glm.control, stats::glm.control())
      )
    )
  )
}

translate <- function(spec, options) {
  native <- switch(spec$family, lm = "stats::lm", glm = "stats::glm")
  arguments <- switch(spec$family, lm = arguments_lm(spec, options), glm = arguments_glm(spec, options))
  scale <- switch(spec$family, lm = "", glm = ', type = "response"')
  list(
    calls = list(
      native_call("genefilter::colFtests", x = "x_train", fac = "factor(y_train)"),
      native_call_with(native, arguments)
    ),
    code = paste(c(
      screen_code(spec),
      "train <- data.frame(y = y_train, x_train[, selected, drop = FALSE])",
      paste("model <-", call_code(native, arguments, last = "data = train")),
      sprintf("probability <- predict(model, data.frame(x_test[, selected, drop = FALSE])%s)", scale),
      sprintf("label <- as.integer(probability > %s)", format(spec$threshold))
    ), collapse = "\n"),
    not_expressible = screen_gaps(spec, options),
    added = list()
  )
}

fit <- function(spec, train, test, options) {
  recorded({
    refuse(options, c("initial_weights", "row_order", "trace"), "stats")
    switch(spec$family,
      lm = fit_lm(spec, train, test, options),
      glm = fit_glm(spec, train, test, options)
    )
  })
}

fit_lm <- function(spec, train, test, options) {
  selected <- screen(spec, train, options)
  model <- do.call(stats::lm, c(arguments_lm(spec, options), list(data = as_data(train$x, selected, train$y))))
  probability <- stats::predict(model, as_data(test$x, selected))
  answer(
    probability, probability > spec$threshold,
    parameters = list(coefficients = coefficients_of(model, selected)),
    effective = list(method = "qr", tol = model$qr$tol, rank = model$rank),
    selected = selected
  )
}

fit_glm <- function(spec, train, test, options) {
  selected <- screen(spec, train, options)
  model <- do.call(stats::glm, c(arguments_glm(spec, options), list(data = as_data(train$x, selected, train$y))))
  probability <- stats::predict(model, as_data(test$x, selected), type = "response")
  answer(
    probability, probability > spec$threshold,
    parameters = list(coefficients = coefficients_of(model, selected)),
    effective = list(
      family = model$family$family, link = model$family$link, method = model$method, epsilon = model$control$epsilon,
      maxit = model$control$maxit, tol = model$qr$tol, rank = model$rank
    ),
    iterations = model$iter, converged = model$converged, selected = selected
  )
}

arguments_lm <- function(spec, options) {
  # lm passes its dots on to lm.fit, whose `tol` decides which coefficients are aliased.
  overridden(list(formula = "y ~ ."), options, setdiff(union(names(formals(stats::lm)), "tol"), c("data", "...")))
}

arguments_glm <- function(spec, options) {
  # glm passes its dots on to glm.control.
  known <- union(names(formals(stats::glm)), names(formals(stats::glm.control)))
  overridden(list(formula = "y ~ .", family = "binomial"), options, setdiff(known, c("data", "...")))
}

# A feature that is itself called y would stand in for the response; make.unique gives it another name.
as_data <- function(x, selected, y = NULL) {
  columns <- make.unique(c("y", selected))
  data <- stats::setNames(data.frame(x[, selected, drop = FALSE]), columns[-1])
  if (is.null(y)) data else cbind(y = y, data)
}

# In the features' own names; NA where the column is aliased.
coefficients_of <- function(model, selected) {
  as.list(stats::setNames(stats::coef(model), c("(intercept)", selected)))
}
