skip_if_not_installed("h2o")
skip_if_not_installed("genefilter")
server <- h2o_server()
skip_if(is.null(server), "H2O_JAR_PATH names no jar, there is no Java, or the server did not start")

train <- drawn_rows(60, 6)
test <- drawn_rows(40, 6, seed = 2)
h2o_engine <- engine("h2o")

test_that("a server of another name is refused", {
  expect_error(
    engine("h2o")$fit(mlp(), train, test, list(server = list(url = server$url, name = "another"))),
    paste0("is called '", server$name, "', not 'another'")
  )
})

test_that("the label is the predict column: cut where F1 is largest on the training rows, not at 0.5", {
  # Seeded on one thread: a network of few epochs that starts badly gives every row the same label.
  repeatable <- list(server = server, seed = 4L, overrides = list(reproducible = TRUE))
  result <- h2o_engine$fit(mlp(), train, test, repeatable)
  expect_identical(sort(unique(result$label)), 0:1)
  # One cut separates the labels, and it is H2O's own.
  expect_gt(min(result$probability[result$label == 1]), max(result$probability[result$label == 0]))
})

test_that("a seed repeats a network exactly on one thread, and one thread is only taken where it is asked for", {
  one_thread <- list(server = server, seed = 4L, overrides = list(reproducible = TRUE))
  fitted <- function() h2o_engine$fit(mlp(), train, test, one_thread)$probability
  expect_identical(fitted(), fitted())
  shipped <- h2o_engine$fit(mlp(), train, test, list(server = server, seed = 4L))
  expect_identical(shipped$effective$reproducible, FALSE)
})

test_that("rows that are on the server already give the same answer as rows that are uploaded", {
  rows <- rbind(train$x, test$x)
  stack <- h2o::as.h2o(data.frame(label = factor(c(train$y, test$y)), rows), "stack")
  tested <- h2o::as.h2o(data.frame(label = factor(test$y), test$x), "tested")
  on_server <- list(test = "tested", stack = "stack", first = 10L, last = 60L)
  cut <- list(x = train$x[11:60, ], y = train$y[11:60])
  for (spec in list(leekasso("lm"), mlp())) {
    one_thread <- list(
      server = server, seed = 1L, overrides = if (spec$family == "mlp") list(reproducible = TRUE)
    )
    uploaded <- h2o_engine$fit(spec, cut, test, one_thread)
    served <- h2o_engine$fit(spec, cut, test, c(one_thread, list(frames = on_server)))
    # as.h2o writes 15 digits, so the uploaded rows are not the same to the last bit.
    expect_equal(served$probability, uploaded$probability, tolerance = 1e-6)
    expect_identical(served$label, uploaded$label)
  }
  expect_setequal(h2o::h2o.ls()$key, c("stack", "tested"))
  h2o::h2o.rm(c("stack", "tested"))
})

test_that("h2o.glm penalises by default and agrees with lm without a penalty", {
  penalised <- h2o_engine$fit(leekasso("lm"), train, test, list(server = server))
  expect_gt(penalised$effective$lambda, 0)
  free <- h2o_engine$fit(leekasso("lm"), train, test, list(server = server, overrides = list(lambda = 0)))
  exact <- engine("stats")$fit(leekasso("lm"), train, test, list())
  # as.h2o writes 15 digits, and H2O solves the normal equations of standardized columns.
  expect_equal(unlist(free$parameters$coefficients), unlist(exact$parameters$coefficients), tolerance = 1e-8)
  expect_identical(free$label, exact$label)
})

test_that("training ends early where no training error is left, unless the specification forbids it", {
  separated <- train
  separated$x[, 1] <- separated$x[, 1] + 50 * separated$y
  one_thread <- list(server = server, seed = 1L, overrides = list(reproducible = TRUE))
  early <- h2o_engine$fit(mlp(epochs = 100L), separated, test, one_thread)
  expect_lt(early$iterations, 100)
  whole <- h2o_engine$fit(mlp(epochs = 100L, stopping = "none"), separated, test, one_thread)
  expect_gte(whole$iterations, 100)
  expect_equal(whole$updates, whole$iterations * 60)
})

test_that("what H2O has no way to take is listed with a reason", {
  spec <- mlp(optimizer = "adam", learning_rate = 0.001, output = "sigmoid", batch_size = 1L, threshold = 0.5)
  gaps <- vapply(h2o_engine$translate(spec, list())$not_expressible, `[[`, "", "parameter")
  expect_setequal(gaps, c("optimizer", "learning_rate", "output"))
})

test_that("weights come as (in, out) arrays", {
  result <- h2o_engine$fit(mlp(), train, test, list(server = server, weights = TRUE))
  expect_identical(lapply(result$parameters$weights, dim), list(c(6L, 8L), c(8L, 4L), c(4L, 2L)))
})

# The server's own account, read without the engine.
asked_of_server <- function(path) {
  text <- paste(readLines(paste0(server$url, "/3/", path), warn = FALSE), collapse = "")
  jsonlite::fromJSON(text, simplifyVector = FALSE)
}

