"""What the measured side raises for input that cannot be measured."""


class BadInput(Exception):
    """What the user gave cannot be measured; the text is one line with the value, the reason and the remedy."""
