//! Types of stored values, and how they stand in a file.

use hdf5_pure::{CharacterSet, CompoundMember, Datatype, DatatypeByteOrder, ReferenceType, StringPadding};

/// Bytes of one value that is an array: no table has a larger one in each of its rows.
const LARGEST: usize = 1 << 24;

/// The type of one stored value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    /// A whole number of 1, 2, 4 or 8 bytes.
    Int { size: u32, signed: bool, big: bool },
    /// A real number of 2, 4 or 8 bytes.
    Float { size: u32, big: bool },
    /// Text of a fixed number of bytes.
    Text { size: u32, padding: u8, utf8: bool },
    /// Text of a fixed number of bytes, four per character; only zarr has it.
    Wide { size: u32 },
    /// Text of any length.
    Str,
    /// A list of any length.
    Vlen(Box<Type>),
    /// Named values of an integer type.
    Enum { base: Box<Type>, members: Vec<(String, Vec<u8>)> },
    /// Named fields at byte offsets.
    Compound { size: u32, fields: Vec<(String, u64, Type)> },
    /// A small array of fixed shape.
    Array { base: Box<Type>, dims: Vec<u32> },
    /// The address of another object.
    Reference,
    /// Bytes without meaning.
    Opaque { size: u32, tag: Vec<u8> },
}

impl Type {
    pub(crate) const F32: Self = Self::Float { size: 4, big: false };
    pub(crate) const F64: Self = Self::Float { size: 8, big: false };
    pub(crate) const I8: Self = Self::int(1, true);
    pub(crate) const I16: Self = Self::int(2, true);
    pub(crate) const I32: Self = Self::int(4, true);
    pub(crate) const I64: Self = Self::int(8, true);
    pub(crate) const U8: Self = Self::int(1, false);
    pub(crate) const U16: Self = Self::int(2, false);
    pub(crate) const U32: Self = Self::int(4, false);
    pub(crate) const U64: Self = Self::int(8, false);

    const fn int(size: u32, signed: bool) -> Self {
        Self::Int { size, signed, big: false }
    }

    /// `bool` as h5py writes it.
    pub(crate) fn bool() -> Self {
        let members = vec![("FALSE".into(), vec![0]), ("TRUE".into(), vec![1])];
        Self::Enum { base: Box::new(Self::I8), members }
    }

    /// True for [`Type::bool`], whatever the sign of its base.
    pub(crate) fn is_bool(&self) -> bool {
        match self {
            Self::Enum { base, members } => {
                base.size() == 1 && members.len() == 2 && members[0].0 == "FALSE" && members[1].0 == "TRUE"
            }
            _ => false,
        }
    }

