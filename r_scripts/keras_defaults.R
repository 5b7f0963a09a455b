# Keras' table of defaults from R: what R's signatures declare, what a compiled model tells, and what fit hands on.

# Rows for every function that made `model`, compiled it and would fit it, in that order. room: names that an override
# can set, by the part of `arguments` that takes them; schedule: what the learning rate's callback is given, or NULL.
rows_mlp <- function(model, arguments, room) {
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
    rows_of_layers(image_classes, model$layers, kinds, arguments, union(room$dense, room$convolution)),
    if (length(hidden)) {
      made(label, keras3::layer_dense, hidden, asked = written(asked), choices = words, override = room$dense)
    },
    rows_of_layers(dropping_classes, model$layers, kinds, arguments),
    made(
      "keras3::layer_dense, output", keras3::layer_dense, dense[length(dense)],
      asked = c(list(object = "model"), written(arguments$output)), choices = words,
      override = setdiff(room$dense, "activation"), from = label
    ),
    rows_of_objects(c(model$layers[kinds == "Conv2D"], dense), arguments$penalty),
    declared(
      "keras3::compile", keras_method("compile"), compiled, lapply(model$get_compile_config(), by_name),
      "get_compile_config() of the model",
      override = c(room$compile, "optimizer"), from = "keras3's compile of a Model"
    ),
    made(
      optimizer$fn, keras_function(optimizer$fn), list(model$optimizer),
      asked = written(optimizer$arguments), override = room$optimizer
    ),
    if (is.call(optimizer$arguments$learning_rate)) {
      made(
        schedule_function, keras_function(schedule_function), list(eval(optimizer$arguments$learning_rate)),
        asked = arguments$schedule
      )
    },
    rows_of_fit(arguments$fit, room$fit),
    rows_of_predict()
  )
}

dropping_classes <- c("keras3::layer_dropout" = "Dropout", "keras3::layer_rescaling" = "Rescaling")

# The layers of some classes, by the functions that make them: those of one class share one table. room: of
# convolutions.
rows_of_layers <- function(classes, layers, kinds, arguments, room = character()) {
  given <- Filter(function(layer) layer$fn %in% names(classes), layers_of(arguments))
  functions <- vapply(given, `[[`, "", "fn")
  unlist(lapply(unique(functions), function(fn) {
    each <- lapply(given[functions == fn], `[[`, "arguments")
    asked <- lapply(stats::setNames(nm = names(each[[1]])), function(name) alike(lapply(each, `[[`, name)))
    if ("filters" %in% names(asked)) asked$filters <- unlist(lapply(each, `[[`, "filters"))
    made(
      fn, keras_function(fn), layers[kinds == classes[[fn]]], asked = c(list(object = "model"), written(asked)),
      choices = if (fn == "keras3::layer_conv_2d") keras_words(keras3::layer_conv_2d) else list(),
      override = if (fn == "keras3::layer_conv_2d") room else character()
    )
  }), recursive = FALSE)
}

# Arguments that are code as the text of it.
written <- function(arguments) lapply(arguments, function(value) if (is.call(value)) code_of(value) else value)

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

# Each initializer and regularizer in force once: it is an object of its own, which a layer makes from a word.
rows_of_objects <- function(layers, penalty) {
  fields <- grep("_(initializer|regularizer)$", names(formals(keras3::layer_dense)), value = TRUE)
  fields <- setdiff(fields, "activity_regularizer")
  objects <- unlist(lapply(layers, function(layer) lapply(fields, function(field) layer[[field]])))
  unlike <- objects[!duplicated(lapply(objects, function(each) list(class_name(each), each$get_config())))]
  unlist(lapply(unlike, function(each) {
    name <- unlist(lapply(c("initializer", "regularizer"), exported_as, class = class_name(each)))
    asked <- if (identical(name, "regularizer_l2")) penalty else list()
    if (length(name)) made(paste0("keras3::", name), keras_function(name), list(each), asked = asked)
  }), recursive = FALSE)
}

rows_of_fit <- function(asked, room) {
  # These belong to the rows of the fit, not to those that are watched.
  seen <- handed_over("fit", asked[setdiff(names(asked), c("sample_weight", "class_weight", "validation_data"))])
  declared(
    "keras3::fit", keras_method("fit"), c(list(object = "model", x = "x_train", y = "y_train"), asked), seen,
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

# Rows of a function from the objects that it made, of which each may be in force for a layer of its own.
made <- function(label, fn, objects, ...) {
  each <- lapply(objects, in_force, names = setdiff(names(formals(fn)), c("object", "name", "...")))
  names <- names(each[[1]])
  columns <- lapply(stats::setNames(nm = names), function(name) alike(lapply(each, `[[`, name)))
  for (name in intersect(c("units", "filters"), names)) columns[[name]] <- unlist(lapply(each, `[[`, name))
  declared(label, fn, effective = columns, read = "get_config() and attributes of what it made", ...)
}

in_force <- function(object, names) {
  config <- object$get_config()
  told <- Filter(function(name) name %in% names(config) || reticulate::py_has_attr(object, name), names)
  lapply(stats::setNames(nm = told), function(name) {
    by_name(if (name %in% names(config)) config[[name]] else object[[name]])
  })
}

# One value where all layers have the same, else a list by layer. Units and filters are always given by layer.
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
