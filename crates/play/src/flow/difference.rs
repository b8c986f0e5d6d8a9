//! Where reality differs from a flow.

use super::expect::{self, Field};
use crate::{link::Arrived, wire::Frame};
use serde::Serialize;
use serde_json::Value;
use tidewire_contract::{Expected, Step};

/// The first thing that was not as written.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// Of `contract.yaml`, from 1.
    pub line: usize,
    /// From 1.
    pub step: usize,
    /// The step as it is written.
    pub text: String,
    /// In a sentence.
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Shown>,
    /// The nearest to it of what did come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Nearest>,
    /// What else came to the same client and was not asked for by an earlier step.
    pub beside: Vec<Shown>,
}

/// An event, a frame of the server, or what is expected of one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    #[serde(rename = "type")]
    pub spelled: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Nearest {
    #[serde(flatten)]
    pub shown: Shown,
    /// What is not as expected.
    pub fields: Vec<Field>,
}

impl From<&Frame> for Shown {
    fn from(frame: &Frame) -> Shown {
        Shown { spelled: frame.spelled.clone(), data: Some(frame.payload.clone()) }
    }
}

impl From<&Expected> for Shown {
    fn from(expected: &Expected) -> Shown {
        Shown { spelled: expected.event_type.clone(), data: expected.data.clone() }
    }
}

impl Difference {
    pub fn new(at: usize, step: &Step, message: String) -> Difference {
        Difference { line: step.line, step: at + 1, text: step.text.clone(), message, expected: None, nearest: None, beside: Vec::new() }
    }

    /// Says what was expected, and what there is in its place.
    pub fn instead(mut self, expected: &Expected, arrived: &[Arrived]) -> Difference {
        self.expected = Some(expected.into());
        let untaken: Vec<&Arrived> = arrived.iter().filter(|a| !a.taken).collect();
        let candidates = untaken.iter().enumerate().filter_map(|(at, a)| Some((at, expect::unlike(expected, &a.frame)?)));
        let nearest = candidates.min_by_key(|(_, fields)| fields.len());
        if let Some((at, fields)) = &nearest {
            self.nearest = Some(Nearest { shown: (&untaken[*at].frame).into(), fields: fields.clone() });
        }
        let nearest = nearest.map(|(at, _)| at);
        self.beside = untaken.iter().enumerate().filter(|(at, _)| Some(*at) != nearest).map(|(_, a)| (&a.frame).into()).collect();
        self
    }

    /// Says what else there was.
    pub fn beside(mut self, arrived: &[Arrived], but: &Frame) -> Difference {
        self.beside = arrived.iter().filter(|a| !a.taken && a.frame != *but).map(|a| (&a.frame).into()).collect();
        self
    }
}
