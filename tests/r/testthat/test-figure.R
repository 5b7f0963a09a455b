figure <- new.env()
source(test_path("..", "..", "..", "r_scripts", "figure.R"), local = figure)

curves <- data.frame(
  n = rep(c(10, 45, 85), 2), engine = rep(c("r-stats", "r-h2o"), each = 3),
  method = rep(c("leekasso-lm", "mlp-leek"), each = 3), mean = c(0.9, 0.97, 0.98, 0.8, 0.92, 0.96),
  p10 = c(NA, 0.95, 0.97, 0.7, 0.9, 0.95), p90 = c(0.96, 0.98, 0.99, 0.9, 0.95, 0.97)
)

written <- function(table) {
  path <- tempfile(fileext = ".csv")
  utils::write.csv(table, path, row.names = FALSE)
  path
}

# Width and height stand in the first chunk of a PNG as big-endian integers.
png_size <- function(path) readBin(readBin(path, "raw", 24)[17:24], "integer", 2, endian = "big")

test_that("the figure has the size of 2017's, with the published curve or without", {
  skip_if_not(capabilities("cairo"))
  published <- data.frame(n_train = c(10, 85), method = "leekasso", mean_accuracy = c(0.9, 0.98))
  for (second in c(written(published), "-")) {
    prefix <- tempfile()
    figure$main(c(written(curves), second, prefix))
    expect_identical(png_size(paste0(prefix, ".png")), c(1344L, 960L))
    expect_true(file.exists(paste0(prefix, ".svg")))
  }
})

test_that("each method has a row of its own, which wraps at seven engines into a taller page", {
  skip_if_not(capabilities("cairo"))
  many <- do.call(rbind, lapply(1:15, function(i) transform(curves, engine = paste0(engine, i))))
  prefix <- tempfile()
  baselines <- data.frame(n = c(10, 85), baseline = "class-prior", mean = 0.53)
  figure$main(c("--multiples", written(many), written(baselines), prefix))
  where <- figure$places(many)
  expect_identical(max(where$column), 7)
  expect_identical(anyDuplicated(where[c("row", "column")]), 0L)
  expect_true(all(tapply(where$method, where$row, function(methods) length(unique(methods))) == 1))
  expect_gt(png_size(paste0(prefix, ".png"))[2], 960L)
})

test_that("a missing column is named", {
  expect_error(figure$main(c(written(curves[-5]), "-", tempfile())), "column p10 is missing")
})
