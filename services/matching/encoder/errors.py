"""What can be wrong with a model folder, in words an operator can act on."""


class ModelUnavailable(Exception):
    """A model can't be used. The message says which one, where, and what to do."""


class ModelMissing(ModelUnavailable):
    """The folder, or the wheel it is made from, is not there."""


class ModelDamaged(ModelUnavailable):
    """The folder or file is there, but its contents are not what its manifest or format says."""
