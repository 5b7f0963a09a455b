drawing <- function(name) {
  environment <- new.env()
  source(test_path("..", "..", "..", "r_scripts", paste0(name, "_figure.R")), local = environment)
  environment
}

written <- function(table) {
  path <- tempfile(fileext = ".csv")
  utils::write.csv(table, path, row.names = FALSE)
  path
}

# Width and height stand in the first chunk of a PNG as big-endian integers.
png_size <- function(path) readBin(readBin(path, "raw", 24)[17:24], "integer", 2, endian = "big")

redux_curves <- data.frame(
  n = rep(c(10, 45, 80), 2), role = rep(c("leekasso", "network"), each = 3), engine = rep(c("a", "b"), each = 3),
  mean = c(0.7, 0.95, 0.97, 0.98, 0.99, 0.995), p10 = c(0.4, 0.9, 0.95, 0.97, 0.98, 0.99), p90 = 1
)
models <- data.frame(
  n = rep(c(10, 40, 80), 4), model = rep(c("CNN", "Leekasso", "MLP", "MLP (Leek)"), each = 3), engine = "a",
  mean = c(0.97, 0.995, 0.998, 0.85, 0.95, 0.97, 0.96, 0.98, 0.99, 0.45, 0.6, 0.8), sd = 0.02
)

test_that("the figure of the rebuttal in R has the size of 2017's", {
  skip_if_not(capabilities("cairo"))
  prefix <- tempfile()
  drawing("redux")$main_redux(c(written(redux_curves), prefix))
  expect_identical(png_size(paste0(prefix, ".png")), c(1344L, 960L))
  expect_true(file.exists(paste0(prefix, ".svg")))
})

test_that("a bar that goes on below the axis of the redux is counted, one that ends on it is not", {
  redux <- drawing("redux")
  grDevices::pdf(NULL)
  withr::defer(grDevices::dev.off())
  plot(NA, xlim = c(0, 90), ylim = c(0.5, 1))
  expect_identical(redux$mark_below(redux_curves, "red", 0), 1L)
  expect_identical(redux$mark_below(transform(redux_curves, p10 = 0.5), "red", 0), 0L)
})

test_that("error bars end at 1 and a single draw has none", {
  skip_if_not_installed("ggplot2")
  rebuttal <- drawing("rebuttal")
  bars <- rebuttal$with_bars(transform(models, sd = c(NA, rep(0.02, 11))))
  expect_identical(max(bars$high, na.rm = TRUE), 1)
  expect_equal(bars$high[4], 0.87)
  expect_identical(is.na(bars$low), is.na(bars$sd))
})

test_that("no point of the rebuttal's panels vanishes: what lies below the axis stands on its edge with its number", {
  skip_if_not_installed("ggplot2")
  rebuttal <- drawing("rebuttal")
  curves <- rebuttal$with_bars(models)
  expect_silent(built <- ggplot2::ggplot_build(rebuttal$rebuttal_panel(curves, 0.9, range(curves$x))))
  layers <- built$data
  expect_identical(sum(!is.na(layers[[2]]$y)), nrow(models))
  below <- sum(models$mean < 0.9)
  expect_true(all(layers[[4]]$y == 0.9))
  expect_identical(nrow(layers[[4]]), below)
  expect_setequal(layers[[5]]$label, sprintf("%.2f", models$mean[models$mean < 0.9]))
})

test_that("the rebuttal's figure is written with both panels, and with the upper one alone", {
  skip_if_not_installed("ggplot2")
  skip_if_not(capabilities("cairo"))
  rebuttal <- drawing("rebuttal")
  for (curves in list(models, models[models$model == "MLP (Leek)", ])) {
    prefix <- tempfile()
    rebuttal$main_rebuttal(c(written(curves), prefix))
    expect_identical(png_size(paste0(prefix, ".png")), c(1600L, 1240L))
    texts <- readLines(paste0(prefix, ".svg"))
    expect_gt(length(texts), 50)
  }
})

test_that("every model and size has a panel of its own, and more rows make a taller page", {
  skip_if_not(capabilities("cairo"))
  epochs <- drawing("epochs")
  rows <- expand.grid(n = c(10, 20, 40, 60, 80, 85), model = c("CNN", "MLP"), draw = 0:1, epoch = 1:3)
  rows$accuracy <- 0.9
  where <- epochs$epoch_places(rows)
  expect_identical(nrow(where), 12L)
  expect_identical(anyDuplicated(where[c("row", "column")]), 0L)
  expect_true(all(tapply(as.character(where$model), where$row, function(each) length(unique(each))) == 1))
  prefix <- tempfile()
  epochs$main_epochs(c(written(rows), "50", "151", prefix))
  expect_identical(png_size(paste0(prefix, ".png"))[2], 1100L)
})

test_that("a missing column is named", {
  expect_error(drawing("redux")$main_redux(c(written(redux_curves[-5]), tempfile())), "column p10 is missing")
  expect_error(drawing("epochs")$main_epochs(c(written(models), "50", "151", tempfile())), "draw, epoch, accuracy")
})