test_that("every parameter of R's signature and of the server's schema has one row", {
  for (spec in list(mlp(), leekasso("glm"))) {
    algorithm <- if (spec$family == "mlp") "deeplearning" else "glm"
    label <- paste0("h2o::h2o.", algorithm)
    rows <- h2o_engine$defaults(spec, train, list(server = server))
    fn <- getExportedValue("h2o", paste0("h2o.", algorithm))
    expect_same_parameters(rows, stats::setNames(list(fn), label))
    schema <- asked_of_server(paste0("ModelBuilders/", algorithm))$model_builders[[algorithm]]$parameters
    named <- vapply(Filter(function(each) startsWith(each$type, "Key<"), schema), `[[`, "", "name")
    schema <- vapply(schema, `[[`, "", "name")
    alone <- rows_of(rows, paste0("/3/ModelBuilders/", algorithm))
    expect_identical(names(alone), setdiff(schema, names(formals(fn))))
    expect_identical(h2o_engine$defaults(spec, train, list(server = server)), rows)
    arguments <- h2o_engine[[if (spec$family == "mlp") "arguments_mlp" else "arguments_glm"]]
    expect_overrides(rows_of(rows, label), function(options) arguments(spec, options), but = named)
  }
  expect_length(h2o::h2o.ls()$key, 0)
})

test_that("where R and the server declare different things both are told, and the server's was in force", {
  rows <- rows_of(h2o_engine$defaults(mlp(), train, list(server = server)), "h2o::h2o.deeplearning")
  schema <- asked_of_server("ModelBuilders/deeplearning")$model_builders$deeplearning$parameters
  activation <- Find(function(parameter) parameter$name == "activation", schema)
  expect_false(activation$default_value == rows$activation$declared)
  expect_match(rows$activation$declared_from, paste0("schema says \"", activation$default_value, "\""), fixed = TRUE)
  expect_identical(rows$epochs$declared_from, "formals(h2o::h2o.deeplearning)")
  glm <- rows_of(h2o_engine$defaults(leekasso("glm"), train, list(server = server)), "h2o::h2o.glm")
  method <- glm$dispersion_parameter_method
  expect_identical(c(method$declared, method$effective), c("deviance", "pearson"))
})

test_that("what was in force is what a trained model says of itself, and no name of this run", {
  options <- list(server = server, overrides = list(rho = 0.9))
  rows <- rows_of(h2o_engine$defaults(mlp(), train, options), "h2o::h2o.deeplearning")
  frame <- h2o::as.h2o(data.frame(label = factor(train$y), train$x))
  model <- h2o::h2o.deeplearning(
    colnames(train$x), "label", frame,
    activation = "Tanh", hidden = c(8, 4), epochs = 3, rho = 0.9
  )
  own <- c("model_id", "training_frame", "seed", "x", "y")
  told <- Filter(function(row) row$effective_from != "", rows)
  for (name in setdiff(intersect(names(model@allparameters), names(rows)), own)) {
    expect_equal(told[[name]]$effective, model@allparameters[[name]], label = name)
  }
  expect_false(any(own %in% names(told)))
  expect_identical(rows$rho[c("declared", "asked", "effective")], list(declared = 0.99, asked = 0.9, effective = 0.9))
  expect_identical(unlist(rows$reproducible$choices), c(FALSE, TRUE))
  h2o::h2o.removeAll()
})

test_that("an untrained network is the one that a learning rate of next to nothing leaves as it was", {
  start <- list(server = server, seed = 7L, weights = TRUE, untrained = TRUE)
  initial <- h2o_engine$fit(mlp(), train, test, start)
  expect_identical(initial$updates, 0)
  # Float32 weights of about 0.1 do not feel updates of 1e-30; biases of 0 do.
  still <- list(
    server = server, seed = 7L, weights = TRUE, repeatable = TRUE, overrides = list(adaptive_rate = FALSE, rate = 1e-30)
  )
  trained <- h2o_engine$fit(mlp(), train, test, still)
  expect_gt(trained$updates, 0)
  expect_identical(trained$parameters$weights, initial$parameters$weights)
  expect_equal(trained$parameters$biases, initial$parameters$biases, tolerance = 1e-20)
  expect_error(
    h2o_engine$fit(leekasso("lm"), train, test, list(server = server, untrained = TRUE)),
    "cannot take the option 'untrained'"
  )
})

test_that("fits that are to be repeatable agree bit for bit, and an override still rules", {
  options <- list(server = server, repeatable = TRUE)
  for (spec in list(mlp(), leekasso("glm"))) {
    fitted <- function() h2o_engine$fit(spec, train, test, options)[c("probability", "parameters", "label")]
    expect_identical(fitted(), fitted())
  }
  free <- h2o_engine$fit(mlp(), train, test, c(options, list(overrides = list(reproducible = FALSE))))
  expect_identical(free$effective$reproducible, FALSE)
})
