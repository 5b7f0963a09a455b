skip_if_not_installed("genefilter")
skip_if_not_installed("LiblineaR")

# LIBLINEAR stops at a gradient of 0.01 of the first one; what depends on the order of rows is far below that.
same_optimum <- 1e-6

test_that("the coefficients do not depend on which class comes first in training", {
  train <- drawn_rows(60, 6)
  zero_first <- order(train$y)
  one_first <- rev(zero_first)
  sorted <- function(rows) list(x = train$x[rows, ], y = train$y[rows])
  liblinear <- engine("liblinear")
  a <- liblinear$fit(leekasso("liblinear"), sorted(zero_first), train, list())
  b <- liblinear$fit(leekasso("liblinear"), sorted(one_first), train, list())
  expect_equal(a$parameters, b$parameters, tolerance = same_optimum)
  expect_equal(a$probability, b$probability, tolerance = same_optimum)
})

test_that("the probability is class 1's: the logistic function of the reported coefficients", {
  train <- drawn_rows(60, 6)
  result <- engine("liblinear")$fit(leekasso("liblinear"), train, train, list())
  coefficients <- unlist(result$parameters$coefficients)
  linear <- cbind(1, train$x[, result$selected]) %*% coefficients
  expect_equal(result$probability, plogis(linear[, 1]), tolerance = 1e-12)
  expect_gt(mean(result$probability[train$y == 1]), mean(result$probability[train$y == 0]))
  expect_identical(result$label, as.integer(result$probability > 0.5))
})

test_that("the intercept is penalised like any coefficient: it goes to zero with the cost", {
  train <- drawn_rows(60, 6)
  train$y[1:50] <- 1L
  result <- engine("liblinear")$fit(leekasso("liblinear", cost = 1e-6), train, train, list())
  expect_lt(abs(result$parameters$coefficients$`(intercept)`), 1e-4)
})

test_that("a seed repeats the dual solver, which draws the order of its rows", {
  train <- drawn_rows(60, 6)
  options <- list(seed = 5L, overrides = list(type = 7L, epsilon = 0.5))
  liblinear <- engine("liblinear")
  first <- liblinear$fit(leekasso("liblinear"), train, train, options)
  expect_identical(liblinear$fit(leekasso("liblinear"), train, train, options)$parameters, first$parameters)
})

test_that("the printed code computes what the fit computed", {
  train <- drawn_rows(50, 6)
  liblinear <- engine("liblinear")
  printed <- run_code(liblinear$translate(leekasso("liblinear", cost = 10), list())$code, train, train)
  result <- liblinear$fit(leekasso("liblinear", cost = 10), train, train, list())
  expect_identical(as.numeric(printed$probability), result$probability)
  expect_identical(printed$label, result$label)
})
