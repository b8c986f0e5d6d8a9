//! How keys are called.

use std::sync::Arc;

/// The part of a log's name before the channel: `world` of `world/world:w1`. Keys of one contract lie together.
pub fn contract_of(log: &str) -> &str {
    log.split_once('/').map_or("", |(contract, _)| contract)
}

/// Makes the keys' names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    prefix: Arc<str>,
}

impl Names {
    pub fn new(prefix: &str) -> Names {
        Names { prefix: prefix.into() }
    }

    /// What all keys of a contract begin with; braces hold what a cluster hashes.
    pub fn contract(&self, contract: &str) -> String {
        // An empty tag would be none.
        format!("{}:{{{}}}", self.prefix, if contract.is_empty() { "-" } else { contract })
    }

    /// Where it is told what was appended to a contract's logs.
    pub fn told(&self, contract: &str) -> String {
        format!("{}:x", self.contract(contract))
    }

    /// The hash of small values.
    pub fn values(&self) -> String {
        format!("{}:{{.}}:v", self.prefix)
    }

    /// The names of all contracts that were ever written.
    pub fn contracts(&self) -> String {
        format!("{}:{{.}}:contracts", self.prefix)
    }

    /// Something else that all nodes share.
    pub fn common(&self, name: &str) -> String {
        format!("{}:{{.}}:{name}", self.prefix)
    }
}

/// The end of a lexical range of all that begins with `prefix`.
pub(crate) fn behind(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return [b"(", &end[..]].concat();
        }
    }
    b"+".to_vec()
}

/// The slot of a key in a cluster (CRC16 of what is within the first braces).
pub(crate) fn slot(key: &str) -> u16 {
    let within = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag).filter(|tag| !tag.is_empty());
    crc16(within.unwrap_or(key).as_bytes()) % 16384
}

/// CRC-16/XMODEM, as the cluster's specification asks for.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |mut crc: u16, byte| {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 };
        }
        crc
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        // https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot("{user1000}.following"), slot("{user1000}.followers"));
        assert_eq!(slot("foo"), 12182);
        let names = Names::new("tidewire");
        assert_eq!(slot(&names.contract("world")), slot(&names.told("world")));
        assert_eq!(slot(&names.values()), slot(&names.common("nodes")));
    }
}
