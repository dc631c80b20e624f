//! The pages of one column: unpacking, levels, dictionaries.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use tegula_core::Column;

use super::thrift::{Thrift, parse};
use super::{BOOL, BYTES, F32, F64, I32, I64};
use crate::room::Room;

/// More than a packing shrinks a page of a real table.
const MOST_SHRUNK: usize = 1 << 12;
/// What a page may take without a byte of the file to back it.
const FREE_BYTES: usize = 1 << 26;

/// Why a page cannot be read.
type Why = &'static str;

/// Values of a column; `None` where one is missing.
pub(super) enum Values {
    Bool(Vec<Option<bool>>),
    Int(Vec<Option<i64>>),
    Float(Vec<f64>),
    Text(Vec<Option<String>>),
}

/// Distinct values that pages point at.
enum Dictionary {
    Int(Vec<i64>),
    Float(Vec<f64>),
    Text(Vec<String>),
}

impl Values {
    /// No value yet, of a physical type; `None` for types that are not read.
    pub(super) fn of(kind: i64) -> Option<Self> {
        Some(match kind {
            BOOL => Self::Bool(Vec::new()),
            I32 | I64 => Self::Int(Vec::new()),
            F32 | F64 => Self::Float(Vec::new()),
            BYTES => Self::Text(Vec::new()),
            _ => return None,
        })
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bool(v) => v.len(),
            Self::Int(v) => v.len(),
            Self::Float(v) => v.len(),
            Self::Text(v) => v.len(),
        }
    }

    /// Bytes of a value, without those of its text.
    fn width(&self) -> usize {
        match self {
            Self::Bool(_) => size_of::<Option<bool>>(),
            Self::Int(_) => size_of::<Option<i64>>(),
            Self::Float(_) => size_of::<f64>(),
            Self::Text(_) => size_of::<Option<String>>(),
        }
    }

    pub(super) fn column(self) -> Column {
        fn whole<T: Clone>(v: &[Option<T>]) -> Option<Vec<T>> {
            v.iter().cloned().collect()
        }
        match self {
            Self::Bool(v) => whole(&v).map_or(Column::NullableBool(v), Column::Bool),
            Self::Int(v) => whole(&v).map_or(Column::NullableInt(v), Column::Int),
            Self::Float(v) => Column::Float(v),
            Self::Text(v) => whole(&v).map_or(Column::NullableStr(v), Column::Str),
        }
    }
}

/// One column in one group of rows.
pub(super) struct Chunk {
    start: usize,
    codec: i64,
    values: usize,
    kind: i64,
    optional: bool,
}

impl Chunk {
    pub(super) fn of(meta: &Thrift<'_>, kind: i64, optional: bool) -> Option<Self> {
        let data = meta.field(9)?.size()?;
        let start = meta.field(11).and_then(Thrift::size).filter(|&d| d > 0 && d < data).unwrap_or(data);
        Some(Self { start, codec: meta.field(4)?.int()?, values: meta.field(5)?.size()?, kind, optional })
    }

    /// Adds all values, which must not become more than `most`.
    pub(super) fn read(&self, file: &[u8], out: &mut Values, most: usize, room: &Room) -> Result<(), Why> {
        let end = out.len().checked_add(self.values).filter(|&n| n <= most).ok_or("more values than rows")?;
        let (mut at, mut dictionary) = (self.start, None);
        while out.len() < end {
            let (head, size) = file.get(at..).and_then(parse).ok_or("a page is cut short")?;
            let int = |f: i64| head.field(f).and_then(Thrift::size).ok_or("a page does not state its size");
            let (unpacked, packed) = (int(2)?, int(3)?);
            let from = at + size;
            let body = from.checked_add(packed).and_then(|to| file.get(from..to)).ok_or("a page is cut short")?;
            at = from + packed;
            let fits = unpacked <= packed.saturating_mul(MOST_SHRUNK).saturating_add(FREE_BYTES);
            room.take(1, unpacked).filter(|()| fits).ok_or("a page's size does not fit the file")?;
            match (head.field(1).and_then(Thrift::int), head.field(5), head.field(7), head.field(8)) {
                (Some(0), Some(h), _, _) => {
                    let bytes = unpack(body, self.codec, unpacked)?;
                    let (n, encoding) = counts(h, 1, 2)?;
                    let (levels, rest) = if self.optional {
                        let (len, rest) = bytes.split_first_chunk::<4>().ok_or("levels are cut short")?;
                        rest.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or("levels are cut short")?
                    } else {
                        (&[][..], &bytes[..])
                    };
                    self.page(rest, levels, n, encoding, dictionary.as_ref(), out, end, room)?;
                }
                (Some(2), _, Some(h), _) => {
                    let bytes = unpack(body, self.codec, unpacked)?;
                    dictionary = Some(self.dictionary(&bytes, counts(h, 1, 2)?.0)?);
                }
                (Some(3), _, _, Some(h)) => {
                    let (n, encoding) = counts(h, 1, 4)?;
                    let len = |f: i64| h.field(f).and_then(Thrift::size).ok_or("levels are not described");
                    let skip = len(6)?;
                    let (head, packed) = skip
                        .checked_add(len(5)?)
                        .and_then(|n| body.split_at_checked(n))
                        .ok_or("levels are cut short")?;
                    let plain = h.field(7).and_then(Thrift::int) == Some(0);
                    let rest = unpack(packed, if plain { 0 } else { self.codec }, unpacked.saturating_sub(head.len()))?;
                    self.page(&rest, &head[skip..], n, encoding, dictionary.as_ref(), out, end, room)?;
                }
                (Some(1), ..) => {}
                _ => return Err("a page of an unknown kind"),
            }
        }
        Ok(())
    }