    /// True for text of either kind.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self, Self::Text { .. } | Self::Wide { .. } | Self::Str)
    }

    /// Bytes of one value.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Int { size, .. }
            | Self::Float { size, .. }
            | Self::Text { size, .. }
            | Self::Wide { size }
            | Self::Compound { size, .. }
            | Self::Opaque { size, .. } => *size as usize,
            Self::Str | Self::Vlen(_) => 16,
            Self::Enum { base, .. } => base.size(),
            Self::Array { base, dims } => dims.iter().fold(base.size(), |a, &d| a.saturating_mul(d as usize)),
            Self::Reference => 8,
        }
    }

    /// The type as the file states it; `None` where it is one we have no use for.
    pub(crate) fn from_stored(stored: &Datatype) -> Option<Self> {
        let big = |order: DatatypeByteOrder| match order {
            DatatypeByteOrder::LittleEndian => Some(false),
            DatatypeByteOrder::BigEndian => Some(true),
            DatatypeByteOrder::Vax => None,
        };
        Some(match stored {
            Datatype::FixedPoint { size, byte_order, layout } => {
                let whole = layout.bit_offset == 0 && Some(u32::from(layout.bit_precision)) == size.checked_mul(8);
                if !whole || ![1, 2, 4, 8].contains(size) {
                    return None;
                }
                Self::Int { size: *size, signed: layout.signed, big: big(*byte_order)? }
            }
            Datatype::FloatingPoint { size, byte_order, layout } => {
                if (*size, layout.exponent_size) != (2, 5)
                    && (*size, layout.exponent_size) != (4, 8)
                    && (*size, layout.exponent_size) != (8, 11)
                {
                    return None;
                }
                Self::Float { size: *size, big: big(*byte_order)? }
            }
            Datatype::String { size, padding, charset } => Self::Text {
                size: *size,
                padding: match padding {
                    StringPadding::NullTerminate => 0,
                    StringPadding::NullPad => 1,
                    StringPadding::SpacePad => 2,
                },
                utf8: matches!(charset, CharacterSet::Utf8),
            },
            Datatype::VariableLength { is_string: true, .. } => Self::Str,
            Datatype::VariableLength { base_type, .. } => Self::Vlen(Box::new(Self::from_stored(base_type)?)),
            Datatype::Enumeration { base_type, members, .. } => Self::Enum {
                base: Box::new(Self::from_stored(base_type)?),
                members: members.iter().map(|m| (m.name.clone(), m.value.clone())).collect(),
            },
            Datatype::Compound { size, members } => {
                let field = |m: &CompoundMember| Some((m.name.clone(), m.byte_offset, Self::from_stored(&m.datatype)?));
                let fields: Vec<_> = members.iter().map(field).collect::<Option<_>>()?;
                fit(*size, &fields).then_some(Self::Compound { size: *size, fields })?
            }
            Datatype::Array { base_type, dimensions } => {
                let t = Self::Array { base: Box::new(Self::from_stored(base_type)?), dims: dimensions.clone() };
                return (t.size() <= LARGEST).then_some(t);
            }
            Datatype::Reference { size: 8, ref_type: ReferenceType::Object } => Self::Reference,
            Datatype::Opaque { size, tag } => Self::Opaque { size: *size, tag: tag.clone() },
            _ => return None,
        })
    }

    /// True where a value holds the address of another object, which a copy would have to translate.
    pub(crate) fn holds_reference(&self) -> bool {
        match self {
            Self::Reference => true,
            Self::Vlen(base) | Self::Array { base, .. } => base.holds_reference(),
            Self::Compound { fields, .. } => fields.iter().any(|f| f.2.holds_reference()),
            _ => false,
        }
    }

    /// Byte offsets, inside one value, of everything that lies in the heap; `None` where heap values nest.
    pub(crate) fn heap_slots(&self, at: usize, out: &mut Vec<usize>) -> Option<()> {
        match self {
            Self::Str => out.push(at),
            Self::Vlen(base) => {
                let mut inner = Vec::new();
                base.heap_slots(0, &mut inner)?;
                if !inner.is_empty() {
                    return None;
                }
                out.push(at);
            }
            Self::Array { base, dims } => {
                let n = dims.iter().fold(1usize, |a, &d| a.saturating_mul(d as usize));
                let mut inner = Vec::new();
                base.heap_slots(0, &mut inner)?;
                if !inner.is_empty() {
                    (0..n).for_each(|i| out.extend(inner.iter().map(|s| at + i * base.size() + s)));
                }
            }
            Self::Compound { fields, .. } => {
                for (_, offset, t) in fields {
                    t.heap_slots(at + *offset as usize, out)?;
                }
            }
            _ => {}
        }
        Some(())
    }

    /// The datatype message.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let head = |out: &mut Vec<u8>, version: u8, class: u8, bits: [u8; 3], size: u32| {
            out.push(version << 4 | class);
            out.extend(bits);
            out.extend(size.to_le_bytes());
        };
        match self {
            Self::Int { size, signed, big } => {
                head(out, 1, 0, [u8::from(*big) | u8::from(*signed) << 3, 0, 0], *size);
                out.extend([0, 0]);
                out.extend((*size as u16 * 8).to_le_bytes());
            }
            Self::Float { size, big } => {
                let (exponent, mantissa, bias) = match size {
                    2 => (5u8, 10u8, 15u32),
                    4 => (8, 23, 127),
                    _ => (11, 52, 1023),
                };
                head(out, 1, 1, [0x20 | u8::from(*big), *size as u8 * 8 - 1, 0], *size);
                out.extend([0, 0]);
                out.extend((*size as u16 * 8).to_le_bytes());
                out.extend([mantissa, exponent, 0, mantissa]);
                out.extend(bias.to_le_bytes());
            }
            Self::Text { size, padding, utf8 } => head(out, 1, 3, [padding | u8::from(*utf8) << 4, 0, 0], *size),
            // Never in an HDF5 file: bytes without meaning.
            Self::Wide { size } => head(out, 1, 5, [0, 0, 0], *size),
            Self::Str => {
                head(out, 1, 9, [1, 1, 0], 16);
                Self::U8.encode(out);
            }
            Self::Vlen(base) => {
                head(out, 1, 9, [0, 0, 0], 16);
                base.encode(out);
            }
            Self::Enum { base, members } => {
                let n = (members.len() as u16).to_le_bytes();
                head(out, 3, 8, [n[0], n[1], 0], base.size() as u32);
                base.encode(out);
                for (name, _) in members {
                    out.extend(name.as_bytes());
                    out.push(0);
                }
                out.extend(members.iter().flat_map(|m| &m.1));
            }
            Self::Compound { size, fields } => {
                let n = (fields.len() as u16).to_le_bytes();
                head(out, 3, 6, [n[0], n[1], 0], *size);
                let width = (4 - size.leading_zeros() as usize / 8).max(1);
                for (name, offset, t) in fields {
                    out.extend(name.as_bytes());
                    out.push(0);
                    out.extend(&offset.to_le_bytes()[..width]);
                    t.encode(out);
                }
            }
            Self::Array { base, dims } => {
                head(out, 3, 10, [0, 0, 0], self.size() as u32);
                out.push(dims.len() as u8);
                out.extend(dims.iter().flat_map(|d| d.to_le_bytes()));
                base.encode(out);
            }
            Self::Reference => head(out, 1, 7, [0, 0, 0], 8),
            Self::Opaque { size, tag } => {
                let mut tag = tag.clone();
                tag.truncate(247);
                tag.resize(tag.len().next_multiple_of(8), 0);
                head(out, 1, 5, [tag.len() as u8, 0, 0], *size);
                out.extend(tag);
            }
        }
    }
}

