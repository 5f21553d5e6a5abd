"""Small lists of ordinary words from which the data set makes people and firms."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Culture:
    """Where some of the people live: how they are called, and how their addresses and phones look."""

    country: str
    calling_code: str
    trunk: str
    """The digit dialled first inside the country; blank where there is none."""
    mobile: tuple[str, ...]
    """Beginnings of mobile numbers, without trunk digit."""
    digits: int
    """Digits that follow such a beginning."""
    first: tuple[str, ...]
    last: tuple[str, ...]
    cities: tuple[tuple[str, str], ...]
    """City and a postal code there."""
    streets: tuple[str, ...]
    legal: tuple[str, ...]
    """Legal forms that end a firm's name."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CULTURES = (
    Culture(
        country="Germany",
        calling_code="49",
        trunk="0",
        mobile=("151", "160", "171", "176"),
        digits=8,
        first=_words(
            "Anna Jürgen Bärbel Günther Käthe Jörg Sören Lena Uwe Heike Björn Sabine Katrin Moritz Dörte Felix"
        ),
        last=_words(
            "Müller Schäfer Köhler Weiß Krüger Böhm Vogel Lehmann Jäger Förster Brandt Huber Groß Kühn Winter Maaß"
        ),
        cities=(("Köln", "50667"), ("München", "80331"), ("Hamburg", "20095"), ("Lübeck", "23552")),
        streets=_words("Gartenstraße Bahnhofstraße Lindenweg Mühlgasse"),
        legal=("GmbH", "AG", "KG"),
    ),
    Culture(
        country="France",
        calling_code="33",
        trunk="0",
        mobile=("6", "7"),
        digits=8,
        first=_words(
            "Élodie François Hélène Loïc Chloé Benoît Maëlle Jérôme Anaïs Gaël Zoé Thérèse Cédric Noémie Régis Inès"
        ),
        last=_words(
            "Lefèvre Gérard Bénard Dupré Lacroix Fournier Rémond Chevalier Mélin Poirier Géraud Colas Blanchet Vasseur"
        ),
        cities=(("Lyon", "69002"), ("Besançon", "25000"), ("Nîmes", "30000"), ("Orléans", "45000")),
        streets=("rue des Écoles", "avenue du Château", "place de la Forêt", "rue Neuve"),
        legal=("SARL", "SAS"),
    ),
    Culture(
        country="Spain",
        calling_code="34",
        trunk="",
        mobile=("61", "65", "69"),
        digits=7,
        first=_words(
            "Íñigo María José Begoña Ángel Lucía Andrés Nuria Óscar Inés Julián Rocío Adrián Belén Ramón Concepción"
        ),
        last=_words(
            "García Muñoz Núñez Ibáñez Peña Cañas Rodríguez Gómez Hernández Ordóñez Vázquez Sáez Ruiz Prieto Beltrán"
        ),
        cities=(("Logroño", "26001"), ("Málaga", "29001"), ("A Coruña", "15001"), ("Cádiz", "11001")),
        streets=("calle Mayor", "avenida de España", "plaza de Cataluña", "calle del Olmo"),
        legal=("SL", "SA"),
    ),
    Culture(
        country="Poland",
        calling_code="48",
        trunk="",
        mobile=("50", "60", "69"),
        digits=7,
        first=_words(
            "Łukasz Małgorzata Paweł Żaneta Michał Grażyna Sławomir Bożena Wojciech Agnieszka Tomasz Joanna Józef"
        ),
        last=_words(
            "Wójcik Kamiński Zieliński Woźniak Dąbrowski Kozłowska Szymański Król Wieczorek Jabłoński Pawłowska Gołąb"
        ),
        cities=(("Łódź", "90-001"), ("Kraków", "30-001"), ("Gdańsk", "80-001"), ("Poznań", "60-001")),
        streets=("ulica Długa", "ulica Słoneczna", "aleja Róż", "plac Wolności"),
        legal=("sp. z o.o.", "SA"),
    ),
    Culture(
        country="Italy",
        calling_code="39",
        trunk="",
        mobile=("320", "338", "347"),
        digits=7,
        first=_words(
            "Niccolò Chiara Giosuè Beatrice Matteo Noè Francesca Pietro Lucìa Alberto Serena Tommaso Elisa Davide"
        ),
        last=_words("Rossi Bianchi Colombo Ricci Moretti Fontana D'Amico Marchetti Gallo Testa Conti Bellini Serra"),
        cities=(("Torino", "10121"), ("Forlì", "47121"), ("Bologna", "40121"), ("Cefalù", "90015")),
        streets=("via Garibaldi", "corso Italia", "via delle Viole", "piazza Nuova"),
        legal=("S.r.l.", "S.p.A."),
    ),
    Culture(
        country="Sweden",
        calling_code="46",
        trunk="0",
        mobile=("70", "73", "76"),
        digits=7,
        first=_words("Åsa Göran Märta Örjan Linnéa Håkan Björn Malin Östen Ulrika Nils Sofie Jonas Birgitta"),
        last=_words(
            "Åkesson Öberg Lindström Sjöberg Nyström Håkansson Bergqvist Ström Björk Hellström Norén Falk Ek Söder"
        ),
        cities=(("Malmö", "211 20"), ("Göteborg", "411 03"), ("Örebro", "702 10"), ("Umeå", "903 26")),
        streets=("Storgatan", "Björkvägen", "Ängsgatan", "Sjöstigen"),
        legal=("AB",),
    ),
    Culture(
        country="United Kingdom",
        calling_code="44",
        trunk="0",
        mobile=("7700", "7911", "7400"),
        digits=6,
        first=_words(
            "Oliver Siân Graham Niamh Callum Zoë Rhys Harriet Imogen Gareth Eilidh Stuart Poppy Alistair Beth Owen"
        ),
        last=_words(
            "Hughes O'Connor Baker MacLeod Whitfield Pryce Turner-Hall Atkins Doyle Barrow Fenwick Griffiths Sutton"
        ),
        cities=(("Leeds", "LS1 4DY"), ("Cardiff", "CF10 1EP"), ("Bath", "BA1 1RG"), ("Perth", "PH1 5LU")),
        streets=("High Street", "Mill Lane", "Station Road", "Church Row"),
        legal=("Ltd", "plc"),
    ),
    Culture(
        country="United States",
        calling_code="1",
        trunk="",
        mobile=("212555", "312555", "415555", "617555"),
        digits=4,
        first=_words(
            "Maya Tyrone Caitlin Diego Priya Wesley Renée Jamal Hannah Luis Brooke Kenji Monique Trevor Aisha Cole"
        ),
        last=_words(
            "Johnson Ramirez Nguyen Peterson Washington-Lee Kowalski Patel Brooks Delgado Whitaker Osei Larsen Cruz"
        ),
        cities=(("Boston", "02108"), ("Chicago", "60601"), ("Oakland", "94607"), ("Austin", "78701")),
        streets=("Main Street", "Oak Avenue", "2nd Street", "Lakeview Drive"),
        legal=("Inc.", "LLC"),
    ),
)

TITLES = (
    "Account Manager",
    "Buyer",
    "Head of Sales",
    "Plant Engineer",
    "Office Manager",
    "Managing Director",
    "Warehouse Lead",
    "Project Coordinator",
    "Controller",
    "Product Designer",
)

TRADES = _words(
    "Timber Solar Print Freight Dairy Optics Textile Garden Bakery Marine Tool Paper Glass Cycle Harvest Copper"
)
PLACES = _words("North Alder Bright River Stone Clear Amber Harbour Summit Willow Blue Meadow Iron Maple Silver Valley")
