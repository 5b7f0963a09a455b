# Draws how well one pixel tells every two digits apart, and where that pixel is.
#
#   Rscript pixels_figure.R pairs.csv out_prefix
#
# pairs.csv: a, b, accuracy, row, column, above. Writes out_prefix.png and out_prefix.svg.

# figure.R has the reader and the colours of the other pictures; it lies beside this file,
# whether Rscript runs it or source() reads it.
source(Find(file.exists, file.path(c(
  unlist(lapply(rev(sys.frames()), function(frame) if (!is.null(frame$ofile)) dirname(frame$ofile))),
  dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
), "figure.R")), local = TRUE)

pixels_width_px <- 1500
pixels_height_px <- 1560

image_side <- 28

# Steps of five hundredths from pale to deep; the first and the last step are open. Blues that a printer tells apart.
steps <- c(0.8, 0.85, 0.9, 0.95)
step_fill <- c("#F7FBFF", "#D3E3F3", "#9CC4E4", "#4A8FC7", "#0B559F")
step_name <- c("below 80 %", "80 to 85 %", "85 to 90 %", "90 to 95 %", "95 % or more")

step_of <- function(accuracy) findInterval(accuracy, steps) + 1
ink_on <- function(accuracy) ifelse(step_of(accuracy) >= 4, "white", "#222222")

# A tile of the upper triangle: row of the smaller digit, column of the larger.
draw_accuracy <- function(x, y, accuracy) {
  graphics::rect(x - 0.48, y - 0.48, x + 0.48, y + 0.48, col = step_fill[step_of(accuracy)], border = "#C9D6E2")
  graphics::text(x, y, sprintf("%.1f", 100 * accuracy), col = ink_on(accuracy), cex = 1.02)
}

# A tile of the lower triangle: the image's frame, the pixel in it, and the digit that has ink there.
draw_place <- function(x, y, row, column, above) {
  graphics::rect(x - 0.44, y - 0.44, x + 0.44, y + 0.44, col = "white", border = "#C9C9C9")
  size <- 0.88 / image_side
  px <- x - 0.44 + (column + 0.5) * size
  py <- y + 0.44 - (row + 0.5) * size
  graphics::segments(c(x - 0.44, px), c(py, y - 0.44), c(x + 0.44, px), c(py, y + 0.44), col = faint)
  # A pixel of 28 would be too small to see: its mark is two and a half pixels wide.
  graphics::rect(px - 1.25 * size, py - 1.25 * size, px + 1.25 * size, py + 1.25 * size, col = "#D95F02", border = NA)
  # The digit stands in the corner farthest from the pixel, clear of its cross hairs.
  graphics::text(x + ifelse(px > x, -0.3, 0.3), y + ifelse(py > y, -0.29, 0.29), above, cex = 0.8, col = "#333333")
}

draw_pixels <- function(pairs) {
  digits <- sort(unique(c(pairs$a, pairs$b)))
  count <- length(digits)
  graphics::par(mar = c(0.4, 0.6, 5.2, 0.6), family = "sans", las = 1)
  # The smallest digit stands at the top; the key needs a line of its own below.
  plot(NA, xlim = c(0.4, count + 0.6), ylim = c(-0.75, count + 0.6), xlab = "", ylab = "", axes = FALSE, asp = 1,
    xaxs = "i", yaxs = "i")
  at <- function(digit) match(digit, digits)
  down <- function(digit) count + 1 - at(digit)
  for (i in seq_len(nrow(pairs))) {
    pair <- pairs[i, ]
    draw_accuracy(at(pair$b), down(pair$a), pair$accuracy)
    draw_place(at(pair$a), down(pair$b), pair$row, pair$column, pair$above)
  }
  graphics::text(seq_len(count), rev(seq_len(count)), digits, font = 2, cex = 1.7, col = "#333333")
  graphics::par(xpd = NA)
  lines <- c(
    "Two digits told apart by one pixel",
    "Above the diagonal: test rows labelled right by the best pixel, in per cent",
    "Below it: where that pixel is, and the digit that has more ink there"
  )
  graphics::text(0.52, count + c(1.62, 1.17, 0.86), lines, adj = c(0, 0.5), font = c(2, 1, 1), cex = c(1.45, 1, 1),
    col = c("black", "#333333", "#333333"))
  draw_key(count)
}

draw_key <- function(count) {
  width <- count / length(step_fill)
  left <- 0.52 + (seq_along(step_fill) - 1) * width
  graphics::rect(left, -0.25, left + 0.34, 0.09, col = step_fill, border = "#C9D6E2")
  graphics::text(left + 0.44, -0.08, step_name, adj = c(0, 0.5), cex = 0.82, col = "#333333")
}

main_pixels <- function(arguments) {
  if (length(arguments) != 2) stop("wanted: pixels_figure.R PAIRS OUT_PREFIX", call. = FALSE)
  pairs <- read_table(arguments[1], c("a", "b", "accuracy", "row", "column", "above"))
  draw_both(arguments[2], pixels_width_px, pixels_height_px, function() draw_pixels(pairs))
}

if (sys.nframe() == 0L) main_pixels(commandArgs(trailingOnly = TRUE))
