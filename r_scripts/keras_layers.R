# The layers of keras3's networks and what each is given: for the model, its printed code and its tables.

# Functions and their arguments in the order in which the layers are made.
layers_of <- function(arguments) {
  layer <- function(fn, given = list()) list(fn = paste0("keras3::layer_", fn), arguments = given)
  # Keras divides what it keeps by the share kept; multiplied by it always, outputs are smaller at prediction.
  drop <- function(given) {
    if (length(given)) {
      c(list(layer("dropout", given)), if (arguments$rescaled) list(layer("rescaling", list(scale = 1 - given$rate))))
    }
  }
  image <- arguments$image
  c(
    if (!is.null(image)) {
      c(
        list(layer("reshape", image$shape)),
        unlist(lapply(image$blocks, function(block) {
          c(lapply(block, layer, fn = "conv_2d"), list(layer("max_pooling_2d", image$pool)))
        }), recursive = FALSE),
        list(layer("flatten")), drop(image$dropout_pooled)
      )
    },
    unlist(lapply(arguments$hidden, function(units) {
      c(list(layer("dense", c(list(units = units), arguments$dense))), drop(arguments$dropout))
    }), recursive = FALSE),
    list(layer("dense", arguments$output))
  )
}
