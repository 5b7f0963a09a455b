# How an H2O network is trained: from given weights, and step by step from checkpoints to show it on its way.
#
# H2O shows a network's weights where training ends, so each record of a trace is a model of its own. That after an
# epoch goes on from the checkpoint of the epoch before. That within an epoch is trained with a missing value in each
# row which it has not come to yet and missing_values_handling = "Skip": such rows keep their places in the order and
# make no update. Measured on 3.44.0.3: bit for bit the networks of whole fits.

trace_comment <- function(options) {
  trace <- option(options, "trace")
  if (!is.null(option(trace, "steps"))) {
    paste0(
      "# of which the first ", trace$steps, " updates, each of a model that ends there: missing_values_handling = ",
      "\"Skip\" and a missing value in every row that the epoch has not come to"
    )
  } else if (!is.null(trace)) {
    "# epoch by epoch: each with epochs = 1, 2, ... and the checkpoint of the one before"
  }
}

# For each epoch the order in which H2O visits the n rows; nothing where nothing asks for it.
orders_of <- function(spec, n, arguments, options) {
  given <- option(options, "row_order")
  if (is.null(given) && is.null(option(options, "trace"))) {
    return(list())
  }
  own <- row_order(n, arguments$epochs, arguments$seed)
  if (!is.null(given) && !identical(lapply(unname(given), as.numeric), own)) {
    stop(
      "H2O cannot be told the order of the rows: row_order must be the one that h2o_row_order.R gives for ", n,
      " rows, ", arguments$epochs, " epochs and seed ", arguments$seed, call. = FALSE
    )
  }
  own
}

# The frames of a fit as the network is to see them; the server divides, so that nothing is rounded on its way. The
# label is the first column of the training rows.
scaled <- function(frames, train, spec, options) {
  if (!scales(spec)) {
    return(frames)
  }
  keys <- paste0(session$own, c("_train_scaled", "_test_scaled"))
  key <- h2o::h2o.getId(frames$train)
  h2o::h2o.rapids(sprintf(
    "(assign %s (cbind (cols %s [0]) (/ (cols %s [1:%d]) 255)))", keys[1], key, key, ncol(train$x)
  ))
  h2o::h2o.rapids(sprintf("(assign %s (/ %s 255))", keys[2], h2o::h2o.getId(frames$test)))
  rows <- option(options, "frames")
  found <- function(key, columns_of) if (is.null(rows)) h2o::h2o.getFrame(key) else known_frame(key, columns_of)
  list(
    train = found(keys[1], rows$stack), test = found(keys[2], rows$test), remove = c(frames$remove, keys)
  )
}

# Native arguments with the frames of the initial weights in them.
started <- function(arguments, options) {
  start <- list(initial_weights = option(options, "initial_weights"))
  lapply(arguments, function(value) if (is.call(value)) eval(value, start, baseenv()) else value)
}

# The keys of the frames that started() made.
keys_in <- function(arguments) {
  vapply(c(arguments[["initial_weights"]], arguments[["initial_biases"]]), h2o::h2o.getId, "")
}

trained <- function(arguments, columns, frame) {
  do.call(h2o::h2o.deeplearning, c(list(x = columns, y = "label", training_frame = frame), arguments))
}

# The model at the end, and the weights before training and after every update or epoch that is asked.
traced <- function(arguments, train, frame, orders, trace, layers) {
  columns <- colnames(train$x)
  n <- nrow(train$x)
  with_arguments <- function(...) utils::modifyList(arguments, list(...))
  model <- trained(with_arguments(epochs = 0), columns, frame)
  records <- list(weights_of(model, layers))
  used <- model@model_id
  left_out <- paste0(session$own, "_visited")
  whole <- partial <- NULL
  for (end in ends(n, length(orders), trace)) {
    # From a checkpoint nothing is drawn, and the epochs before count.
    arguments[["checkpoint"]] <- whole
    if (!is.null(whole)) arguments[c("initial_weights", "initial_biases")] <- NULL
    if (end$visited < n) {
      rows <- paste(sort(orders[[end$epoch + 1]][-seq_len(end$visited)]), collapse = " ")
      h2o::h2o.rapids(sprintf("(assign %s (:= %s NaN [1] [%s]))", left_out, h2o::h2o.getId(frame), rows))
      if (is.null(partial)) partial <- h2o::h2o.getFrame(left_out)
      # Any part of an epoch ends with its first iteration, which is all of its rows; half a row is above what is done.
      part <- with_arguments(epochs = end$epoch + (end$visited - 0.5) / n, missing_values_handling = "Skip")
      model <- trained(part, columns, partial)
    } else {
      model <- trained(with_arguments(epochs = end$epoch + 1), columns, frame)
      whole <- model@model_id
    }
    records <- c(records, list(weights_of(model, layers)))
    used <- c(used, model@model_id)
  }
  for (key in c(setdiff(used, model@model_id), if (!is.null(partial)) left_out)) {
    h2o::h2o.rapids(sprintf('(rm "%s")', key))
  }
  list(model = model, records = records)
}

# Where each record's training ends: the epochs done before its own and the rows visited in that one.
ends <- function(n, epochs, trace) {
  if (is.null(option(trace, "steps"))) {
    return(lapply(seq_len(epochs), function(epoch) list(epoch = epoch - 1, visited = n)))
  }
  lapply(seq_len(min(trace$steps, n * epochs)) - 1, function(step) list(epoch = step %/% n, visited = step %% n + 1))
}

# The records of single updates with the row that each one saw, where H2O does not scale the rows itself.
with_rows <- function(records, spec, train, orders, trace) {
  scale <- switch(option(spec, "input_scaling", "own"), none = 1, "divide-by-255" = 255)
  if (is.null(option(trace, "steps")) || is.null(scale)) {
    return(records)
  }
  visits <- unlist(orders)[seq_len(length(records) - 1)] + 1
  seen <- lapply(visits, function(row) list(input = train$x[row, , drop = FALSE] / scale, target = train$y[row]))
  c(records[1], Map(c, records[-1], seen))
}
