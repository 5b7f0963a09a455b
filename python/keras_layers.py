"""The layers of Keras' networks and what each is given, as data: for the model, its printed code and its tables."""

from __future__ import annotations

from parity.engines.contract import Plain


def layers_of(arguments: Plain) -> list[tuple[str, Plain]]:
    """Layers in the order in which they are made: each draws its seeds when it is made, so that the order counts."""
    *hidden, output = [("Dense", dense) for dense in arguments["dense"]]
    drop = drop_layers(arguments["dropout"], arguments["rescaled"])
    return [*image_layers(arguments), *[layer for dense in hidden for layer in (dense, *drop)], output]


def drop_layers(dropout: Plain, rescaled: bool) -> list[tuple[str, Plain]]:
    """Keras divides what it keeps by the share kept; multiplied by it always, outputs are smaller at prediction."""
    if not dropout:
        return []
    return [("Dropout", dropout), *([("Rescaling", {"scale": 1 - dropout["rate"]})] if rescaled else [])]


def image_layers(arguments: Plain) -> list[tuple[str, Plain]]:
    if "image" not in arguments:
        return []
    pool, drop = ("MaxPooling2D", arguments["pool"]), drop_layers(arguments["dropout_pooled"], arguments["rescaled"])
    blocks = [[*(("Conv2D", given) for given in block), pool] for block in arguments["blocks"]]
    return [("Reshape", arguments["image"]), *[layer for block in blocks for layer in block], ("Flatten", {}), *drop]
