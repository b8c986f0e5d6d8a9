//! How a contract keeps to the checklist, and where it does not on purpose.

/// `conventions:`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conventions {
    pub names: NameStyle,
    /// What the contract does otherwise, each with its reason.
    pub otherwise: Vec<Otherwise>,
}

/// How events are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NameStyle {
    /// `message.created`: a resource and what is done with it, joined by dots.
    #[default]
    ResourceAction,
    /// `OrderCreated`
    Pascal,
    /// `orderCreated`
    Camel,
    /// `order_created`
    Snake,
    /// `order-created`
    Kebab,
}

impl NameStyle {
    /// As contracts write it, in the order in which it is told.
    pub const ALL: [(&'static str, NameStyle); 5] = [
        ("resource.action", NameStyle::ResourceAction),
        ("PascalCase", NameStyle::Pascal),
        ("camelCase", NameStyle::Camel),
        ("snake_case", NameStyle::Snake),
        ("kebab-case", NameStyle::Kebab),
    ];

    pub fn as_str(self) -> &'static str {
        NameStyle::ALL.iter().find(|(_, style)| *style == self).map_or("", |(name, _)| name)
    }
}

/// An exception from one item of the checklist.
#[derive(Debug, Clone, PartialEq)]
pub struct Otherwise {
    /// [`crate::checklist::Item::id`].
    pub item: String,
    /// The event that is excepted; all of the contract, if it names none.
    pub event: Option<String>,
    pub reason: String,
    /// JSON pointer into [`crate::Source::document`].
    pub pointer: String,
}
