# Keras' compiled networks: what each function is given for a specification, the model that they make, and its weights.

schedule_function <- "keras3::learning_rate_schedule_inverse_time_decay"
# Keras' names for what some optimizers take and others do not, and which take them.
own_names <- c(
  momentum = "momentum", nesterov = "nesterov", beta1 = "beta_1", beta2 = "beta_2", rho = "rho", epsilon = "epsilon"
)
taken <- list(
  adam = c("beta1", "beta2", "epsilon"), sgd = c("momentum", "nesterov"),
  rmsprop = c("momentum", "rho", "epsilon"), adadelta = c("rho", "epsilon")
)
# Classes of the layers before the dense ones, by the function that makes them.
image_classes <- c(
  `keras3::layer_reshape` = "Reshape", `keras3::layer_conv_2d` = "Conv2D",
  `keras3::layer_max_pooling_2d` = "MaxPooling2D", `keras3::layer_flatten` = "Flatten"
)

# The arguments of each function that the network is built from. An override goes to the first that takes its name, to
# convolutions as well where dense layers take it; `optimizer` names another. Calls among them are evaluated when the
# network is made. A trace of steps is eager, so that what an update computes are numbers.
arguments_mlp <- function(spec, options) {
  softmax <- identical(option(spec, "output"), "softmax")
  merged <- option(options, "overrides", list())
  named <- option(merged, "optimizer", option(spec, "optimizer", ""))
  default <- formals(keras_method("compile"))$optimizer
  optimizer <- paste0("keras3::optimizer_", if (nzchar(named)) named else default)
  merged$optimizer <- NULL
  images <- spec$family == "cnn"
  layer <- layer_arguments(spec)
  arguments <- with_overrides(list(
    optimizer = optimizer_arguments(spec, named),
    compile = pinned(
      loss = if (softmax) "sparse_categorical_crossentropy" else "binary_crossentropy",
      run_eagerly = if (!is.null(option(options, "trace")$steps)) TRUE
    ),
    fit = pinned(
      epochs = as.integer(spec$epochs), batch_size = option(spec, "batch_size"), verbose = 0L,
      shuffle = if (!is.null(option(spec, "order"))) FALSE
    ),
    dense = layer, convolution = layer
  ), merged, room_for(optimizer, images))
  list(
    hidden = as.integer(unlist(spec$hidden)), dense = arguments$dense, dropout = drop_rate(spec, "dropout"),
    rescaled = identical(option(spec, "dropout_scaling"), "at-prediction"),
    image = if (images) image_arguments(spec, arguments$convolution),
    # The first of the dense arguments is the hidden layers' activation.
    output = c(list(units = 1L + softmax, activation = option(spec, "output", "sigmoid")), arguments$dense[-1]),
    optimizer = list(fn = optimizer, arguments = arguments$optimizer, is_asked = nzchar(named)),
    compile = arguments$compile, fit = arguments$fit, penalty = penalty_of(spec), schedule = schedule_of(spec)
  )
}

pinned <- function(...) Filter(Negate(is.null), list(...))

with_overrides <- function(arguments, merged, room) {
  merged <- overridden(list(), list(overrides = merged), c(unlist(room), "optimizer"))
  for (name in names(merged)) {
    part <- Find(function(part) name %in% room[[part]], names(room))
    shared <- part == "dense" && name %in% names(formals(keras3::layer_conv_2d))
    for (each in c(part, if (shared) "convolution")) arguments[[each]][name] <- merged[name]
  }
  arguments
}

# What dense layers and convolutions are both given.
layer_arguments <- function(spec) {
  penalty <- penalty_of(spec)
  pinned(
    activation = spec$activation,
    kernel_initializer = if (!is.null(option(spec, "init"))) sub("-", "_", option(spec, "init"), fixed = TRUE),
    kernel_regularizer = if (length(penalty)) made_by("keras3::regularizer_l2", penalty)
  )
}

optimizer_arguments <- function(spec, named) {
  schedule <- schedule_of(spec)
  rate <- if (length(schedule)) made_by(schedule_function, schedule) else option(spec, "learning_rate")
  own <- lapply(as.list(taken[[named]]), exact, spec = spec)
  names(own) <- own_names[taken[[named]]]
  c(pinned(learning_rate = rate), Filter(Negate(is.null), own))
}

# Keras' penalty is c * sum(w^2), ours lambda / 2 * sum(w^2).
penalty_of <- function(spec) if (option(spec, "l2", 0) > 0) list(l2 = option(spec, "l2") / 2)

