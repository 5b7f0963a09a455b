# Keras from R: keras3 through reticulate, on whichever backend the Python side has.

# contract.R lies beside this file, whether source() or sys.source() reads it and from whichever directory.
source(Find(file.exists, file.path(c(unlist(lapply(rev(sys.frames()), function(frame) {
  dirname(as.character(c(frame$ofile, if (is.character(frame$file)) frame$file)))
})), "."), "contract.R")), local = TRUE)
source(beside("keras_network.R"), local = TRUE)
source(beside("keras_defaults.R"), local = TRUE)

defaults <- function(spec, train, options) {
  arguments <- arguments_mlp(spec, options)
  on.exit(keras3::clear_session())
  rows_mlp(network(arguments, ncol(train$x)), arguments, room_for(arguments$optimizer$fn), decay_call(spec))
}

translate <- function(spec, options) {
  arguments <- arguments_mlp(spec, options)
  dropout <- if (length(arguments$dropout)) call_code("keras3::layer_dropout", arguments$dropout)
  compiled <- c(list(optimizer = quote(optimizer)), arguments$compile)
  schedule <- decay_call(spec)
  seed <- seed_of(options)
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
      if (!is.null(schedule)) list(native_call_with(decay_function, schedule))
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
        last = if (!is.null(schedule)) sprintf("callbacks = %s(%s)", decay_function, schedule)
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
  seed <- seed_of(options)
  if (!is.null(seed)) keras3::set_random_seed(as.integer(seed))
  x_train <- unname(train$x)
  x_test <- unname(test$x)
  for (line in scaling_code(spec)) eval(parse(text = line))
  model <- network(arguments, ncol(train$x))
  initial <- option(options, "initial_weights")
  if (!is.null(initial)) set_network_weights(model, initial)
  decay <- option(spec, "learning_rate_decay")
  callbacks <- if (!is.null(decay)) {
    list(callbacks = keras3::callback_learning_rate_scheduler(function(epoch, lr) if (epoch > 0) lr * decay else lr))
  }
  history <- if (!isTRUE(option(options, "untrained"))) {
    do.call(keras3::fit, c(list(model, x_train, train$y), arguments$fit, callbacks))
  }
  probability <- stats::predict(model, x_test, verbose = 0)[, arguments$output$units]
  answer(
    # A network that diverged predicts NaN, which no cut puts above itself.
    probability, !is.na(probability) & probability > option(spec, "threshold", 0.5),
    parameters = if (isTRUE(option(options, "weights"))) network_weights(model), effective = read_back(model, history),
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
  named <- option(merged, "optimizer", option(spec, "optimizer"))
  own <- formals(keras_method("compile"))$optimizer
  optimizer <- paste0("keras3::optimizer_", if (is.null(named)) own else named)
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
  room <- room_for(optimizer)
  merged <- overridden(list(), list(overrides = merged), c(unlist(room), "optimizer"))
  for (name in names(merged)) {
    part <- Find(function(part) name %in% room[[part]], names(room))
    arguments[[part]][name] <- merged[name]
  }
  list(
    hidden = as.integer(unlist(spec$hidden)), dense = arguments$dense,
    dropout = if (option(spec, "dropout", 0) > 0) list(rate = option(spec, "dropout")),
    # The first of the dense arguments is the hidden layers' activation.
    output = c(list(units = 1L + softmax, activation = option(spec, "output", "sigmoid")), arguments$dense[-1]),
    optimizer = list(fn = optimizer, arguments = arguments$optimizer, is_asked = !is.null(named)),
    compile = arguments$compile, fit = arguments$fit
  )
}

# Names that an override can set, by the function that takes them: the first, where several would.
room_for <- function(optimizer) {
  takes <- lapply(list(
    optimizer = keras_function(optimizer), compile = keras_method("compile"), fit = keras_method("fit"),
    dense = keras3::layer_dense
  ), function(fn) {
    setdiff(names(formals(fn)), c("object", "x", "y", "units", "optimizer", "name", "callbacks", "..."))
  })
  before <- Reduce(union, takes, accumulate = TRUE)
  Map(setdiff, takes, c(list(character()), before[-length(before)]))
}

gaps_mlp <- function(spec) {
  unused <- if (!identical(option(spec, "optimizer"), "sgd")) c("momentum", "nesterov")
  pinned <- Filter(function(name) !is.null(option(spec, name)), unused)
  lapply(as.list(pinned), cannot_express, reason = "only Keras' SGD takes it")
}

# What was in force; without a history (an untrained network), what a compiled model tells.
read_back <- function(model, history) {
  c(
    # Its name is unique in a session (sgd, sgd_1, ...) and would differ from fit to fit.
    plain_scalars(keras3::get_config(model$optimizer), but = "name"),
    list(
      optimizer = model$optimizer$`__class__`$`__name__`, loss = model$loss, epochs = history$params$epochs,
      steps_per_epoch = history$params$steps, backend = keras3::config_backend(), dtype = model$compute_dtype,
      kernel_initializer = model$layers[[1]]$get_config()$kernel_initializer$class_name
    )
  )
}

decay_function <- "keras3::callback_learning_rate_scheduler"

# The argument of the callback that lets the learning rate decay, as code; NULL where it does not.
decay_call <- function(spec) {
  decay <- option(spec, "learning_rate_decay")
  if (!is.null(decay)) list(schedule = sprintf("function(epoch, lr) if (epoch > 0) lr * %s else lr", format(decay)))
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
