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

test_that("the rate is divided by 1 + d * updates done, and the printed code does the same", {
  spec <- mlp(
    output = "softmax", input_scaling = "divide-by-255", optimizer = "adam", learning_rate = 0.01,
    learning_rate_decay = 0.5
  )
  result <- keras$fit(spec, train, train, list(seed = 1L))
  printed <- run_code(keras$translate(spec, list(seed = 1L))$code, train, train)
  expect_equal(as.numeric(printed$probability), result$probability, tolerance = 1e-6)
  # One update in each of three epochs.
  expect_equal(result$effective$learning_rate, 0.01 / (1 + 0.5 * 3), tolerance = 1e-6)
})

test_that("what an optimizer does not take is not expressible, and a rate that is not given cannot fall", {
  gaps <- keras$translate(mlp(optimizer = "adam", rho = 0.9, beta1 = 0.8, learning_rate_decay = 0.5), list())
  expect_identical(vapply(gaps$not_expressible, `[[`, "", "parameter"), c("rho", "learning_rate_decay"))
  expect_match(gaps$code, "keras3::optimizer_adam(beta_1 = 0.8)", fixed = TRUE)
})

test_that("a compiled fit with an order of rows ends where the chain of its updates ends, dropout included", {
  spec <- mlp(dropout = 0.5, optimizer = "adam", learning_rate = 0.01, batch_size = 7L, precision = "float64")
  orders <- list(29:0, 0:29, c(15:29, 0:14))
  options <- list(seed = 3L, weights = TRUE, row_order = orders)
  whole <- keras$fit(spec, train, train, c(options, list(trace = list(epochs = TRUE))))
  chain <- keras$fit(spec, train, train, c(options, list(trace = list(steps = 15L))))$trace
  expect_identical(whole$updates, 15L)
  expect_length(whole$trace, 4)
  expect_length(chain, 16)
  for (part in c("weights", "biases")) {
    expect_identical(whole$trace[[4]][[part]], whole$parameters[[part]])
    expect_equal(chain[[16]][[part]], whole$parameters[[part]], tolerance = 1e-9)
    expect_equal(chain[[6]][[part]], whole$trace[[2]][[part]], tolerance = 1e-9)
  }
  expect_equal(chain[[2]]$input, unname(train$x)[30:24, ], tolerance = 1e-12)
  expect_equal(as.numeric(chain[[2]]$target), train$y[30:24])
  probability <- chain[[16]]$activations[[3]]
  expect_equal(chain[[16]]$loss, mean(-log(ifelse(chain[[16]]$target == 1, probability, 1 - probability))))
  # A unit that is kept is divided by the share that is.
  expect_true(any(chain[[2]]$activations[[1]] == 0))
})

test_that("outputs of layers with dropout are scaled down at prediction where that is asked for", {
  start <- list(
    weights = list(matrix(c(0.4, -0.3, 0.2, 0.1, -0.5, 0.3, 0.6, -0.2, 0.5, 0.1), 5), matrix(c(0.7, -0.9), 2)),
    biases = list(c(0.1, -0.2), 0.3)
  )
  predicted <- function(...) {
    still <- mlp(hidden = 2L, dropout = 0.25, optimizer = "sgd", learning_rate = 0, precision = "float64", ...)
    keras$fit(still, train, train, list(initial_weights = start))$probability
  }
  hidden <- tanh(sweep(train$x %*% start$weights[[1]], 2, start$biases[[1]], `+`))
  expected <- function(factor) as.numeric(stats::plogis(factor * hidden %*% start$weights[[2]] + 0.3))
  expect_equal(as.numeric(predicted()), expected(1), tolerance = 1e-9)
  expect_equal(as.numeric(predicted(dropout_scaling = "at-prediction")), expected(0.75), tolerance = 1e-9)
  spec <- mlp(dropout = 0.25, dropout_scaling = "at-prediction")
  expect_match(keras$translate(spec, list())$code, "keras3::layer_rescaling(scale = 0.75)", fixed = TRUE)
  rows <- keras$defaults(spec, train, list())
  expect_identical(rows_of(rows, "keras3::layer_rescaling")$scale$asked, 0.75)
})

