skip_if_not_installed("glmnet")

ridge <- list(
  family = "linear", loss = "squares", l1 = 0, l2 = 0.5, intercept = "free", tolerance = 1e-10, threshold = 0.5
)

# Coordinate descent that stops at a gradient of 1e-10 against equations solved directly.
same_optimum <- 1e-8

test_that("a ridge is that of its own equations, whatever the response's scale", {
  train <- drawn_rows(60, 5)
  for (scale in c(1e-2, 1, 1e2)) {
    rows <- list(x = train$x, y = scale * (train$y + train$x[, 2]))
    result <- engine("glmnet")$fit(ridge, rows, rows, list())
    x <- scale(rows$x, scale = FALSE)
    expected <- solve(crossprod(x) / 60 + diag(0.5, 5), crossprod(x, rows$y) / 60)
    found <- unlist(result$parameters$coefficients)[-1]
    expect_equal(found, expected[, 1], tolerance = same_optimum)
  }
})

test_that("glmnet leaves a constant column out of the fit, so that none can stand for a penalised intercept", {
  train <- drawn_rows(60, 3)
  model <- glmnet::glmnet(cbind(1, train$x), train$y + 5, lambda = 0.1, intercept = FALSE, standardize = FALSE)
  expect_identical(model$beta[1, 1], 0)
})

test_that("every parameter has a row, the session's settings are read back and overrides are what they say", {
  train <- drawn_rows(60, 4)
  glmnet <- engine("glmnet")
  rows <- glmnet$defaults(ridge, train, list())
  expect_identical(functions_of(rows), c("glmnet::glmnet", "glmnet::glmnet.control", "glmnet:::predict.elnet"))
  expect_same_parameters(rows, list(
    `glmnet::glmnet` = glmnet::glmnet, `glmnet::glmnet.control` = glmnet::glmnet.control
  ))
  expect_identical(
    lapply(rows_of(rows, "glmnet::glmnet.control"), `[[`, "effective")[c("devmax", "pmin")],
    glmnet::glmnet.control()[c("devmax", "pmin")]
  )
  trained <- rows_of(rows, "glmnet::glmnet")
  # What is asked for is lambda times the response's standard deviation, which glmnet divides it by.
  expect_equal(trained$lambda$effective, 0.5 * sqrt(mean((train$y - mean(train$y))^2)))
  expect_overrides(trained, function(options) glmnet$arguments_glmnet(ridge, options))
})

test_that("glmnet that runs out of passes returns an empty model, and the fit says so instead of answering with it", {
  train <- drawn_rows(60, 4)
  expect_error(
    engine("glmnet")$fit(ridge, train, train, list(overrides = list(maxit = 1L))),
    "did not reach thresh"
  )
})

test_that("classes are 0 and 1 whichever comes first, and an option that glmnet cannot honour is refused", {
  train <- drawn_rows(60, 4)
  spec <- utils::modifyList(ridge, list(loss = "logistic"))
  ordered <- order(-train$y)
  a <- engine("glmnet")$fit(spec, train, train, list())
  b <- engine("glmnet")$fit(spec, list(x = train$x[ordered, ], y = train$y[ordered]), train, list())
  expect_equal(a$parameters, b$parameters, tolerance = same_optimum)
  expect_gt(mean(a$probability[train$y == 1]), mean(a$probability[train$y == 0]))
  expect_error(engine("glmnet")$fit(spec, train, train, list(trace = TRUE)), "cannot take the option 'trace'")
})
