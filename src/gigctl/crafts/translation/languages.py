"""What a language is called in a prompt."""

from __future__ import annotations

__all__ = ["language_name"]

# ISO 639 codes and English names as in the Unicode CLDR; a table of our own because a library for this weighs 10 MB.
_PAIRS = """
af=Afrikaans am=Amharic ar=Arabic az=Azerbaijani be=Belarusian bg=Bulgarian bn=Bangla bs=Bosnian ca=Catalan
cs=Czech cy=Welsh da=Danish de=German el=Greek en=English eo=Esperanto es=Spanish et=Estonian eu=Basque
fa=Persian fi=Finnish fil=Filipino fr=French ga=Irish gl=Galician gu=Gujarati he=Hebrew hi=Hindi hr=Croatian
hu=Hungarian hy=Armenian id=Indonesian is=Icelandic it=Italian ja=Japanese ka=Georgian kk=Kazakh km=Khmer
kn=Kannada ko=Korean ky=Kyrgyz la=Latin lb=Luxembourgish lo=Lao lt=Lithuanian lv=Latvian mk=Macedonian
ml=Malayalam mn=Mongolian mr=Marathi ms=Malay mt=Maltese my=Burmese nb=Norwegian ne=Nepali nl=Dutch
nn=Norwegian no=Norwegian pa=Punjabi pl=Polish ps=Pashto pt=Portuguese ro=Romanian ru=Russian si=Sinhala
sk=Slovak sl=Slovenian sq=Albanian sr=Serbian sv=Swedish sw=Swahili ta=Tamil te=Telugu th=Thai tr=Turkish
uk=Ukrainian ur=Urdu uz=Uzbek vi=Vietnamese zh=Chinese zu=Zulu
"""
_NAMES = dict(pair.split("=") for pair in _PAIRS.split())
_NAMES_OF_TAGS = {
    "en-gb": "British English",
    "en-us": "American English",
    "fr-ca": "Canadian French",
    "de-at": "Austrian German",
    "de-ch": "Swiss German",
    "pt-br": "Brazilian Portuguese",
    "pt-pt": "European Portuguese",
    "es-mx": "Mexican Spanish",
    "nb": "Norwegian Bokmål",
    "nn": "Norwegian Nynorsk",
    "zh-hans": "Simplified Chinese",
    "zh-cn": "Simplified Chinese",
    "zh-hant": "Traditional Chinese",
    "zh-tw": "Traditional Chinese",
    "sr-latn": "Serbian in Latin script",
}


def language_name(tag: str) -> str:
    """The English name of a BCP 47 tag, the tag itself beside it where it says more; an unknown tag as it stands."""
    low = tag.lower().replace("_", "-")
    if low in _NAMES_OF_TAGS:
        return _NAMES_OF_TAGS[low]
    name = _NAMES.get(low.split("-")[0])
    if name is None:
        return tag
    return name if "-" not in low else f"{name} ({tag})"
