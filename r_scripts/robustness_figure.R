# Draws what `parity robustness` measured: the state of the draws, the accuracies, and the parts of each gap.
#
#   Rscript robustness_figure.R shares.csv accuracies.csv parts.csv out_prefix
#
# shares.csv: n, kind, share, low, high. accuracies.csv: label, method, engine, n, mean.
# parts.csv: pair, part, mean, low, high. Writes out_prefix.png and out_prefix.svg.

# figure.R has the readers and the colours of the other pictures; it lies beside this file.
script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(c(script, "r_scripts/.")[1]), "figure.R"), local = TRUE)

robust_width_px <- 1680
robust_height_px <- 1760

# Colours that stay apart for the colour-blind (Okabe and Ito 2008), one a family; line types within a family.
kind_ink <- c("separated" = "#0072B2", "rank-deficient" = "#D55E00", "both" = "#6B6B6B")
kind_dash <- c("separated" = "solid", "rank-deficient" = "solid", "both" = "22")
fit_ink <- c(
  "r-stats leekasso-lm" = "#009E73", "r-stats leekasso-glm" = "#D55E00", "r-liblinear leekasso-liblinear" = "#56B4E9",
  "py-sklearn leekasso-liblinear" = "#0072B2", "py-sklearn leekasso-glm" = "#CC79A7"
)
fit_dash <- c(
  "r-stats leekasso-lm" = "solid", "r-stats leekasso-glm" = "solid", "r-liblinear leekasso-liblinear" = "solid",
  "py-sklearn leekasso-liblinear" = "22", "py-sklearn leekasso-glm" = "52"
)

axes_of <- function(sizes, at, labels) {
  graphics::axis(1, at = sizes, lwd = 0, lwd.ticks = 1, col = grey, col.axis = "#333333")
  graphics::axis(2, at = at, labels = labels, lwd = 0, lwd.ticks = 1, col = grey, col.axis = "#333333")
  graphics::box(col = grey, bty = "l")
}

heading <- function(text) graphics::mtext(text, side = 3, line = 0.7, adj = 0, font = 2, cex = 0.85)

draw_shares <- function(shares) {
  sizes <- sort(unique(shares$n))
  plot(NA, xlim = range(sizes) + c(-1, 1), ylim = c(0, 1), xlab = "", ylab = "", axes = FALSE, yaxs = "i")
  graphics::abline(h = seq(0, 1, 0.25), col = faint)
  axes_of(sizes, seq(0, 1, 0.25), paste0(seq(0, 100, 25), " %"))
  heading("Draws whose ten pixels are separated, rank-deficient or both (bars: 95 %, Wilson)")
  graphics::par(xpd = NA)
  for (i in seq_along(kind_ink)) {
    kind <- names(kind_ink)[i]
    rows <- shares[shares$kind == kind, ]
    rows <- rows[order(rows$n), ]
    x <- rows$n + (i - 2) * 0.45
    graphics::segments(x, rows$low, x, rows$high, col = kind_ink[[kind]], lwd = 1.3)
    graphics::lines(x, rows$share, col = kind_ink[[kind]], lwd = 2.5, lty = kind_dash[[kind]])
    graphics::points(x, rows$share, col = kind_ink[[kind]], pch = 19, cex = 0.8)
  }
  graphics::par(xpd = FALSE)
  graphics::legend("center",
    legend = names(kind_ink), col = kind_ink, lty = kind_dash, lwd = 2.5, bty = "n", cex = 1.05, inset = c(0.02, 0),
    seg.len = 3
  )
}

draw_accuracies <- function(accuracies) {
  accuracies$key <- paste(accuracies$engine, accuracies$method)
  drawn <- intersect(names(fit_ink), accuracies$key)
  accuracies <- accuracies[accuracies$key %in% drawn, ]
  sizes <- sort(unique(accuracies$n))
  low <- floor(min(accuracies$mean) * 50) / 50
  high <- min(1, ceiling(max(accuracies$mean) * 100) / 100)
  ticks <- pretty(c(low, high), 6)
  plot(NA, xlim = range(sizes) + c(-1, 1), ylim = c(low, high), xlab = "", ylab = "", axes = FALSE, yaxs = "i")
  graphics::abline(h = ticks, col = faint)
  axes_of(sizes, ticks, sprintf("%.2f", ticks))
  heading("Mean test accuracy, each on its own pixels")
  graphics::mtext("Training set size", side = 1, line = 2.2, cex = 0.75)
  for (key in drawn) {
    rows <- accuracies[accuracies$key == key, ]
    rows <- rows[order(rows$n), ]
    graphics::lines(rows$n, rows$mean, col = fit_ink[[key]], lwd = 2.8, lty = fit_dash[[key]])
    graphics::points(rows$n, rows$mean, col = fit_ink[[key]], pch = 19, cex = 0.75)
  }
  graphics::legend("bottomright",
    legend = accuracies$label[match(drawn, accuracies$key)], col = fit_ink[drawn], lty = fit_dash[drawn], lwd = 2.8,
    bg = "white", box.col = "white", cex = 1.05, inset = c(0.01, 0.03), seg.len = 3
  )
}

