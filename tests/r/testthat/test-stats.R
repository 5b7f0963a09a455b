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
