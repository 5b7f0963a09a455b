# Training of a compiled Keras model: one fit, a fit for each epoch's order of rows, or single traced updates.

# list(histories, trace). asked: what fit is given.
trained <- function(model, x, y, asked, options) {
  trace <- option(options, "trace")
  records <- if (!is.null(trace)) list(network_weights(model))
  if (isTRUE(option(options, "untrained"))) {
    return(list(histories = list(), trace = records))
  }
  if (!is.null(trace$steps)) {
    batches <- utils::head(batches_of(nrow(x), asked, options), trace$steps)
    heard <- hear(model)
    for (places in batches) {
      weights <- weighted(of_rows(asked, places))
      records <- c(records, list(traced(model, heard, x[places, , drop = FALSE], y[places], weights)))
    }
    return(list(histories = list(), trace = records))
  }
  watch <- if (!is.null(trace)) {
    list(callbacks = keras3::callback_lambda(on_epoch_end = function(epoch, logs) {
      records <<- c(records, list(network_weights(model)))
    }))
  }
  histories <- fits(model, x, y, asked, options, watch)
  list(histories = histories, trace = records)
}

# The lines that `trained` stands for.
training_code <- function(asked, options) {
  if (isTRUE(option(options, "untrained"))) {
    character()
  } else if (!is.null(option(options, "trace")$steps)) {
    rows <- c("model", "unname(x_train)[places + 1, , drop = FALSE]", "y_train[places + 1]")
    given <- weighted(of_rows(asked, quote(places + 1)))
    c("for (places in batches) {", paste0("  ", call_code("keras3::train_on_batch", given, first = rows)), "}")
  } else if (is.null(option(options, "row_order"))) {
    call_code("keras3::fit", asked, first = c("model", "unname(x_train)", "y_train"))
  } else {
    given <- one_epoch(of_rows(asked, quote(places)), quote(epoch))
    rows <- c("model", "unname(x_train)[places, , drop = FALSE]", "y_train[places]")
    c(
      "for (epoch in seq_along(row_order)) {", "  places <- row_order[[epoch]] + 1",
      paste0("  ", call_code("keras3::fit", given, first = rows)),
      "}"
    )
  }
}

# One fit of all epochs, or one for each order of rows; the optimizer's state and the masks' seeds go on.
fits <- function(model, x, y, asked, options, more) {
  orders <- option(options, "row_order")
  if (is.null(orders)) {
    return(list(do.call(keras3::fit, c(list(model, x, y), asked, more))))
  }
  check_orders(orders, asked$epochs)
  lapply(seq_along(orders), function(epoch) {
    places <- orders[[epoch]] + 1
    given <- one_epoch(of_rows(asked, places), epoch)
    do.call(keras3::fit, c(list(model, x[places, , drop = FALSE], y[places]), given, more))
  })
}

# What fit is given to run one epoch of several, on rows that stand as they are to be visited. keras3 counts epochs from
# 1, and Keras from 0.
one_epoch <- function(asked, epoch) {
  asked[c("shuffle", "initial_epoch", "epochs")] <- list(FALSE, epoch, epoch)
  asked
}

# What fit is given, for some of the rows: the weights of those rows where rows have weights.
of_rows <- function(asked, places) {
  if (is.null(asked$sample_weight)) {
    return(asked)
  }
  weights <- unlist(asked$sample_weight)
  asked$sample_weight <- if (is.language(places)) bquote(.(weights)[.(places)]) else as.array(weights[places])
  asked
}

# What of the arguments of fit says how rows weigh: train_on_batch takes it as well.
weighted <- function(asked) Filter(Negate(is.null), asked[names(asked) %in% c("sample_weight", "class_weight")])

# Places of the rows of each update, epoch by epoch, counted from 1.
batches_of <- function(n, asked, options) {
  orders <- option(options, "row_order")
  if (is.null(orders)) {
    if (!isFALSE(asked$shuffle)) {
      stop("Keras shuffles the rows; a trace of steps needs a row_order, or the order 'given'", call. = FALSE)
    }
    orders <- rep(list(seq_len(n) - 1L), asked$epochs)
  }
  check_orders(orders, asked$epochs)
  size <- option(asked, "batch_size")
  if (is.null(size)) size <- handed_over("fit", list(verbose = 0L))$batch_size
  unlist(lapply(orders, function(order) unname(split(order + 1, (seq_len(n) - 1) %/% size))), recursive = FALSE)
}

check_orders <- function(orders, epochs) {
  if (length(orders) != epochs) {
    stop("row_order has the rows of ", length(orders), " epochs, and ", epochs, " are asked for", call. = FALSE)
  }
}

# One update by train_on_batch of a model that runs eagerly, and what it was given and computed.
traced <- function(model, heard, x, y, weights) {
  # The adapter of fit makes its float type of what it is given, train_on_batch takes arrays as they are.
  x <- reticulate::np_array(x, dtype = keras3::config_floatx())
  activations <- activations_of(model, x)
  result <- do.call(keras3::train_on_batch, c(list(model, x, y), weights))
  c(as.list(heard), activations, list(loss = as.numeric(if (is.list(result)) result$loss else result)),
    network_weights(model))
}

# An environment in which each update writes what train_step and the optimizer are handed. Keras' own gradients pass
# through `apply` on every backend.
hear <- function(model) {
  heard <- new.env()
  step <- model$train_step
  apply_gradients <- model$optimizer$apply
  model$train_step <- function(...) {
    given <- list(...)
    data <- given[[length(given)]]
    heard$input <- as_matrix(data[[1]])
    heard$target <- as.array(data[[2]])
    step(...)
  }
  model$optimizer$apply <- function(grads, trainable_variables = NULL) {
    heard$gradients <- in_turn(lapply(grads, as.array))
    apply_gradients(grads, trainable_variables)
  }
  heard
}

# What each dense layer hands on in training, dropout included, with the masks that the next update draws. NULL where
# the model has layers of other kinds.
activations_of <- function(model, x) {
  kinds <- vapply(model$layers, class_name, "")
  if (!all(kinds %in% c("Dense", "Dropout", "Rescaling"))) {
    return(NULL)
  }
  states <- lapply(model$layers[kinds == "Dropout"], function(layer) layer$seed_generator$state)
  before <- lapply(states, function(state) state$numpy())
  # On PyTorch a layer without a seed draws from PyTorch's own generator.
  torch <- if (keras3::config_backend() == "torch") reticulate::import("torch", convert = FALSE)
  drawn <- if (!is.null(torch)) torch$get_rng_state()
  found <- list()
  for (i in seq_along(kinds)) {
    x <- if (kinds[i] == "Dropout") model$layers[[i]](x, training = TRUE) else model$layers[[i]](x)
    place <- length(found) + (kinds[i] == "Dense")
    # Dropout of the inputs is no layer's activation.
    if (place > 0) found[[place]] <- as_matrix(x)
  }
  for (i in seq_along(states)) states[[i]]$assign(before[[i]])
  if (!is.null(torch)) torch$set_rng_state(drawn)
  list(activations = found)
}

as_matrix <- function(tensor) as.matrix(as.array(tensor))

# Weights are (in, out) arrays in Keras too; its list alternates kernels and biases.
network_weights <- function(model) in_turn(keras3::get_weights(model))

in_turn <- function(arrays) {
  list(weights = arrays[c(TRUE, FALSE)], biases = lapply(arrays[c(FALSE, TRUE)], as.array))
}
