# Draws test accuracy after every epoch as small multiples: a panel a size, one line a draw.
#
#   Rscript epochs_figure.R epochs.csv early late out_prefix
#
# epochs.csv: n, model, draw, epoch, accuracy. early: epochs that the rebuttal called the first ones; late: the first of
# the epochs that they are held against. Writes out_prefix.png and out_prefix.svg.

# figure.R has the reader, the colours and the panels of the other pictures; it lies beside this file,
# whether Rscript runs it or source() reads it.
source(Find(file.exists, file.path(c(
  unlist(lapply(rev(sys.frames()), function(frame) if (!is.null(frame$ofile)) dirname(frame$ofile))),
  dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
), "figure.R")), local = TRUE)

widest_epochs <- 5
epochs_panel_px <- 250

# Where each panel goes: the sizes of a model stand side by side and start a row of their own.
epoch_places <- function(epochs) {
  panels <- unique(epochs[c("model", "n")])
  panels <- panels[order(panels$model, panels$n), ]
  counts <- table(panels$model)
  columns <- min(widest_epochs, max(counts))
  within <- unlist(lapply(counts, seq_len)) - 1
  above <- cumsum(c(0, ceiling(counts / columns)))[match(panels$model, names(counts))]
  panels$column <- within %% columns + 1
  panels$row <- above + within %/% columns + 1
  panels
}

draw_epochs <- function(epochs, early, late) {
  panels <- epoch_places(epochs)
  # Below chance nothing is to be seen, unless something is there.
  lowest <- min(0.5, floor(min(epochs$accuracy) * 10) / 10)
  graphics::par(
    mfrow = c(max(panels$row), max(panels$column)), mar = c(1.6, 0.8, 2, 0.8), oma = c(3.6, 4, 0.3, 0.5), las = 1,
    mgp = c(3, 0.5, 0), tcl = -0.25, family = "sans", cex = 0.66
  )
  for (i in seq_len(nrow(panels))) {
    place <- panels[i, ]
    graphics::par(mfg = c(place$row, place$column))
    rows <- epochs[epochs$n == place$n & epochs$model == place$model, ]
    longest <- max(epochs$epoch[epochs$model == place$model])
    plot(NA,
      xlim = c(0, longest), ylim = c(lowest, 1), xlab = "", ylab = "", axes = FALSE, xaxs = "i", yaxs = "i"
    )
    if (late <= longest) {
      graphics::rect(c(0, late - 1), lowest, c(early, longest), 1, col = c("#F4F1EA", "#EDF2F5"), border = NA)
    }
    graphics::abline(h = seq(lowest, 1, 0.1), col = faint)
    for (draw in unique(rows$draw)) {
      line <- rows[rows$draw == draw, ]
      line <- line[order(line$epoch), ]
      graphics::lines(line$epoch, line$accuracy, col = grDevices::adjustcolor(ink[["mlp-leek"]], 0.65), lwd = 1)
    }
    graphics::box(col = grey, bty = "l")
    ticks <- pretty(c(0, longest), 2)
    same <- panels$column == place$column & panels$model == place$model
    last <- !any(same & panels$row > place$row)
    graphics::axis(1, at = ticks, labels = if (last) ticks else FALSE, lwd = 0, lwd.ticks = 1, col = grey)
    at <- seq(lowest, 1, 0.1)
    graphics::axis(2,
      at = at, labels = if (place$column == 1) sprintf("%.1f", at) else FALSE, lwd = 0, lwd.ticks = 1, col = grey
    )
    graphics::mtext(sprintf("%s, n = %d", place$model, place$n), side = 3, line = 0.4, adj = 0, cex = 0.62, font = 2)
  }
  graphics::mtext(
    sprintf("Epoch (shaded: the first %d, and those from %d on; one line a draw)", early, late),
    side = 1, outer = TRUE, line = 2, cex = 0.8
  )
  graphics::mtext("Accuracy on the test set", side = 2, outer = TRUE, line = 2.6, las = 0, cex = 0.8)
}

main_epochs <- function(arguments) {
  if (length(arguments) != 4) stop("wanted: epochs_figure.R EPOCHS EARLY LATE OUT_PREFIX", call. = FALSE)
  epochs <- read_table(arguments[1], c("n", "model", "draw", "epoch", "accuracy"))
  bounds <- as.integer(arguments[2:3])
  high <- max(2, max(epoch_places(epochs)$row)) * epochs_panel_px + 100
  draw_both(arguments[4], width_px, high, function() draw_epochs(epochs, bounds[1], bounds[2]))
}

if (sys.nframe() == 0L) main_epochs(commandArgs(trailingOnly = TRUE))
