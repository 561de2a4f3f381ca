"""What every way of use shares and no screen knows: tasks made, sessions interrupted, results delivered."""
