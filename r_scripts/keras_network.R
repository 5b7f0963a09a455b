# A compiled network of keras3, its weights, and where keras3 keeps its functions.

network <- function(arguments, inputs) {
  model <- keras3::keras_model_sequential(input_shape = as.integer(inputs))
  for (units in arguments$hidden) {
    do.call(keras3::layer_dense, c(list(model, units = units), arguments$dense))
    if (length(arguments$dropout)) do.call(keras3::layer_dropout, c(list(model), arguments$dropout))
  }
  do.call(keras3::layer_dense, c(list(model), arguments$output))
  optimizer <- do.call(keras_function(arguments$optimizer$fn), arguments$optimizer$arguments)
  do.call(keras3::compile, c(list(model, optimizer = optimizer), arguments$compile))
  model
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
