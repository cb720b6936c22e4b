"""What can be wrong with a model folder, in words an operator can act on."""


class ModelUnavailableError(Exception):
    """A model can't be used. The message says which one, where, and what to do."""


class ModelMissingError(ModelUnavailableError):
    """The folder, or the wheel it is made from, is not there."""


class ModelDamagedError(ModelUnavailableError):
    """The folder or file is there, but its contents are not what its manifest or format says."""