/// True for fields that lie within a record of this size, and not over each other.
fn fit(size: u32, fields: &[(String, u64, Type)]) -> bool {
    let mut left = u64::from(size);
    fields.iter().all(|(_, at, t)| {
        let rest = left.checked_sub(t.size() as u64);
        left = rest.unwrap_or(0);
        rest.is_some() && at.checked_add(t.size() as u64).is_some_and(|end| end <= size.into())
    })
}

#[cfg(test)]
mod tests {
    use hdf5_pure::FixedPointLayout;

    use super::*;

    #[test]
    fn records_whose_fields_do_not_fit_are_none() {
        let fit = |at: &[u64]| fit(8, &at.iter().map(|&at| (String::new(), at, Type::U32)).collect::<Vec<_>>());
        assert!(fit(&[0, 4]) && fit(&[4, 0]) && fit(&[]));
        for wrong in [&[5][..], &[u64::MAX], &[0, 0, 4]] {
            assert!(!fit(wrong), "{wrong:?}");
        }
        let text = Datatype::String { size: 4, padding: StringPadding::NullPad, charset: CharacterSet::Utf8 };
        let array = |n: u32| Datatype::Array { base_type: Box::new(text.clone()), dimensions: vec![n, n] };
        assert!(Type::from_stored(&array(2)).is_some() && Type::from_stored(&array(u32::MAX)).is_none());
    }

    #[test]
    fn numbers_of_absurd_width_are_none() {
        let of = |size, bit_precision| {
            let layout = FixedPointLayout { signed: false, bit_offset: 0, bit_precision };
            Type::from_stored(&Datatype::FixedPoint { size, byte_order: DatatypeByteOrder::LittleEndian, layout })
        };
        assert!(of(4, 32).is_some());
        // Found by fuzzing: eight times the size is no number.
        assert!(of(u32::MAX, 32).is_none() && of(1 << 29, 0).is_none());
    }
}
