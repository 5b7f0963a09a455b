# Draws the accuracy curves with base graphics: the figure of 2017, or small multiples of every method and engine.
#
#   Rscript figure.R curves.csv published.csv out_prefix                 published.csv may be -
#   Rscript figure.R --multiples curves.csv baselines.csv out_prefix
#
# curves.csv: n, engine, method, mean, p10, p90. published.csv: n_train, method, mean_accuracy, p10, p90.
# baselines.csv: n, baseline, mean. Writes out_prefix.png and out_prefix.svg.

# The 2017 figure was 1344 by 960 pixels; at 160 to the inch its text is as large as it was then.
width_px <- 1344
height_px <- 960
px_per_inch <- 160

ink <- c("leekasso-lm" = "#D95F02", "mlp-leek" = "#1B6CA8")
label_of <- c("leekasso-lm" = "Leekasso (lm)", "mlp-leek" = "H2O deep learning")
published_as <- c("leekasso-lm" = "leekasso", "mlp-leek" = "h2o_deeplearning")
grey <- "#6B6B6B"
faint <- "#E6E6E6"

read_table <- function(path, columns) {
  if (!file.exists(path)) stop(path, ": no such file", call. = FALSE)
  table <- utils::read.csv(path, stringsAsFactors = FALSE)
  missing <- setdiff(columns, names(table))
  if (length(missing)) stop(path, ": column ", paste(missing, collapse = ", "), " is missing", call. = FALSE)
  table
}

draw_both <- function(prefix, width, height, draw) {
  grDevices::png(paste0(prefix, ".png"), width, height, res = px_per_inch, type = "cairo", bg = "white")
  draw()
  invisible(grDevices::dev.off())
  grDevices::svg(paste0(prefix, ".svg"), width / px_per_inch, height / px_per_inch, bg = "white")
  draw()
  invisible(grDevices::dev.off())
}

# A panel with accuracy from 0.5 to 1 and light horizontal lines, without axes.
empty_panel <- function(sizes, pad = 1.5) {
  plot(NA,
    xlim = range(sizes) + c(-pad, pad), ylim = c(0.5, 1), xlab = "", ylab = "", axes = FALSE, xaxs = "i", yaxs = "i"
  )
  graphics::abline(h = seq(0.5, 1, 0.1), col = faint, lwd = 1)
}

# A mean line with 10-90 % bars; `cap` is the bar's half width in units of n. Ends are drawn inside the panel.
draw_curve <- function(curve, colour, offset = 0, cap = 0.5, lwd = 4, bar_lwd = 1.6, point = 1.1) {
  curve <- curve[order(curve$n), ]
  x <- curve$n + offset
  low <- pmax(curve$p10, 0.5)
  high <- pmin(curve$p90, 1)
  graphics::segments(x, low, x, high, col = colour, lwd = bar_lwd)
  graphics::segments(x - cap, low, x + cap, low, col = colour, lwd = bar_lwd)
  graphics::segments(x - cap, high, x + cap, high, col = colour, lwd = bar_lwd)
  graphics::lines(x, curve$mean, col = colour, lwd = lwd)
  graphics::points(x, curve$mean, col = colour, pch = 19, cex = point)
}

draw_figure <- function(curves, published) {
  graphics::par(mar = c(4.2, 4.4, 1.2, 1.2), las = 1, mgp = c(3, 0.7, 0), tcl = -0.3, family = "sans", xpd = FALSE)
  sizes <- curves$n
  empty_panel(sizes)
  graphics::axis(1, at = pretty(sizes, 8), col = grey, col.axis = "#333333", lwd = 0, lwd.ticks = 1)
  graphics::axis(2, at = seq(0.5, 1, 0.1), col = grey, col.axis = "#333333", lwd = 0, lwd.ticks = 1)
  graphics::box(col = grey, bty = "l")
  graphics::title(xlab = "Training set size", line = 2.6, cex.lab = 1.15)
  graphics::title(ylab = "Accuracy on the test set", line = 3.1, cex.lab = 1.15)
  graphics::par(xpd = NA) # A point at accuracy 1 lies on the frame and is not to be halved.
  methods <- intersect(names(ink), curves$method)
  for (method in methods) {
    # The bars of two methods at one size would hide each other.
    offset <- if (method == "leekasso-lm") -0.35 else 0.35
    draw_curve(curves[curves$method == method, ], ink[[method]], offset)
    then <- published[published$method == published_as[[method]], ]
    if (NROW(then)) {
      then <- then[order(then$n_train), ]
      graphics::lines(then$n_train, then$mean_accuracy, col = ink[[method]], lwd = 1.3, lty = "33")
      graphics::points(then$n_train, then$mean_accuracy,
        col = ink[[method]], pch = 21, bg = "white", cex = 0.75, lwd = 1.3
      )
    }
  }
  entries <- data.frame(
    text = unname(label_of[methods]), colour = unname(ink[methods]), lwd = 4, lty = "solid", pch = 19, point = 1.1
  )
  if (NROW(published)) {
    entries <- rbind(entries, data.frame(
      text = "as published in 2017", colour = grey, lwd = 1.3, lty = "33", pch = 21, point = 0.75
    ))
  }
  entries <- rbind(entries, data.frame(
    text = "bars: 10-90 % of the draws", colour = grey, lwd = 0, lty = "blank", pch = NA, point = 0
  ))
  graphics::legend("bottomright",
    legend = entries$text, col = entries$colour, lwd = entries$lwd, lty = entries$lty, pch = entries$pch,
    pt.cex = entries$point, pt.lwd = 1.3, pt.bg = "white", bg = "white", box.col = "white", inset = c(0, 0.02),
    seg.len = 3, y.intersp = 1.35, text.col = c(rep("black", nrow(entries) - 1), grey), cex = 1.02
  )
}

