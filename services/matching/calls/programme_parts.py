"""What the parts of an EU call's identifier mean in words (Horizon Europe work programmes 2021–2024). Pure.

A call's identifier says to which part of the programme it belongs, which its title often leaves out.
"""

import re

PARTS = {
    "CL2": "culture, creativity and inclusive society",
    "CL3": "civil security for society",
    "CL4": "digital, industry and space",
    "CL5": "climate, energy and mobility",
    "CL6": "food, bioeconomy, natural resources, agriculture and environment",
    "HLTH": "health",
    "MISS": "EU missions",
    "WIDERA": "widening participation and strengthening the European research area",
    "INFRA": "research infrastructures",
    "EIC": "European Innovation Council, startups",
    "EIE": "European innovation ecosystems",
    "EIT": "European Institute of Innovation and Technology, knowledge and innovation community",
    "MSCA": "Marie Sklodowska-Curie actions, researchers training and mobility",
    "ERC": "frontier research",
    "EURATOM": "nuclear energy, fission, fusion, radiation protection",
    "SESAR": "air traffic management",
    "EUSPA": "satellite navigation, Galileo, EGNOS, Copernicus applications",
    "EUROHPC": "high performance computing",
    "KDT": "electronic components, chips, semiconductors",
    "Chips": "chips, semiconductors",
    "CLEANH2": "clean hydrogen, fuel cells",
    "SNS": "6G smart networks and services",
    "CBE": "circular bio-based industries, biorefineries",
    "IHI": "innovative health, pharmaceutical and medical technology industry",
    "CLEAN": "clean",
    "AVIATION": "aircraft aviation",
    "EDCTP3": "clinical trials in Africa, infectious diseases",
    "GH": "global health",
    "ER": "railways, rail transport",
    "ER2": "exploratory research",
    "D1": "climate science",
    "D2": "batteries, cross-sectoral climate solutions",
    "D3": "renewable energy supply, grids, storage, carbon capture",
    "D4": "energy efficient buildings and industry",
    "D5": "clean transport vehicles, ships, aircraft",
    "D6": "connected automated mobility, logistics, safe transport",
    "GOVERNANCE": "environmental observation, agricultural knowledge systems, governance",
    "FARM2FORK": "farming, food systems, aquaculture",
    "BIODIV": "biodiversity and ecosystems",
    "CIRCBIO": "circular economy and bioeconomy",
    "ZEROPOLLUTION": "clean environment, zero pollution",
    "COMMUNITIES": "rural, coastal and urban communities",
    "CLIMATE": "land, ocean and water for climate action",
    "RESILIENCE": "raw materials, advanced materials, industrial resilience",
    "HUMAN": "human-centred digital technologies, artificial intelligence, virtual reality",
    "EMERGING": "emerging digital technologies, photonics, robotics, quantum",
    "DIGITAL": "digital",
    "TWIN": "manufacturing, green and digital transition of industry",
    "SPACE": "space",
    "DATA": "data and computing, cloud",
    "STREAM": "6G mobile communication networks",
    "TRANSFORMATIONS": "social and economic transformations",
    "DEMOCRACY": "democracy and governance",
    "HERITAGE": "cultural heritage and creative industries",
    "FCT": "fighting crime and terrorism",
    "DRS": "disaster resilience",
    "BM": "border management",
    "CS": "cybersecurity",
    "SSRI": "security research and innovation",
    "INFRA3": "infrastructure protection",
    "DISEASE": "tackling diseases",
    "TOOL": "medical tools and technologies",
    "CARE": "health care systems",
    "STAYHLTH": "staying healthy",
    "ENVHLTH": "environment and health",
    "IND": "health industry",
    "OCEAN": "ocean, seas and waters",
    "SOIL": "soil health",
    "CLIMA": "adaptation to climate change, regions",
    "CIT": "climate-neutral cities",
    "CANCER": "cancer",
    "NEB": "New European Bauhaus",
    "EOSC": "open science cloud",
    "DEV": "developing research infrastructures",
    "SERV": "access to research infrastructure services",
    "TECH": "scientific instrumentation",
    "NRT": "nuclear research and training",
    "ACCESS": "capacity building, twinning, excellence hubs",
    "ERA": "reform of the research system",
    "TALENTS": "researchers careers",
    "QUANTUM": "quantum technologies",
    "CONNECT": "connecting innovation ecosystems",
    "SCALEUP": "scaling up companies",
    "UKRAINE": "Ukraine",
    "STARTUPEU": "startups",
    "GEANT": "research network",
    "NCP": "national contact points",
    "EMERGENCY": "emergency",
    "PATHFINDERCHALLENGES": "breakthrough technology",
    "ACCELERATORCHALLENGES": "scale-up of innovative companies",
    "TRANSITIONCHALLENGES": "from lab to market",
}


def words_of(identifier: str) -> str:
    """Return the programme parts of a call's identifier in words, separated by commas; empty when none is known."""
    segments = re.split("[-_]", identifier)
    found: list[str] = []
    for segment in segments:
        key = segment if segment in PARTS else segment.upper()
        if key == "INFRA" and "CL3" in segments:
            key = "INFRA3"
        misread = (key == "CLEAN" and "AVIATION" not in segments) or (key == "ER" and "SESAR" in segments)
        if key in PARTS and not misread and PARTS[key] not in found:
            found.append(PARTS[key])
    return ", ".join(found)
