# Keras' table of defaults from R: what R's signatures declare, what a compiled model tells, and what fit hands on.

# Rows that must come in order before rows count as unshuffled: by chance they do so less than once in 1e13. As many
# batches are there to be handed on, because only a batch smaller than the data shows that its size was chosen.
in_order <- 16L
# Rows where nobody asks for a size: eight batches of 32, which is what Keras takes today.
plain_rows <- 256L

# Rows for every function that made `model`, compiled it and would fit it, in that order. room: names that an override
# can set, by the part of `arguments` that takes them; schedule: what the learning rate's callback is given, or NULL.
rows_mlp <- function(model, arguments, room, schedule) {
  kinds <- vapply(model$layers, class_name, "")
  dense <- model$layers[kinds == "Dense"]
  hidden <- dense[-length(dense)]
  label <- "keras3::layer_dense"
  asked <- c(list(object = "model", units = arguments$hidden), arguments$dense)
  words <- keras_words(keras3::layer_dense)
  optimizer <- arguments$optimizer
  compiled <- c(list(object = "model"), if (optimizer$is_asked) list(optimizer = optimizer$fn), arguments$compile)
  c(
    rows_of_sequential(model),
    if (length(hidden)) {
      made(label, keras3::layer_dense, hidden, asked = asked, choices = words, override = room$dense)
    },
    if (length(arguments$dropout)) {
      made(
        "keras3::layer_dropout", keras3::layer_dropout, model$layers[kinds == "Dropout"],
        asked = c(list(object = "model"), arguments$dropout)
      )
    },
    made(
      "keras3::layer_dense, output", keras3::layer_dense, dense[length(dense)],
      asked = c(list(object = "model"), arguments$output), choices = words,
      override = setdiff(room$dense, "activation"), from = label
    ),
    rows_of_initializers(dense),
    declared(
      "keras3::compile", keras_method("compile"), compiled, lapply(model$get_compile_config(), by_name),
      "get_compile_config() of the model",
      override = c(room$compile, "optimizer"), from = "keras3's compile of a Model"
    ),
    made(
      optimizer$fn, keras_function(optimizer$fn), list(model$optimizer),
      asked = optimizer$arguments, override = room$optimizer
    ),
    if (!is.null(schedule)) declared(decay_function, keras_function(decay_function), schedule),
    rows_of_fit(arguments$fit, room$fit, schedule),
    rows_of_predict()
  )
}

# Its input_* are the arguments of the input layer that it makes. Both names count the models of the session.
rows_of_sequential <- function(model) {
  input <- model$get_config()$layers[[1]]$config
  shape <- input$batch_shape[-1]
  entry <- c(input[setdiff(names(input), "name")], list(shape = unlist(shape)))
  names(entry) <- paste0("input_", names(entry))
  fn <- keras3::keras_model_sequential
  declared(
    "keras3::keras_model_sequential", fn, list(input_shape = unlist(shape)),
    c(entry, list(trainable = model$trainable, layers = as.list(vapply(model$layers, class_name, "")))),
    "get_config() and attributes of the model"
  )
}

# Each initializer in force once: it is an object of its own, which a layer makes from a word.
rows_of_initializers <- function(layers) {
  fields <- grep("_initializer$", names(formals(keras3::layer_dense)), value = TRUE)
  objects <- unlist(lapply(layers, function(layer) lapply(fields, function(field) layer[[field]])))
  unlike <- objects[!duplicated(lapply(objects, function(each) list(class_name(each), each$get_config())))]
  unlist(lapply(unlike, function(each) {
    name <- exported_as("initializer", class_name(each))
    if (length(name)) made(paste0("keras3::", name), keras_function(name), list(each))
  }), recursive = FALSE)
}

rows_of_fit <- function(asked, room, schedule) {
  # These belong to the rows of the fit, not to those that are watched.
  seen <- handed_over("fit", asked[setdiff(names(asked), c("sample_weight", "class_weight", "validation_data"))])
  callbacks <- if (!is.null(schedule)) list(callbacks = decay_function)
  declared(
    "keras3::fit", keras_method("fit"),
    c(list(object = "model", x = "x_train", y = "y_train"), asked, callbacks), seen,
    c("the first batches that fit hands to train_step", epochs = "history$params", verbose = "history$params"),
    override = room, from = "keras3's fit of a Model"
  )
}

rows_of_predict <- function() {
  asked <- list(verbose = 0L)
  declared(
    "stats::predict", keras_method("predict"), c(list(object = "model", x = "x_test"), asked),
    handed_over("predict", asked)["batch_size"], "the first batch that predict hands to predict_step",
    from = "keras3's predict of a Model"
  )
}

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

# Rows of a function from the objects that it made, of which each may be in force for a layer of its own.
made <- function(label, fn, objects, ...) {
  each <- lapply(objects, in_force, names = setdiff(names(formals(fn)), c("object", "name", "...")))
  names <- names(each[[1]])
  columns <- lapply(stats::setNames(nm = names), function(name) alike(lapply(each, `[[`, name)))
  if ("units" %in% names) columns$units <- unlist(lapply(each, `[[`, "units"))
  declared(label, fn, effective = columns, read = "get_config() and attributes of what it made", ...)
}

in_force <- function(object, names) {
  config <- object$get_config()
  told <- Filter(function(name) name %in% names(config) || reticulate::py_has_attr(object, name), names)
  lapply(stats::setNames(nm = told), function(name) {
    by_name(if (name %in% names(config)) config[[name]] else object[[name]])
  })
}

# One value where all layers have the same, else a list by layer. Units are always given by layer.
alike <- function(values) if (length(unique(values)) == 1) values[[1]] else values

by_name <- function(value) {
  if (is.list(value) && !is.null(value$class_name)) {
    value$class_name
  } else if (inherits(value, "python.builtin.object")) {
    class_name(value)
  } else {
    value
  }
}

class_name <- function(object) object$`__class__`$`__name__`

# Words for a parameter: what Keras lists for its kind and takes without arguments, one for each thing that they name.
keras_words <- function(fn) {
  keras <- reticulate::import("keras", convert = FALSE)
  names <- names(formals(fn))
  kinds <- sub("^.*_", "", names)
  listed <- kinds %in% c("initializer", "regularizer", "constraint", "activation")
  lapply(stats::setNames(kinds[listed], names[listed]), function(kind) {
    module <- keras[[paste0(kind, "s")]]
    words <- Filter(function(word) word == tolower(word), names(module))
    # NULL where Keras refuses the word.
    meant <- lapply(stats::setNames(nm = words), function(word) {
      tryCatch(meaning(module$get(word)), error = function(e) NULL)
    })
    meant <- unlist(meant)
    as.list(names(meant)[!duplicated(meant)])
  })
}

# The name of a function, or of an object's class.
meaning <- function(thing) {
  named <- if (reticulate::py_has_attr(thing, "__name__")) thing else thing$`__class__`
  reticulate::py_to_r(named$`__name__`)
}

# What R exports for a class of Keras: initializer_glorot_uniform for GlorotUniform.
exported_as <- function(kind, class) {
  names <- grep(paste0("^", kind, "_"), getNamespaceExports("keras3"), value = TRUE)
  names[gsub("_", "", sub(kind, "", names)) == tolower(class)]
}