# Rows of all pairs, in the order of the chain from R's answer to LIBLINEAR's, the whole gap last.
part_label <- c(
  "screen-a" = "R's pixels to shared pixels", "solver-a" = "R's answer to exact solution",
  "rank" = "aliased columns come back in", "loss" = "squared to logistic loss",
  "penalty" = "no ridge to ridge of C=1e6",
  "intercept" = "intercept penalised as well", "solver-b" = "exact solution to liblinear's answer",
  "screen-b" = "shared pixels to liblinear's pixels", "gap" = "sum: the whole gap"
)

draw_parts <- function(parts, pair, limits, labelled) {
  rows <- parts[parts$pair == pair, ]
  drawn <- intersect(names(part_label), parts$part)
  y <- length(drawn) + 1 - match(rows$part, drawn)
  plot(NA,
    xlim = limits, ylim = c(0.4, length(drawn) + 0.6), xlab = "", ylab = "", axes = FALSE, xaxs = "i", yaxs = "i"
  )
  graphics::abline(h = seq_along(drawn), col = faint)
  graphics::abline(v = 0, col = grey)
  colour <- ifelse(rows$part == "gap", "#0072B2", "#333333")
  usable <- !is.na(rows$low)
  graphics::segments(rows$low[usable], y[usable], rows$high[usable], y[usable], col = colour[usable], lwd = 2)
  graphics::points(rows$mean, y, pch = ifelse(rows$part == "gap", 18, 19), col = colour, cex = 1.1)
  graphics::axis(1, at = pretty(limits, 4), lwd = 0, lwd.ticks = 1, col = grey, col.axis = "#333333")
  if (labelled) {
    graphics::axis(2,
      at = rev(seq_along(drawn)), labels = part_label[drawn], lwd = 0, col.axis = "#333333", line = -0.4, cex.axis = 1.1
    )
  }
  names <- strsplit(pair, " to ", fixed = TRUE)[[1]]
  graphics::mtext(c(names[1], paste("to", names[2])), side = 3, line = c(1.5, 0.4), adj = 0, font = 2, cex = 0.72)
  graphics::box(col = grey, bty = "l")
}

draw_robustness <- function(shares, accuracies, parts) {
  pairs <- unique(parts$pair)
  count <- max(1, length(pairs))
  # The first column of the lowest row holds the names of the parts.
  wide <- 4 + count * 4
  below <- if (length(pairs)) c(0, 0, 0, 0, rep(2 + seq_along(pairs), each = 4)) else rep(0, wide)
  graphics::layout(rbind(rep(1, wide), rep(2, wide), below), heights = c(0.75, 1.1, 1.2))
  graphics::par(las = 1, mgp = c(2.5, 0.6, 0), tcl = -0.3, family = "sans", cex = 0.82)
  graphics::par(mar = c(2.4, 4.4, 2.2, 1))
  draw_shares(shares)
  graphics::par(mar = c(3.6, 4.4, 2.2, 1))
  draw_accuracies(accuracies)
  limits <- range(0, parts$mean, parts$low, parts$high, na.rm = TRUE)
  limits <- limits + c(-0.06, 0.06) * max(diff(limits), 0.001)
  for (pair in pairs) {
    graphics::par(mar = c(3.8, 1, 5, 1))
    draw_parts(parts, pair, limits, pair == pairs[1])
    if (pair == pairs[1]) {
      graphics::par(xpd = NA)
      graphics::mtext("What makes the gap, one change at a time: all sizes and draws",
        side = 3, line = 3.3, adj = 0, at = graphics::grconvertX(0.068, "ndc", "user"), font = 2, cex = 0.85
      )
      graphics::par(xpd = FALSE)
    }
    graphics::mtext("change of test accuracy (95 %)", side = 1, line = 2.2, cex = 0.75)
  }
}

main_robustness <- function(arguments) {
  if (length(arguments) != 4) {
    stop("wanted: robustness_figure.R SHARES ACCURACIES PARTS OUT_PREFIX", call. = FALSE)
  }
  shares <- read_table(arguments[1], c("n", "kind", "share", "low", "high"))
  accuracies <- read_table(arguments[2], c("label", "method", "engine", "n", "mean"))
  parts <- read_table(arguments[3], c("pair", "part", "mean", "low", "high"))
  draw_both(arguments[4], robust_width_px, robust_height_px, function() draw_robustness(shares, accuracies, parts))
}

if (sys.nframe() == 0L) main_robustness(commandArgs(trailingOnly = TRUE))
