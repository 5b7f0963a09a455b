# The order in which h2o.deeplearning visits the training rows; python/h2o_row_order.py says when it holds and where in
# H2O's source it is from. R has no wrapping 64-bit integers, so that a word is here four limbs of 16 bits, the lowest
# first.

seed_salt <- c(0x9734, 0x0242, 0x0935, 0x8734)
iteration_salt <- c(0x3423, 0x9782, 0x4234, 0x9823)
pcg_factor <- c(0x7f2d, 0x4c95, 0xf42d, 0x5851)

# For each epoch the n zero-based places of the rows in the order of their updates.
row_order <- function(n, epochs, seed) {
  lapply(seq_len(epochs), function(epoch) shuffled(n, generator_seed(n, epoch, seed)))
}

# The rows seen before are added to the seed of the fit, and iterations count from 1.
generator_seed <- function(n, epoch, seed) {
  times_word(
    plus_word(seed_salt, as_word(seed + n * (epoch - 1))),
    plus_word(iteration_salt, as_word(epoch))
  )
}

# The numbers 0 to n - 1 after Fisher and Yates' shuffle from the front, by the draws of PCG-XSH-RR.
shuffled <- function(n, seed) {
  increment <- as_word(3)
  state <- plus_word(times_word(plus_word(increment, seed), pcg_factor), increment)
  order <- seq_len(n) - 1
  for (place in seq_len(n)) {
    other <- place + pcg_draw(state) %% (n - place + 1)
    order[c(place, other)] <- order[c(other, place)]
    state <- plus_word(times_word(state, pcg_factor), increment)
  }
  order
}

# The 32 bits that a state gives: some of them, turned by the five highest.
pcg_draw <- function(state) {
  bits <- unlist(lapply(state, function(limb) as.integer(intToBits(limb))[1:16]))
  mixed <- xor(c(bits[19:64], integer(18)), bits)[28:59]
  turn <- sum(bits[60:64] * 2^(0:4))
  sum(mixed[(0:31 + turn) %% 32 + 1] * 2^(0:31))
}

# A whole number below 2^53 as a word.
as_word <- function(number) floor(number / 65536^(0:3)) %% 65536

plus_word <- function(a, b) carried(a + b)

times_word <- function(a, b) carried(vapply(1:4, function(place) sum(a[seq_len(place)] * b[place:1]), 0))

# Limbs that each hold less than 2^53, brought below 2^16; what is above 2^64 is lost.
carried <- function(limbs) {
  for (place in 1:3) {
    limbs[place + 1] <- limbs[place + 1] + floor(limbs[place] / 65536)
  }
  limbs %% 65536
}
