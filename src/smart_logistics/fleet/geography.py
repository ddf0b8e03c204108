"""Indian cities and the highways between them. Coordinates are those of the city centres, in degrees, WGS 84."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from smart_logistics.contracts.rules import EARTH_RADIUS_KM

Point = tuple[float, float]


@dataclass(frozen=True)
class City:
    """A city: its state's name and vehicle code, the first digits of its postal codes, and where it lies."""

    name: str
    state: str
    code: str
    pin: str
    latitude: float
    longitude: float

    @property
    def point(self) -> Point:
        """Latitude and longitude."""
        return self.latitude, self.longitude


def _cities(text: str) -> dict[str, City]:
    found = {}
    for line in text.strip().splitlines():
        name, state, code, pin, latitude, longitude = (part.strip() for part in line.split(","))
        found[name] = City(name, state, code, pin, float(latitude), float(longitude))
    return found


CITIES = _cities("""
Adilabad, Telangana, TS, 504, 19.6641, 78.5320
Agra, Uttar Pradesh, UP, 282, 27.1767, 78.0081
Ahmedabad, Gujarat, GJ, 380, 23.0225, 72.5714
Ajmer, Rajasthan, RJ, 305, 26.4499, 74.6399
Akola, Maharashtra, MH, 444, 20.7059, 77.0219
Ambala, Haryana, HR, 134, 30.3782, 76.7767
Amritsar, Punjab, PB, 143, 31.6340, 74.8723
Anantapur, Andhra Pradesh, AP, 515, 14.6819, 77.6006
Balasore, Odisha, OD, 756, 21.4942, 86.9317
Belagavi, Karnataka, KA, 590, 15.8497, 74.4977
Bengaluru, Karnataka, KA, 560, 12.9716, 77.5946
Berhampur, Odisha, OD, 760, 19.3150, 84.7941
Bhopal, Madhya Pradesh, MP, 462, 23.2599, 77.4126
Bhubaneswar, Odisha, OD, 751, 20.2961, 85.8245
Chennai, Tamil Nadu, TN, 600, 13.0827, 80.2707
Coimbatore, Tamil Nadu, TN, 641, 11.0168, 76.9558
Davanagere, Karnataka, KA, 577, 14.4644, 75.9218
Delhi, Delhi, DL, 110, 28.6139, 77.2090
Dhanbad, Jharkhand, JH, 826, 23.7957, 86.4304
Dhule, Maharashtra, MH, 424, 20.9042, 74.7749
Durgapur, West Bengal, WB, 713, 23.5204, 87.3119
Gaya, Bihar, BR, 823, 24.7955, 85.0002
Guwahati, Assam, AS, 781, 26.1445, 91.7362
Gwalior, Madhya Pradesh, MP, 474, 26.2183, 78.1828
Hubballi, Karnataka, KA, 580, 15.3647, 75.1240
Hyderabad, Telangana, TS, 500, 17.3850, 78.4867
Indore, Madhya Pradesh, MP, 452, 22.7196, 75.8577
Jaipur, Rajasthan, RJ, 302, 26.9124, 75.7873
Jhansi, Uttar Pradesh, UP, 284, 25.4484, 78.5685
Kanpur, Uttar Pradesh, UP, 208, 26.4499, 80.3319
Kharagpur, West Bengal, WB, 721, 22.3460, 87.2320
Kochi, Kerala, KL, 682, 9.9312, 76.2673
Kolhapur, Maharashtra, MH, 416, 16.7050, 74.2433
Kolkata, West Bengal, WB, 700, 22.5726, 88.3639
Krishnagiri, Tamil Nadu, TN, 635, 12.5266, 78.2150
Kurnool, Andhra Pradesh, AP, 518, 15.8281, 78.0373
Ludhiana, Punjab, PB, 141, 30.9010, 75.8573
Malda, West Bengal, WB, 732, 25.0108, 88.1411
Mumbai, Maharashtra, MH, 400, 19.0760, 72.8777
Nagpur, Maharashtra, MH, 440, 21.1458, 79.0882
Nashik, Maharashtra, MH, 422, 19.9975, 73.7898
Nellore, Andhra Pradesh, AP, 524, 14.4426, 79.9865
Ongole, Andhra Pradesh, AP, 523, 15.5057, 80.0499
Panipat, Haryana, HR, 132, 29.3909, 76.9635
Prayagraj, Uttar Pradesh, UP, 211, 25.4358, 81.8463
Pune, Maharashtra, MH, 411, 18.5204, 73.8567
Raipur, Chhattisgarh, CG, 492, 21.2514, 81.6296
Rajahmundry, Andhra Pradesh, AP, 533, 17.0005, 81.8040
Sagar, Madhya Pradesh, MP, 470, 23.8388, 78.7378
Salem, Tamil Nadu, TN, 636, 11.6643, 78.1460
Sambalpur, Odisha, OD, 768, 21.4669, 83.9812
Siliguri, West Bengal, WB, 734, 26.7271, 88.3953
Srikakulam, Andhra Pradesh, AP, 532, 18.2949, 83.8938
Surat, Gujarat, GJ, 395, 21.1702, 72.8311
Udaipur, Rajasthan, RJ, 313, 24.5854, 73.7125
Vadodara, Gujarat, GJ, 390, 22.3072, 73.1812
Varanasi, Uttar Pradesh, UP, 221, 25.3176, 82.9739
Vellore, Tamil Nadu, TN, 632, 12.9165, 79.1325
Vijayawada, Andhra Pradesh, AP, 520, 16.5062, 80.6480
Visakhapatnam, Andhra Pradesh, AP, 530, 17.6868, 83.2185
""")

