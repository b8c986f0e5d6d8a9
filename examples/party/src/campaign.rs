//! The campaign: its scenes, and where they lead.

/// A place in the story.
pub struct Scene {
    pub number: u32,
    pub title: &'static str,
    pub text: &'static str,
    pub decides: Decides,
    pub choices: &'static [Choice],
    pub checks: &'static [SkillCheck],
    pub fight: Option<Fight>,
    /// The run of the campaign ends here.
    pub ends: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decides {
    /// Whoever chooses first.
    Anyone,
    /// All, by a vote.
    Party,
}

pub struct Choice {
    pub id: &'static str,
    pub title: &'static str,
    pub leads_to: u32,
    /// What the players read when it is made.
    pub text: &'static str,
}

pub struct SkillCheck {
    pub skill: &'static str,
    pub difficulty: u32,
    /// What is so once it was done, at least half.
    pub flag: &'static str,
    /// Where a full success leads.
    pub leads_to: Option<u32>,
    /// Success, half a success, failure.
    pub texts: [&'static str; 3],
}

pub struct Fight {
    pub foes: &'static [FoeKind],
    pub won: u32,
    pub fled: u32,
    pub lost: u32,
}

pub struct FoeKind {
    pub id: &'static str,
    pub name: &'static str,
    pub hp: u32,
    /// What is to be reached to hit it.
    pub armour: u32,
    /// Sides of the die of its damage.
    pub damage: u32,
    /// Its hits poison.
    pub poisons: bool,
}

pub const FIRST: u32 = 1;

pub const SCENES: &[Scene] = &[
    Scene {
        number: 1,
        title: "The causeway",
        text: "The tide has laid a causeway bare. Somewhere ahead a bell rings under the water.",
        decides: Decides::Anyone,
        choices: &[
            Choice { id: "A", title: "Follow the bell", leads_to: 2, text: "You follow the sound out over the wet stones." },
            Choice { id: "B", title: "Search the wreck", leads_to: 3, text: "Something moves between the ribs of the wreck." },
        ],
        checks: &[SkillCheck {
            skill: "agility",
            difficulty: 11,
            flag: "rope_found",
            leads_to: None,
            texts: ["You climb the mast and cut down a rope.", "You get the rope, and a fright.", "The mast breaks under you."],
        }],
        fight: None,
        ends: false,
    },
    Scene {
        number: 2,
        title: "Three ways",
        text: "The causeway ends at a wall with two doors in it; the third way is back, while the water lets you.",
        decides: Decides::Party,
        choices: &[
            Choice { id: "A", title: "The door of salt", leads_to: 4, text: "The party goes through the door of salt." },
            Choice { id: "B", title: "The door of iron", leads_to: 3, text: "The party goes through the door of iron." },
            Choice { id: "C", title: "Back", leads_to: 1, text: "The party wades back." },
        ],
        checks: &[SkillCheck {
            skill: "lore",
            difficulty: 13,
            flag: "inscription_read",
            leads_to: None,
            texts: [
                "It says: iron remembers, salt forgives.",
                "You read half of it, and wish you had not.",
                "The letters swim before your eyes.",
            ],
        }],
        fight: None,
        ends: false,
    },
    Scene {
        number: 3,
        title: "The drowned guard",
        text: "A guard in rotten mail stands up from the water, and something long coils behind it.",
        decides: Decides::Anyone,
        choices: &[],
        checks: &[],
        fight: Some(Fight {
            foes: &[
                FoeKind { id: "guard-1", name: "Drowned guard", hp: 9, armour: 11, damage: 4, poisons: false },
                FoeKind { id: "eel-1", name: "Eel", hp: 5, armour: 12, damage: 2, poisons: true },
            ],
            won: 4,
            fled: 2,
            lost: 1,
        }),
        ends: false,
    },
    Scene {
        number: 4,
        title: "The bell chamber",
        text: "The bell hangs in the dark, too heavy for one hand, and older than the sea.",
        decides: Decides::Anyone,
        choices: &[Choice { id: "A", title: "Leave it alone", leads_to: 2, text: "You back away from the bell." }],
        checks: &[
            SkillCheck {
                skill: "strength",
                difficulty: 13,
                flag: "bell_moved",
                leads_to: Some(5),
                texts: [
                    "You swing the bell, and the sea draws back.",
                    "It moves, and groans, and hangs still again.",
                    "It does not move. Your arms do not either.",
                ],
            },
            SkillCheck {
                skill: "charm",
                difficulty: 15,
                flag: "bell_answered",
                leads_to: Some(5),
                texts: ["You sing to it, and it sings back.", "It hums, and thinks about it.", "It finds you ridiculous."],
            },
        ],
        fight: None,
        ends: false,
    },
    Scene {
        number: 5,
        title: "The surface",
        text: "The sea lies flat and silver. The bell is silent, and so are you.",
        decides: Decides::Anyone,
        choices: &[Choice { id: "A", title: "Once more", leads_to: 1, text: "The tide goes out again." }],
        checks: &[],
        fight: None,
        ends: true,
    },
];

/// The scene of this number; the first where there is none, as after a campaign was rewritten.
pub fn scene(number: u32) -> &'static Scene {
    SCENES.iter().find(|s| s.number == number).unwrap_or(&SCENES[0])
}
