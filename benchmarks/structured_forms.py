"""Twenty JSON schemas after forms that are publicly known, each with what the texts about it speak of.

They are written here, in the terms of the form each is named after; nothing of a published schema is copied.
"""

from __future__ import annotations

from typing import Any

TEXT: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 40}
WHOLE: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 100_000}
AMOUNT: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": 1_000_000}
SHARE: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": 1}
FLAG: dict[str, Any] = {"type": "boolean"}
DAY: dict[str, Any] = {"type": "string", "format": "date"}
MOMENT: dict[str, Any] = {"type": "string", "format": "date-time"}
CURRENCY: dict[str, Any] = {"type": "string", "pattern": "^[A-Z]{3}$"}


def one_of(*names: str) -> dict[str, Any]:
    """Return the schema of one of some words."""
    return {"enum": list(names)}


def several(item: dict[str, Any], most: int = 3) -> dict[str, Any]:
    """Return the schema of a list with one item at least."""
    return {"type": "array", "items": item, "minItems": 1, "maxItems": most}


def or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of what may be unknown."""
    return {"anyOf": [schema, {"type": "null"}]}


def form(*optional: str, **fields: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object without any other field."""
    needed = [name for name in fields if name not in optional]
    return {"type": "object", "properties": fields, "required": needed, "additionalProperties": False}


PLACE = form(
    latitude={"type": "number", "minimum": -90, "maximum": 90},
    longitude={"type": "number", "minimum": -180, "maximum": 180},
)
ADDRESS = form(
    "region", street=TEXT, city=TEXT, postcode={"type": "string", "pattern": "^[0-9]{4,6}$"}, region=TEXT
)

FORMS: dict[str, dict[str, Any]] = {
    "postal address": ADDRESS,
    "contact card": form(
        "phone",
        name=TEXT,
        email={"type": "string", "format": "email", "maxLength": 40},
        phone={"type": "string", "pattern": "^\\+[0-9]{6,14}$"},
    ),
    "invoice": form(
        number={"type": "string", "pattern": "^INV-[0-9]{4}$"},
        issued=DAY,
        currency=CURRENCY,
        lines=several(form(article=TEXT, quantity=WHOLE, price=AMOUNT)),
        paid=FLAG,
    ),
    "purchase order": form(
        buyer=TEXT, items=several(form(article=TEXT, quantity=WHOLE)), deliver_to=ADDRESS, express=FLAG
    ),
    "calendar event": form("location", summary=TEXT, start=MOMENT, end=MOMENT, location=TEXT),
    "bibliographic reference": form(
        title=TEXT,
        authors=several(form(family=TEXT, given=TEXT)),
        year={"type": "integer", "minimum": 1450, "maximum": 2100},
        kind=one_of("article", "book", "chapter", "thesis"),
    ),
    "recipe": form(
        name=TEXT,
        serves={"type": "integer", "minimum": 1, "maximum": 20},
        ingredients=several(form(name=TEXT, amount=AMOUNT, unit=one_of("g", "ml", "piece"))),
    ),
    "job posting": form(
        title=TEXT,
        employment=one_of("full-time", "part-time", "contract"),
        remote=FLAG,
        salary=or_null(AMOUNT),
    ),
    "product offer": form(
        name=TEXT,
        sku={"type": "string", "pattern": "^[A-Z]{3}-[0-9]{3}$"},
        price=AMOUNT,
        currency=CURRENCY,
        availability=one_of("in stock", "sold out", "preorder"),
    ),
    "customer review": form(
        rating={"type": "integer", "minimum": 1, "maximum": 5}, summary=TEXT, recommends=FLAG
    ),
    "flight booking": form(
        flight={"type": "string", "pattern": "^[A-Z]{2}[0-9]{3,4}$"},
        departs=MOMENT,
        passengers=several(form(name=TEXT, seat={"type": "string", "pattern": "^[0-9]{1,2}[A-F]$"}), 2),
    ),
    "geographic point": {
        "type": "object",
        "properties": {
            "type": {"const": "Point"},
            "coordinates": {
                "type": "array",
                "prefixItems": [PLACE["properties"]["longitude"], PLACE["properties"]["latitude"]],
                "items": False,
                "minItems": 2,
            },
        },
        "required": ["type", "coordinates"],
        "additionalProperties": False,
    },
    "bug report": form(
        "version",
        title=TEXT,
        severity=one_of("low", "medium", "high", "critical"),
        version={"type": "string", "pattern": "^[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}$"},
        steps=several(TEXT),
    ),
    "weather report": form(
        at=PLACE,
        celsius={"type": "number", "minimum": -90, "maximum": 60},
        humidity=SHARE,
        sky=one_of("clear", "clouds", "rain", "snow"),
    ),
    "insurance claim": form(
        policy={"type": "string", "pattern": "^P[0-9]{6}$"},
        happened=DAY,
        cause=one_of("fire", "water", "theft", "accident"),
        claimed=AMOUNT,
    ),
    "medical appointment": form(patient=TEXT, on=DAY, department=TEXT, first_visit=FLAG, notes=or_null(TEXT)),
    "bank transfer": form(
        amount=AMOUNT,
        currency=CURRENCY,
        to=form(name=TEXT, account={"type": "string", "pattern": "^[A-Z]{2}[0-9]{10,16}$"}),
        reference=or_null(TEXT),
    ),
    "tree of topics": {
        "type": "object",
        "properties": {"topic": TEXT, "below": {"type": "array", "items": {"$ref": "#"}, "maxItems": 2}},
        "required": ["topic"],
        "additionalProperties": False,
    },
    "payment method": {
        "type": "object",
        "properties": {
            "method": {
                "anyOf": [
                    form(kind={"const": "card"}, last4={"type": "string", "pattern": "^[0-9]{4}$"}),
                    form(kind={"const": "transfer"}, bank=TEXT),
                    form(kind={"const": "cash"}),
                ]
            }
        },
        "required": ["method"],
        "additionalProperties": False,
    },
    "survey": {
        "type": "object",
        "patternProperties": {"^q[1-9]$": {"type": "integer", "minimum": 1, "maximum": 5}},
        "properties": {"respondent": {"type": "string", "format": "uuid"}},
        "required": ["respondent"],
        "additionalProperties": False,
    },
}

TEXTS = (
    "It is about {about} of Anna Berg in Lund, written down on 3 May 2024.",
    "Please note {about}: two of them, 49.90 euros in all, for Mr Osei.",
    "{about}, number 7, urgent. Nothing else is known yet.",
    "We talked on the phone about {about}; he said it was fine, and that he would pay by card.",
    "关于 {about}：王芳，上海，三件，共 120 元。",
    "Subject: {about}. Hello, I write for the second time. My name is Lee, I live at 12 Hill Road, 90210.",
    "{about} - cancelled, the reason was rain.",
    "The following {about} was sent from Paris to Rome last week and has not come.",
    'He wrote "{about}" on the form, with a line \\ through it, and left the rest empty.',
    "For {about}: the usual, as every month.",
)
