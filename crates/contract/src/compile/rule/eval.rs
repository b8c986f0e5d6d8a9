//! Evaluation: over borrowed JSON, in bounded steps, without a panic on whatever a payload holds.

use super::expr::{Expr, Op, Order, TextMatch};
use crate::{
    address::Vars,
    principal::{Attribute, Principal},
};
use serde_json::{Map, Number, Value};
use std::cmp::Ordering;

/// Steps of one evaluation; nested `exists` over long lists end here.
const STEPS_MAX: u32 = 100_000;

pub(super) struct Input<'a> {
    pub principal: Option<&'a Principal>,
    pub vars: &'a Vars,
    pub data: Option<&'a Value>,
    pub absent_is_null: bool,
}

/// A value: borrowed from the payload, the principal or the rule.
#[derive(Clone)]
enum Val<'a> {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(&'a str),
    List(&'a [Value]),
    Made(Vec<Val<'a>>),
    Map(&'a Map<String, Value>),
}

/// The evaluation has no value.
struct Failed;

type Outcome<T> = Result<T, Failed>;

pub(super) fn outcome(expr: &Expr, input: &Input<'_>) -> Option<bool> {
    let mut run = Run { input, steps: 0, items: Vec::new() };
    run.truth(expr).ok()
}

struct Run<'a> {
    input: &'a Input<'a>,
    steps: u32,
    items: Vec<Val<'a>>,
}

impl<'a> From<&'a Value> for Val<'a> {
    fn from(value: &'a Value) -> Val<'a> {
        match value {
            Value::Null => Val::Null,
            Value::Bool(b) => Val::Bool(*b),
            Value::Number(n) => number(n),
            Value::String(s) => Val::Text(s),
            Value::Array(items) => Val::List(items),
            Value::Object(map) => Val::Map(map),
        }
    }
}

impl<'a> From<&'a Attribute> for Val<'a> {
    fn from(attribute: &'a Attribute) -> Val<'a> {
        match attribute {
            Attribute::Null => Val::Null,
            Attribute::Bool(b) => Val::Bool(*b),
            Attribute::Number(n) => number(n),
            Attribute::Text(s) => Val::Text(s),
            Attribute::Nested(value) => Val::from(&**value),
        }
    }
}

fn number<'a>(n: &Number) -> Val<'a> {
    match (n.as_i64(), n.as_u64(), n.as_f64()) {
        (Some(i), ..) => Val::Int(i.into()),
        (_, Some(u), _) => Val::Int(u.into()),
        (.., f) => Val::Float(f.unwrap_or(f64::NAN)),
    }
}

impl<'a> Run<'a> {
    fn step(&mut self) -> Outcome<()> {
        self.steps += 1;
        if self.steps > STEPS_MAX { Err(Failed) } else { Ok(()) }
    }

    fn truth(&mut self, expr: &'a Expr) -> Outcome<bool> {
        match self.value(expr)? {
            Val::Bool(b) => Ok(b),
            Val::Null if self.input.absent_is_null => Ok(false),
            _ => Err(Failed),
        }
    }

    fn value(&mut self, expr: &'a Expr) -> Outcome<Val<'a>> {
        self.step()?;
        Ok(match expr {
            Expr::Null => Val::Null,
            Expr::Bool(b) => Val::Bool(*b),
            Expr::Number(n) => number(n),
            Expr::Text(s) => Val::Text(s),
            Expr::List(items) => {
                let mut made = Vec::with_capacity(items.len());
                for item in items {
                    made.push(self.value(item)?);
                }
                Val::Made(made)
            }
            Expr::Attribute(name) => self.input.principal.and_then(|p| p.attributes.get(name)).map_or(Val::Null, Val::from),
            Expr::Variable(name) => {
                let var = self.input.vars.iter().find(|(n, _)| **n == **name);
                Val::Text(var.map(|(_, v)| v.as_str()).ok_or(Failed)?)
            }
            Expr::Data => self.input.data.map(Val::from).ok_or(Failed)?,
            Expr::Item(depth) => self.items.len().checked_sub(depth + 1).and_then(|at| self.items.get(at)).cloned().ok_or(Failed)?,
            Expr::Field(of, name) => match self.value(of)? {
                Val::Map(map) => match map.get(name) {
                    Some(value) => value.into(),
                    None => self.absent()?,
                },
                Val::Null => self.absent()?,
                _ => return Err(Failed),
            },
            Expr::Index(of, index) => match (self.value(of)?, self.value(index)?) {
                (Val::List(items), Val::Int(at)) => match usize::try_from(at).ok().and_then(|at| items.get(at)) {
                    Some(value) => value.into(),
                    None => self.absent()?,
                },
                (Val::Map(map), Val::Text(name)) => match map.get(name) {
                    Some(value) => value.into(),
                    None => self.absent()?,
                },
                (Val::Null, _) => self.absent()?,
                _ => return Err(Failed),
            },
            // A null is as good as absent.
            Expr::Has(of, name) => Val::Bool(match self.operand_of_has(of)? {
                Val::Map(map) => map.get(name).is_some_and(|v| !v.is_null()),
                _ => false,
            }),
            Expr::Not(of) => Val::Bool(!self.truth(of)?),
            Expr::Negate(of) => match self.value(of)? {
                Val::Int(i) => Val::Int(i.checked_neg().ok_or(Failed)?),
                Val::Float(f) => Val::Float(-f),
                _ => return Err(Failed),
            },
            // A side that decides makes up for one that fails, in either order.
            Expr::And(a, b) => Val::Bool(match self.truth(a) {
                Ok(false) => false,
                Ok(true) => self.truth(b)?,
                Err(Failed) => match self.truth(b) {
                    Ok(false) => false,
                    _ => return Err(Failed),
                },
            }),
            Expr::Or(a, b) => Val::Bool(match self.truth(a) {
                Ok(true) => true,
                Ok(false) => self.truth(b)?,
                Err(Failed) => match self.truth(b) {
                    Ok(true) => true,
                    _ => return Err(Failed),
                },
            }),
            Expr::If(test, yes, no) => {
                if self.truth(test)? {
                    self.value(yes)?
                } else {
                    self.value(no)?
                }
            }
            Expr::Equal(a, b) => {
                let (left, right) = (self.value(a)?, self.value(b)?);
                // Two things that are both missing are not the same thing, unless the rule asks for null by name.
                let asked = matches!(**a, Expr::Null) || matches!(**b, Expr::Null);
                if !asked && !self.input.absent_is_null && matches!((&left, &right), (Val::Null, Val::Null)) {
                    return Err(Failed);
                }
                Val::Bool(self.same(by_name(a) || by_name(b), &left, &right)?)
            }
            Expr::Compare(order, a, b) => {
                let (left, right) = (self.value(a)?, self.value(b)?);
                let ordering = compare(&left, &right)?;
                Val::Bool(match order {
                    Order::Less => ordering == Some(Ordering::Less),
                    Order::LessEqual => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
                    Order::Greater => ordering == Some(Ordering::Greater),
                    Order::GreaterEqual => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
                })
            }
            Expr::In(item, list) => {
                let (named, item) = (by_name(item), self.value(item)?);
                match self.value(list)? {
                    Val::List(items) => {
                        for other in items {
                            if self.same(named, &item, &other.into())? {
                                return Ok(Val::Bool(true));
                            }
                        }
                        Val::Bool(false)
                    }
                    Val::Made(items) => {
                        for other in &items {
                            if self.same(named, &item, other)? {
                                return Ok(Val::Bool(true));
                            }
                        }
                        Val::Bool(false)
                    }
                    Val::Map(map) => match item {
                        Val::Text(name) => Val::Bool(map.contains_key(name)),
                        _ => return Err(Failed),
                    },
                    _ => return Err(Failed),
                }
            }
            Expr::Arithmetic(op, a, b) => arithmetic(*op, self.value(a)?, self.value(b)?)?,
            Expr::Size(of) => Val::Int(match self.value(of)? {
                Val::Text(s) => s.chars().count() as i128,
                Val::List(items) => items.len() as i128,
                Val::Made(items) => items.len() as i128,
                Val::Map(map) => map.len() as i128,
                _ => return Err(Failed),
            }),
            Expr::Match(how, text, part) => match (self.value(text)?, self.value(part)?) {
                (Val::Text(text), Val::Text(part)) => Val::Bool(match how {
                    TextMatch::StartsWith => text.starts_with(part),
                    TextMatch::EndsWith => text.ends_with(part),
                    TextMatch::Contains => text.contains(part),
                }),
                _ => return Err(Failed),
            },
            Expr::Exists(list, test) => Val::Bool(self.any(list, test, true)?),
            Expr::All(list, test) => Val::Bool(!self.any(list, test, false)?),
        })
    }

    /// What `has(a.b.c)` asks of: an absent `a.b` is no failure.
    fn operand_of_has(&mut self, expr: &'a Expr) -> Outcome<Val<'a>> {
        match expr {
            Expr::Field(of, name) => Ok(match self.operand_of_has(of)? {
                Val::Map(map) => map.get(name).map_or(Val::Null, Val::from),
                _ => Val::Null,
            }),
            other => self.value(other),
        }
    }

    fn absent(&self) -> Outcome<Val<'a>> {
        if self.input.absent_is_null { Ok(Val::Null) } else { Err(Failed) }
    }

    /// Whether `test` is `wanted` for any item.
    fn any(&mut self, list: &'a Expr, test: &'a Expr, wanted: bool) -> Outcome<bool> {
        let items: Vec<Val<'a>> = match self.value(list)? {
            Val::List(items) if items.len() <= STEPS_MAX as usize => items.iter().map(Val::from).collect(),
            Val::Made(items) => items,
            Val::Null if self.input.absent_is_null => Vec::new(),
            _ => return Err(Failed),
        };
        let mut failed = false;
        for item in items {
            self.items.push(item);
            let outcome = self.truth(test);
            self.items.pop();
            match outcome {
                Ok(value) if value == wanted => return Ok(true),
                Ok(_) => {}
                Err(Failed) => failed = true,
            }
        }
        if failed { Err(Failed) } else { Ok(false) }
    }

    /// Whether two values are the same. What an address calls by name is text there, and may be a number where it is known
    /// from: `42` names 42, and nothing else does.
    fn same(&mut self, by_name: bool, a: &Val<'_>, b: &Val<'_>) -> Outcome<bool> {
        match (a, b) {
            (Val::Text(name), Val::Int(number)) | (Val::Int(number), Val::Text(name)) if by_name => Ok(number.to_string() == *name),
            _ => self.equal(a, b),
        }
    }

    fn equal(&mut self, a: &Val<'_>, b: &Val<'_>) -> Outcome<bool> {
        self.step()?;
        Ok(match (a, b) {
            (Val::Null, Val::Null) => true,
            (Val::Bool(a), Val::Bool(b)) => a == b,
            (Val::Text(a), Val::Text(b)) => a == b,
            (Val::Int(_) | Val::Float(_), Val::Int(_) | Val::Float(_)) => compare(a, b)? == Some(Ordering::Equal),
            (Val::Map(a), Val::Map(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (name, value) in *a {
                    match b.get(name) {
                        Some(other) if self.equal(&value.into(), &other.into())? => {}
                        _ => return Ok(false),
                    }
                }
                true
            }
            (Val::List(_) | Val::Made(_), Val::List(_) | Val::Made(_)) => {
                let len = |v: &Val<'_>| match v {
                    Val::List(items) => items.len(),
                    Val::Made(items) => items.len(),
                    _ => 0,
                };
                if len(a) != len(b) {
                    return Ok(false);
                }
                for at in 0..len(a) {
                    let (Some(x), Some(y)) = (item(a, at), item(b, at)) else { return Ok(false) };
                    if !self.equal(&x, &y)? {
                        return Ok(false);
                    }
                }
                true
            }
            _ => false,
        })
    }
}

/// A variable of an address or a path, which names somebody or something.
fn by_name(expr: &Expr) -> bool {
    matches!(expr, Expr::Variable(_))
}

fn item<'a>(list: &Val<'a>, at: usize) -> Option<Val<'a>> {
    match list {
        Val::List(items) => items.get(at).map(Val::from),
        Val::Made(items) => items.get(at).cloned(),
        _ => None,
    }
}