    fn dictionary(&self, bytes: &[u8], n: usize) -> Result<Dictionary, Why> {
        Ok(match self.kind {
            I32 | I64 => Dictionary::Int(ints(bytes, n, self.kind)?),
            F32 | F64 => Dictionary::Float(floats(bytes, n, self.kind)?),
            BYTES => Dictionary::Text(texts(bytes, n)?),
            _ => return Err("a dictionary of flags"),
        })
    }

    #[allow(clippy::too_many_arguments)] // one page, in the parts it comes in
    fn page(
        &self,
        bytes: &[u8],
        levels: &[u8],
        n: usize,
        encoding: i64,
        dictionary: Option<&Dictionary>,
        out: &mut Values,
        end: usize,
        room: &Room,
    ) -> Result<(), Why> {
        if n == 0 || out.len() + n > end {
            return Err("a page of no values, or of too many");
        }
        let too_long = "its values do not fit the file";
        room.take(n, out.width()).ok_or(too_long)?;
        let there = if self.optional { runs(levels, 1, n)? } else { vec![1; n] };
        let present = there.iter().filter(|&&d| d == 1).count();
        if encoding == 2 || encoding == 8 {
            let (&width, rest) = bytes.split_first().ok_or("a page is cut short")?;
            let codes = runs(rest, u32::from(width), present)?;
            let lost = "a value is not in the dictionary";
            return match (out, dictionary.ok_or("a dictionary is missing")?) {
                (Values::Int(to), Dictionary::Int(d)) => {
                    spread(to, &there, &codes, |c| d.get(c).copied().map(Some), None, lost)
                }
                (Values::Float(to), Dictionary::Float(d)) => {
                    spread(to, &there, &codes, |c| d.get(c).copied(), f64::NAN, lost)
                }
                (Values::Text(to), Dictionary::Text(d)) => {
                    let length = |&c: &u32| d.get(c as usize).map_or(0, String::len);
                    room.take(1, codes.iter().map(length).sum()).ok_or(too_long)?;
                    spread(to, &there, &codes, |c| d.get(c).cloned().map(Some), None, lost)
                }
                _ => Err("a dictionary of another type"),
            };
        }
        let order: Vec<u32> = (0..present as u32).collect();
        let short = "a page is cut short";
        match (out, encoding) {
            (Values::Int(to), 0) => {
                let v = ints(bytes, present, self.kind)?;
                spread(to, &there, &order, |k| Some(Some(v[k])), None, short)
            }
            (Values::Float(to), 0) => {
                let v = floats(bytes, present, self.kind)?;
                spread(to, &there, &order, |k| Some(v[k]), f64::NAN, short)
            }
            (Values::Text(to), 0) => {
                let v = texts(bytes, present)?;
                spread(to, &there, &order, |k| Some(Some(v[k].clone())), None, short)
            }
            (Values::Bool(to), 0) => {
                spread(to, &there, &order, |k| bytes.get(k / 8).map(|b| Some(b >> (k % 8) & 1 == 1)), None, short)
            }
            (Values::Bool(to), 3) => {
                let v = runs(bytes.get(4..).ok_or(short)?, 1, present)?;
                spread(to, &there, &order, |k| Some(Some(v[k] == 1)), None, short)
            }
            _ => Err("an encoding that is not read; save the table with pandas' defaults"),
        }
    }
}

/// Number of values and encoding.
fn counts(head: &Thrift<'_>, values: i64, encoding: i64) -> Result<(usize, i64), Why> {
    let n = head.field(values).and_then(Thrift::size);
    let e = head.field(encoding).and_then(Thrift::int);
    n.zip(e).ok_or("a page does not describe itself")
}

