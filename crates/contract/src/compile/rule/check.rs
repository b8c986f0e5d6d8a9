//! From CEL's text to the checked form: every name known, every type fitting.

use super::{
    Rule,
    expr::{Expr, Op, Order, TextMatch},
};
use crate::compile::{
    fields::{short, text_of},
    names::inside,
    source::{Reporter, suggest},
    types::{Field, Type},
    yaml::Node,
};
use cel::common::ast::{self, CallExpr, ComprehensionExpr, IdedExpr, LiteralValue, SelectExpr, SourceInfo, operators as op};
use serde_json::Number;
use std::ops::Range;

/// Bytes of a rule.
const RULE_BYTES_MAX: usize = 2000;
/// Levels of parentheses and brackets in a rule, and of the expression itself.
const DEPTH_MAX: usize = 40;

/// What a rule can name.
pub(crate) struct Scope<'a> {
    pub attributes: &'a [String],
    pub vars: &'a [String],
    /// The payload's type, where there is a payload.
    pub data: Option<Type>,
    /// See [`Rule`]: so for what restricts (`when`, `unless`), not for what grants (`join`, `rules`).
    pub absent_is_null: bool,
}

/// Compiles a rule. What is wrong with it is reported at its place in the text.
pub(crate) fn compile(report: &Reporter, node: &Node, at: &Range<usize>, what: &str, scope: &Scope<'_>) -> Option<Rule> {
    let text = match &node.kind {
        crate::compile::yaml::Kind::Bool(true) => "true",
        crate::compile::yaml::Kind::Bool(false) => "false",
        _ => text_of(report, node, at, what)?,
    };
    let nesting = text.bytes().fold((0_usize, 0_usize), |(depth, deepest), b| match b {
        b'(' | b'[' | b'{' => (depth + 1, deepest.max(depth + 1)),
        b')' | b']' | b'}' => (depth.saturating_sub(1), deepest),
        _ => (depth, deepest),
    });
    if text.len() > RULE_BYTES_MAX || nesting.1 > DEPTH_MAX {
        let help = Some(format!("at most {RULE_BYTES_MAX} bytes and {DEPTH_MAX} levels of parentheses"));
        report.add("bad-rule", node.span.clone(), "the rule is too long or too deep", help);
        return None;
    }
    // The generated parser asserts what it believes of its input; a contract must not take the server down.
    let parsed = std::panic::catch_unwind(|| cel::parser::Parser::default().parse_with_source_info(text));
    let (expr, info) = match parsed {
        Ok(Ok(parsed)) => parsed,
        Ok(Err(errors)) => {
            for error in errors.errors.iter().take(3) {
                let start = offset(text, error.pos);
                let message = error.msg.split(" expecting").next().unwrap_or_default();
                let message = message.strip_prefix("Syntax error: ").unwrap_or(message).replace("'<EOF>'", "end");
                report.add(
                    "bad-rule",
                    inside(report, node, text, start..start + 1),
                    format!("this is not a CEL expression: {}", short(&message)),
                    None,
                );
            }
            return None;
        }
        Err(_) => {
            report.add("bad-rule", node.span.clone(), "this is not a CEL expression", None);
            return None;
        }
    };
    let mut check = Check { report, node, text, info: &info, scope, items: Vec::new(), depth: 0, failed: false };
    let (expr, found) = check.lower(&expr);
    if !check.failed && !matches!(found, Type::Bool | Type::Any) {
        report.add("rule-type", node.span.clone(), format!("`{what}` is true or false, and this is {}", found.describe()), None);
        check.failed = true;
    }
    (!check.failed).then(|| Rule { expr, source: text.to_owned(), absent_is_null: scope.absent_is_null })
}

/// The byte at CEL's line (from 1) and column (from 1, in bytes).
fn offset(text: &str, pos: (isize, isize)) -> usize {
    let line = usize::try_from(pos.0 - 1).unwrap_or(0);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    floor(text, start.saturating_add(usize::try_from(pos.1 - 1).unwrap_or(0)))
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

struct Check<'a> {
    report: &'a Reporter,
    node: &'a Node,
    text: &'a str,
    info: &'a SourceInfo,
    scope: &'a Scope<'a>,
    items: Vec<(String, Type)>,
    depth: usize,
    failed: bool,
}

