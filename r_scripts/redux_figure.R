# Draws the rebuttal's figure of 2017 in R, "Leekasso vs. Deep Learning Redux in R", with base graphics as it was.
#
#   Rscript redux_figure.R curves.csv out_prefix
#
# curves.csv: n, role, engine, mean, p10, p90; role is leekasso or network. Writes out_prefix.png and out_prefix.svg.

# figure.R has the reader, the colours and the bars of the other pictures; it lies beside this file,
# whether Rscript runs it or source() reads it.
source(Find(file.exists, file.path(c(
  unlist(lapply(rev(sys.frames()), function(frame) if (!is.null(frame$ofile)) dirname(frame$ofile))),
  dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
), "figure.R")), local = TRUE)

# leek_analysis.R took the first two colours of RSkittleBrewer's "tropical"; here they are those of figure.R.
role_ink <- c(leekasso = ink[["leekasso-lm"]], network = ink[["mlp-leek"]])
role_label <- c(leekasso = "Top 10 (Leekasso)", network = "Deep Learning")
lowest <- 0.5

# A triangle on the lower edge for every bar that goes on below it, so that nothing leaves the panel unseen.
mark_below <- function(curve, colour, offset) {
  below <- curve[!is.na(curve$p10) & curve$p10 < lowest, ]
  graphics::points(below$n + offset, rep(lowest, nrow(below)), pch = 25, col = colour, bg = colour, cex = 0.8)
  nrow(below)
}

draw_redux <- function(curves) {
  graphics::par(mar = c(5.3, 4.6, 3, 1.2), mgp = c(2.8, 0.8, 0), family = "sans", xpd = FALSE)
  plot(NA,
    xlim = range(curves$n), ylim = c(lowest, 1), xlab = "Training Set Sample Size", ylab = "Accuracy",
    main = "Leekasso vs. Deep Learning Redux in R"
  )
  roles <- intersect(names(role_ink), curves$role)
  below <- 0
  for (role in roles) {
    curve <- curves[curves$role == role, ]
    # The bars of the two methods at one size would hide each other.
    offset <- if (role == "leekasso") -0.3 else 0.3
    draw_curve(curve, role_ink[[role]], offset, cap = 0, lwd = 4, bar_lwd = 4, point = 0)
    below <- below + mark_below(curve, role_ink[[role]], offset)
  }
  graphics::legend(
    "bottomright",
    legend = role_label[roles], col = role_ink[roles], lwd = 4, lty = 1, inset = 0.08
  )
  engines <- vapply(roles, function(role) curves$engine[curves$role == role][1], "")
  note <- paste0(
    "bars: 10-90 % of the draws; ", paste(role_label[roles], engines, sep = ": ", collapse = "; "),
    if (below) sprintf("; triangles: %d bar%s below %.1f", below, if (below > 1) "s go on" else " goes on", lowest)
  )
  graphics::mtext(note, side = 1, line = 4, adj = 0, cex = 0.75, col = grey)
}

main_redux <- function(arguments) {
  if (length(arguments) != 2) stop("wanted: redux_figure.R CURVES OUT_PREFIX", call. = FALSE)
  curves <- read_table(arguments[1], c("n", "role", "engine", "mean", "p10", "p90"))
  draw_both(arguments[2], width_px, height_px, function() draw_redux(curves))
}

if (sys.nframe() == 0L) main_redux(commandArgs(trailingOnly = TRUE))