/// Adds a value for each 1 among `there`, `missing` for each 0.
fn spread<T: Clone>(
    to: &mut Vec<T>,
    there: &[u32],
    codes: &[u32],
    value: impl Fn(usize) -> Option<T>,
    missing: T,
    lost: Why,
) -> Result<(), Why> {
    let mut codes = codes.iter();
    for &d in there {
        to.push(if d == 1 { codes.next().and_then(|&c| value(c as usize)).ok_or(lost)? } else { missing.clone() });
    }
    Ok(())
}

fn ints(bytes: &[u8], n: usize, kind: i64) -> Result<Vec<i64>, Why> {
    let width = if kind == I32 { 4 } else { 8 };
    let bytes = n.checked_mul(width).and_then(|s| bytes.get(..s)).ok_or("a page is cut short")?;
    Ok(match kind {
        I32 => bytes.as_chunks::<4>().0.iter().map(|b| i64::from(i32::from_le_bytes(*b))).collect(),
        _ => bytes.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b)).collect(),
    })
}

fn floats(bytes: &[u8], n: usize, kind: i64) -> Result<Vec<f64>, Why> {
    let width = if kind == F32 { 4 } else { 8 };
    let bytes = n.checked_mul(width).and_then(|s| bytes.get(..s)).ok_or("a page is cut short")?;
    Ok(match kind {
        F32 => bytes.as_chunks::<4>().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
        _ => bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
    })
}

fn texts(mut bytes: &[u8], n: usize) -> Result<Vec<String>, Why> {
    let mut out = Vec::with_capacity(n.min(bytes.len() / 4));
    for _ in 0..n {
        let (len, rest) = bytes.split_first_chunk::<4>().ok_or("a text is cut short")?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or("a text is cut short")?;
        out.push(String::from_utf8_lossy(text).into_owned());
        bytes = rest;
    }
    Ok(out)
}

/// Small numbers as runs and packed bits.
fn runs(mut bytes: &[u8], width: u32, n: usize) -> Result<Vec<u32>, Why> {
    let short = "codes are cut short";
    if width > 32 {
        return Err("codes are too wide");
    }
    let mut out = Vec::with_capacity(n);
    while out.len() < n {
        let mut head = 0u64;
        for shift in (0..35).step_by(7) {
            let (&b, rest) = bytes.split_first().ok_or(short)?;
            bytes = rest;
            head |= u64::from(b & 127) << shift;
            if b < 128 {
                break;
            }
        }
        let left = n - out.len();
        if head & 1 == 0 {
            let size = width.div_ceil(8) as usize;
            let (value, rest) = bytes.split_at_checked(size).ok_or(short)?;
            bytes = rest;
            let value = value.iter().rev().fold(0u32, |v, &b| v << 8 | u32::from(b));
            let run = (head >> 1).min(left as u64) as usize;
            if run == 0 {
                return Err("a run of nothing");
            }
            out.extend(std::iter::repeat_n(value, run));
        } else {
            let groups = (head >> 1) as usize;
            let size = groups.checked_mul(width as usize).ok_or(short)?;
            // The last group may be cut where all values are there.
            let packed = &bytes[..size.min(bytes.len())];
            bytes = &bytes[packed.len()..];
            let wanted = left.min(groups.saturating_mul(8));
            if groups == 0 || packed.len() < (wanted * width as usize).div_ceil(8) {
                return Err(short);
            }
            let mask = if width == 0 { 0 } else { u64::from(u32::MAX) >> (32 - width) };
            for k in 0..wanted {
                let bit = k * width as usize;
                let mut window = [0u8; 8];
                let from = &packed[(bit / 8).min(packed.len())..];
                let len = from.len().min(8);
                window[..len].copy_from_slice(&from[..len]);
                out.push((u64::from_le_bytes(window) >> (bit % 8) & mask) as u32);
            }
        }
    }
    Ok(out)
}

/// Unpacks a page to the size it states.
fn unpack(bytes: &[u8], codec: i64, size: usize) -> Result<Vec<u8>, Why> {
    let mut out = Vec::new();
    match codec {
        0 => out.extend_from_slice(bytes),
        1 => {
            if snap::raw::decompress_len(bytes).ok() != Some(size) {
                return Err("a page's size does not fit");
            }
            out = snap::raw::Decoder::new().decompress_vec(bytes).map_err(|_| "a page's packing is damaged")?;
        }
        2 => {
            let n = MultiGzDecoder::new(bytes).take(size as u64 + 1).read_to_end(&mut out);
            n.map_err(|_| "a page's packing is damaged")?;
        }
        6 => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(bytes).map_err(|_| "a page's packing is damaged")?;
            decoder.take(size as u64 + 1).read_to_end(&mut out).map_err(|_| "a page's packing is damaged")?;
        }
        _ => return Err("packed as brotli, LZO or LZ4; save it with Snappy, gzip or Zstandard"),
    }
    if out.len() == size { Ok(out) } else { Err("a page's size does not fit") }
}
