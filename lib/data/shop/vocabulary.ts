/** The words of the generated shop. Everything here is invented or plain English; no book or author is real. */

/** What a handful of books is about: the words that only their titles use. */
export interface Subject {
  /** People a title may name. */
  roles: readonly string[];
  /** Things a title may name, singular and countable. */
  things: readonly string[];
}

/** A theme: what readers like and authors write in. Its subjects share adjectives, places and genres. */
export interface Theme {
  name: string;
  genres: readonly string[];
  adjectives: readonly string[];
  places: readonly string[];
  subjects: readonly Subject[];
}

/** Every theme has as many subjects, so `theme * SUBJECTS_PER_THEME + n` numbers its n-th subject. */
export const SUBJECTS_PER_THEME = 3;

/** The themes, the most popular first. */
export const THEMES: readonly Theme[] = [
  {
    name: "detective",
    genres: ["Mystery", "Thriller"],
    adjectives: ["Locked", "Poisoned", "Silent", "Crooked", "Anonymous", "Foggy"],
    places: ["Alley", "Precinct", "Boarding House", "Courtroom", "Morgue", "Wharf"],
    subjects: [
      {
        roles: ["Inspector", "Constable", "Coroner"],
        things: ["Alibi", "Verdict", "Fingerprint", "Corpse", "Confession", "Motive"],
      },
      {
        roles: ["Burglar", "Forger", "Pickpocket"],
        things: ["Forgery", "Heist", "Safe", "Necklace", "Ransom", "Disguise"],
      },
      {
        roles: ["Spy", "Codebreaker", "Double Agent"],
        things: ["Cipher", "Dossier", "Microfilm", "Rendezvous", "Defection", "Passport"],
      },
    ],
  },
  {
    name: "sea",
    genres: ["Adventure", "Historical"],
    adjectives: ["Salt", "Drowned", "Tidal", "Stormy", "Coral", "Foaming"],
    places: ["Harbour", "Coast", "Reef", "Cove", "Strait", "Estuary"],
    subjects: [
      {
        roles: ["Lighthouse Keeper", "Harbour Pilot", "Wrecker"],
        things: ["Beacon", "Foghorn", "Lantern", "Breakwater", "Storm", "Jetty"],
      },
      {
        roles: ["Captain", "Helmsman", "Shipwright"],
        things: ["Schooner", "Anchor", "Mainsail", "Voyage", "Mutiny", "Figurehead"],
      },
      {
        roles: ["Diver", "Whaler", "Pearl Fisher"],
        things: ["Whale", "Pearl", "Trench", "Tide", "Shipwreck", "Mermaid"],
      },
    ],
  },
  {
    name: "forest",
    genres: ["Fantasy", "Folklore"],
    adjectives: ["Enchanted", "Tangled", "Whispering", "Leafy", "Ancient", "Twilit"],
    places: ["Wood", "Glade", "Thicket", "Hollow", "Grove", "Clearing"],
    subjects: [
      {
        roles: ["Witch", "Charm Seller", "Apothecary"],
        things: ["Spell", "Cauldron", "Broomstick", "Potion", "Curse", "Amulet"],
      },
      {
        roles: ["Dragon Tamer", "Unicorn Rider", "Falconer"],
        things: ["Dragon", "Unicorn", "Griffin", "Talon", "Phoenix", "Wyvern"],
      },
      {
        roles: ["Woodcutter", "Charcoal Burner", "Poacher"],
        things: ["Axe", "Oak", "Acorn", "Bonfire", "Stag", "Antler"],
      },
    ],
  },
  {
    name: "orbit",
    genres: ["Science Fiction", "Thriller"],
    adjectives: ["Weightless", "Lunar", "Stellar", "Distant", "Radiant", "Outer"],
    places: ["Observatory", "Crater", "Nebula", "Colony", "Launchpad", "Moon"],
    subjects: [
      {
        roles: ["Astronaut", "Flight Engineer", "Test Pilot"],
        things: ["Rocket", "Capsule", "Airlock", "Countdown", "Spacesuit", "Orbit"],
      },
      {
        roles: ["Astronomer", "Stargazer", "Comet Hunter"],
        things: ["Telescope", "Comet", "Constellation", "Eclipse", "Supernova", "Planet"],
      },
      {
        roles: ["Roboticist", "Android", "Programmer"],
        things: ["Robot", "Circuit", "Algorithm", "Hologram", "Satellite", "Antenna"],
      },
    ],
  },
  {
    name: "castle",
    genres: ["Historical", "Fantasy"],
    adjectives: ["Royal", "Besieged", "Gilded", "Ruined", "Iron", "Heraldic"],
    places: ["Castle", "Tower", "Dungeon", "Court", "Citadel", "Abbey"],
    subjects: [
      {
        roles: ["Queen", "Regent", "Jester"],
        things: ["Crown", "Throne", "Heir", "Coronation", "Sceptre", "Betrothal"],
      },
      {
        roles: ["Knight", "Squire", "Armourer"],
        things: ["Sword", "Joust", "Gauntlet", "Banner", "Siege", "Quest"],
      },
      {
        roles: ["Monk", "Abbess", "Illuminator"],
        things: ["Manuscript", "Relic", "Psalter", "Cloister", "Vow", "Pilgrimage"],
      },
    ],
  },
  {
    name: "garden",
    genres: ["Romance", "Nature"],
    adjectives: ["Walled", "Blooming", "Mossy", "Sunlit", "Overgrown", "Fragrant"],
    places: ["Garden", "Terrace", "Greenhouse", "Lawn", "Meadow", "Arbour"],
    subjects: [
      {
        roles: ["Gardener", "Rose Grower", "Florist"],
        things: ["Rose", "Bouquet", "Thorn", "Petal", "Trellis", "Perfume"],
      },
      {
        roles: ["Beekeeper", "Cider Maker", "Fruit Picker"],
        things: ["Hive", "Apple", "Honeycomb", "Pear Tree", "Harvest", "Blossom"],
      },
      {
        roles: ["Botanist", "Seed Collector", "Herbalist"],
        things: ["Seed", "Fern", "Orchid", "Herbarium", "Remedy", "Root"],
      },
    ],
  },
  {
    name: "haunted",
    genres: ["Horror", "Mystery"],
    adjectives: ["Haunted", "Shadowed", "Moonless", "Bloodless", "Creaking", "Restless"],
    places: ["Manor", "Attic", "Crypt", "Asylum", "Graveyard", "Marsh"],
    subjects: [
      {
        roles: ["Medium", "Ghost Hunter", "Caretaker"],
        things: ["Ghost", "Seance", "Apparition", "Mirror", "Candle", "Phantom"],
      },
      {
        roles: ["Vampire", "Gravedigger", "Countess"],
        things: ["Coffin", "Fang", "Crucifix", "Bat", "Bloodline", "Stake"],
      },
      {
        roles: ["Anatomist", "Hypnotist", "Taxidermist"],
        things: ["Creature", "Laboratory", "Skeleton", "Nightmare", "Specimen", "Serum"],
      },
    ],
  },
  {
    name: "kitchen",
    genres: ["Food", "Romance"],
    adjectives: ["Buttered", "Spiced", "Bittersweet", "Smoked", "Golden", "Peppered"],
    places: ["Kitchen", "Bakery", "Tavern", "Market", "Pantry", "Bistro"],
    subjects: [
      {
        roles: ["Baker", "Pastry Cook", "Miller"],
        things: ["Loaf", "Oven", "Cake", "Recipe", "Rolling Pin", "Biscuit"],
      },
      {
        roles: ["Chef", "Innkeeper", "Dishwasher"],
        things: ["Banquet", "Stew", "Menu", "Knife", "Supper", "Saucepan"],
      },
      {
        roles: ["Winemaker", "Tea Merchant", "Brewer"],
        things: ["Vintage", "Teapot", "Cellar", "Barrel", "Goblet", "Cask"],
      },
    ],
  },
  {
    name: "village",
    genres: ["Literary", "Romance"],
    adjectives: ["Thatched", "Neighbourly", "Rainy", "Sleepy", "Cobbled", "Quiet"],
    places: ["Village", "Cottage", "Parish", "Schoolhouse", "Chapel", "Common"],
    subjects: [
      {
        roles: ["Schoolteacher", "Librarian", "Governess"],
        things: ["Lesson", "Bookshop", "Chalkboard", "Library", "Spelling Prize", "Diary"],
      },
      {
        roles: ["Bride", "Matchmaker", "Seamstress"],
        things: ["Wedding", "Veil", "Gown", "Courtship", "Elopement", "Engagement"],
      },
      {
        roles: ["Vicar", "Widow", "Sexton"],
        things: ["Funeral", "Hymn", "Inheritance", "Gravestone", "Sermon", "Legacy"],
      },
    ],
  },
  {
    name: "desert",
    genres: ["Adventure", "Historical"],
    adjectives: ["Scorched", "Sandy", "Buried", "Sunbaked", "Nomadic", "Thirsty"],
    places: ["Oasis", "Dune", "Bazaar", "Canyon", "Caravanserai", "Wadi"],
    subjects: [
      {
        roles: ["Camel Driver", "Rug Weaver", "Spice Trader"],
        things: ["Caravan", "Carpet", "Camel", "Mirage", "Waterskin", "Sandstorm"],
      },
      {
        roles: ["Archaeologist", "Tomb Robber", "Scribe"],
        things: ["Mummy", "Papyrus", "Scarab", "Pyramid", "Sarcophagus", "Tomb"],
      },
      {
        roles: ["Gunslinger", "Sheriff", "Rancher"],
        things: ["Saddle", "Stagecoach", "Duel", "Lasso", "Horseshoe", "Revolver"],
      },
    ],
  },
  {
    name: "music",
    genres: ["Literary", "Romance"],
    adjectives: ["Melodic", "Velvet", "Muted", "Syncopated", "Operatic", "Echoing"],
    places: ["Concert Hall", "Conservatory", "Ballroom", "Jazz Club", "Theatre", "Bandstand"],
    subjects: [
      {
        roles: ["Violinist", "Cellist", "Luthier"],
        things: ["Violin", "Sonata", "Fiddle", "Cello", "Concerto", "Duet"],
      },
      {
        roles: ["Soprano", "Conductor", "Understudy"],
        things: ["Aria", "Curtain", "Overture", "Opera", "Encore", "Rehearsal"],
      },
      {
        roles: ["Pianist", "Trumpeter", "Drummer"],
        things: ["Piano", "Trumpet", "Ballad", "Rhythm", "Saxophone", "Melody"],
      },
    ],
  },
  {
    name: "mountain",
    genres: ["Adventure", "Memoir"],
    adjectives: ["Alpine", "Windswept", "Granite", "Snowbound", "Steep", "Icy"],
    places: ["Summit", "Pass", "Ridge", "Glacier", "Valley", "Ravine"],
    subjects: [
      {
        roles: ["Mountaineer", "Rope Maker", "Mountain Guide"],
        things: ["Ascent", "Avalanche", "Crevasse", "Rope", "Bivouac", "Cairn"],
      },
      {
        roles: ["Shepherd", "Goatherd", "Wool Spinner"],
        things: ["Flock", "Lamb", "Spindle", "Fleece", "Pasture", "Sheepdog"],
      },
      {
        roles: ["Miner", "Prospector", "Geologist"],
        things: ["Pickaxe", "Ore", "Tunnel", "Nugget", "Fossil", "Quarry"],
      },
    ],
  },
  {
    name: "railway",
    genres: ["Mystery", "Literary"],
    adjectives: ["Express", "Sooty", "Departing", "Overnight", "Rural", "Underground"],
    places: ["Junction", "Platform", "Viaduct", "Terminus", "Crossing", "Signal Box"],
    subjects: [
      {
        roles: ["Stationmaster", "Engine Driver", "Porter"],
        things: ["Locomotive", "Timetable", "Whistle", "Carriage", "Suitcase", "Ticket"],
      },
      {
        roles: ["Postmistress", "Letter Writer", "Telegraphist"],
        things: ["Letter", "Telegram", "Postcard", "Envelope", "Parcel", "Stamp"],
      },
      {
        roles: ["Chauffeur", "Mechanic", "Racing Driver"],
        things: ["Motorcar", "Garage", "Headlamp", "Roadster", "Gearbox", "Milestone"],
      },
    ],
  },
  {
    name: "north",
    genres: ["Historical", "Folklore"],
    adjectives: ["Northern", "Snowy", "Frostbitten", "Polar", "Pale", "Midnight"],
    places: ["Tundra", "Fjord", "Icefield", "Outpost", "Homestead", "Sound"],
    subjects: [
      {
        roles: ["Explorer", "Dogsled Driver", "Cartographer"],
        things: ["Sled", "Expedition", "Compass", "Iceberg", "Husky", "Aurora"],
      },
      {
        roles: ["Trapper", "Hunter", "Ranger"],
        things: ["Wolf", "Snowshoe", "Cabin", "Snare", "Bear", "Pelt"],
      },
      {
        roles: ["Skald", "Raider", "Rune Carver"],
        things: ["Rune", "Longship", "Saga", "Shield", "Oath", "Hearth"],
      },
    ],
  },
  {
    name: "clockwork",
    genres: ["Fantasy", "Science Fiction"],
    adjectives: ["Brass", "Mechanical", "Copper", "Riveted", "Intricate", "Ticking"],
    places: ["Workshop", "Foundry", "Arcade", "Belfry", "Factory", "Exhibition"],
    subjects: [
      {
        roles: ["Clockmaker", "Watchmender", "Bell Ringer"],
        things: ["Clock", "Pendulum", "Hourglass", "Cog", "Chime", "Pocket Watch"],
      },
      {
        roles: ["Inventor", "Tinkerer", "Apprentice"],
        things: ["Automaton", "Engine", "Blueprint", "Contraption", "Lever", "Patent"],
      },
      {
        roles: ["Balloonist", "Aeronaut", "Glider Pilot"],
        things: ["Airship", "Balloon", "Propeller", "Parachute", "Biplane", "Gondola"],
      },
    ],
  },
  {
    name: "circus",
    genres: ["Family", "Literary"],
    adjectives: ["Striped", "Spangled", "Travelling", "Dazzling", "Dizzy", "Painted"],
    places: ["Big Top", "Fairground", "Carnival", "Ring", "Grandstand", "Boardwalk"],
    subjects: [
      {
        roles: ["Acrobat", "Trapeze Artist", "Tightrope Walker"],
        things: ["Trapeze", "Tightrope", "Somersault", "Safety Net", "Leap", "Cannon"],
      },
      {
        roles: ["Conjurer", "Fortune Teller", "Ventriloquist"],
        things: ["Illusion", "Crystal Ball", "Puppet", "Trick", "Top Hat", "Prophecy"],
      },
      {
        roles: ["Lion Tamer", "Elephant Trainer", "Bareback Rider"],
        things: ["Lion", "Elephant", "Tiger", "Pony", "Parrot", "Menagerie"],
      },
    ],
  },
];

/** Words that say nothing about a theme. */
export const NEUTRAL_WORDS: readonly string[] = ["Last", "Forgotten", "Second", "Missing", "Hidden", "Lost"];

/** First syllables of an author's surname. */
export const SURNAME_STARTS: readonly string[] = [
  ...["Ard", "Bel", "Brem", "Cald", "Corv", "Dun", "Elv", "Fen", "Garr", "Hald", "Isk", "Jorv", "Kest"],
  ...["Lund", "Marr", "Nev", "Ostr", "Pell", "Quen", "Rusk", "Selv", "Tarr", "Ulv", "Venn", "Wex", "Yar"],
];

/** Last syllables of an author's surname. */
export const SURNAME_ENDS: readonly string[] = [
  ...["abick", "adeen", "aster", "ettle", "imore", "inquay", "isham", "ovane", "owell", "ulock", "umbry"],
  ...["anter"],
];

/** Initials of an author's first name. */
export const INITIALS = "ABCDEFGHIJKLMNOPRSTVW";
