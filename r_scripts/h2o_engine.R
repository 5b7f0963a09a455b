# h2o.glm and h2o.deeplearning of the R client, on a server that the caller started.

# contract.R lies beside this file, whether source() or sys.source() reads it and from whichever directory.
source(Find(file.exists, file.path(c(unlist(lapply(rev(sys.frames()), function(frame) {
  dirname(as.character(c(frame$ofile, if (is.character(frame$file)) frame$file)))
})), "."), "contract.R")), local = TRUE)
source(beside("h2o_frames.R"), local = TRUE)
source(beside("h2o_defaults.R"), local = TRUE)
source(beside("h2o_linear.R"), local = TRUE)
source(beside("h2o_arguments.R"), local = TRUE)
source(beside("h2o_network.R"), local = TRUE)
source(beside("h2o_training.R"), local = TRUE)
source(beside("h2o_row_order.R"), local = TRUE)

defaults <- function(spec, train, options) {
  attach_server(option(options, "server"))
  switch(spec$family,
    mlp = defaults_mlp(spec, train, options),
    c(screen_rows(spec, options), rows_h2o(
      "glm", train, screen(spec, train, options), arguments_glm(spec, options),
      numeric_label = least_squares(spec)
    ))
  )
}

translate <- function(spec, options) {
  if (spec$family == "mlp") translate_mlp(spec, options) else translate_glm(spec, options)
}

fit <- function(spec, train, test, options) {
  recorded({
    if (spec$family != "mlp") refuse(options, c("initial_weights", "row_order", "trace", "untrained"), "H2O")
    refuse_gaps(linear_gaps(spec, options))
    attach_server(option(options, "server"))
    if (spec$family == "mlp") fit_mlp(spec, train, test, options) else fit_glm(spec, train, test, options)
  })
}

fit_glm <- function(spec, train, test, options) {
  chosen <- screened(spec, train, options)
  selected <- chosen$selected
  if (length(selected) == 0) stop("h2o.glm needs a column, and ties left the screen without one", call. = FALSE)
  frames <- frames_of(train, test, selected, numeric_label = least_squares(spec), options)
  model <- do.call(h2o::h2o.glm, c(
    list(x = selected, y = "label", training_frame = frames$train), arguments_glm(spec, options)
  ))
  predicted <- predictions(model, frames)
  probability <- if (least_squares(spec)) predicted$predict else predicted$p1
  answer(
    probability, if (own_cut(spec)) as.character(predicted$predict) else probability > spec$threshold,
    parameters = list(coefficients = coefficients_of(model, selected)),
    effective = plain_scalars(model@allparameters),
    iterations = model@model$model_summary$number_of_iterations, selected = selected, scores = chosen$scores
  )
}

arguments_glm <- function(spec, options) {
  arguments <- if (is_linear(spec)) {
    arguments_linear(spec, options)
  } else {
    list(family = switch(spec$family, lm = "gaussian", glm = "binomial"), seed = seed_of(options))
  }
  overridden(Filter(Negate(is.null), arguments), options, known_h2o("glm"))
}

h2o_function <- function(algorithm) getExportedValue("h2o", paste0("h2o.", algorithm))

# Names that an override can set.
known_h2o <- function(algorithm) setdiff(names(formals(h2o_function(algorithm))), c("x", "y", "training_frame"))

translate_glm <- function(spec, options) {
  arguments <- arguments_glm(spec, options)
  # The screen of the printed code gives places, everything else names.
  by_name <- is_linear(spec) || !is.null(option(options, "selected"))
  columns <- if (by_name) "selected" else "colnames(x_train)[selected]"
  list(
    calls = c(screen_calls(spec, options), list(native_call_with("h2o::h2o.glm", arguments))),
    code = paste(c(
      screen_code(spec, options),
      if (least_squares(spec)) "label <- y_train" else "label <- factor(y_train)",
      "train <- h2o::as.h2o(data.frame(label = label, x_train[, selected, drop = FALSE]))",
      paste("model <-", call_code(
        "h2o::h2o.glm", arguments,
        first = c(paste("x =", columns), 'y = "label"', "training_frame = train")
      )),
      "predicted <- as.data.frame(h2o::h2o.predict(model, h2o::as.h2o(data.frame(x_test))))",
      paste0("probability <- predicted$", if (least_squares(spec)) "predict" else "p1"),
      if (own_cut(spec)) {
        "label <- as.integer(as.character(predicted$predict))"
      } else {
        sprintf("label <- as.integer(probability > %s)", format(spec$threshold))
      }
    ), collapse = "\n"),
    not_expressible = c(
      screen_gaps(spec, options), linear_gaps(spec, options), if (own_cut(spec)) list(own_threshold())
    ),
    added = linear_notes(spec, arguments)
  )
}

# h2o.glm labels the rows of two classes; aligned mode pins the cut, as for a fitted value.
own_cut <- function(spec) !least_squares(spec) && !is_linear(spec)

own_threshold <- function() {
  cannot_express("threshold", "a fit cuts where F1 is largest on its rows; h2o.reset_threshold moves it afterwards")
}

coefficients_of <- function(model, selected) {
  found <- h2o::h2o.coef(model)
  # A column that H2O left out (constant) has no coefficient.
  named_coefficients(if ("Intercept" %in% names(found)) found[["Intercept"]] else 0, unname(found[selected]), selected)
}
