"""Names of the sample's people, firms and streets."""

from __future__ import annotations

FIRST = (
    "Aarav", "Aditi", "Ajay", "Amit", "Ananya", "Anil", "Arjun", "Asha", "Bharat", "Deepa", "Devika", "Divya",
    "Farhan", "Ganesh", "Gurpreet", "Harish", "Imran", "Ishaan", "Jaya", "Joseph", "Karthik", "Kavita",
    "Lakshmi", "Manish", "Manjunath", "Meera", "Mohan", "Neha", "Nikhil", "Pooja", "Prakash", "Priya", "Rahul",
    "Rajesh", "Ravi", "Rekha", "Sanjay", "Shreya", "Sunil", "Suresh", "Tanvi", "Thomas", "Uma", "Varun",
    "Vikram", "Yusuf",
)  # fmt: skip
LAST = (
    "Agarwal", "Banerjee", "Bhat", "Chatterjee", "Das", "Desai", "Fernandes", "Ghosh", "Gill", "Gowda", "Gupta",
    "Iyer", "Jadhav", "Joshi", "Khan", "Kulkarni", "Kumar", "Mehta", "Menon", "Mishra", "Mukherjee", "Nair",
    "Naidu", "Patel", "Patil", "Pillai", "Rao", "Reddy", "Saxena", "Shaikh", "Sharma", "Shetty", "Singh",
    "Sinha", "Thakur", "Varma", "Verma", "Yadav",
)  # fmt: skip
FIRMS = (
    "Pharma Distributors", "Fresh Foods", "Dairy Products", "Life Sciences", "Agro Exports", "Seafoods",
    "Retail", "Diagnostics", "Ice Creams", "Hospital Supplies", "Vaccines", "Trading Company", "Superstores",
    "Bakers",
)  # fmt: skip
STREETS = (
    "MG Road", "Station Road", "Nehru Marg", "Gandhi Nagar", "Industrial Estate", "Ring Road", "Market Yard",
    "Civil Lines", "Sarojini Street", "Transport Nagar", "Lake View Road", "Old Airport Road",
)  # fmt: skip
