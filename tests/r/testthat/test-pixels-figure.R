pixels <- new.env()
source(test_path("..", "..", "..", "r_scripts", "pixels_figure.R"), local = pixels)

two <- utils::combn(0:3, 2)
pairs <- data.frame(
  a = two[1, ], b = two[2, ], accuracy = c(0.99, 0.76, 0.8, 0.9, 0.95, 0.849), row = 3, column = 20, above = two[2, ]
)

written <- function(table) {
  path <- tempfile(fileext = ".csv")
  utils::write.csv(table, path, row.names = FALSE)
  path
}

test_that("a step begins at its own bound", {
  expect_identical(pixels$step_of(c(0.7999, 0.8, 0.8999, 0.9, 0.95, 1)), c(1, 2, 3, 4, 5, 5))
  expect_length(pixels$step_fill, length(pixels$steps) + 1)
  expect_length(pixels$step_name, length(pixels$steps) + 1)
})

test_that("every pair has its accuracy above the diagonal and its pixel's digit below it", {
  skip_if_not(capabilities("cairo"))
  told <- list()
  pixels$draw_accuracy <- function(x, y, accuracy) told[[length(told) + 1]] <<- c(x, y, accuracy)
  placed <- list()
  pixels$draw_place <- function(x, y, row, column, above) placed[[length(placed) + 1]] <<- c(x, y, above)
  prefix <- tempfile()
  pixels$main_pixels(c(written(pairs), prefix))
  # Drawn twice, as PNG and as SVG. The smallest digit stands at the top and on the left.
  expect_length(told, 12)
  expect_identical(told[[1]], c(2, 4, 0.99))
  expect_identical(placed[[1]], c(1, 3, 1))
  expect_true(all(vapply(told, function(t) t[1] + t[2] > 5, TRUE)))
  expect_true(all(vapply(placed, function(p) p[1] + p[2] < 5, TRUE)))
  expect_true(file.exists(paste0(prefix, ".svg")))
})

test_that("a table without accuracies is refused by name", {
  short <- written(pairs[c("a", "b")])
  expect_error(pixels$main_pixels(c(short, tempfile())), "accuracy, row, column, above is missing")
  expect_error(pixels$main_pixels("one"), "wanted: pixels_figure.R")
})
