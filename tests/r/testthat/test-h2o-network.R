skip_if_not_installed("h2o")
skip_if_not_installed("genefilter")
server <- h2o_server()
skip_if(is.null(server), "H2O_JAR_PATH names no jar, there is no Java, or the server did not start")

h2o_engine <- engine("h2o")
on_server <- function(...) list(server = server, weights = TRUE, ...)

# An aligned network: parity/spec/models.py's aligned_network of plain gradient descent.
aligned <- function(...) {
  utils::modifyList(mlp(
    hidden = c(6L, 5L), output = "softmax", dropout = 0, loss = "cross-entropy", optimizer = "sgd",
    learning_rate = 0.01, learning_rate_decay = 0, momentum = 0, nesterov = FALSE, l2 = 0, batch_size = 1L,
    order = "given", precision = "float32", input_scaling = "divide-by-255", init = "glorot-uniform",
    stopping = "none", threshold = 0.5
  ), list(...))
}

# Rows of bytes, as pixels are.
bytes <- function(n, seed) {
  rows <- drawn_rows(n, 9, seed)
  rows$x[] <- pmin(pmax(round(rows$x * 60 + 100), 0), 255)
  rows
}
train <- bytes(10, 1)
test <- bytes(20, 2)

# Weights that are float32 numbers: so many 2^-23ths.
start <- local({
  set.seed(3)
  sizes <- c(9, 6, 5, 2)
  drawn <- function(n) round(runif(n, -0.5, 0.5) * 2^22) / 2^22
  list(
    weights = lapply(1:3, function(layer) matrix(drawn(sizes[layer] * sizes[layer + 1]), sizes[layer])),
    biases = lapply(sizes[-1], function(units) as.array(drawn(units)))
  )
})

# Plain gradient descent on single rows with a heavy ball, by the plain formulas: parity/compare/reference_network.py.
descended <- function(network, order, rate, momentum = 0) {
  step <- lapply(network, function(arrays) lapply(arrays, function(array) 0 * array))
  for (row in order + 1) {
    below <- list(train$x[row, ] / 255)
    for (layer in 1:3) {
      score <- drop(below[[layer]] %*% network$weights[[layer]]) + network$biases[[layer]]
      below[[layer + 1]] <- if (layer < 3) tanh(score) else exp(score) / sum(exp(score))
    }
    error <- below[[4]] - (0:1 == train$y[row])
    for (layer in 3:1) {
      weights <- network$weights[[layer]]
      slopes <- list(weights = outer(below[[layer]], error), biases = error)
      for (kind in names(slopes)) {
        step[[kind]][[layer]] <- momentum * step[[kind]][[layer]] - rate * slopes[[kind]]
        network[[kind]][[layer]] <- network[[kind]][[layer]] + step[[kind]][[layer]]
      }
      error <- drop(weights %*% error) * (1 - below[[layer]]^2)
    }
  }
  network
}

# Float32 weights of up to 1 after 30 updates.
within <- 1e-6
apart <- function(a, b) max(abs(unlist(a[c("weights", "biases")]) - unlist(b[c("weights", "biases")])))

test_that("the order of the rows is Python's, beyond 53 bits too", {
  expect_equal(h2o_engine$row_order(10, 2, 0), list(c(6, 7, 4, 3, 5, 1, 8, 9, 0, 2), c(6, 8, 3, 4, 2, 0, 7, 9, 1, 5)))
  expect_equal(h2o_engine$row_order(7, 2, -5), list(c(0, 3, 6, 2, 4, 1, 5), c(1, 3, 6, 5, 2, 0, 4)))
  expect_equal(h2o_engine$row_order(80, 1, 2^40 + 3)[[1]][1:9], c(59, 9, 18, 37, 7, 52, 17, 69, 46))
})

test_that("gradient descent is that of the plain formulas after three epochs, with a heavy ball too", {
  order <- unlist(h2o_engine$row_order(10, 3, 5))
  for (momentum in c(0, 0.5)) {
    spec <- aligned(momentum = momentum, learning_rate = 0.05)
    result <- h2o_engine$fit(spec, train, test, on_server(seed = 5L, initial_weights = start))
    expect_gt(apart(result$parameters, start), 1e3 * within)
    expect_lt(apart(result$parameters, descended(start, order, 0.05, momentum)), within)
    expect_equal(c(result$iterations, result$updates), c(3, 30))
    expect_identical(result$label, as.integer(result$probability > 0.5))
  }
})

