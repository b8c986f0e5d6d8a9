//! Frames of a client, as they come in pieces.

use super::{Agreed, Bounds, Opcode, deflate, deflate::Inflate, utf8::Utf8, write::may_be_sent};

/// One whole message, fragments joined, unmasked, inflated, its text checked as UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    pub opcode: Opcode,
    pub payload: Vec<u8>,
}

/// Why a connection has to be closed, with the code of RFC 6455, section 7.4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub code: u16,
    pub reason: &'static str,
}

/// The reading side of one connection. Costs next to nothing while no message is under way.
#[derive(Debug)]
pub struct Decoder {
    most: usize,
    deflate: bool,
    under_way: Option<Box<UnderWay>>,
}

/// A frame or a message that has begun.
#[derive(Debug, Default)]
struct UnderWay {
    header: [u8; 14],
    header_len: u8,
    frame: Option<Frame>,
    /// A control frame's payload: it may come between the fragments of a message.
    control: Vec<u8>,
    message: Option<Partial>,
}

#[derive(Debug)]
struct Frame {
    fin: bool,
    control: Option<Opcode>,
    mask: [u8; 4],
    left: u64,
    /// Bytes of it that were read, modulo 4.
    phase: usize,
}

#[derive(Debug)]
struct Partial {
    text: bool,
    compressed: bool,
    payload: Vec<u8>,
    utf8: Utf8,
}

const fn violation(code: u16, reason: &'static str) -> Violation {
    Violation { code, reason }
}

impl Decoder {
    pub fn new(agreed: Agreed, bounds: Bounds) -> Decoder {
        Decoder { most: bounds.message, deflate: agreed.deflate, under_way: None }
    }

    /// Whether it is between messages.
    pub fn is_idle(&self) -> bool {
        self.under_way.is_none()
    }

    /// Takes bytes off the front of `input` (nothing of it is kept by reference; it is unmasked in place) and gives the next
    /// whole message. `None`: all of `input` was consumed, more is needed.
    ///
    /// # Errors
    /// What the client did wrong; the connection is then to be closed with the violation's code.
    pub fn next(&mut self, input: &mut &mut [u8]) -> Result<Option<Message>, Violation> {
        loop {
            if input.is_empty() {
                // A frame without payload is whole with its header.
                let done = self.under_way.as_ref().is_some_and(|u| u.frame.as_ref().is_some_and(|f| f.left == 0));
                if !done {
                    return Ok(None);
                }
            }
            let (most, deflate) = (self.most, self.deflate);
            let state = self.under_way.get_or_insert_default();
            if state.frame.is_none() && !state.read_header(input, most, deflate)? {
                return Ok(None);
            }
            let Some(frame) = &mut state.frame else { return Ok(None) };
            let take = usize::try_from(frame.left).unwrap_or(usize::MAX).min(input.len());
            let (chunk, rest) = std::mem::take(input).split_at_mut(take);
            *input = rest;
            unmask(chunk, frame.mask, frame.phase);
            frame.phase = (frame.phase + take) % 4;
            frame.left -= take as u64;
            let (whole, fin, control) = (frame.left == 0, frame.fin, frame.control);
            match (control, &mut state.message) {
                (Some(_), _) => state.control.extend_from_slice(chunk),
                (None, Some(message)) => {
                    if message.text && !message.compressed && !message.utf8.push(chunk) {
                        return Err(violation(1007, "the text is not UTF-8"));
                    }
                    message.payload.extend_from_slice(chunk);
                }
                (None, None) => {}
            }
            if !whole {
                continue;
            }
            state.frame = None;
            if let Some(opcode) = control {
                let payload = std::mem::take(&mut state.control);
                if state.message.is_none() {
                    self.under_way = None;
                }
                if opcode == Opcode::Close {
                    check_close(&payload)?;
                }
                return Ok(Some(Message { opcode, payload }));
            }
            if fin && let Some(partial) = state.message.take() {
                self.under_way = None;
                return finish(partial, most).map(Some);
            }
        }
    }
}

