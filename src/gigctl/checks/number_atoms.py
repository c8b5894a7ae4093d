"""The words that numbers below a thousand are put together from, in nine languages: every gender and case.

Source: CLDR's rules of spelling out, read through unicode-rbnf once; added by hand are regional forms (`septante`,
`zwo`), old spellings and what stands between others (`hundert` without `ein`). The tests hold whole numbers that are
composed of them against unicode-rbnf.
"""

from __future__ import annotations

from functools import cache

from gigctl.checks.languages import base_language

_ATOMS = {
    "en": """
        1:one 2:two 3:three 4:four 5:five 6:six 7:seven 8:eight 9:nine 10:ten 11:eleven 12:twelve 13:thirteen
        14:fourteen 15:fifteen 16:sixteen 17:seventeen 18:eighteen 19:nineteen 20:twenty 30:thirty 40:forty 50:fifty
        60:sixty 70:seventy 80:eighty 90:ninety 100:hundred
    """,
    "fr": """
        1:un,une 2:deux 3:trois 4:quatre 5:cinq 6:six 7:sept 8:huit 9:neuf 10:dix 11:onze 12:douze 13:treize
        14:quatorze 15:quinze 16:seize 20:vingt,vingts 30:trente 40:quarante 50:cinquante 60:soixante 70:septante
        80:huitante,octante 90:nonante 100:cent,cents
    """,
    "de": """
        1:eins,ein,eine,einen,einer,eines,einem 2:zwei,zwo 3:drei 4:vier 5:fünf,fuenf 6:sechs 7:sieben 8:acht 9:neun
        10:zehn 11:elf 12:zwölf,zwoelf 13:dreizehn 14:vierzehn 15:fünfzehn 16:sechzehn 17:siebzehn 18:achtzehn
        19:neunzehn 20:zwanzig 30:dreißig,dreissig 40:vierzig 50:fünfzig,fuenfzig 60:sechzig 70:siebzig 80:achtzig
        90:neunzig 100:hundert
    """,
    "es": """
        1:uno,un,una 2:dos 3:tres 4:cuatro 5:cinco 6:seis 7:siete 8:ocho 9:nueve 10:diez 11:once 12:doce 13:trece
        14:catorce 15:quince 16:dieciséis 17:diecisiete 18:dieciocho 19:diecinueve 20:veinte
        21:veintiuno,veintiún,veintiuna,veintiun 22:veintidós 23:veintitrés 24:veinticuatro 25:veinticinco
        26:veintiséis 27:veintisiete 28:veintiocho 29:veintinueve 30:treinta 40:cuarenta 50:cincuenta 60:sesenta
        70:setenta 80:ochenta 90:noventa 100:cien,ciento 200:doscientos,doscientas 300:trescientos,trescientas
        400:cuatrocientos,cuatrocientas 500:quinientos,quinientas 600:seiscientos,seiscientas
        700:setecientos,setecientas 800:ochocientos,ochocientas 900:novecientos,novecientas
    """,
    "it": """
        1:uno,un,una 2:due 3:tre 4:quattro 5:cinque 6:sei 7:sette 8:otto 9:nove 10:dieci 11:undici 12:dodici
        13:tredici 14:quattordici 15:quindici 16:sedici 17:diciassette 18:diciotto 19:diciannove 20:venti 30:trenta
        40:quaranta 50:cinquanta 60:sessanta 70:settanta 80:ottanta 90:novanta 100:cento
    """,
    "pt": """
        1:um,uma 2:dois,duas 3:três 4:quatro 5:cinco 6:seis 7:sete 8:oito 9:nove 10:dez 11:onze 12:doze 13:treze
        14:catorze,quatorze 15:quinze 16:dezesseis,dezasseis 17:dezessete,dezassete 18:dezoito 19:dezenove,dezanove
        20:vinte 30:trinta 40:quarenta 50:cinquenta,cinqüenta 60:sessenta 70:setenta 80:oitenta 90:noventa
        100:cem,cento 200:duzentos,duzentas 300:trezentos,trezentas 400:quatrocentos,quatrocentas
        500:quinhentos,quinhentas 600:seiscentos,seiscentas 700:setecentos,setecentas 800:oitocentos,oitocentas
        900:novecentos,novecentas
    """,
    "nl": """
        1:een,één 2:twee 3:drie 4:vier 5:vijf 6:zes 7:zeven 8:acht 9:negen 10:tien 11:elf 12:twaalf 13:dertien
        14:veertien 15:vijftien 16:zestien 17:zeventien 18:achttien 19:negentien 20:twintig 30:dertig 40:veertig
        50:vijftig 60:zestig 70:zeventig 80:tachtig 90:negentig 100:honderd
    """,
    "pl": """
        1:jeden,jedna,jedno,jednego,jednej,jednemu,jedną,jednym 2:dwa,dwaj,dwie,dwóch,dwóm,dwoma,dwiema
        3:trzy,trzej,trzech,trzem,trzema 4:cztery,czterej,czterech,czterem,czterema 5:pięć,pięciu,pięcioma
        6:sześć,sześciu,sześcioma 7:siedem,siedmiu,siedmioma 8:osiem,ośmiu,ośmioma
        9:dziewięć,dziewięciu,dziewięcioma 10:dziesięć,dziesięciu,dziesięcioma 11:jedenaście,jedenastu,jedenastoma
        12:dwanaście,dwunastu,dwunastoma 13:trzynaście,trzynastu,trzynastoma 14:czternaście,czternastu,czternastoma
        15:piętnaście,piętnastu,piętnastoma 16:szesnaście,szesnastu,szesnastoma
        17:siedemnaście,siedemnastu,siedemnastoma 18:osiemnaście,osiemnastu,osiemnastoma
        19:dziewiętnaście,dziewiętnastu,dziewiętnastoma 20:dwadzieścia,dwudziestu,dwudziestoma
        30:trzydzieści,trzydziestu,trzydziestoma 40:czterdzieści,czterdziestu,czterdziestoma
        50:pięćdziesiąt,pięćdziesięciu,pięćdziesięcioma 60:sześćdziesiąt,sześćdziesięciu,sześćdziesięcioma
        70:siedemdziesiąt,siedemdziesięciu,siedemdziesięcioma 80:osiemdziesiąt,osiemdziesięciu,osiemdziesięcioma
        90:dziewięćdziesiąt,dziewięćdziesięciu,dziewięćdziesięcioma 100:sto,stu 200:dwieście,dwustu
        300:trzysta,trzystu 400:czterysta,czterystu 500:pięćset,pięciuset 600:sześćset,sześciuset
        700:siedemset,siedmiuset 800:osiemset,ośmiuset 900:dziewięćset,dziewięciuset
    """,
    "ru": """
        1:один,одно,одна,одни,одного,одной,одних,одному,одним,одну,одном,одними 2:два,две,двух,двум,двумя
        3:три,трех,трем,тремя 4:четыре,четырех,четырем,четырьмя 5:пять,пяти,пятью 6:шесть,шести,шестью
        7:семь,семи,семью 8:восемь,восьми,восемью 9:девять,девяти,девятью 10:десять,десяти,десятью
        11:одиннадцать,одиннадцати,одиннадцатью 12:двенадцать,двенадцати,двенадцатью
        13:тринадцать,тринадцати,тринадцатью 14:четырнадцать,четырнадцати,четырнадцатью
        15:пятнадцать,пятнадцати,пятнадцатью 16:шестнадцать,шестнадцати,шестнадцатью
        17:семнадцать,семнадцати,семнадцатью 18:восемнадцать,восемнадцати,восемнадцатью
        19:девятнадцать,девятнадцати,девятнадцатью 20:двадцать,двадцати,двадцатью 30:тридцать,тридцати,тридцатью
        40:сорок,сорока 50:пятьдесят,пятидесяти,пятьюдесятью 60:шестьдесят,шестидесяти,шестьюдесятью
        70:семьдесят,семидесяти,семьюдесятью 80:восемьдесят,восьмидесяти,восемьюдесятью 90:девяносто,девяноста
        100:сто,ста 200:двести,двухсот,двумстам,двухстах,двумястами 300:триста,трехсот,тремстам,трехстах,тремястами
        400:четыреста,четырехсот,четыремстам,четырехстах,четырьмястами
        500:пятьсот,пятисот,пятистам,пятистах,пятьюстами 600:шестьсот,шестисот,шестистам,шестистах,шестьюстами
        700:семьсот,семисот,семистам,семистах,семьюстами 800:восемьсот,восьмисот,восьмистам,восьмистах,восемьюстами
        900:девятьсот,девятисот,девятистам,девятистах,девятьюстами
    """,
}
_ELIDED = {"it": "3:tré 20:vent 30:trent 40:quarant 50:cinquant 60:sessant 70:settant 80:ottant 90:novant 100:cent"}
"""Only within a word: `ventotto`."""
JOINERS = {
    "en": ("and",), "fr": ("et",), "de": ("und",), "es": ("y",), "it": ("e",), "pt": ("e",), "nl": ("en", "ën"),
}  # fmt: skip
ONE_WORD = frozenset({"de", "nl", "it"})
"""Where a number below a million is one word: `zweihundertfünfundvierzig`."""


@cache
def atoms_of(language: str) -> dict[str, int]:
    """Word -> value; empty for a language that is not known."""
    return _read(_ATOMS.get(base_language(language), ""))


@cache
def pieces_of(language: str) -> dict[str, int]:
    """What a word that is a whole number is made of, its joiners and thousand apart; empty elsewhere."""
    base = base_language(language)
    return {**_read(_ELIDED.get(base, "")), **atoms_of(base)} if base in ONE_WORD else {}


def _read(table: str) -> dict[str, int]:
    pairs = (entry.split(":") for entry in table.split())
    return {word: int(value) for value, written in pairs for word in written.split(",")}
