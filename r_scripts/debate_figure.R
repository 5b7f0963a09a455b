# Draws every guess and claim of 2017 by size: a dot and an interval a trial, beside the gap that is to be closed.
#
#   Rscript debate_figure.R table.csv margin out_prefix
#
# table.csv: place, claim, verdict, what, role, n, mean, low, high, same. Rows of one claim stand together; role is gap,
# decides or beside; same is TRUE where nothing changes, bit for bit. Writes out_prefix.png and out_prefix.svg.

# figure.R has the reader and the colours of the other pictures; it lies beside this file.
script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(c(script, "r_scripts/.")[1]), "figure.R"), local = TRUE)

debate_width_px <- 1800
row_px <- 40
claim_px <- 74
around_px <- 190

role_ink <- c(gap = "#6B6B6B", decides = "#0072B2", beside = "#D55E00")
role_point <- c(gap = 18, decides = 19, beside = 21)
verdict_ink <- c(supported = "#0072B2", partly = "#4A8FC7", refuted = "#D55E00", undecided = "#6B6B6B")

# Where each row stands, from the top: a claim's title takes more room than a row.
places_of <- function(rows) {
  heads <- !duplicated(rows$claim)
  y <- -cumsum(1 + ifelse(heads, claim_px / row_px, 0))
  cbind(rows, y = y, title = y + 1.1, first = heads)
}

# The table's rows, one for each trial of each claim, in its order.
trials_of <- function(table) {
  rows <- unique(table[c("place", "claim", "verdict", "what", "role")])
  places_of(rows[order(rows$place), ])
}

draw_names <- function(rows, floor) {
  plot(NA, xlim = c(0, 1), ylim = c(floor, 0.4), xlab = "", ylab = "", axes = FALSE, xaxs = "i", yaxs = "i")
  graphics::par(xpd = NA)
  heads <- rows[rows$first, ]
  wide <- graphics::strwidth(heads$verdict, font = 2, cex = 0.92)
  ink <- ifelse(heads$verdict %in% names(verdict_ink), verdict_ink[heads$verdict], grey)
  graphics::text(0, heads$title, heads$verdict, adj = c(0, 0.5), font = 2, cex = 0.92, col = ink)
  graphics::text(wide + 0.03, heads$title, heads$claim, adj = c(0, 0.5), font = 2, cex = 0.92)
  texts <- ifelse(rows$role == "gap", paste("the gap:", rows$what), rows$what)
  graphics::text(0.02, rows$y, texts, adj = c(0, 0.5), cex = 0.8, col = ifelse(rows$role == "gap", grey, "#222222"))
  graphics::par(xpd = FALSE)
}

draw_panel <- function(rows, table, n, limits, floor, margin) {
  plot(NA, xlim = limits, ylim = c(floor, 0.4), xlab = "", ylab = "", axes = FALSE, xaxs = "i", yaxs = "i")
  # One band a claim, so that titles stand on white.
  for (claim in unique(rows$claim)) {
    y <- rows$y[rows$claim == claim]
    graphics::rect(-margin, min(y) - 0.5, margin, max(y) + 0.5, col = "#ECEEF1", border = NA)
    ticks <- pretty(limits, 4)
    ticks <- ticks[ticks > limits[1] & ticks < limits[2]]
    graphics::segments(ticks, min(y) - 0.5, ticks, max(y) + 0.5, col = ifelse(ticks == 0, grey, faint))
    graphics::segments(limits[1], min(y) - 0.5, limits[2], min(y) - 0.5, col = faint)
  }
  here <- merge(rows[c("place", "y")], table[table$n == n, ])
  known <- here[!is.na(here$low) & !here$same, ]
  graphics::segments(known$low, known$y, known$high, known$y, col = role_ink[known$role], lwd = 2)
  dots <- here[!here$same, ]
  graphics::points(dots$mean, dots$y,
    pch = role_point[dots$role], col = role_ink[dots$role], bg = "white", cex = 1.25, lwd = 1.6
  )
  same <- here[here$same, ]
  if (NROW(same)) graphics::text(same$mean, same$y, "=", font = 2, cex = 1.3, col = role_ink[same$role])
  graphics::axis(1, at = ticks, labels = sub("^0$", "0", format_signed(ticks)), lwd = 0, lwd.ticks = 1, col = grey,
    col.axis = "#333333", cex.axis = 0.85)
  graphics::mtext(paste("n =", n), side = 3, line = 0.2, adj = 0, font = 2, cex = 0.8)
}

format_signed <- function(values) ifelse(values == 0, "0", sprintf("%+g", values))

draw_debate <- function(table, margin) {
  rows <- trials_of(table)
  sizes <- sort(unique(table$n))
  floor <- min(rows$y) - 0.7
  limits <- range(-margin, margin, table$mean, table$low, table$high, na.rm = TRUE)
  limits <- limits + c(-0.05, 0.05) * diff(limits)
  graphics::layout(matrix(seq_len(1 + length(sizes)), 1), widths = c(1.75, rep(1, length(sizes))))
  graphics::par(family = "sans", las = 1, mgp = c(2, 0.5, 0), tcl = -0.25, oma = c(3.4, 0.6, 2.6, 0.6), cex = 0.86)
  graphics::par(mar = c(1.6, 0.4, 1.4, 0.4))
  draw_names(rows, floor)
  graphics::par(mar = c(1.6, 0.8, 1.4, 0.8))
  for (n in sizes) draw_panel(rows, table, n, limits, floor, margin)
  graphics::mtext("The debate of 2017, measured", side = 3, outer = TRUE, line = 0.7, adj = 0, font = 2, cex = 1.15)
  graphics::mtext("change of test accuracy, 90 % intervals over draws", side = 1, outer = TRUE, line = 0.3, cex = 0.8)
  draw_key(margin)
}

# Below everything: what each mark stands for.
draw_key <- function(margin) {
  graphics::par(fig = c(0, 1, 0, 1), oma = c(0, 0, 0, 0), mar = c(0, 0, 0, 0), new = TRUE)
  plot(NA, xlim = c(0, 1), ylim = c(0, 1), xlab = "", ylab = "", axes = FALSE)
  graphics::legend("bottomleft",
    legend = c("decides", "beside it", "the gap to be closed", "= nothing changes, bit for bit",
      sprintf("within the margin of %g", margin)),
    pch = c(19, 21, 18, NA, 15), col = c(role_ink[["decides"]], role_ink[["beside"]], role_ink[["gap"]], NA, "#DADDE2"),
    pt.cex = c(1.2, 1.2, 1.2, 1, 1.6), bty = "n", horiz = TRUE, cex = 0.95, inset = c(0, -0.005)
  )
}

main_debate <- function(arguments) {
  if (length(arguments) != 3) stop("wanted: debate_figure.R TABLE MARGIN OUT_PREFIX", call. = FALSE)
  columns <- c("place", "claim", "verdict", "what", "role", "n", "mean", "low", "high", "same")
  table <- read_table(arguments[1], columns)
  table$same <- as.logical(table$same)
  rows <- trials_of(table)
  height <- around_px + row_px * NROW(rows) + claim_px * sum(rows$first)
  draw_both(arguments[3], debate_width_px, height, function() draw_debate(table, as.numeric(arguments[2])))
}

if (sys.nframe() == 0L) main_debate(commandArgs(trailingOnly = TRUE))