fn compare(a: &Val<'_>, b: &Val<'_>) -> Outcome<Option<Ordering>> {
    match (a, b) {
        (Val::Int(a), Val::Int(b)) => Ok(Some(a.cmp(b))),
        (Val::Int(a), Val::Float(b)) => Ok((*a as f64).partial_cmp(b)),
        (Val::Float(a), Val::Int(b)) => Ok(a.partial_cmp(&(*b as f64))),
        (Val::Float(a), Val::Float(b)) => Ok(a.partial_cmp(b)),
        (Val::Text(a), Val::Text(b)) => Ok(Some(a.cmp(b))),
        (Val::Bool(a), Val::Bool(b)) => Ok(Some(a.cmp(b))),
        _ => Err(Failed),
    }
}

fn arithmetic<'a>(op: Op, a: Val<'a>, b: Val<'a>) -> Outcome<Val<'a>> {
    match (a, b) {
        (Val::Int(a), Val::Int(b)) => match op {
            Op::Add => a.checked_add(b),
            Op::Subtract => a.checked_sub(b),
            Op::Multiply => a.checked_mul(b),
            Op::Divide => a.checked_div(b),
            Op::Modulo => a.checked_rem(b),
        }
        .filter(|n| i64::try_from(*n).is_ok())
        .map(Val::Int)
        .ok_or(Failed),
        (a, b) => {
            let float = |v| match v {
                Val::Int(i) => Ok(i as f64),
                Val::Float(f) => Ok(f),
                _ => Err(Failed),
            };
            let (a, b) = (float(a)?, float(b)?);
            match op {
                Op::Add => Ok(Val::Float(a + b)),
                Op::Subtract => Ok(Val::Float(a - b)),
                Op::Multiply => Ok(Val::Float(a * b)),
                Op::Divide => Ok(Val::Float(a / b)),
                Op::Modulo => Err(Failed),
            }
        }
    }
}
