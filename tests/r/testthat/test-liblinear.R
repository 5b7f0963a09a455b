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

test_that("the fitted model tells type and bias, and nothing tells cost and epsilon", {
  train <- drawn_rows(40, 6)
  liblinear <- engine("liblinear")
  rows <- liblinear$defaults(leekasso("liblinear", cost = 10), train, list(overrides = list(bias = 2)))
  expect_identical(functions_of(rows)[3:4], c("LiblineaR::LiblineaR", "LiblineaR:::predict.LiblineaR"))
  expect_same_parameters(rows, list(
    `LiblineaR::LiblineaR` = LiblineaR::LiblineaR, `LiblineaR:::predict.LiblineaR` = LiblineaR:::predict.LiblineaR
  ))
  trained <- rows_of(rows, "LiblineaR::LiblineaR")
  model <- LiblineaR::LiblineaR(train$x, train$y, cost = 10, bias = 2)
  expect_identical(trained$type$effective, model$Type)
  expect_identical(trained$bias[c("declared", "asked", "effective")], list(declared = 1, asked = 2, effective = 2))
  expect_identical(trained$cost[c("declared", "asked")], list(declared = 1, asked = 10))
  expect_identical(c(trained$cost$effective_from, trained$epsilon$effective_from), c("", ""))
  expect_overrides(trained, function(options) liblinear$arguments_liblinear(leekasso("liblinear"), options))
  # A support vector machine has no probabilities.
  machine <- liblinear$defaults(leekasso("liblinear"), train, list(overrides = list(type = 2L)))
  predicted <- rows_of(machine, "LiblineaR:::predict.LiblineaR")
  expect_identical(c(predicted$proba$effective, predicted$decisionValues$effective), c(FALSE, TRUE))
})

test_that("a screen that ties leave without a column still has its rows", {
  train <- drawn_rows(20, 2)
  train$x <- train$x[, c(1, 1, 1, 1)]
  colnames(train$x) <- letters[1:4]
  rows <- engine("liblinear")$defaults(leekasso("liblinear", k = 2L), train, list())
  expect_identical(rows_of(rows, "LiblineaR::LiblineaR")$type$effective_from, "")
})

test_that("a fit that is to be repeatable repeats the dual solver without a seed", {
  train <- drawn_rows(60, 6)
  options <- list(repeatable = TRUE, overrides = list(type = 7L, epsilon = 0.5))
  fitted <- function() engine("liblinear")$fit(leekasso("liblinear"), train, train, options)$parameters
  expect_identical(fitted(), fitted())
})

test_that("without a constant column no prediction depends on what lies in memory behind the weights", {
  rows <- drawn_rows(60, 7)
  liblinear <- engine("liblinear")
  for (bias in list(0, FALSE, -1)) {
    # LiblineaR's own prediction at bias = 0 is NaN in about one of ten of these.
    missing <- vapply(1:100, function(i) {
      litter <- lapply(1:50, function(i) rep(NaN, 8))
      rm(litter)
      anyNA(liblinear$fit(leekasso("liblinear", k = 7L), rows, rows, list(overrides = list(bias = bias)))$probability)
    }, TRUE)
    expect_identical(sum(missing), 0L)
  }
})