impl UnderWay {
    /// Reads the rest of a frame's header; false where more bytes are needed.
    fn read_header(&mut self, input: &mut &mut [u8], most: usize, deflate: bool) -> Result<bool, Violation> {
        loop {
            let have = usize::from(self.header_len);
            let need = match have {
                0 | 1 => 2,
                _ => {
                    let extended = match self.header[1] & 0x7f {
                        126 => 2,
                        127 => 8,
                        _ => 0,
                    };
                    2 + extended + 4
                }
            };
            if have == 2 {
                self.check_start(deflate)?;
            }
            if have >= 2 && have == need {
                break;
            }
            let Some((first, rest)) = std::mem::take(input).split_first_mut() else { return Ok(false) };
            self.header[have] = *first;
            self.header_len += 1;
            *input = rest;
        }
        let header = self.header;
        let end = usize::from(self.header_len);
        self.header_len = 0;
        let left = match header[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes([header[2], header[3]])),
            127 => u64::from_be_bytes([header[2], header[3], header[4], header[5], header[6], header[7], header[8], header[9]]),
            n => u64::from(n),
        };
        if left >> 63 != 0 {
            return Err(violation(1002, "a frame's length has its highest bit set"));
        }
        let opcode = header[0] & 0x0f;
        let control = match opcode {
            8 => Some(Opcode::Close),
            9 => Some(Opcode::Ping),
            10 => Some(Opcode::Pong),
            _ => None,
        };
        if control.is_none() {
            if opcode != 0 {
                let compressed = header[0] & 0x40 != 0;
                self.message = Some(Partial { text: opcode == 1, compressed, payload: Vec::new(), utf8: Utf8::default() });
            }
            let so_far = self.message.as_ref().map_or(0, |m| m.payload.len() as u64);
            if so_far.saturating_add(left) > most as u64 {
                return Err(violation(1009, "the message is larger than this server takes"));
            }
        }
        let mask = [header[end - 4], header[end - 3], header[end - 2], header[end - 1]];
        self.frame = Some(Frame { fin: header[0] & 0x80 != 0, control, mask, left, phase: 0 });
        Ok(true)
    }

    /// What the first two bytes alone can be wrong in.
    fn check_start(&self, deflate: bool) -> Result<(), Violation> {
        let [first, second, ..] = self.header;
        let (fin, opcode, len) = (first & 0x80 != 0, first & 0x0f, second & 0x7f);
        if first & 0x30 != 0 || (first & 0x40 != 0 && !(deflate && matches!(opcode, 1 | 2))) {
            return Err(violation(1002, "a reserved bit is set"));
        }
        if second & 0x80 == 0 {
            return Err(violation(1002, "a client's frame is not masked"));
        }
        match opcode {
            0 if self.message.is_none() => Err(violation(1002, "a continuation without a message")),
            1 | 2 if self.message.is_some() => Err(violation(1002, "a new message before the last one ended")),
            0..=2 => Ok(()),
            8..=10 if !fin => Err(violation(1002, "a control frame is fragmented")),
            8..=10 if len > 125 => Err(violation(1002, "a control frame is longer than 125 bytes")),
            8..=10 => Ok(()),
            _ => Err(violation(1002, "a reserved opcode")),
        }
    }
}

fn finish(partial: Partial, most: usize) -> Result<Message, Violation> {
    let opcode = if partial.text { Opcode::Text } else { Opcode::Binary };
    let payload = if partial.compressed {
        let inflated = deflate::inflate(&partial.payload, most).map_err(|e| match e {
            Inflate::TooLarge => violation(1009, "the message is larger than this server takes"),
            Inflate::Broken => violation(1007, "the compressed data is broken"),
        })?;
        if partial.text && simdutf8::basic::from_utf8(&inflated).is_err() {
            return Err(violation(1007, "the text is not UTF-8"));
        }
        inflated
    } else {
        if !partial.utf8.is_whole() {
            return Err(violation(1007, "the text is not UTF-8"));
        }
        partial.payload
    };
    Ok(Message { opcode, payload })
}

fn check_close(payload: &[u8]) -> Result<(), Violation> {
    match payload {
        [] => Ok(()),
        [_] => Err(violation(1002, "a close frame with half a code")),
        [a, b, reason @ ..] => {
            if !may_be_sent(u16::from_be_bytes([*a, *b])) {
                return Err(violation(1002, "a close code that must not be sent"));
            }
            if std::str::from_utf8(reason).is_err() {
                return Err(violation(1007, "the reason is not UTF-8"));
            }
            Ok(())
        }
    }
}

/// XORs with the mask, eight bytes at a time. `phase`: where in the mask the chunk begins.
fn unmask(chunk: &mut [u8], mask: [u8; 4], phase: usize) {
    let key: [u8; 8] = std::array::from_fn(|i| mask[(phase + i) % 4]);
    let wide = u64::from_ne_bytes(key);
    let (words, rest) = chunk.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (i, byte) in rest.iter_mut().enumerate() {
        *byte ^= key[i];
    }
}
