"""Forms with many fields: what was typed, in the shape of the other service's body, and which field is at fault. Pure.

A field's name is the path of its value in that body, joined by ``-`` (``rules-3-amount``), so that a refusal, which
names a path, finds its field.
"""

from services.console.forms.faults import Faults, faults_of
from services.console.forms.filled import Filled, filled_of
from services.console.forms.organisations import OrganisationForm
from services.console.forms.programmes import ProgrammeForm

__all__ = ["Faults", "Filled", "OrganisationForm", "ProgrammeForm", "faults_of", "filled_of"]
