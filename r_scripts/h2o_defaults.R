# H2O's table of defaults: what R's signature declares, what the server's schema does, and what the server says was in
# force. R's client sends only arguments that were given, so where the two declare different things the server's counts.

# Rows of the function that trains, of the parameters that the server has and R's signature lacks, and of predict.
rows_h2o <- function(algorithm, train, columns, arguments, numeric_label) {
  schema <- server_schema(algorithm)
  label <- paste0("h2o::h2o.", algorithm)
  signature <- formals(h2o_function(algorithm))
  # Ties may leave the screen without a column, and without a model nothing tells.
  in_force <- if (length(columns)) told_by_server(algorithm, train, columns, arguments, numeric_label)
  allowed <- lapply(schema, allowed_values)
  in_both <- intersect(names(schema), names(signature))
  unlisted <- Filter(function(name) is.null(signature_choices(signature[[name]])), in_both)
  rows <- declared(
    label, h2o_function(algorithm), c(list(x = "columns", y = "label", training_frame = "train"), arguments), in_force,
    told_from,
    choices = allowed[unlisted], override = setdiff(known_h2o(algorithm), names(Filter(names_an_object, schema)))
  )
  c(
    lapply(rows, beside_schema, schema = schema),
    lapply(setdiff(names(schema), names(signature)), function(name) {
      default_row(
        paste0("/3/ModelBuilders/", algorithm), name, schema[[name]][["default_value"]], schema[[name]]$required,
        "the server's schema", list(), in_force, told_from, allowed[[name]], character()
      )
    }),
    declared("h2o::h2o.predict", h2o::h2o.predict, list(object = "model", newdata = "test"))
  )
}

told_from <- "the server's account of the trained model"

# What was in force in a model of these rows, by the server's names.
told_by_server <- function(algorithm, train, columns, arguments, numeric_label) {
  frames <- frames_of(train, NULL, columns, numeric_label, list())
  # That a column is constant is not what is asked.
  model <- suppressWarnings(do.call(
    h2o_function(algorithm), c(list(x = columns, y = "label", training_frame = frames$train), arguments)
  ))
  parameters <- server_answer(paste0("Models/", model@model_id))$models[[1]]$parameters
  for (key in c(model@model_id, frames$remove)) h2o::h2o.rapids(sprintf('(rm "%s")', key))
  names(parameters) <- vapply(parameters, `[[`, "", "name")
  # Where no seed was given the server drew one, another for every model. The columns are those of the frame.
  drawn <- if (is.null(arguments[["seed"]]) || arguments[["seed"]] == -1) "seed"
  told <- parameters[setdiff(names(parameters), c("ignored_columns", drawn))]
  lapply(Filter(function(parameter) !is_key(parameter), told), function(parameter) {
    value <- parameter[["actual_value"]]
    # A column is an object of which only the name is a value.
    if (is.list(value)) value[["column_name"]] else value
  })
}

# Models and frames are named anew for every fit, and two fits must not share a name.
names_an_object <- function(parameter) startsWith(parameter$type, "Key<")

is_key <- function(parameter) names_an_object(parameter) && !is.null(parameter[["actual_value"]])

server_schema <- function(algorithm) {
  parameters <- server_answer(paste0("ModelBuilders/", algorithm))$model_builders[[algorithm]]$parameters
  stats::setNames(parameters, vapply(parameters, `[[`, "", "name"))
}

server_answer <- function(path) {
  connection <- h2o::h2o.getConnection()
  url <- sprintf("http://%s:%d/3/%s", connection@ip, as.integer(connection@port), path)
  text <- paste(readLines(url, warn = FALSE), collapse = "")
  jsonlite::fromJSON(text, simplifyDataFrame = FALSE, simplifyMatrix = FALSE)
}

allowed_values <- function(parameter) {
  if (length(parameter$values)) as.list(parameter$values) else if (parameter$type == "boolean") list(FALSE, TRUE)
}

# A row of R's signature; where the server's default is another, its source says so.
beside_schema <- function(row, schema) {
  parameter <- schema[[row$name]]
  server <- parameter[["default_value"]]
  if (!is.null(parameter) && !isTRUE(all.equal(row$declared, server, tolerance = 0))) {
    said <- if (is.null(server)) "null" else paste(deparse(server), collapse = " ")
    row$declared_from <- paste0(row$declared_from, "; the server's schema says ", said)
  }
  row
}
