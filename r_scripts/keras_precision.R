# Keras' float type for the time of a fit.

# What float64 needs beyond Keras' two settings. JAX makes float32 of float64 arrays until it is told otherwise, and so
# does Keras' own promotion of types, except on TensorFlow: on PyTorch even in the matrix products of its layers.
wide <- c(
  'if (keras3::config_backend() == "jax") reticulate::import("jax")$config$update("jax_enable_x64", TRUE)',
  paste0(
    'reticulate::import("keras.src.backend.common.dtypes", convert = FALSE)$BIT64_TO_BIT32_DTYPE$update(',
    'list(float64 = "float64"))'
  )
)

# The lines that set the float type; none where the specification leaves it to Keras.
precision_code <- function(spec) {
  precision <- option(spec, "precision")
  if (!is.null(precision)) {
    c(
      sprintf('keras3::config_set_floatx("%s")', precision),
      sprintf('keras3::config_set_dtype_policy("%s")', precision),
      if (precision == "float64") wide
    )
  }
}

# Evaluates a fit in the specification's float type, and puts back what was in force before it.
with_precision <- function(spec, fit) {
  if (!is.null(option(spec, "precision"))) {
    promoted <- reticulate::import("keras.src.backend.common.dtypes", convert = FALSE)$BIT64_TO_BIT32_DTYPE
    jax <- if (keras3::config_backend() == "jax") reticulate::import("jax")$config
    before <- list(
      floatx = keras3::config_floatx(), policy = keras3::config_dtype_policy(),
      promoted = reticulate::py_to_r(promoted$get("float64")), wide = jax$jax_enable_x64
    )
    on.exit({
      keras3::config_set_floatx(before$floatx)
      keras3::config_set_dtype_policy(before$policy)
      promoted$update(list(float64 = before$promoted))
      if (!is.null(jax)) jax$update("jax_enable_x64", before$wide)
    })
    for (line in precision_code(spec)) eval(str2lang(line))
  }
  force(fit)
}
