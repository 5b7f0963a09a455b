# h2o.glm and h2o.deeplearning of the R client, on a server that the caller started.

# contract.R lies beside this file, whether source() or sys.source() reads it and from whichever directory.
source(Find(file.exists, file.path(c(unlist(lapply(rev(sys.frames()), function(frame) {
  dirname(as.character(c(frame$ofile, if (is.character(frame$file)) frame$file)))
})), "."), "contract.R")), local = TRUE)
source(beside("h2o_frames.R"), local = TRUE)
source(beside("h2o_defaults.R"), local = TRUE)
source(beside("h2o_linear.R"), local = TRUE)

defaults <- function(spec, train, options) {
  attach_server(option(options, "server"))
  switch(spec$family,
    mlp = rows_h2o("deeplearning", train, colnames(train$x), arguments_mlp(spec, options), numeric_label = FALSE),
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
    refuse(options, c("initial_weights", "row_order", "trace", if (spec$family != "mlp") "untrained"), "H2O")
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

fit_mlp <- function(spec, train, test, options) {
  frames <- frames_of(train, test, colnames(train$x), numeric_label = FALSE, options)
  model <- do.call(h2o::h2o.deeplearning, c(
    list(x = colnames(train$x), y = "label", training_frame = frames$train), arguments_mlp(spec, options)
  ))
  history <- model@model$scoring_history
  effective <- plain_scalars(model@allparameters)
  # The server keeps the model of the best score, so the last row can be an earlier one: the furthest counts.
  samples <- max(history$samples)
  parameters <- if (isTRUE(option(options, "weights"))) weights_of(model, length(spec$hidden) + 1)
  predicted <- predictions(model, frames)
  answer(
    predicted$p1, as.character(predicted$predict),
    parameters = parameters, effective = effective,
    iterations = max(history$epochs), updates = samples / effective$mini_batch_size
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

arguments_mlp <- function(spec, options) {
  dropout <- option(spec, "dropout", 0)
  sgd <- identical(option(spec, "optimizer"), "sgd")
  whole <- identical(option(spec, "stopping"), "none")
  arguments <- list(
    activation = paste0(switch(spec$activation, tanh = "Tanh", relu = "Rectifier"), if (dropout > 0) "WithDropout"),
    hidden = as.integer(unlist(spec$hidden)),
    # H2O draws the weights before it counts epochs: after none, the model is the network as it starts.
    epochs = if (isTRUE(option(options, "untrained"))) 0 else spec$epochs,
    hidden_dropout_ratios = if (dropout > 0) rep(dropout, length(spec$hidden)),
    loss = if (!is.null(option(spec, "loss"))) "CrossEntropy",
    adaptive_rate = if (sgd) FALSE, rate = if (sgd) option(spec, "learning_rate"),
    momentum_start = if (sgd) option(spec, "momentum"), momentum_stable = if (sgd) option(spec, "momentum"),
    nesterov_accelerated_gradient = if (sgd) option(spec, "nesterov"),
    mini_batch_size = option(spec, "batch_size"),
    standardize = switch(option(spec, "input_scaling", "own"), standardize = TRUE, none = FALSE),
    # Glorot's interval +-sqrt(6 / (fan in + fan out)), but four times as wide for a classifier's output layer
    # (randomizeWeights in H2O's DeepLearningModelInfo.java).
    initial_weight_distribution = if (identical(option(spec, "init"), "glorot-uniform")) "UniformAdaptive",
    # Three rules end training early or go back to an earlier model: convergence of the score, no error left on
    # the training rows, and the best model's return.
    stopping_rounds = if (whole) 0, classification_stop = if (whole) -1,
    overwrite_with_best_model = if (whole) FALSE,
    export_weights_and_biases = true_or_null(options, "weights"),
    # A seed alone repeats nothing, since threads race for the weights; reproducible = TRUE does, on one thread. It is
    # not set along with the seed: it scores so often that classification_stop (no error left on the training rows) ends
    # training early, after 3 epochs where 20 are run without it.
    reproducible = true_or_null(options, "repeatable"),
    seed = seed_of(options)
  )
  overridden(Filter(Negate(is.null), arguments), options, known_h2o("deeplearning"))
}

true_or_null <- function(options, name) if (isTRUE(option(options, name))) TRUE

h2o_function <- function(algorithm) getExportedValue("h2o", paste0("h2o.", algorithm))

# Names that an override can set.
known_h2o <- function(algorithm) setdiff(names(formals(h2o_function(algorithm))), c("x", "y", "training_frame"))

translate_glm <- function(spec, options) {
  arguments <- arguments_glm(spec, options)
  columns <- if (is_linear(spec)) "selected" else "colnames(x_train)[selected]"
  list(
    calls = c(screen_calls(spec), list(native_call_with("h2o::h2o.glm", arguments))),
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

translate_mlp <- function(spec, options) {
  arguments <- arguments_mlp(spec, options)
  gap <- function(parameter, unless, reason) {
    if (!is.null(spec[[parameter]]) && !unless) list(cannot_express(parameter, reason))
  }
  sgd <- identical(option(spec, "optimizer"), "sgd")
  needs_sgd <- "only plain SGD takes it; H2O's ADADELTA does not"
  list(
    calls = list(native_call_with("h2o::h2o.deeplearning", arguments)),
    code = paste(
      "train <- h2o::as.h2o(data.frame(label = factor(y_train), x_train))",
      paste("model <-", call_code(
        "h2o::h2o.deeplearning", arguments,
        first = c("x = colnames(x_train)", 'y = "label"', "training_frame = train")
      )),
      "predicted <- as.data.frame(h2o::h2o.predict(model, h2o::as.h2o(data.frame(x_test))))",
      "probability <- predicted$p1", "label <- as.integer(as.character(predicted$predict))",
      sep = "\n"
    ),
    not_expressible = as.list(c(
      gap("output", identical(option(spec, "output"), "softmax"), "H2O's output for two classes is two softmax units"),
      gap("optimizer", sgd, "H2O has ADADELTA and plain SGD"),
      gap("learning_rate", sgd, needs_sgd), gap("momentum", sgd, needs_sgd), gap("nesterov", sgd, needs_sgd),
      gap("learning_rate_decay", FALSE, "rate_annealing falls with the samples seen and rate_decay with the layer"),
      gap("input_scaling", !identical(option(spec, "input_scaling"), "divide-by-255"), "H2O has standardize alone"),
      gap("init", FALSE, "UniformAdaptive is Glorot's, but four times as wide at the output; no He's"),
      if (!is.null(option(spec, "threshold"))) list(own_threshold())
    )),
    added = list()
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
