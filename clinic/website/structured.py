"""The page for machines: schema.org's description of the clinic and of the questions answered, as JSON-LD."""

import json
from typing import Any, Dict, List, Mapping

from clinic.website.page import Shown
from knowledge.practice import DAYS, spans

# A data block is not run, so no policy needs to allow it; but a "</script>" in it would end it.
_ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}
_CURRENCIES = {"£": "GBP", "€": "EUR", "$": "USD", "₹": "INR", "₦": "NGN"}
_DOLLARS = {"CA": "CAD", "AU": "AUD", "NZ": "NZD"}


def _hours(clinic: Mapping[str, Any]) -> List[Dict[str, str]]:
    return [
        {"@type": "OpeningHoursSpecification", "dayOfWeek": f"https://schema.org/{day.capitalize()}", "opens": f"{start:%H:%M}", "closes": f"{end:%H:%M}"}
        for day in DAYS
        for start, end in spans(clinic["opening_hours"].get(day))
    ]


def currency(clinic: Mapping[str, Any]) -> str:
    """The three letters of the clinic's money; what it wrote itself where that is unknown."""
    sign = str(clinic["prices"]["currency"]).strip()
    return _DOLLARS.get(clinic["clinic"]["country"], "USD") if sign == "$" else _CURRENCIES.get(sign, sign)


def describe(clinic: Mapping[str, Any], questions: List[Shown], address: str) -> str:
    """The JSON text of the data block. `address`: where the page is. The treatment itself is not described as of proven use: only its price."""
    me, prices = clinic["clinic"], clinic["prices"]
    offers = [
        {"@type": "Offer", "name": f"Microneedling for stretch marks, {area}, one session", "price": f"{amount:g}", "priceCurrency": currency(clinic)}
        for area, amount in prices["per_session"].items()
    ]
    place = {
        "@type": "MedicalClinic",
        "@id": f"{address}#clinic",
        "name": me["name"],
        "url": address,
        "telephone": me["phone"],
        "email": me["email"],
        "address": me["address"],
        "openingHoursSpecification": _hours(clinic),
        "hasOfferCatalog": {"@type": "OfferCatalog", "name": "Prices", "itemListElement": offers},
        "employee": [{"@type": "Person", "name": one["name"], "jobTitle": one["role"]} for one in clinic["practitioners"]],
    }
    asked = {
        "@type": "FAQPage",
        "@id": f"{address}#questions",
        "mainEntity": [{"@type": "Question", "name": one.title, "acceptedAnswer": {"@type": "Answer", "text": one.plain}} for one in questions],
    }
    return json.dumps({"@context": "https://schema.org", "@graph": [place, asked]}, ensure_ascii=False).translate(_ESCAPES)
