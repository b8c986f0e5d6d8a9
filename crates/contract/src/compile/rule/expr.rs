//! The checked form of a rule.

use serde_json::Number;

#[derive(Debug, PartialEq)]
pub(crate) enum Expr {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Expr>),
    /// An attribute of the principal.
    Attribute(String),
    /// A variable of the channel's address.
    Variable(String),
    Data,
    /// The variable of the `exists` or `all` around it, counted from the innermost.
    Item(usize),
    Field(Box<Expr>, String),
    Index(Box<Expr>, Box<Expr>),
    Has(Box<Expr>, String),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    Equal(Box<Expr>, Box<Expr>),
    Compare(Order, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Box<Expr>),
    Arithmetic(Op, Box<Expr>, Box<Expr>),
    Size(Box<Expr>),
    Match(TextMatch, Box<Expr>, Box<Expr>),
    /// `list.exists(x, …)`.
    Exists(Box<Expr>, Box<Expr>),
    /// `list.all(x, …)`.
    All(Box<Expr>, Box<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Order {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Op {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum TextMatch {
    StartsWith,
    EndsWith,
    Contains,
}
