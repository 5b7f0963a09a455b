"""The order in which h2o.deeplearning visits the training rows, which it shuffles itself and which nobody can set.

It holds on one server for reproducible=True and train_samples_per_iteration=0 without weights or class balancing. The
rows then lie in one chunk of the frame and one iteration is one epoch, so that H2O turns its shuffling on
(trainModel in hex/deeplearning/DeepLearning.java) and starts a generator anew for each iteration (map in
hex/FrameTask.java). Confirmed on 3.44.0.3: of the 24 orders of four rows this one alone gives the weights that it has.
"""

from __future__ import annotations

from collections.abc import Iterator

WORD, HALF = 2**64 - 1, 2**32 - 1
"Java's long and int wrap at 64 and 32 bits."
SEED_SALT, ITERATION_SALT = 0x8734093502429734, 0x9823423497823423
"Constants of FrameTask's seed."


def row_order(n: int, epochs: int, seed: int) -> list[list[int]]:
    """For each epoch the n zero-based places of the rows in the order of their updates.

    seed: the argument `seed` of the fit, not the -1 that lets H2O draw one.
    """
    return [shuffled(n, generator_seed(n, epoch, seed)) for epoch in range(epochs)]


def generator_seed(n: int, epoch: int, seed: int) -> int:
    """Where the generator of an epoch starts: the rows seen before are added to the seed, and iterations count from 1.

    The place of the chunk's first row, which is added too, is 0 for the one chunk.
    """
    return (SEED_SALT + seed + n * epoch) * (epoch + 1 + ITERATION_SALT) & WORD


def shuffled(n: int, seed: int) -> list[int]:
    """The numbers 0 to n - 1 after Fisher and Yates' shuffle from the front (shuffleArray in ArrayUtils.java)."""
    order, draws = list(range(n)), pcg32(seed)
    for place in range(n):
        # An unsigned draw modulo what is left; the rejection that would even it out is written so that it never occurs.
        other = place + next(draws) % (n - place)
        order[place], order[other] = order[other], order[place]
    return order


def pcg32(seed: int, stream: int = 1) -> Iterator[int]:
    """The 32-bit draws of O'Neill's PCG-XSH-RR generator (pcg-random.org), as water/util/RandomUtils.java seeds it.

    NumPy's PCG64 is the one of 128 bits of state.
    """
    increment = stream << 1 | 1

    def advanced(state: int) -> int:
        return (state * 6364136223846793005 + increment) & WORD

    state = advanced(increment + seed & WORD)
    while True:
        word = (state >> 18 ^ state) >> 27 & HALF
        turn = state >> 59
        yield (word >> turn | word << (-turn & 31)) & HALF
        state = advanced(state)
