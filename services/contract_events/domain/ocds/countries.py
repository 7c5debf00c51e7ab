"""Which country a publication means, and which selling region and ERP tenant a country belongs to."""

import unicodedata

UNKNOWN_REGION = "unknown"
TENANTS = {"emea": "netsuite-emea", "americas": "netsuite-us", "apac": "netsuite-apac"}

_AMERICAS = (
    "AG AI AR AW BB BL BM BO BQ BR BS BZ CA CL CO CR CU CW DM DO EC FK GD GF GL GP GT GY HN HT JM KN KY LC MF MQ MS MX NI PA PE PM PR PY "
    "SR SV SX TC TT US UY VC VE VG VI"
)
_APAC = (
    "AF AS AU BD BN BT CC CK CN CX FJ FM GU HK HM ID IN IO JP KH KI KP KR LA LK MH MM MN MO MP MV MY NC NF NP NR NU NZ PF PG PH PK PN PW "
    "SB SG TH TK TL TO TV TW UM VN VU WF WS"
)
_EMEA = (
    "AD AE AL AM AO AT AX AZ BA BE BF BG BH BI BJ BW BY CD CF CG CH CI CM CV CY CZ DE DJ DK DZ EE EG EH ER ES ET FI FO FR GA GB GE GG GH "
    "GI GM GN GQ GR GW HR HU IE IL IM IQ IR IS IT JE JO KE KG KM KW KZ LB LI LR LS LT LU LV LY MA MC MD ME MG MK ML MR MT MU MW MZ NA NE "
    "NG NL NO OM PL PS PT QA RE RO RS RU RW SA SC SD SE SH SI SJ SK SL SM SN SO SS ST SY SZ TD TG TJ TM TN TR TZ UA UG UZ VA XK YE YT ZA "
    "ZM ZW"
)
_REGIONS = {
    **dict.fromkeys(_AMERICAS.split(), "americas"),
    **dict.fromkeys(_APAC.split(), "apac"),
    **dict.fromkeys(_EMEA.split(), "emea"),
}

# As publishers write them, in lower case and without accents.
_NAMES = {
    "afghanistan": "AF", "argentina": "AR", "australia": "AU", "belgium": "BE", "bolivia": "BO", "brasil": "BR", "brazil": "BR",
    "canada": "CA", "chile": "CL", "colombia": "CO", "costa rica": "CR", "ecuador": "EC", "espana": "ES", "france": "FR",
    "georgia": "GE", "germany": "DE", "ghana": "GH", "guatemala": "GT", "honduras": "HN", "india": "IN", "indonesia": "ID",
    "ireland": "IE", "italia": "IT", "italy": "IT", "japan": "JP", "kenya": "KE", "kosovo": "XK", "mexico": "MX", "moldova": "MD",
    "nepal": "NP", "netherlands": "NL", "new zealand": "NZ", "nigeria": "NG", "norway": "NO", "pakistan": "PK", "panama": "PA",
    "paraguay": "PY", "peru": "PE", "portugal": "PT", "romania": "RO", "singapore": "SG", "south africa": "ZA", "spain": "ES",
    "sweden": "SE", "switzerland": "CH", "uganda": "UG", "uk": "GB", "ukraine": "UA", "united kingdom": "GB", "united states": "US",
    "united states of america": "US", "uruguay": "UY", "usa": "US", "zambia": "ZM",
}  # fmt: skip


def country_code(name: str | None) -> str | None:
    """ISO 3166-1 alpha-2 code of a country's code or name; None for one that is not known."""
    if name is None:
        return None
    if name.strip().upper() in _REGIONS:
        return name.strip().upper()
    plain = unicodedata.normalize("NFKD", name.strip().casefold())
    return _NAMES.get("".join(letter for letter in plain if not unicodedata.combining(letter)))


def scheme_country(scheme: str | None) -> str | None:
    """The country in front of an organisation identifier scheme (PT-NIPPC is Portugal's), as org-id.guide writes them."""
    if scheme is None or len(scheme) < 4 or scheme[2] != "-":
        return None
    return scheme[:2] if scheme[:2] in _REGIONS else None


def region_of(country: str | None) -> str:
    return _REGIONS.get(country or "", UNKNOWN_REGION)
