skip_if_not_installed("genefilter")

# lm solves by Householder QR and the normal equations by LU: on well-conditioned columns they agree to rounding.
rounding <- 1e-10

test_that("lm's coefficients solve the normal equations on full-rank data", {
  train <- drawn_rows(60, 8)
  result <- engine("stats")$fit(leekasso("lm"), train, drawn_rows(10, 8, seed = 2), list())
  x <- cbind(1, train$x[, result$selected])
  expected <- solve(crossprod(x), crossprod(x, train$y))
  expect_equal(unname(unlist(result$parameters$coefficients)), unname(expected[, 1]), tolerance = rounding)
  expect_identical(names(result$parameters$coefficients), c("(intercept)", result$selected))
})

test_that("the screen keeps the columns of smallest pooled t-test p-value", {
  train <- drawn_rows(60, 8)
  p_value <- apply(train$x, 2, function(column) t.test(column ~ train$y, var.equal = TRUE)$p.value)
  result <- engine("stats")$fit(leekasso("lm"), train, train, list())
  expect_setequal(result$selected, names(sort(p_value))[1:3])
})

test_that("four columns tied for three places leave none, and the intercept predicts the share of ones", {
  train <- drawn_rows(20, 2)
  train$x <- train$x[, c(1, 1, 1, 1)]
  colnames(train$x) <- letters[1:4]
  result <- engine("stats")$fit(leekasso("lm", k = 2L), train, train, list())
  expect_length(result$selected, 0)
  expect_equal(result$probability, rep(mean(train$y), 20))
  first <- engine("stats")$fit(leekasso("lm", k = 2L, ties = "first"), train, train, list())
  expect_identical(first$selected, c("a", "b"))
})

test_that("an aliased coefficient is NA, and the warning of a rank-deficient prediction is recorded", {
  train <- drawn_rows(30, 3)
  train$x <- cbind(train$x, pixel4 = train$x[, 1] + train$x[, 2])
  options <- list(selected = colnames(train$x))
  result <- engine("stats")$fit(leekasso("lm"), train, train, options)
  expect_identical(result$parameters$coefficients$pixel4, NA_real_)
  expect_identical(result$effective$rank, 4L)
  expect_match(result$messages, "rank-deficient", all = FALSE)
})

test_that("glm says that separated classes have no maximum likelihood estimate", {
  train <- drawn_rows(40, 4)
  train$x[, 1] <- train$x[, 1] + 20 * train$y
  result <- engine("stats")$fit(leekasso("glm"), train, train, list())
  expect_match(result$messages, "fitted probabilities numerically 0 or 1 occurred", all = FALSE)
  expect_identical(result$label, train$y)
})

test_that("glm's score equations hold at its answer on overlapping classes", {
  train <- drawn_rows(80, 5)
  result <- engine("stats")$fit(leekasso("glm"), train, train, list())
  expect_true(result$converged)
  score <- crossprod(cbind(1, train$x[, result$selected]), train$y - result$probability)
  # The deviance changed by less than 1e-8 of itself in the last step, so the score is about the root of that.
  expect_lt(max(abs(score)), 1e-4)
})

test_that("a feature called y is a feature, not the response", {
  train <- drawn_rows(30, 3)
  renamed <- train
  colnames(renamed$x)[1] <- "y"
  as_is <- engine("stats")$fit(leekasso("lm"), train, train, list())
  with_y <- engine("stats")$fit(leekasso("lm"), renamed, renamed, list())
  expect_identical(with_y$probability, as_is$probability)
  expect_identical(names(with_y$parameters$coefficients)[2], "y")
})

test_that("the printed code computes what the fit computed", {
  train <- drawn_rows(50, 6)
  test <- drawn_rows(15, 6, seed = 2)
  for (model in c("lm", "glm")) {
    stats <- engine("stats")
    printed <- run_code(stats$translate(leekasso(model), list())$code, train, test)
    result <- stats$fit(leekasso(model), train, test, list())
    expect_identical(as.numeric(printed$probability), result$probability)
    expect_identical(printed$label, result$label)
  }
})

test_that("an override reaches the native call and is printed with it", {
  options <- list(overrides = list(maxit = 1L))
  train <- drawn_rows(50, 6)
  expect_identical(engine("stats")$fit(leekasso("glm"), train, train, options)$iterations, 1L)
  expect_match(engine("stats")$translate(leekasso("glm"), options)$code, "maxit = 1L", fixed = TRUE)
})

test_that("every parameter of every function has a row, in the order of the calls", {
  train <- drawn_rows(40, 8)
  screened <- c("genefilter::colFtests", "base::rank")
  lm <- list(`stats::lm` = stats::lm, `stats::lm.fit` = stats::lm.fit, `stats::predict.lm` = stats::predict.lm)
  rows <- engine("stats")$defaults(leekasso("lm"), train, list())
  expect_identical(functions_of(rows), c(screened, names(lm)))
  expect_same_parameters(rows, lm)
  glm <- list(
    `stats::glm` = stats::glm, `stats::binomial` = stats::binomial, `stats::glm.control` = stats::glm.control,
    `stats::glm.fit` = stats::glm.fit, `stats::predict.glm` = stats::predict.glm
  )
  rows <- engine("stats")$defaults(leekasso("glm"), train, list())
  expect_identical(functions_of(rows), c(screened, names(glm)))
  expect_same_parameters(rows, glm)
  expect_identical(engine("stats")$defaults(leekasso("glm"), train, list()), rows)
})

test_that("what was in force is what a model of the same rows keeps, whatever is asked for", {
  train <- drawn_rows(40, 4)
  data <- data.frame(y = train$y, train$x)
  options <- list(selected = colnames(train$x), overrides = list(maxit = 3L, singular.ok = FALSE))
  rows <- engine("stats")$defaults(leekasso("glm"), train, options)
  model <- suppressWarnings(stats::glm(y ~ ., binomial, data, maxit = 3L))
  control <- rows_of(rows, "stats::glm.control")
  expect_identical(lapply(control, `[[`, "effective"), model$control[names(control)])
  expect_identical(control$maxit[c("declared", "given", "asked")], list(declared = 25, given = TRUE, asked = 3L))
  expect_identical(rows_of(rows, "stats::glm")$family$effective, "binomial")
  expect_identical(rows_of(rows, "stats::binomial")$link$effective, model$family$link)
  expect_identical(rows_of(rows, "stats::glm")$singular.ok[c("asked", "effective_from")], list(
    asked = FALSE, effective_from = ""
  ))
  rows <- engine("stats")$defaults(leekasso("lm"), train, list(overrides = list(tol = 0.5, model = FALSE)))
  expect_identical(rows_of(rows, "stats::lm.fit")$tol$effective, 0.5)
  expect_identical(rows_of(rows, "stats::lm")$model$effective, FALSE)
  expect_identical(rows_of(rows, "stats::lm")$na.action$effective, getOption("na.action"))
})

test_that("a row says that an override can set it exactly where one can", {
  train <- drawn_rows(40, 4)
  stats <- engine("stats")
  expect_overrides(
    rows_of(stats$defaults(leekasso("lm"), train, list()), "stats::lm"),
    function(options) stats$arguments_lm(leekasso("lm"), options)
  )
  rows <- stats$defaults(leekasso("glm"), train, list())
  expect_overrides(c(rows_of(rows, "stats::glm"), rows_of(rows, "stats::glm.control")), function(options) {
    stats$arguments_glm(leekasso("glm"), options)
  })
})
