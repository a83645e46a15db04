"""The last step of a parse: properties that refer to records get the elements, and the Model is made."""

from __future__ import annotations

from dtdl.elements import Model
from dtdl.parser.session import Record, Session


def model_of(session: Session) -> Model:
    """Gives the Model of a session without findings."""
    for record in session.records.values():
        if not record.sealed:
            seal_properties(record)
    return Model({name: made for name, record in session.records.items() if (made := record.element) is not None})


def seal_properties(record: Record) -> None:
    """Puts the elements of the linked records into the properties."""
    properties = record.properties
    for name, held in record.links.items():
        if type(held) is list:
            properties[name] = tuple(item.element for item in held)
        elif type(held) is dict:
            properties[name] = {key: item.element for key, item in held.items()}
        else:
            properties[name] = held.element
    record.sealed = True
