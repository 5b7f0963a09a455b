# What colFtests said of every column, where an engine screens with it and the scores are asked for.

skip_if_not_installed("genefilter")

expect_scores <- function(name, model, options = list()) {
  train <- drawn_rows(60, 8)
  fitted <- function(more) engine(name)$fit(leekasso(model), train, train, c(options, more))
  result <- fitted(list(scores = TRUE))
  pooled <- apply(train$x, 2, function(column) {
    unlist(t.test(column ~ train$y, var.equal = TRUE)[c("statistic", "p.value")])
  })
  expect_identical(result$scores$ranked_by, "p_value")
  # An F of two classes is the square of their t.
  expect_equal(result$scores$statistic, unname(pooled[1, ]^2))
  expect_equal(result$scores$p_value, unname(pooled[2, ]))
  expect_setequal(result$selected, colnames(train$x)[order(result$scores$p_value)[1:3]])
  expect_null(fitted(list())$scores)
  # Nobody screened: the columns were given.
  expect_null(fitted(list(scores = TRUE, selected = c("pixel1", "pixel2")))$scores)
}

test_that("r-stats returns the statistic and the p-value of every column", {
  expect_scores("stats", "lm")
  expect_scores("stats", "glm")
})

test_that("r-liblinear returns the statistic and the p-value of every column", {
  skip_if_not_installed("LiblineaR")
  expect_scores("liblinear", "liblinear")
})

test_that("r-h2o returns the statistic and the p-value of every column", {
  skip_if_not_installed("h2o")
  server <- h2o_server()
  skip_if(is.null(server), "H2O_JAR_PATH names no jar, there is no Java, or the server did not start")
  expect_scores("h2o", "glm", list(server = server))
})