test_that("a fit that leaves the float type open is the same before and after one of float64", {
  fitted <- function(...) keras$fit(mlp(...), train, train, list(seed = 1L))
  before <- fitted()
  wide <- fitted(precision = "float64")
  expect_identical(wide$effective$dtype, "float64")
  expect_identical(fitted()$probability, before$probability)
  expect_identical(before$effective$dtype, "float32")
  expect_false(identical(wide$probability, before$probability))
})

test_that("a ridge adds lambda times the weights to the gradients of the weights alone", {
  first <- function(...) {
    spec <- mlp(optimizer = "sgd", learning_rate = 0.1, order = "given", precision = "float64", ...)
    keras$fit(spec, train, train, list(seed = 1L, trace = list(steps = 1L)))$trace
  }
  plainly <- first()
  ridged <- first(l2 = 0.5)
  for (i in 1:3) {
    added <- ridged[[2]]$gradients$weights[[i]] - plainly[[2]]$gradients$weights[[i]]
    expect_equal(added, 0.5 * plainly[[1]]$weights[[i]], tolerance = 1e-9)
  }
  expect_equal(ridged[[2]]$gradients$biases, plainly[[2]]$gradients$biases, tolerance = 1e-12)
})

test_that("a convolutional network has the layers that are asked for, and its printed code is what was run", {
  image <- drawn_rows(30, 36)
  spec <- mlp(
    family = "cnn", image = c(6L, 6L), filters = list(c(3L, 2L)), kernel = 2L, pool = 2L, dropout_pooled = 0.25,
    hidden = 4L, output = "softmax"
  )
  result <- keras$fit(spec, image, image, list(seed = 1L, weights = TRUE))
  # 6 x 6 become 5 x 5, 4 x 4 and, pooled, 2 x 2 of two filters.
  expect_identical(lapply(result$parameters$weights, dim), list(
    c(2L, 2L, 1L, 3L), c(2L, 2L, 3L, 2L), c(8L, 4L), c(4L, 2L)
  ))
  printed <- run_code(keras$translate(spec, list(seed = 1L))$code, image, image)
  expect_equal(as.numeric(printed$probability), result$probability, tolerance = 1e-6)
  rows <- keras$defaults(spec, image, list())
  expect_identical(rows_of(rows, "keras3::layer_conv_2d")$filters$effective, c(3L, 2L))
  expect_identical(rows_of(rows, "keras3::layer_dropout")$rate$asked, 0.25)
  expect_error(keras$fit(spec, train, train, list()), "5 features are no image of 6 x 6")
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

test_that("every parameter of every function has a row, in the order of the calls", {
  spec <- mlp(dropout = 0.5, optimizer = "adam", learning_rate = 0.01, learning_rate_decay = 0.9)
  rows <- keras$defaults(spec, train, list())
  functions <- list(
    `keras3::keras_model_sequential` = keras3::keras_model_sequential, `keras3::layer_dense` = keras3::layer_dense,
    `keras3::layer_dropout` = keras3::layer_dropout, `keras3::layer_dense, output` = keras3::layer_dense,
    `keras3::initializer_glorot_uniform` = keras3::initializer_glorot_uniform,
    `keras3::compile` = keras$keras_method("compile"), `keras3::optimizer_adam` = keras3::optimizer_adam,
    `keras3::learning_rate_schedule_inverse_time_decay` = keras3::learning_rate_schedule_inverse_time_decay,
    `keras3::fit` = keras$keras_method("fit"), `stats::predict` = keras$keras_method("predict")
  )
  expect_identical(functions_of(rows), names(functions))
  expect_same_parameters(rows, functions)
  expect_identical(keras$defaults(spec, train, list()), rows)
  expect_overrides(
    Filter(function(row) !row$`function` %in% c("keras3::layer_dense, output", "stats::predict"), rows),
    function(options) keras$arguments_mlp(spec, options)
  )
})

test_that("what was in force is what the objects of a compiled network say", {
  rows <- keras$defaults(mlp(), train, list(overrides = list(bias_initializer = "ones", momentum = 0.5)))
  dense <- rows_of(rows, "keras3::layer_dense")
  expect_identical(dense$units$effective, c(8L, 4L))
  expect_identical(dense$activation[c("given", "asked", "effective")], list(
    given = TRUE, asked = "tanh", effective = "tanh"
  ))
  expect_identical(dense$bias_initializer$effective, "Ones")
  expect_identical(dense$kernel_initializer[c("declared", "effective")], list(
    declared = "glorot_uniform", effective = "GlorotUniform"
  ))
  expect_true(all(c("he_uniform", "zeros") %in% dense$kernel_initializer$choices))
  last <- rows_of(rows, "keras3::layer_dense, output")
  expect_identical(last$activation[c("effective", "override")], list(effective = "sigmoid", override = FALSE))
  own <- keras3::optimizer_rmsprop(momentum = 0.5)$get_config()
  optimizer <- rows_of(rows, "keras3::optimizer_rmsprop")
  for (name in setdiff(names(own), "name")) expect_identical(optimizer[[name]]$effective, own[[name]], label = name)
  expect_identical(optimizer$name$effective_from, "")
  compiled <- rows_of(rows, "keras3::compile")
  expect_identical(compiled$optimizer[c("given", "effective")], list(given = FALSE, effective = "RMSprop"))
  expect_identical(compiled$jit_compile$declared, "auto")
  expect_type(compiled$jit_compile$effective, "logical")
})

test_that("the batch size in force is the one that the steps of a real fit tell, and rows are shuffled", {
  in_force <- function(...) {
    fitted <- rows_of(keras$defaults(mlp(...), train, list()), "keras3::fit")
    c(fitted$batch_size$effective, fitted$shuffle$effective, fitted$epochs$effective)
  }
  expect_identical(in_force(), c(32L, 1L, 3L))
  expect_identical(in_force(batch_size = 1L, epochs = 200L), c(1L, 1L, 200L))
  long <- drawn_rows(97, 5)
  expect_identical(keras$fit(mlp(), long, long, list())$updates, as.integer(3 * ceiling(97 / 32)))
  fixed <- keras$defaults(mlp(), train, list(overrides = list(shuffle = FALSE, batch_size = 10L)))
  fixed <- rows_of(fixed, "keras3::fit")
  expect_identical(fixed$shuffle[c("declared", "asked", "effective")], list(
    declared = TRUE, asked = FALSE, effective = FALSE
  ))
  expect_identical(fixed$batch_size$effective, 10L)
})

test_that("an untrained network has the weights that its seed draws, and makes no update", {
  result <- keras$fit(mlp(), train, train, list(seed = 3L, weights = TRUE, untrained = TRUE))
  keras3::set_random_seed(3L)
  model <- keras3::keras_model_sequential(input_shape = 5L)
  for (units in c(8L, 4L)) keras3::layer_dense(model, units, activation = "tanh")
  keras3::layer_dense(model, 1L, activation = "sigmoid")
  drawn <- keras3::get_weights(model)
  expect_identical(result$parameters$weights, drawn[c(1, 3, 5)])
  expect_identical(result$updates, 0L)
  expect_equal(result$probability, as.numeric(predict(model, unname(train$x), verbose = 0)), tolerance = 1e-6)
})

test_that("fits that are to be repeatable agree bit for bit without a seed", {
  fitted <- function() {
    result <- keras$fit(mlp(dropout = 0.5), train, train, list(repeatable = TRUE, weights = TRUE))
    result[c("probability", "parameters", "label")]
  }
  expect_identical(fitted(), fitted())
})