drop_rate <- function(spec, name) if (option(spec, name, 0) > 0) list(rate = option(spec, name))

# What the layers before the dense ones are given, where the features are an image.
image_arguments <- function(spec, convolution) {
  given <- c(list(kernel_size = as.integer(spec$kernel)), convolution)
  list(
    shape = list(target_shape = c(as.integer(unlist(spec$image)), 1L)),
    blocks = lapply(spec$filters, function(block) {
      lapply(as.integer(unlist(block)), function(filters) c(list(filters = filters), given))
    }),
    pool = list(pool_size = as.integer(spec$pool)),
    dropout_pooled = drop_rate(spec, "dropout_pooled")
  )
}

# What the schedule rate / (1 + d * updates done) is given; nothing where the rate does not fall.
schedule_of <- function(spec) {
  rate <- option(spec, "learning_rate")
  if (!is.null(rate) && option(spec, "learning_rate_decay", 0) > 0) {
    list(
      initial_learning_rate = exact("learning_rate", spec), decay_steps = 1L,
      decay_rate = exact("learning_rate_decay", spec)
    )
  }
}

# A parameter of Adam's or of the schedule's as it is given to Keras. On TensorFlow both make tensors of them, which is
# to make float32 of a plain number before anything else: 1 - 0.999^t is then off by 1e-5 of itself, in float64 as well.
exact <- function(name, spec) {
  value <- option(spec, name)
  cast <- name %in% c("beta1", "beta2", "learning_rate", "learning_rate_decay")
  if (cast && identical(option(spec, "precision"), "float64") && !is.null(value)) {
    bquote(reticulate::import("numpy", convert = FALSE)$float64(.(value)))
  } else {
    value
  }
}

# A call of a function of keras3, as code.
made_by <- function(fn, arguments) as.call(c(str2lang(fn), arguments))

# Names that an override can set, by the function that takes them: the first, where several would.
room_for <- function(optimizer, images = FALSE) {
  takes <- lapply(c(list(
    optimizer = keras_function(optimizer), compile = keras_method("compile"), fit = keras_method("fit"),
    dense = keras3::layer_dense
  ), if (images) list(convolution = keras3::layer_conv_2d)), function(fn) {
    own <- c("object", "x", "y", "units", "filters", "kernel_size", "optimizer", "name", "callbacks", "...")
    setdiff(names(formals(fn)), own)
  })
  before <- Reduce(union, takes, accumulate = TRUE)
  Map(setdiff, takes, c(list(character()), before[-length(before)]))
}

gaps_mlp <- function(spec) {
  optimizer <- option(spec, "optimizer", "")
  unused <- Filter(function(name) !is.null(option(spec, name)), setdiff(names(own_names), taken[[optimizer]]))
  reason <- if (nzchar(optimizer)) {
    sprintf("keras3::optimizer_%s does not take it", optimizer)
  } else {
    "no optimizer is named to take it"
  }
  falls <- option(spec, "learning_rate_decay", 0) > 0 && is.null(option(spec, "learning_rate"))
  c(
    lapply(as.list(unused), cannot_express, reason = reason),
    if (falls) {
      list(cannot_express(
        "learning_rate_decay", "Keras' schedule starts from a learning rate, and none is given"
      ))
    }
  )
}

network <- function(arguments, inputs) {
  shape <- arguments$image$shape$target_shape
  if (!is.null(shape) && prod(shape) != inputs) {
    stop(inputs, " features are no image of ", shape[1], " x ", shape[2], "; it has ", prod(shape), call. = FALSE)
  }
  valued <- function(given) lapply(given, function(value) if (is.call(value)) eval(value) else value)
  model <- keras3::keras_model_sequential(input_shape = as.integer(inputs))
  for (layer in layers_of(arguments)) do.call(keras_function(layer$fn), c(list(model), valued(layer$arguments)))
  optimizer <- do.call(keras_function(arguments$optimizer$fn), valued(arguments$optimizer$arguments))
  do.call(keras3::compile, c(list(model, optimizer = optimizer), arguments$compile))
  model
}

keras_function <- function(name) getExportedValue("keras3", sub("keras3::", "", name, fixed = TRUE))

# compile and fit are S3 generics whose signatures tell nothing; these are keras3's own methods for a model.
keras_method <- function(name) {
  utils::getS3method(name, "keras.src.models.model.Model", envir = asNamespace("keras3"))
}
