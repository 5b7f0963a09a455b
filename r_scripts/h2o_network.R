# The family "mlp" in H2O: h2o.deeplearning, as shipped or with what decides its weights pinned.

scales <- function(spec) identical(option(spec, "input_scaling"), "divide-by-255")

defaults_mlp <- function(spec, train, options) {
  # The rows describe the call, not a start that some fit was given.
  options$initial_weights <- NULL
  if (scales(spec)) train$x <- train$x / 255
  rows_h2o("deeplearning", train, colnames(train$x), arguments_mlp(spec, options), numeric_label = FALSE)
}

fit_mlp <- function(spec, train, test, options) {
  arguments <- arguments_mlp(spec, options)
  orders <- orders_of(spec, nrow(train$x), arguments, options)
  frames <- scaled(frames_of(train, test, colnames(train$x), numeric_label = FALSE, options), train, spec, options)
  arguments <- started(arguments, options)
  trace <- option(options, "trace")
  layers <- length(spec$hidden) + 1
  if (is.null(trace)) {
    model <- trained(arguments, colnames(train$x), frames$train)
    records <- NULL
  } else {
    shown <- traced(arguments, train, frames$train, orders, trace, layers)
    model <- shown$model
    records <- with_rows(shown$records, spec, train, orders, trace)
  }
  history <- model@model$scoring_history
  effective <- plain_scalars(model@allparameters)
  parameters <- if (isTRUE(option(options, "weights"))) weights_of(model, layers)
  frames$remove <- c(frames$remove, keys_in(arguments))
  predicted <- predictions(model, frames)
  cut <- option(spec, "threshold")
  answer(
    predicted$p1, if (is.null(cut)) as.character(predicted$predict) else predicted$p1 > cut,
    parameters = parameters, effective = effective,
    # The server keeps the model of the best score, so the last row can be an earlier one: the furthest counts. Every
    # row is an update, whatever mini_batch_size says.
    iterations = max(history$epochs), updates = max(history$samples), trace = records
  )
}

translate_mlp <- function(spec, options) {
  arguments <- arguments_mlp(spec, options)
  cut <- option(spec, "threshold")
  test <- paste0("h2o::as.h2o(data.frame(x_test))", if (scales(spec)) " / 255")
  list(
    calls = list(native_call_with("h2o::h2o.deeplearning", arguments)),
    code = paste(c(
      "train <- h2o::as.h2o(data.frame(label = factor(y_train), x_train))",
      if (scales(spec)) 'train <- h2o::h2o.cbind(train["label"], train[colnames(x_train)] / 255)',
      paste("model <-", call_code(
        "h2o::h2o.deeplearning", arguments,
        first = c("x = colnames(x_train)", 'y = "label"', "training_frame = train")
      )),
      trace_comment(options),
      sprintf("predicted <- as.data.frame(h2o::h2o.predict(model, %s))", test),
      "probability <- predicted$p1",
      if (is.null(cut)) {
        "label <- as.integer(as.character(predicted$predict))"
      } else {
        sprintf("label <- as.integer(probability > %s)", format(cut))
      }
    ), collapse = "\n"),
    not_expressible = gaps_mlp(spec, options),
    added = list()
  )
}
