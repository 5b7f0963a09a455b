skip_if_not_installed("keras3")
skip_if_not(
  nzchar(Sys.getenv("RETICULATE_PYTHON")) && file.exists(Sys.getenv("RETICULATE_PYTHON")),
  "RETICULATE_PYTHON names a Python with Keras"
)
# reticulate warns that packages which keras3 would like for plots are absent; no test needs them.
skip_if_not(suppressWarnings(reticulate::py_module_available("keras")), "Keras is in that Python")

train <- drawn_rows(30, 5)
keras <- engine("keras")

test_that("updates are epochs times batches: 30 rows in batches of 32, 7 and 1", {
  updates <- function(...) keras$fit(mlp(...), train, train, list())$updates
  expect_identical(updates(), 3L)
  expect_identical(updates(batch_size = 7L), 15L)
  expect_identical(updates(batch_size = 1L), 90L)
})

test_that("a seed repeats a fit exactly and another seed does not", {
  fitted <- function(seed) keras$fit(mlp(dropout = 0.5), train, train, list(seed = seed))$probability
  expect_identical(fitted(1L), fitted(1L))
  expect_false(identical(fitted(1L), fitted(2L)))
})

test_that("what nobody pins is Keras' own: rmsprop at 0.001 and batches of 32", {
  result <- keras$fit(mlp(), train, train, list())
  expect_identical(result$effective$optimizer, "RMSprop")
  expect_equal(result$effective$learning_rate, 0.001, tolerance = 1e-7)
  expect_identical(result$effective$steps_per_epoch, 1L)
})

test_that("injected weights survive training at learning rate zero, and a forward pass by hand agrees", {
  initial <- keras$fit(mlp(), train, train, list(seed = 3L, weights = TRUE))$parameters
  spec <- mlp(optimizer = "sgd", learning_rate = 0)
  result <- keras$fit(spec, train, train, list(initial_weights = initial, weights = TRUE))
  expect_identical(result$parameters, initial)
  layer <- function(x, i) sweep(x %*% initial$weights[[i]], 2, initial$biases[[i]], "+")
  by_hand <- plogis(layer(tanh(layer(tanh(layer(train$x, 1)), 2)), 3))
  # Keras computes in float32.
  expect_equal(result$probability, by_hand[, 1], tolerance = 1e-5)
})

test_that("a learning rate that only decays starts from Keras' own, and the printed code does the same", {
  spec <- mlp(output = "softmax", input_scaling = "divide-by-255", optimizer = "adam", learning_rate_decay = 0.5)
  result <- keras$fit(spec, train, train, list(seed = 1L))
  printed <- run_code(keras$translate(spec, list(seed = 1L))$code, train, train)
  expect_equal(as.numeric(printed$probability), result$probability, tolerance = 1e-6)
  # Halved after the first and after the second of three epochs.
  expect_equal(result$effective$learning_rate, 0.001 / 4, tolerance = 1e-6)
})

test_that("an override finds its function: learning_rate the optimizer's, batch_size fit's", {
  options <- list(overrides = list(learning_rate = 0.02, batch_size = 10L))
  result <- keras$fit(mlp(), train, train, options)
  expect_equal(result$effective$learning_rate, 0.02, tolerance = 1e-6)
  expect_identical(result$effective$steps_per_epoch, 3L)
  other <- keras$fit(mlp(), train, train, list(overrides = list(optimizer = "sgd", momentum = 0.5)))
  expect_identical(other$effective$optimizer, "SGD")
  expect_equal(other$effective$momentum, 0.5)
  expect_error(keras$fit(mlp(), train, train, list(overrides = list(learningrate = 1))), "nearest is 'learning_rate'")
})
