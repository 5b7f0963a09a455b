"""One file per rung of the ladder, and the referee that scores every engine alike."""
