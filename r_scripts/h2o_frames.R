# Where the rows of an H2O fit are: the server that this process is attached to, and the frames on it.

# What this process holds: the server that it is attached to and the frames that it has met.
session <- new.env(parent = emptyenv())

# Attach once a process; a server of another name was started by someone else and is refused. An R user who has called
# h2o.init names no server.
attach_server <- function(server) {
  session$own <- paste0("parity_r_", Sys.getpid())
  if (is.null(server)) {
    return(invisible(h2o::h2o.getConnection()))
  }
  if (identical(session$server, server)) {
    return(invisible())
  }
  cloud <- jsonlite::fromJSON(paste(readLines(paste0(server$url, "/3/Cloud"), warn = FALSE), collapse = ""))
  if (!identical(cloud$cloud_name, server$name)) {
    stop(
      "the H2O server at ", server$url, " is called '", cloud$cloud_name, "', not '", server$name,
      "'; this session did not start it", call. = FALSE
    )
  }
  address <- regmatches(server$url, regexec("^https?://([^:/]+):([0-9]+)", server$url))[[1]]
  utils::capture.output(h2o::h2o.init(ip = address[2], port = as.integer(address[3]), startH2O = FALSE))
  h2o::h2o.no_progress()
  session$frames <- list()
  session$server <- server
}

# The two frames of a fit and the keys to remove afterwards. Where the rows are on the server already they are cut out
# there. test: NULL where nothing is predicted.
frames_of <- function(train, test, columns, numeric_label, options) {
  rows <- option(options, "frames")
  if (is.null(rows$stack)) {
    label <- if (numeric_label) train$y else factor(train$y, levels = 0:1)
    own <- h2o::as.h2o(data.frame(label = label, train$x[, columns, drop = FALSE], check.names = FALSE))
    if (is.null(test)) {
      return(list(train = own, remove = h2o::h2o.getId(own)))
    }
    if (!is.null(rows$test)) {
      return(list(train = own, test = known_frame(rows$test), remove = h2o::h2o.getId(own)))
    }
    uploaded <- h2o::as.h2o(data.frame(test$x[, columns, drop = FALSE], check.names = FALSE))
    return(list(train = own, test = uploaded, remove = c(h2o::h2o.getId(own), h2o::h2o.getId(uploaded))))
  }
  own <- paste0(session$own, "_train")
  slice <- sprintf("(rows %s [%d:%d])", rows$stack, as.integer(rows$first), as.integer(rows$last - rows$first))
  if (length(columns) == ncol(train$x) && !numeric_label) {
    h2o::h2o.rapids(sprintf("(assign %s %s)", own, slice))
    return(list(train = known_frame(own, rows$stack), test = known_frame(rows$test), remove = own))
  }
  own_test <- paste0(session$own, "_test")
  names <- paste0("[", paste0('"', columns, '"', collapse = " "), "]")
  label <- sprintf('(cols %s "label")', slice)
  if (numeric_label) label <- sprintf("(as.numeric (as.character %s))", label)
  h2o::h2o.rapids(sprintf("(assign %s (cbind %s (cols %s %s)))", own, label, slice, names))
  h2o::h2o.rapids(sprintf("(assign %s (cols %s %s))", own_test, rows$test, names))
  list(train = h2o::h2o.getFrame(own), test = h2o::h2o.getFrame(own_test), remove = c(own, own_test))
}

# The client asks for ten rows of every frame that it meets, and reading those of 785 columns costs it 0.2 s. One object
# therefore stands for the frame of that key for as long as its columns stay, whichever rows the server holds under it.
known_frame <- function(key, columns_of = key) {
  name <- paste(key, columns_of)
  if (is.null(session$frames[[name]])) session$frames[[name]] <- h2o::h2o.getFrame(key)
  session$frames[[name]]
}

# The predictions of the test rows; model, predictions and the fit's own frames leave the server.
predictions <- function(model, frames) {
  predicted <- h2o::h2o.predict(model, frames$test)
  values <- as.data.frame(predicted)
  # (rm) where h2o.rm would do, because h2o.rm collects R's garbage each time: 0.1 s.
  for (key in c(h2o::h2o.getId(predicted), model@model_id, frames$remove)) {
    h2o::h2o.rapids(sprintf('(rm "%s")', key))
  }
  values
}

# A network's weights as (in, out) matrices, where H2O keeps (out, in), and its biases. Read as the server writes them:
# the client describes each of these frames first, which takes longer than the rest of a small fit.
weights_of <- function(model, layers) {
  list(
    weights = lapply(seq_len(layers), function(i) unname(t(frame_values(model@model$weights[[i]]$name)))),
    biases = lapply(seq_len(layers), function(i) as.array(frame_values(model@model$biases[[i]]$name)[, 1]))
  )
}

# The numbers of a frame on the server, as a matrix.
frame_values <- function(key) {
  connection <- h2o::h2o.getConnection()
  address <- sprintf("http://%s:%d/3/DownloadDataset?frame_id=", connection@ip, as.integer(connection@port))
  lines <- readLines(paste0(address, utils::URLencode(key, reserved = TRUE)), warn = FALSE)
  matrix(scan(text = lines[-1], sep = ",", quiet = TRUE), nrow = length(lines) - 1, byrow = TRUE)
}
