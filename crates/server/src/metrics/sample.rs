//! Metrics as values: what somebody knows when it is asked.

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};
use std::borrow::Cow;
use tidewire_engine::Spread;

/// One figure, with its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The whole name with its unit, `tidewire_…`; a [`Value::Count`] is shown with `_total` behind it.
    pub name: Cow<'static, str>,
    pub help: &'static str,
    pub labels: Vec<(&'static str, String)>,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Only grows.
    Count(f64),
    /// Grows and shrinks.
    Level(f64),
    /// Only grows, under a name that is older than the rule that such names end in `_total`.
    Untyped(f64),
    /// How long things took.
    Spread(Box<Spread>),
}

/// Somebody with figures of its own to show: a store, bridges, webhooks. Asked whenever somebody looks, so it answers from memory.
pub trait Provider: Send + Sync + 'static {
    fn samples(&self) -> Vec<Sample>;
}

impl Sample {
    pub fn count(name: impl Into<Cow<'static, str>>, help: &'static str, value: u64) -> Sample {
        Sample { name: name.into(), help, labels: Vec::new(), value: Value::Count(value as f64) }
    }

    pub fn level(name: impl Into<Cow<'static, str>>, help: &'static str, value: f64) -> Sample {
        Sample { name: name.into(), help, labels: Vec::new(), value: Value::Level(value) }
    }

    pub fn spread(name: impl Into<Cow<'static, str>>, help: &'static str, value: Spread) -> Sample {
        Sample { name: name.into(), help, labels: Vec::new(), value: Value::Spread(Box::new(value)) }
    }

    #[must_use]
    pub fn with(mut self, label: &'static str, value: impl Into<String>) -> Sample {
        self.labels.push((label, value.into()));
        self
    }

    fn kind(&self) -> MetricType {
        match self.value {
            Value::Count(_) => MetricType::Counter,
            Value::Level(_) => MetricType::Gauge,
            Value::Untyped(_) => MetricType::Unknown,
            Value::Spread(_) => MetricType::Histogram,
        }
    }
}

impl Value {
    fn encode(&self, point: &mut MetricEncoder) -> Result<(), std::fmt::Error> {
        match self {
            // A whole number is written as one.
            Value::Count(n) if n.fract() == 0.0 => point.encode_counter::<NoLabelSet, u64, f64>(&(*n as u64), None),
            Value::Count(n) => point.encode_counter::<NoLabelSet, f64, f64>(n, None),
            Value::Level(n) | Value::Untyped(n) if n.fract() == 0.0 && n.abs() < 9e15 => point.encode_gauge(&(*n as i64)),
            Value::Level(n) | Value::Untyped(n) => point.encode_gauge(n),
            Value::Spread(spread) => {
                let buckets: Vec<(f64, u64)> = spread.buckets().collect();
                point.encode_histogram::<NoLabelSet>(spread.nanos as f64 / 1e9, spread.count(), &buckets, None)
            }
        }
    }
}

/// Samples, those of one name together, as the text format wants them.
#[derive(Debug)]
pub(super) struct Samples(Vec<Vec<Sample>>);

impl Samples {
    pub(super) fn new(all: Vec<Sample>) -> Samples {
        let mut groups: Vec<Vec<Sample>> = Vec::new();
        for sample in all {
            match groups.iter_mut().find(|group| group[0].name == sample.name) {
                Some(group) => group.push(sample),
                None => groups.push(vec![sample]),
            }
        }
        Samples(groups)
    }
}

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        for group in &self.0 {
            let mut metric = encoder.encode_descriptor(&group[0].name, group[0].help, None, group[0].kind())?;
            for sample in group {
                if sample.labels.is_empty() {
                    sample.value.encode(&mut metric)?;
                } else {
                    sample.value.encode(&mut metric.encode_family(&sample.labels)?)?;
                }
            }
        }
        Ok(())
    }
}