CORRIDORS: tuple[tuple[str, ...], ...] = (
    ("Delhi", "Jaipur", "Ajmer", "Udaipur", "Ahmedabad", "Vadodara", "Surat", "Mumbai"),
    ("Mumbai", "Pune", "Kolhapur", "Belagavi", "Hubballi", "Davanagere", "Bengaluru"),
    ("Bengaluru", "Krishnagiri", "Vellore", "Chennai"),
    ("Chennai", "Nellore", "Ongole", "Vijayawada", "Rajahmundry", "Visakhapatnam", "Srikakulam", "Berhampur",
     "Bhubaneswar", "Balasore", "Kharagpur", "Kolkata"),
    ("Delhi", "Agra", "Kanpur", "Prayagraj", "Varanasi", "Gaya", "Dhanbad", "Durgapur", "Kolkata"),
    ("Delhi", "Panipat", "Ambala", "Ludhiana", "Amritsar"),
    ("Hyderabad", "Kurnool", "Anantapur", "Bengaluru"),
    ("Delhi", "Agra", "Gwalior", "Jhansi", "Sagar", "Nagpur", "Adilabad", "Hyderabad"),
    ("Bengaluru", "Krishnagiri", "Salem", "Coimbatore", "Kochi"),
    ("Mumbai", "Nashik", "Dhule", "Akola", "Nagpur", "Raipur", "Sambalpur", "Kharagpur", "Kolkata"),
    ("Mumbai", "Nashik", "Dhule", "Indore", "Bhopal"),
    ("Kolkata", "Malda", "Siliguri", "Guwahati"),
)  # fmt: skip

WAREHOUSE_CITIES = (
    "Delhi", "Mumbai", "Bengaluru", "Chennai", "Kolkata", "Hyderabad", "Pune", "Ahmedabad", "Jaipur", "Nagpur",
    "Kochi", "Vijayawada", "Visakhapatnam", "Bhubaneswar", "Varanasi", "Guwahati", "Amritsar", "Bhopal", "Coimbatore",
    "Surat",
)  # fmt: skip


def distance_km(a: Point, b: Point) -> float:
    """Return the great-circle distance (haversine, the contract's Earth radius)."""
    lat1, lon1, lat2, lon2 = map(math.radians, (*a, *b))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, h)))


def nearest_city(latitude: float, longitude: float) -> tuple[str, float]:
    """Return the nearest city of the list and its distance in km."""
    away = {city.name: distance_km((latitude, longitude), city.point) for city in CITIES.values()}
    name = min(away, key=lambda city: (away[city], city))
    return name, away[name]


@dataclass(frozen=True)
class Route:
    """A way through cities of one corridor, in the order of travel."""

    cities: tuple[str, ...]

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """The cities' places."""
        return tuple(CITIES[name].point for name in self.cities)

    @cached_property
    def length_km(self) -> float:
        """Sum of the distances from city to city."""
        return sum(self.legs_km)

    @cached_property
    def legs_km(self) -> Sequence[float]:
        """Distances from city to city."""
        points = self.points
        return [distance_km(a, b) for a, b in pairwise(points)]

    def at(self, travelled_km: float) -> Point:
        """Return the place after ``travelled_km``; the first city before the start, the last beyond the end."""
        points, rest = self.points, max(0.0, travelled_km)
        for (a, b), leg in zip(pairwise(points), self.legs_km, strict=True):
            if rest <= leg:
                share = rest / leg
                return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share
            rest -= leg
        return points[-1]


def _every_route() -> tuple[Route, ...]:
    routes = []
    for corridor in CORRIDORS:
        for way in (corridor, corridor[::-1]):
            for i, start in enumerate(way):
                if start in WAREHOUSE_CITIES:
                    routes += [Route(way[i:j]) for j in range(i + 2, len(way) + 1)]
    return tuple(routes)


ROUTES = _every_route()
"""Every stretch of a corridor, in both directions, that begins at a warehouse."""
