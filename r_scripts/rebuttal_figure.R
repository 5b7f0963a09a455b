# Draws the rebuttal's figure of 2017 in Python's numbers: ggplot2, all models above, a zoom into 0.9 to 1 below.
#
#   Rscript rebuttal_figure.R curves.csv out_prefix
#
# curves.csv: n, model, engine, mean, sd. Writes out_prefix.png and out_prefix.svg.

# figure.R has the reader and the writer of the other pictures; it lies beside this file,
# whether Rscript runs it or source() reads it.
source(Find(file.exists, file.path(c(
  unlist(lapply(rev(sys.frames()), function(frame) if (!is.null(frame$ofile)) dirname(frame$ofile))),
  dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
), "figure.R")), local = TRUE)

# 10 by 7.5 inches, as in 2017; a little higher for the line that says what is drawn.
rebuttal_width_px <- 1600
rebuttal_height_px <- 1240

# The first colours of hrbrthemes' discrete palette, which ggplot2 gave to the models in the order of the alphabet.
model_ink <- c("CNN" = "#d18975", "Leekasso" = "#8fd175", "MLP" = "#3f2d54", "MLP (Leek)" = "#75b8d1")
zoomed_out <- "MLP (Leek)"

# Rows of training data between the bars of two models.
apart <- 0.6

# theme_ipsum() in what it can be had from ggplot2 alone: bold title, faint grid, axis titles at the axes' ends.
theme_rebuttal <- function() {
  ggplot2::theme_minimal(base_size = 12, base_family = "sans") +
    ggplot2::theme(
      plot.title = ggplot2::element_text(size = 20, face = "bold", margin = ggplot2::margin(b = 10)),
      plot.caption = ggplot2::element_text(size = 9, colour = grey, hjust = 0),
      axis.text = ggplot2::element_text(size = 12),
      axis.title.x = ggplot2::element_text(size = 12, hjust = 1),
      axis.title.y = ggplot2::element_text(size = 12, hjust = 1),
      panel.grid = ggplot2::element_line(colour = "#cccccc", linewidth = 0.2),
      panel.grid.minor = ggplot2::element_line(colour = "#e4e4e4", linewidth = 0.15),
      plot.margin = ggplot2::margin(14, 20, 8, 20)
    )
}

# Accuracy is at most 1, and so is the upper end of a bar; without an sd (one draw) there is none.
with_bars <- function(curves) {
  curves$low <- curves$mean - curves$sd
  curves$high <- pmin(curves$mean + curves$sd, 1)
  # Side by side, so that the bars of several models at one size do not hide each other.
  place <- match(curves$model, names(model_ink))
  curves$x <- curves$n + (place - mean(seq_along(model_ink))) * apart
  curves
}

# One panel. The view is cut at `lowest`, not the data: lines run out of it, and what lies below is named on its edge.
rebuttal_panel <- function(curves, lowest, sizes, caption = NULL) {
  below <- curves[curves$mean < lowest, ]
  whole <- curves[!is.na(curves$low), ]
  ink_of <- model_ink[intersect(names(model_ink), curves$model)]
  ggplot2::ggplot(curves, ggplot2::aes(x = .data$x, y = .data$mean, colour = .data$model)) +
    ggplot2::geom_line() +
    ggplot2::geom_point() +
    ggplot2::geom_errorbar(
      data = whole, ggplot2::aes(ymin = .data$low, ymax = .data$high), linewidth = 0.75, width = 0.8
    ) +
    ggplot2::geom_point(
      data = below, ggplot2::aes(y = lowest, fill = .data$model), shape = 25, size = 2.5, show.legend = FALSE
    ) +
    ggplot2::geom_label(
      data = below, ggplot2::aes(y = lowest, label = sprintf("%.2f", .data$mean)),
      hjust = -0.3, vjust = 0.2, size = 3.2, fill = "white", label.size = 0,
      label.padding = grid::unit(0.1, "lines"), show.legend = FALSE
    ) +
    ggplot2::coord_cartesian(xlim = sizes, ylim = c(lowest, 1)) +
    ggplot2::scale_colour_manual(values = ink_of, aesthetics = c("colour", "fill")) +
    ggplot2::labs(
      title = "Performance on 0 vs. 1 MNIST", x = "Training Sample Size", y = "Accuracy on Heldout Sample",
      colour = "Model", caption = caption
    ) +
    theme_rebuttal()
}

caption_of <- function(curves) {
  engines <- curves$engine[match(unique(curves$model), curves$model)]
  paste0(
    "Means and standard deviations over the draws, the bars cut at 1. A triangle stands for a mean below the axis.\n",
    paste(unique(curves$model), engines, sep = ": ", collapse = ", ")
  )
}

draw_rebuttal <- function(curves) {
  curves <- with_bars(curves[order(curves$model, curves$n), ])
  above <- ggplot2::ggplotGrob(rebuttal_panel(curves, 0.5, range(curves$x)))
  zoom <- curves[curves$model != zoomed_out, ]
  below <- if (nrow(zoom)) ggplot2::ggplotGrob(rebuttal_panel(zoom, 0.9, range(curves$x), caption_of(curves)))
  grid::grid.newpage()
  # The columns of both are as wide as the wider one's, so that the panels stand exactly one above the other.
  grid::grid.draw(if (is.null(below)) above else rbind(above, below, size = "max"))
}

main_rebuttal <- function(arguments) {
  if (length(arguments) != 2) stop("wanted: rebuttal_figure.R CURVES OUT_PREFIX", call. = FALSE)
  if (!requireNamespace("ggplot2", quietly = TRUE)) stop("this picture needs the R package ggplot2", call. = FALSE)
  curves <- read_table(arguments[1], c("n", "model", "engine", "mean", "sd"))
  # A column without one standard deviation is read as logical.
  curves$sd <- as.numeric(curves$sd)
  draw_both(arguments[2], rebuttal_width_px, rebuttal_height_px, function() draw_rebuttal(curves))
}

# ggplot2's pronoun for a column of the data.
.data <- NULL
if (requireNamespace("ggplot2", quietly = TRUE)) .data <- ggplot2::.data

if (sys.nframe() == 0L) main_rebuttal(commandArgs(trailingOnly = TRUE))