test_that("single updates are those of the whole fit bit for bit, and each that of the plain formulas", {
  spec <- aligned(epochs = 2L, momentum = 0.5, learning_rate = 0.05)
  fitted <- function(...) h2o_engine$fit(spec, train, test, on_server(seed = 3L, initial_weights = start, ...))
  stepped <- fitted(trace = list(steps = 11L))
  epochs <- fitted(trace = list(epochs = TRUE))
  whole <- fitted()
  expect_length(stepped$trace, 12)
  expect_identical(stepped$trace[[1]]$weights, start$weights)
  expect_identical(stepped$trace[[11]][c("weights", "biases")], epochs$trace[[2]])
  expect_identical(epochs$trace[[3]], whole$parameters)
  expect_identical(epochs$probability, whole$probability)
  order <- unlist(h2o_engine$row_order(10, 2, 3))[1:11]
  for (step in c(1, 2, 11)) {
    expect_lt(apart(stepped$trace[[step + 1]], descended(start, order[seq_len(step)], 0.05, 0.5)), within)
    expect_identical(stepped$trace[[step + 1]]$input, train$x[order[step] + 1, , drop = FALSE] / 255)
    expect_identical(stepped$trace[[step + 1]]$target, train$y[order[step] + 1])
  }
  expect_equal(stepped$updates, 11)
  expect_length(h2o::h2o.ls()$key, 0)
})

test_that("an order is taken only where it is H2O's own", {
  own <- h2o_engine$row_order(10, 3, 9)
  told <- h2o_engine$fit(aligned(), train, test, on_server(seed = 9L, row_order = own))
  expect_identical(told$probability, h2o_engine$fit(aligned(), train, test, on_server(seed = 9L))$probability)
  expect_error(
    h2o_engine$fit(aligned(), train, test, on_server(seed = 9L, row_order = rep(list(0:9), 3))),
    "cannot be told the order"
  )
})

test_that("the server's rows are divided there, and give the same network", {
  rows <- data.frame(label = factor(c(test$y, train$y)), rbind(test$x, train$x))
  h2o::as.h2o(rows, "stack")
  h2o::as.h2o(data.frame(label = factor(test$y), test$x)[, -1], "tested")
  shared <- list(test = "tested", stack = "stack", first = 20L, last = 30L)
  fitted <- function(...) {
    h2o_engine$fit(aligned(), train, test, on_server(seed = 4L, initial_weights = start, ...))[c("parameters", "label")]
  }
  expect_identical(fitted(frames = shared), fitted())
  expect_setequal(h2o::h2o.ls()$key, c("stack", "tested"))
  h2o::h2o.rm(c("stack", "tested"))
})

test_that("the printed code is what an aligned fit does", {
  options <- on_server(seed = 5L, initial_weights = start)
  result <- h2o_engine$fit(aligned(momentum = 0.9), train, test, options)
  translation <- h2o_engine$translate(aligned(momentum = 0.9), options)
  environment <- list2env(
    list(x_train = train$x, y_train = train$y, x_test = test$x, initial_weights = start),
    parent = globalenv()
  )
  eval(parse(text = translation$code), environment)
  expect_identical(environment$probability, result$probability)
  expect_identical(environment$label, result$label)
  arguments <- translation$calls[[1]]$arguments
  expect_equal(arguments$rate, 0.1)
  for (name in intersect(names(arguments), names(result$effective))) {
    expect_equal(result$effective[[name]], arguments[[name]], label = name)
  }
  h2o::h2o.removeAll()
})

test_that("what H2O cannot do is listed", {
  gaps <- function(spec, ...) vapply(h2o_engine$translate(spec, list(...))$not_expressible, `[[`, "", "parameter")
  expect_identical(gaps(aligned()), c("order", "init"))
  expect_identical(gaps(aligned(), initial_weights = start), "order")
  expect_identical(
    gaps(aligned(nesterov = TRUE, momentum = 0.9, l2 = 0.1, learning_rate_decay = 0.1, precision = "float64")),
    c("nesterov", "learning_rate_decay", "l2", "order", "precision", "init")
  )
  ada <- aligned(optimizer = "adadelta", learning_rate = 1, rho = 0.99, epsilon = 1e-8)
  ada[c("momentum", "nesterov")] <- NULL
  expect_identical(gaps(ada, initial_weights = start), c("rho", "order"))
  expect_identical(gaps(mlp(batch_size = 5L)), "batch_size")
})