impl Check<'_> {
    fn problem(&mut self, id: u64, message: String, help: Option<String>) -> (Expr, Type) {
        let part = self.part(id);
        self.problem_at(part, message, help)
    }

    /// A problem of a name, which stands near the place that the parser gives.
    fn problem_of(&mut self, id: u64, name: &str, message: String, help: Option<String>) -> (Expr, Type) {
        let part = self.part(id);
        let word = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        let bytes = self.text.as_bytes();
        let whole = |at: &usize| !word(at.checked_sub(1).map(|i| bytes[i])) && !word(bytes.get(at + name.len()).copied());
        let found = self.text.match_indices(name).map(|(at, _)| at).filter(whole).min_by_key(|at| at.abs_diff(part.start));
        self.problem_at(found.map_or(part, |at| at..at + name.len()), message, help)
    }

    fn problem_at(&mut self, part: Range<usize>, message: String, help: Option<String>) -> (Expr, Type) {
        self.failed = true;
        self.report.add("rule-type", inside(self.report, self.node, self.text, part), message, help);
        (Expr::Null, Type::Any)
    }

    /// Where in the rule's text an expression stands; the whole of it if that is not known.
    fn part(&self, id: u64) -> Range<usize> {
        let floor = |at: u32| floor(self.text, at as usize);
        self.info.offset_for(id).map_or(0..self.text.len(), |(start, stop)| floor(start)..floor(stop.saturating_add(1)).max(floor(start)))
    }

    fn lower(&mut self, expr: &IdedExpr) -> (Expr, Type) {
        self.depth += 1;
        let lowered =
            if self.depth > DEPTH_MAX * 2 { self.problem(expr.id, "the rule is too deep".to_owned(), None) } else { self.lower_here(expr) };
        self.depth -= 1;
        lowered
    }

    fn lower_here(&mut self, expr: &IdedExpr) -> (Expr, Type) {
        match &expr.expr {
            ast::Expr::Literal(literal) => self.literal(expr.id, literal),
            ast::Expr::Ident(name) => self.ident(expr.id, name),
            ast::Expr::Select(select) => self.select(expr.id, select),
            ast::Expr::Call(call) => self.call(expr.id, call),
            ast::Expr::List(list) => {
                let (items, types): (Vec<_>, Vec<_>) = list.elements.iter().map(|e| self.lower(e)).unzip();
                let mut types = types.into_iter();
                let first = types.next().unwrap_or(Type::Any);
                let item = if types.all(|t| t == first) { first } else { Type::Any };
                (Expr::List(items), Type::List(Box::new(item)))
            }
            ast::Expr::Comprehension(comprehension) => self.comprehension(expr.id, comprehension),
            ast::Expr::Map(_) | ast::Expr::Struct(_) | ast::Expr::Unspecified => {
                self.problem(expr.id, "a rule cannot build objects".to_owned(), None)
            }
        }
    }

    fn literal(&mut self, id: u64, literal: &LiteralValue) -> (Expr, Type) {
        match literal {
            LiteralValue::Boolean(b) => (Expr::Bool(*b.inner()), Type::Bool),
            LiteralValue::Int(i) => (Expr::Number((*i.inner()).into()), Type::Number),
            LiteralValue::UInt(u) => (Expr::Number((*u.inner()).into()), Type::Number),
            LiteralValue::Double(d) => match Number::from_f64(*d.inner()) {
                Some(n) => (Expr::Number(n), Type::Number),
                None => self.problem(id, "this number is too large".to_owned(), None),
            },
            LiteralValue::String(s) => (Expr::Text(s.inner().to_owned()), Type::Text),
            LiteralValue::Null => (Expr::Null, Type::Null),
            LiteralValue::Bytes(_) => self.problem(id, "a rule has no bytes; write text".to_owned(), None),
        }
    }

    fn ident(&mut self, id: u64, name: &str) -> (Expr, Type) {
        if let Some(at) = self.items.iter().rposition(|(n, _)| n == name) {
            return (Expr::Item(self.items.len() - 1 - at), self.items[at].1.clone());
        }
        if self.scope.vars.iter().any(|v| v == name) {
            return (Expr::Variable(name.to_owned()), Type::Text);
        }
        if name == "data"
            && let Some(data) = &self.scope.data
        {
            return (Expr::Data, data.clone());
        }
        if name == "principal" && !self.scope.attributes.is_empty() {
            let help = self.scope.attributes.first().map(|a| format!("name an attribute: `principal.{a}`"));
            return self.problem(id, "`principal` is not a value".to_owned(), help);
        }
        let mut words: Vec<&str> = self.scope.vars.iter().map(String::as_str).collect();
        words.extend(self.items.iter().map(|(n, _)| n.as_str()));
        if !self.scope.attributes.is_empty() {
            words.push("principal");
        }
        if self.scope.data.is_some() {
            words.push("data");
        }
        let help = suggest(name, words, "a rule can name here");
        self.problem_of(id, name, format!("there is no `{}` here", short(name)), help)
    }

    fn select(&mut self, id: u64, select: &SelectExpr) -> (Expr, Type) {
        let field = select.field.as_str();
        if !self.scope.attributes.is_empty()
            && let ast::Expr::Ident(root) = &select.operand.expr
            && root == "principal"
            && self.items.iter().all(|(n, _)| n != root)
        {
            if !self.scope.attributes.iter().any(|a| a == field) {
                let help = suggest(field, self.scope.attributes.iter().map(String::as_str), "its attributes are");
                return self.problem_of(id, field, format!("a principal has no `{}`", short(field)), help);
            }
            let attribute = Expr::Attribute(field.to_owned());
            return if select.test {
                (Expr::Not(Box::new(Expr::Equal(Box::new(attribute), Box::new(Expr::Null)))), Type::Bool)
            } else {
                (attribute, Type::Any)
            };
        }
        let (of, of_type) = self.lower(&select.operand);
        let found = match &of_type {
            Type::Any | Type::Map(None) | Type::Null => Type::Any,
            Type::Map(Some(cursor)) => match cursor.field(field) {
                Field::Known(cursor) => cursor.kind(),
                Field::Unknown => Type::Any,
                Field::Forbidden(names) => {
                    let help = suggest(field, names.iter().map(String::as_str), "its schema has");
                    return self.problem_of(id, field, format!("the payload has no `{}` here", short(field)), help);
                }
            },
            other => return self.problem(id, format!("`.{}` is asked of {}", short(field), other.describe()), None),
        };
        let of = Box::new(of);
        if select.test { (Expr::Has(of, field.to_owned()), Type::Bool) } else { (Expr::Field(of, field.to_owned()), found) }
    }

    fn call(&mut self, id: u64, call: &CallExpr) -> (Expr, Type) {
        let mut args: Vec<(Expr, Type)> = Vec::with_capacity(3);
        if let Some(target) = &call.target {
            args.push(self.lower(target));
        }
        args.extend(call.args.iter().map(|a| self.lower(a)));
        let name = call.func_name.as_str();
        let member = call.target.is_some();
        let mut args = args.into_iter();
        match (name, member, args.next(), args.next(), args.next()) {
            (op::LOGICAL_NOT, false, Some(a), None, None) => {
                let a = self.expect(id, "!", a, &Type::Bool);
                (Expr::Not(a), Type::Bool)
            }
            (op::NEGATE, false, Some(a), None, None) => {
                let a = self.expect(id, "-", a, &Type::Number);
                (Expr::Negate(a), Type::Number)
            }
            (op::LOGICAL_AND | op::LOGICAL_OR, false, Some(a), Some(b), None) => {
                let sign = if name == op::LOGICAL_AND { "&&" } else { "||" };
                let (a, b) = (self.expect(id, sign, a, &Type::Bool), self.expect(id, sign, b, &Type::Bool));
                (if name == op::LOGICAL_AND { Expr::And(a, b) } else { Expr::Or(a, b) }, Type::Bool)
            }
            (op::EQUALS | op::NOT_EQUALS, false, Some(a), Some(b), None) => {
                if !comparable(&a.1, &b.1) {
                    return self.problem(id, format!("{} is compared with {}: they are never equal", a.1.describe(), b.1.describe()), None);
                }
                let equal = Expr::Equal(Box::new(a.0), Box::new(b.0));
                (if name == op::EQUALS { equal } else { Expr::Not(Box::new(equal)) }, Type::Bool)
            }
            (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, false, Some(a), Some(b), None) => {
                let ordered = |t: &Type| matches!(t, Type::Any | Type::Number | Type::Text | Type::Bool);
                if !ordered(&a.1) || !ordered(&b.1) || !comparable(&a.1, &b.1) {
                    return self.problem(id, format!("{} has no order with {}", a.1.describe(), b.1.describe()), None);
                }
                let order = match name {
                    op::LESS => Order::Less,
                    op::LESS_EQUALS => Order::LessEqual,
                    op::GREATER => Order::Greater,
                    _ => Order::GreaterEqual,
                };
                (Expr::Compare(order, Box::new(a.0), Box::new(b.0)), Type::Bool)
            }
            (op::IN, false, Some(a), Some(b), None) => {
                match &b.1 {
                    Type::Any => {}
                    Type::Map(_) if matches!(a.1, Type::Any | Type::Text) => {}
                    Type::List(item) if comparable(&a.1, item) => {}
                    Type::List(item) => {
                        return self.problem(id, format!("{} is looked for among {}s", a.1.describe(), item.describe()), None);
                    }
                    other => return self.problem(id, format!("`in` looks into a list, and this is {}", other.describe()), None),
                }
                (Expr::In(Box::new(a.0), Box::new(b.0)), Type::Bool)
            }
            (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO, false, Some(a), Some(b), None) => {
                let (sign, of) = match name {
                    op::ADD => ("+", Op::Add),
                    op::SUBSTRACT => ("-", Op::Subtract),
                    op::MULTIPLY => ("*", Op::Multiply),
                    op::DIVIDE => ("/", Op::Divide),
                    _ => ("%", Op::Modulo),
                };
                let (a, b) = (self.expect(id, sign, a, &Type::Number), self.expect(id, sign, b, &Type::Number));
                (Expr::Arithmetic(of, a, b), Type::Number)
            }
            (op::CONDITIONAL, false, Some(test), Some(yes), Some(no)) => {
                let test = self.expect(id, "?", test, &Type::Bool);
                let found = if yes.1 == no.1 { yes.1 } else { Type::Any };
                (Expr::If(test, Box::new(yes.0), Box::new(no.0)), found)
            }
            (op::INDEX, false, Some(a), Some(b), None) => {
                let found = match (&a.1, &b.1) {
                    (Type::List(item), Type::Number | Type::Any) => (**item).clone(),
                    (Type::Any | Type::Map(_), Type::Text | Type::Number | Type::Any) => Type::Any,
                    (a, b) => return self.problem(id, format!("{} has no part {}", a.describe(), b.describe()), None),
                };
                (Expr::Index(Box::new(a.0), Box::new(b.0)), found)
            }
            ("size", _, Some(a), None, None) => match a.1 {
                Type::Any | Type::Text | Type::List(_) | Type::Map(_) => (Expr::Size(Box::new(a.0)), Type::Number),
                other => self.problem(id, format!("{} has no size", other.describe()), None),
            },
            ("startsWith" | "endsWith" | "contains", true, Some(a), Some(b), None) => {
                let how = match name {
                    "startsWith" => TextMatch::StartsWith,
                    "endsWith" => TextMatch::EndsWith,
                    _ => TextMatch::Contains,
                };
                let (a, b) = (self.expect(id, name, a, &Type::Text), self.expect(id, name, b, &Type::Text));
                (Expr::Match(how, a, b), Type::Bool)
            }
            _ => {
                let known = ["has", "size", "startsWith", "endsWith", "contains", "exists", "all"];
                let help = suggest(name, known, "the functions are");
                self.problem_of(id, name, format!("there is no function `{}` of this form", short(name)), help)
            }
        }
    }

    fn expect(&mut self, id: u64, sign: &str, (expr, found): (Expr, Type), wanted: &Type) -> Box<Expr> {
        if found != Type::Any && found != *wanted {
            self.problem(id, format!("`{sign}` takes {}, and this is {}", wanted.describe(), found.describe()), None);
        }
        Box::new(expr)
    }

    /// `exists` and `all`, which CEL's parser has already spelled out as a loop.
    fn comprehension(&mut self, id: u64, it: &ComprehensionExpr) -> (Expr, Type) {
        let (list, list_type) = self.lower(&it.iter_range);
        let item = match list_type {
            Type::List(item) => *item,
            Type::Any => Type::Any,
            other => return self.problem(id, format!("only a list has items, and this is {}", other.describe()), None),
        };
        let step = match &it.loop_step.expr {
            ast::Expr::Call(call) if it.iter_var2.is_none() => match (call.func_name.as_str(), call.args.as_slice()) {
                (name @ (op::LOGICAL_AND | op::LOGICAL_OR), [accumulated, test]) if is_ident(accumulated, &it.accu_var) => {
                    Some((name == op::LOGICAL_AND, test))
                }
                _ => None,
            },
            _ => None,
        };
        let Some((all, test)) = step else {
            return self.problem(id, "a rule has `exists` and `all`, and no other loop".to_owned(), None);
        };
        self.items.push((it.iter_var.clone(), item));
        let test = self.lower(test);
        let test = self.expect(id, if all { "all" } else { "exists" }, test, &Type::Bool);
        self.items.pop();
        let list = Box::new(list);
        (if all { Expr::All(list, test) } else { Expr::Exists(list, test) }, Type::Bool)
    }
}

fn is_ident(expr: &IdedExpr, name: &str) -> bool {
    matches!(&expr.expr, ast::Expr::Ident(ident) if ident == name)
}

fn comparable(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Any | Type::Null, _) | (_, Type::Any | Type::Null) => true,
        (Type::List(a), Type::List(b)) => comparable(a, b),
        (Type::Map(_), Type::Map(_)) => true,
        (a, b) => a == b,
    }
}
