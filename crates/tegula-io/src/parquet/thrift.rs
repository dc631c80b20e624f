//! Thrift's compact protocol, in which Parquet describes itself.

/// A value of any kind.
pub(super) enum Thrift<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    List(Vec<Thrift<'a>>),
    Struct(Vec<(i64, Thrift<'a>)>),
    Other,
}

/// Deeper than any description of a table.
const DEEPEST: usize = 32;

/// Parses a structure; also says how many bytes it took.
pub(super) fn parse(bytes: &[u8]) -> Option<(Thrift<'_>, usize)> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.structure(0)?;
    Some((value, reader.at))
}

impl<'a> Thrift<'a> {
    /// A field of a structure.
    pub(super) fn field(&self, id: i64) -> Option<&Thrift<'a>> {
        match self {
            Self::Struct(fields) => fields.iter().find(|f| f.0 == id).map(|f| &f.1),
            _ => None,
        }
    }

    pub(super) fn int(&self) -> Option<i64> {
        if let Self::Int(i) = self { Some(*i) } else { None }
    }

    pub(super) fn size(&self) -> Option<usize> {
        self.int().and_then(|i| usize::try_from(i).ok())
    }

    pub(super) fn text(&self) -> Option<String> {
        if let Self::Bytes(b) = self { String::from_utf8(b.to_vec()).ok() } else { None }
    }

    pub(super) fn list(&self) -> &[Thrift<'a>] {
        if let Self::List(v) = self { v } else { &[] }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let b = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(b)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut out = 0u64;
        for shift in (0..64).step_by(7) {
            let b = self.byte()?;
            out |= u64::from(b & 127) << shift;
            if b < 128 {
                return Some(out);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let n = self.varint()?;
        Some((n >> 1) as i64 ^ -((n & 1) as i64))
    }

    fn structure(&mut self, depth: usize) -> Option<Thrift<'a>> {
        let (mut fields, mut id) = (Vec::new(), 0i64);
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(Thrift::Struct(fields));
            }
            id = if head >> 4 == 0 { self.zigzag()? } else { id.checked_add(i64::from(head >> 4))? };
            let value = match head & 15 {
                1 => Thrift::Int(1),
                2 => Thrift::Int(0),
                kind => self.value(kind, depth)?,
            };
            fields.push((id, value));
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Option<Thrift<'a>> {
        if depth > DEEPEST {
            return None;
        }
        Some(match kind {
            // In a list a flag is a byte, elsewhere it is the kind itself.
            1..=3 => Thrift::Int(i64::from(self.byte()? as i8)),
            4..=6 => Thrift::Int(self.zigzag()?),
            7 => {
                self.at = self.at.checked_add(8).filter(|&at| at <= self.bytes.len())?;
                Thrift::Other
            }
            8 => {
                let size = usize::try_from(self.varint()?).ok()?;
                let bytes = self.bytes.get(self.at..self.at.checked_add(size)?)?;
                self.at += size;
                Thrift::Bytes(bytes)
            }
            9 | 10 => {
                let head = self.byte()?;
                let size = if head >> 4 == 15 { usize::try_from(self.varint()?).ok()? } else { usize::from(head >> 4) };
                // An element takes a byte at least.
                let mut items = Vec::with_capacity(size.min(self.bytes.len() - self.at));
                for _ in 0..size {
                    items.push(self.value(head & 15, depth + 1)?);
                }
                Thrift::List(items)
            }
            11 => {
                let size = self.varint()?;
                let kinds = if size > 0 { self.byte()? } else { 0 };
                for _ in 0..size {
                    self.value(kinds >> 4, depth + 1)?;
                    self.value(kinds & 15, depth + 1)?;
                }
                Thrift::Other
            }
            12 => self.structure(depth + 1)?,
            _ => return None,
        })
    }
}

/// Kinds of values, for lists.
pub(super) const I32: u8 = 5;
pub(super) const TEXT: u8 = 8;
pub(super) const STRUCT: u8 = 12;

/// Writes structures, field by field in ascending order.
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
    /// The last field of each structure that is open.
    last: Vec<u8>,
}

impl Writer {
    /// Begins a structure.
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new(), last: vec![0] }
    }

    /// The heading of a field: how far behind the one before, and its kind.
    fn field(&mut self, id: u8, kind: u8) {
        if let Some(last) = self.last.last_mut() {
            self.bytes.push((id - *last) << 4 | kind);
            *last = id;
        }
    }

    pub(super) fn varint(&mut self, mut x: u64) {
        while x > 127 {
            self.bytes.push(x as u8 | 128);
            x >>= 7;
        }
        self.bytes.push(x as u8);
    }

    fn zigzag(&mut self, x: i64) {
        self.varint((x << 1 ^ x >> 63) as u64);
    }

    pub(super) fn int(&mut self, id: u8, x: i32) {
        self.field(id, I32);
        self.zigzag(x.into());
    }

    pub(super) fn long(&mut self, id: u8, x: usize) {
        const I64: u8 = 6;
        self.field(id, I64);
        self.zigzag(x as i64);
    }

    pub(super) fn text(&mut self, id: u8, text: &str) {
        self.field(id, TEXT);
        self.varint(text.len() as u64);
        self.bytes.extend(text.as_bytes());
    }

    /// A list whose elements follow.
    pub(super) fn list(&mut self, id: u8, kind: u8, n: usize) {
        const LIST: u8 = 9;
        const SHORT: usize = 15;
        self.field(id, LIST);
        self.bytes.push((n.min(SHORT) as u8) << 4 | kind);
        if n >= SHORT {
            self.varint(n as u64);
        }
    }

    /// A list of one number.
    pub(super) fn one_int(&mut self, id: u8, x: i32) {
        self.list(id, I32, 1);
        self.zigzag(x.into());
    }

    /// A list of one text.
    pub(super) fn one_text(&mut self, id: u8, text: &str) {
        self.list(id, TEXT, 1);
        self.varint(text.len() as u64);
        self.bytes.extend(text.as_bytes());
    }

    /// A structure as a field.
    pub(super) fn open(&mut self, id: u8) {
        self.field(id, STRUCT);
        self.last.push(0);
    }

    /// A structure as an element of a list.
    pub(super) fn element(&mut self) {
        self.last.push(0);
    }

    /// Ends the structure begun last.
    pub(super) fn close(&mut self) {
        self.bytes.push(0);
        self.last.pop();
    }
}
