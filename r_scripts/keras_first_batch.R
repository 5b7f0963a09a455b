# What Keras' fit and predict choose by themselves, read from the first batches that they hand over.

# Rows that must come in order before rows count as unshuffled: by chance they do so less than once in 1e13. As many
# batches are there to be handed on, because only a batch smaller than the data shows that its size was chosen.
in_order <- 16L
# Rows where nobody asks for a size: eight batches of 32, which is what Keras takes today.
plain_rows <- 256L

# What fit or predict hands to a model of one unit that learns nothing. Runs eagerly, so that no graph is traced.
handed_over <- function(step, asked) {
  size <- option(asked, "batch_size")
  n <- if (is.null(size)) plain_rows else in_order * as.integer(size)
  seen <- list()
  watch <- function(data) {
    x <- if (is.list(data)) data[[1]] else data
    seen <<- c(seen, list(as.numeric(as.array(x))))
    x
  }
  watched <- keras3::new_model_class(
    "Watched",
    train_step = function(data) {
      watch(data)
      if (length(unlist(seen)) >= in_order) self$stop_training <- TRUE
      list(loss = 0)
    },
    predict_step = function(data) watch(data)
  )
  input <- keras3::keras_input(1L)
  model <- watched(inputs = input, outputs = keras3::layer_dense(input, 1L))
  keras3::compile(model, loss = "mean_squared_error", run_eagerly = TRUE)
  x <- matrix(as.numeric(seq_len(n)), n, 1)
  history <- if (step == "fit") {
    do.call(keras3::fit, c(list(model, x, numeric(n)), asked))
  } else {
    do.call(stats::predict, c(list(model, x), asked))
  }
  first <- length(seen[[1]])
  c(
    if (first < n) list(batch_size = first),
    if (step == "fit") c(list(shuffle = is.unsorted(unlist(seen))), history$params[c("epochs", "verbose")])
  )
}
