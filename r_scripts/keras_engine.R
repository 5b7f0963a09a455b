# Keras from R: keras3 through reticulate, on whichever backend the Python side has.

# contract.R lies beside this file, whether source() or sys.source() reads it and from whichever directory.
source(Find(file.exists, file.path(c(unlist(lapply(rev(sys.frames()), function(frame) {
  dirname(as.character(c(frame$ofile, if (is.character(frame$file)) frame$file)))
})), "."), "contract.R")), local = TRUE)
# Written out: a cell counts for the files whose names stand here.
for (name in c(
  "keras_precision", "keras_layers", "keras_network", "keras_training", "keras_first_batch", "keras_defaults"
)) {
  source(beside(paste0(name, ".R")), local = TRUE)
}

# Code that gives a network its start: a translation prints it and fit runs it.
starting_code <- paste0(
  "keras3::set_weights(model, unname(c(rbind(initial_weights$weights, ",
  "lapply(initial_weights$biases, as.array)))))"
)

defaults <- function(spec, train, options) {
  arguments <- arguments_mlp(spec, options)
  on.exit(keras3::clear_session())
  room <- room_for(arguments$optimizer$fn, spec$family == "cnn")
  with_precision(spec, rows_mlp(network(arguments, ncol(train$x)), arguments, room))
}

translate <- function(spec, options) {
  arguments <- arguments_mlp(spec, options)
  compiled <- c(list(optimizer = quote(optimizer)), arguments$compile)
  seed <- seed_of(options)
  optimizer <- arguments$optimizer
  layers <- layers_of(arguments)
  list(
    calls = c(
      lapply(layers, function(layer) native_call_with(layer$fn, layer$arguments)),
      list(
        native_call_with(optimizer$fn, optimizer$arguments),
        native_call_with("keras3::compile", arguments$compile)
      ),
      if (!isTRUE(option(options, "untrained"))) list(native_call_with("keras3::fit", arguments$fit))
    ),
    code = paste(c(
      precision_code(spec),
      scaling_code(spec),
      if (!is.null(seed)) sprintf("keras3::set_random_seed(%dL)", as.integer(seed)),
      paste(c(
        "model <- keras3::keras_model_sequential(input_shape = ncol(x_train))",
        vapply(layers, function(layer) call_code(layer$fn, layer$arguments), "")
      ), collapse = " |>\n  "),
      paste("optimizer <-", call_code(optimizer$fn, optimizer$arguments)),
      call_code("keras3::compile", compiled, first = "model"),
      if (!is.null(option(options, "initial_weights"))) starting_code,
      training_code(arguments$fit, options),
      sprintf("probability <- predict(model, unname(x_test), verbose = 0)[, %d]", arguments$output$units),
      sprintf("label <- as.integer(probability > %s)", format(option(spec, "threshold", 0.5)))
    ), collapse = "\n"),
    not_expressible = gaps_mlp(spec),
    added = as.list(c(
      if (is.null(option(spec, "output"))) list(added("output", "sigmoid", "Keras chooses no output layer")),
      if (is.null(option(spec, "loss"))) {
        list(added("loss", arguments$compile$loss, "compile has none of its own, and nothing is learnt without one"))
      },
      if (is.null(option(spec, "threshold"))) list(added("threshold", 0.5, "Keras gives no labels"))
    ))
  )
}

fit <- function(spec, train, test, options) {
  recorded(with_precision(spec, fit_mlp(spec, train, test, options)))
}

fit_mlp <- function(spec, train, test, options) {
  arguments <- arguments_mlp(spec, options)
  on.exit(keras3::clear_session())
  seed <- seed_of(options)
  if (!is.null(seed)) keras3::set_random_seed(as.integer(seed))
  x_train <- unname(train$x)
  x_test <- unname(test$x)
  for (line in scaling_code(spec)) eval(parse(text = line))
  model <- network(arguments, ncol(train$x))
  initial_weights <- option(options, "initial_weights")
  if (!is.null(initial_weights)) eval(str2lang(starting_code))
  done <- trained(model, x_train, train$y, arguments$fit, options)
  probability <- stats::predict(model, x_test, verbose = 0)[, arguments$output$units]
  answer(
    # A network that diverged predicts NaN, which no cut puts above itself.
    probability, !is.na(probability) & probability > option(spec, "threshold", 0.5),
    parameters = if (isTRUE(option(options, "weights"))) network_weights(model),
    effective = read_back(model, done$histories),
    # Single updates are of no epoch.
    iterations = if (is.null(option(options, "trace")$steps)) {
      sum(vapply(done$histories, function(history) length(history$metrics$loss), 1L))
    },
    updates = as.integer(model$optimizer$iterations$numpy()), trace = done$trace
  )
}

# What was in force; without a history (an untrained network), what a compiled model tells. A rate that falls stands
# with its value after training, as the optimizer tells it.
read_back <- function(model, histories) {
  history <- if (length(histories)) histories[[length(histories)]]
  rates <- keras3::get_config(model$optimizer)
  schedule <- if (is.list(rates$learning_rate)) rates$learning_rate$config
  if (!is.null(schedule)) rates$learning_rate <- as.numeric(as.array(model$optimizer$learning_rate))
  kernels <- Filter(function(layer) length(layer$weights) > 0, model$layers)
  c(
    # Its name is unique in a session (sgd, sgd_1, ...) and would differ from fit to fit.
    plain_scalars(schedule, but = "name"), plain_scalars(rates, but = "name"),
    list(
      optimizer = model$optimizer$`__class__`$`__name__`, loss = model$loss, epochs = history$params$epochs,
      steps_per_epoch = history$params$steps, backend = keras3::config_backend(), dtype = model$compute_dtype,
      kernel_initializer = kernels[[1]]$get_config()$kernel_initializer$class_name
    )
  )
}

# Keras scales nothing by itself; this is what is printed and what is run. A constant column keeps its scale, as
# scikit-learn's StandardScaler leaves it.
scaling_code <- function(spec) {
  switch(option(spec, "input_scaling", "none"),
    `divide-by-255` = c("x_train <- x_train / 255", "x_test <- x_test / 255"),
    standardize = c(
      "center <- colMeans(x_train)", "spread <- sqrt(colMeans(sweep(x_train, 2, center)^2))",
      "spread[spread == 0] <- 1", "x_train <- scale(x_train, center, spread)", "x_test <- scale(x_test, center, spread)"
    )
  )
}
