# Keras from R: keras3 through reticulate, on whichever backend the Python side has.

# contract.R lies beside this file, whether source() or sys.source() reads it and from whichever directory.
source(Find(file.exists, file.path(c(unlist(lapply(rev(sys.frames()), function(frame) {
  dirname(as.character(c(frame$ofile, if (is.character(frame$file)) frame$file)))
})), "."), "contract.R")), local = TRUE)

defaults <- function(family) {
  # An optimizer that has seen no data already tells what is in force.
  c(
    declared("keras3::layer_dense", keras3::layer_dense),
    declared("keras3::layer_dropout", keras3::layer_dropout),
    declared("keras3::compile", keras_method("compile")),
    declared("keras3::fit", keras_method("fit")),
    declared("keras3::optimizer_rmsprop", keras3::optimizer_rmsprop, keras3::get_config(keras3::optimizer_rmsprop())),
    declared("keras3::optimizer_adam", keras3::optimizer_adam, keras3::get_config(keras3::optimizer_adam())),
    declared("keras3::optimizer_sgd", keras3::optimizer_sgd, keras3::get_config(keras3::optimizer_sgd()))
  )
}

translate <- function(spec, options) {
  arguments <- arguments_mlp(spec, options)
  dropout <- if (length(arguments$dropout)) call_code("keras3::layer_dropout", arguments$dropout)
  compiled <- c(list(optimizer = quote(optimizer)), arguments$compile)
  decay <- option(spec, "learning_rate_decay")
  schedule <- if (!is.null(decay)) {
    list(schedule = sprintf("function(epoch, lr) if (epoch > 0) lr * %s else lr", format(decay)))
  }
  seed <- option(options, "seed")
  scheduler <- "keras3::callback_learning_rate_scheduler"
  optimizer <- arguments$optimizer
  dense <- c(lapply(arguments$hidden, function(units) c(list(units = units), arguments$dense)), list(arguments$output))
  layers <- vapply(dense, call_code, "", fn = "keras3::layer_dense")
  list(
    calls = c(
      lapply(dense, native_call_with, fn = "keras3::layer_dense"),
      if (length(arguments$dropout)) list(native_call_with("keras3::layer_dropout", arguments$dropout)),
      list(
        native_call_with(optimizer$fn, optimizer$arguments),
        native_call_with("keras3::compile", arguments$compile),
        native_call_with("keras3::fit", arguments$fit)
      ),
      if (!is.null(schedule)) list(native_call_with(scheduler, schedule))
    ),
    code = paste(c(
      scaling_code(spec),
      if (!is.null(seed)) sprintf("keras3::set_random_seed(%dL)", as.integer(seed)),
      paste(c(
        "model <- keras3::keras_model_sequential(input_shape = ncol(x_train))",
        rbind(layers[-length(layers)], dropout), layers[length(layers)]
      ), collapse = " |>\n  "),
      paste("optimizer <-", call_code(optimizer$fn, optimizer$arguments)),
      call_code("keras3::compile", compiled, first = "model"),
      call_code(
        "keras3::fit", arguments$fit,
        first = c("model", "unname(x_train)", "y_train"),
        last = if (!is.null(schedule)) sprintf("callbacks = %s(%s)", scheduler, schedule)
      ),
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
  recorded({
    refuse(options, c("row_order", "trace"), "Keras")
    fit_mlp(spec, train, test, options)
  })
}

fit_mlp <- function(spec, train, test, options) {
  arguments <- arguments_mlp(spec, options)
  on.exit(keras3::clear_session())
  seed <- option(options, "seed")
  if (!is.null(seed)) keras3::set_random_seed(as.integer(seed))
  x_train <- unname(train$x)
  x_test <- unname(test$x)
  for (line in scaling_code(spec)) eval(parse(text = line))
  model <- network(arguments, ncol(train$x))
  initial <- option(options, "initial_weights")
  if (!is.null(initial)) set_network_weights(model, initial)
  optimizer <- do.call(keras_function(arguments$optimizer$fn), arguments$optimizer$arguments)
  do.call(keras3::compile, c(list(model, optimizer = optimizer), arguments$compile))
  decay <- option(spec, "learning_rate_decay")
  callbacks <- if (!is.null(decay)) {
    list(callbacks = keras3::callback_learning_rate_scheduler(function(epoch, lr) if (epoch > 0) lr * decay else lr))
  }
  history <- do.call(keras3::fit, c(list(model, x_train, train$y), arguments$fit, callbacks))
  probability <- stats::predict(model, x_test, verbose = 0)[, arguments$output$units]
  answer(
    # A network that diverged predicts NaN, which no cut puts above itself.
    probability, !is.na(probability) & probability > option(spec, "threshold", 0.5),
    parameters = if (isTRUE(option(options, "weights"))) network_weights(model),
    effective = c(
      # Its name is unique in a session (sgd, sgd_1, ...) and would differ from fit to fit.
      plain_scalars(keras3::get_config(model$optimizer), but = "name"),
      list(
        optimizer = model$optimizer$`__class__`$`__name__`, loss = model$loss, epochs = history$params$epochs,
        steps_per_epoch = history$params$steps, backend = keras3::config_backend(), dtype = model$compute_dtype,
        kernel_initializer = model$layers[[1]]$get_config()$kernel_initializer$class_name
      )
    ),
    iterations = length(history$metrics$loss), updates = as.integer(model$optimizer$iterations$numpy())
  )
}

# The arguments of each function that the network is built from. An override goes to the first that takes its name;
# `optimizer` names another.
arguments_mlp <- function(spec, options) {
  pinned <- function(...) Filter(Negate(is.null), list(...))
  softmax <- identical(option(spec, "output"), "softmax")
  sgd <- identical(option(spec, "optimizer"), "sgd")
  merged <- option(options, "overrides", list())
  own <- formals(keras_method("compile"))$optimizer
  optimizer <- paste0("keras3::optimizer_", option(merged, "optimizer", option(spec, "optimizer", own)))
  merged$optimizer <- NULL
  arguments <- list(
    optimizer = c(
      pinned(learning_rate = option(spec, "learning_rate")),
      if (sgd) pinned(momentum = option(spec, "momentum"), nesterov = option(spec, "nesterov"))
    ),
    compile = list(loss = if (softmax) "sparse_categorical_crossentropy" else "binary_crossentropy"),
    fit = pinned(epochs = as.integer(spec$epochs), batch_size = option(spec, "batch_size"), verbose = 0L),
    dense = pinned(
      activation = spec$activation,
      kernel_initializer = if (!is.null(option(spec, "init"))) sub("-", "_", option(spec, "init"), fixed = TRUE)
    )
  )
  known <- lapply(list(
    optimizer = keras_function(optimizer), compile = keras_method("compile"), fit = keras_method("fit"),
    dense = keras3::layer_dense
  ), function(fn) setdiff(names(formals(fn)), c("object", "x", "y", "units", "optimizer", "...")))
  merged <- overridden(list(), list(overrides = merged), unique(c(unlist(known), "optimizer")))
  for (name in names(merged)) {
    room <- Find(function(part) name %in% known[[part]], names(known))
    arguments[[room]][name] <- merged[name]
  }
  list(
    hidden = as.integer(unlist(spec$hidden)), dense = arguments$dense,
    dropout = if (option(spec, "dropout", 0) > 0) list(rate = option(spec, "dropout")),
    # The first of the dense arguments is the hidden layers' activation.
    output = c(list(units = 1L + softmax, activation = option(spec, "output", "sigmoid")), arguments$dense[-1]),
    optimizer = list(fn = optimizer, arguments = arguments$optimizer),
    compile = arguments$compile, fit = arguments$fit
  )
}

gaps_mlp <- function(spec) {
  unused <- if (!identical(option(spec, "optimizer"), "sgd")) c("momentum", "nesterov")
  pinned <- Filter(function(name) !is.null(option(spec, name)), unused)
  lapply(as.list(pinned), cannot_express, reason = "only Keras' SGD takes it")
}

network <- function(arguments, inputs) {
  model <- keras3::keras_model_sequential(input_shape = as.integer(inputs))
  for (units in arguments$hidden) {
    do.call(keras3::layer_dense, c(list(model, units = units), arguments$dense))
    if (length(arguments$dropout)) do.call(keras3::layer_dropout, c(list(model), arguments$dropout))
  }
  do.call(keras3::layer_dense, c(list(model), arguments$output))
  model
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

# Weights are (in, out) arrays in Keras too; its list alternates kernels and biases.
network_weights <- function(model) {
  arrays <- keras3::get_weights(model)
  list(weights = arrays[c(TRUE, FALSE)], biases = lapply(arrays[c(FALSE, TRUE)], as.array))
}

set_network_weights <- function(model, initial) {
  keras3::set_weights(model, unname(c(rbind(initial$weights, lapply(initial$biases, as.array)))))
}

keras_function <- function(name) getExportedValue("keras3", sub("keras3::", "", name, fixed = TRUE))

# compile and fit are S3 generics whose signatures tell nothing; these are keras3's own methods for a model.
keras_method <- function(name) {
  utils::getS3method(name, "keras.src.models.model.Model", envir = asNamespace("keras3"))
}
