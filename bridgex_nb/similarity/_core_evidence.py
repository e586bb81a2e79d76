"""`core_evidence`: the evidence of a model over the bundled sentences and words, which widgets share."""

from weakref import WeakKeyDictionary

from ..activations._count_active import count_active
from ..datasets._corpora import core_sentences
from ..exceptions import InputError
from ..models._neuron_model import NeuronModel
from ..neurons._sets import RATE, check_share
from ._evidence import Evidence, held

#: Model -> the parts that `core_evidence` has computed on it. They do not refer to the model, so both are freed together.
_core_parts: WeakKeyDictionary[NeuronModel, dict] = WeakKeyDictionary()


def core_evidence(model: NeuronModel, rate: float = RATE) -> Evidence:
    """The evidence of a model over the core sentences and the core lexicon, computed once for all that ask for it.

    Every rate has its own `Evidence`; they share the counts and whatever else does not depend on the rate.

    Raises
    ------
    InputError
        If interventions change the model: its parts are those of the unchanged model.
    """
    check_share("rate", rate)
    parts = _core_parts.setdefault(model, {})
    with held(model, wait=("counts",) not in parts) as is_held:
        if is_held and model.card.get("interventions"):
            raise InputError("interventions change the model; its evidence is that of the unchanged model")
        if ("counts",) not in parts:
            parts["counts",] = count_active(model, core_sentences())
    return Evidence(model, parts["counts",], rate, _shared=parts)