widest_row <- 7

# Where each panel goes: a row of panels for each method, so that its engines stand side by side.
places <- function(curves) {
  panels <- unique(curves[c("method", "engine")])
  panels <- panels[order(panels$method, panels$engine), ]
  counts <- table(panels$method)
  columns <- min(widest_row, max(counts, 2))
  within <- unlist(lapply(counts, seq_len)) - 1
  above <- cumsum(c(0, ceiling(counts / columns)))[match(panels$method, names(counts))]
  panels$column <- within %% columns + 1
  panels$row <- above + within %/% columns + 1
  panels
}

draw_multiples <- function(curves, baselines) {
  panels <- places(curves)
  rows <- max(panels$row)
  columns <- max(panels$column)
  graphics::par(
    mfrow = c(rows, columns), mar = c(0.7, 0.6, 2.3, 0.6), oma = c(3.8, 4, 0.3, 0.5), las = 1, mgp = c(3, 0.5, 0),
    tcl = -0.25, family = "sans", cex = 0.66
  )
  for (i in seq_len(nrow(panels))) {
    place <- panels[i, ]
    graphics::par(mfg = c(place$row, place$column))
    curve <- curves[curves$method == place$method & curves$engine == place$engine, ]
    colour <- if (startsWith(place$method, "leekasso")) ink[["leekasso-lm"]] else ink[["mlp-leek"]]
    empty_panel(curves$n, pad = diff(range(curves$n)) * 0.03)
    draw_baselines(baselines, key = i == 1)
    graphics::par(xpd = NA)
    draw_curve(curve, colour, cap = 0, lwd = 2.2, bar_lwd = 1, point = 0.6)
    graphics::par(xpd = FALSE)
    graphics::box(col = grey, bty = "l")
    ticks <- pretty(curves$n, 4)
    lowest <- !any(panels$column == place$column & panels$row > place$row)
    graphics::axis(1, at = ticks, labels = if (lowest) ticks else FALSE, lwd = 0, lwd.ticks = 1, col = grey)
    graphics::axis(2,
      at = seq(0.5, 1, 0.1), labels = if (place$column == 1) sprintf("%.1f", seq(0.5, 1, 0.1)) else FALSE,
      lwd = 0, lwd.ticks = 1, col = grey
    )
    graphics::mtext(place$method, side = 3, line = 1.05, adj = 0, cex = 0.62, font = 2)
    graphics::mtext(place$engine, side = 3, line = 0.2, adj = 0, cex = 0.58, col = grey)
  }
  graphics::mtext("Training set size", side = 1, outer = TRUE, line = 2.2, cex = 0.8)
  graphics::mtext("Accuracy on the test set", side = 2, outer = TRUE, line = 2.6, las = 0, cex = 0.8)
}

# Thin lines, and once a key in the panel's empty corner: at the right-hand ends of the lines the curve is in the way.
draw_baselines <- function(baselines, key) {
  names <- unique(baselines$baseline)
  dashes <- rep_len(c("solid", "33", "11", "6222"), length(names))
  right <- graphics::par("usr")[2]
  step <- 1.9 * graphics::strheight("x", cex = 0.8) * 1.35
  text_width <- max(graphics::strwidth(gsub("-", " ", names), cex = 0.8))
  sample_width <- 0.09 * diff(graphics::par("usr")[1:2])
  for (i in seq_along(names)) {
    line <- baselines[baselines$baseline == names[i], ]
    line <- line[order(line$n), ]
    graphics::lines(line$n, line$mean, col = grey, lwd = 0.9, lty = dashes[i])
    if (!key) next
    at <- 0.57 + (length(names) - i) * step
    left <- right - text_width - sample_width * 1.5
    graphics::segments(left, at, left + sample_width, at, col = grey, lwd = 0.9, lty = dashes[i])
    graphics::text(right - text_width, at, gsub("-", " ", names[i]), adj = c(0, 0.45), cex = 0.8, col = grey)
  }
}

main <- function(arguments) {
  curve_columns <- c("n", "engine", "method", "mean", "p10", "p90")
  multiples <- identical(arguments[1], "--multiples")
  if (multiples) arguments <- arguments[-1]
  if (length(arguments) != 3) {
    stop("wanted: figure.R [--multiples] CURVES PUBLISHED_OR_BASELINES OUT_PREFIX", call. = FALSE)
  }
  curves <- read_table(arguments[1], curve_columns)
  if (multiples) {
    baselines <- read_table(arguments[2], c("n", "baseline", "mean"))
    # Each row of panels is as high as in a figure of three and a half rows.
    high <- max(2, max(places(curves)$row)) * height_px / 3.5 + 100
    draw_both(arguments[3], width_px, high, function() draw_multiples(curves, baselines))
  } else {
    published <- if (arguments[2] != "-") read_table(arguments[2], c("n_train", "method", "mean_accuracy"))
    draw_both(arguments[3], width_px, height_px, function() draw_figure(curves, published))
  }
}

# Sourced, as the tests do, it only defines its functions.
if (sys.nframe() == 0L) main(commandArgs(trailingOnly = TRUE))
