//! The messages an HDF5 object header is made of, and its checksum.

use super::types::Type;

/// The address that means "nowhere".
pub(crate) const UNDEFINED: u64 = u64::MAX;

/// A message of an object header: its number and its bytes.
pub(crate) type Message = (u8, Vec<u8>);

pub(crate) fn dataspace(shape: Option<&[usize]>) -> Vec<u8> {
    let Some(shape) = shape else { return vec![2, 0, 0, 2] };
    let mut out = vec![2, shape.len() as u8, 0, u8::from(!shape.is_empty())];
    out.extend(shape.iter().flat_map(|&d| (d as u64).to_le_bytes()));
    out
}

pub(crate) fn datatype(t: &Type) -> Vec<u8> {
    let mut out = Vec::new();
    t.encode(&mut out);
    out
}

/// Nothing but zeros where nothing is stored; space is taken when data come.
pub(crate) fn fill_value(chunked: bool) -> Vec<u8> {
    vec![3, if chunked { 0x0b } else { 0x0a }]
}

pub(crate) fn contiguous(address: u64, size: u64) -> Vec<u8> {
    let mut out = vec![3, 1];
    out.extend(address.to_le_bytes());
    out.extend(size.to_le_bytes());
    out
}

pub(crate) fn chunked(index: u64, chunk: &[usize], value_size: usize) -> Vec<u8> {
    let mut out = vec![3, 2, chunk.len() as u8 + 1];
    out.extend(index.to_le_bytes());
    out.extend(chunk.iter().flat_map(|&d| (d as u32).to_le_bytes()));
    out.extend((value_size as u32).to_le_bytes());
    out
}

/// A step of the pipeline that packs a chunk.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filter {
    pub(crate) id: u16,
    pub(crate) optional: bool,
    pub(crate) name: Option<String>,
    pub(crate) values: Vec<u32>,
}

pub(crate) fn pipeline(filters: &[Filter]) -> Vec<u8> {
    const NAMED_FROM: u16 = 256;
    let mut out = vec![2, filters.len() as u8];
    for f in filters {
        out.extend(f.id.to_le_bytes());
        let mut name = f.name.clone().unwrap_or_default().into_bytes();
        if !name.is_empty() {
            name.push(0);
        }
        if f.id >= NAMED_FROM {
            out.extend((name.len() as u16).to_le_bytes());
        } else {
            name.clear();
        }
        out.extend(u16::from(f.optional).to_le_bytes());
        out.extend((f.values.len() as u16).to_le_bytes());
        out.extend(name);
        out.extend(f.values.iter().flat_map(|v| v.to_le_bytes()));
    }
    out
}

pub(crate) fn attribute(name: &str, t: &Type, shape: Option<&[usize]>, data: &[u8]) -> Vec<u8> {
    let (t, space) = (datatype(t), dataspace(shape));
    let mut out = vec![3, 0];
    for n in [name.len() + 1, t.len(), space.len()] {
        out.extend((n as u16).to_le_bytes());
    }
    out.push(u8::from(!name.is_ascii()));
    out.extend(name.as_bytes());
    out.push(0);
    out.extend(t);
    out.extend(space);
    out.extend(data);
    out
}

pub(crate) fn hard_link(name: &str, address: u64) -> Vec<u8> {
    const WITH_CHARSET_AND_TWO_BYTE_LENGTH: u8 = 0x11;
    let mut out = vec![1, WITH_CHARSET_AND_TWO_BYTE_LENGTH, 1];
    out.extend((name.len() as u16).to_le_bytes());
    out.extend(name.as_bytes());
    out.extend(address.to_le_bytes());
    out
}

/// Links are in the header itself, however many there are.
pub(crate) fn link_info() -> Vec<u8> {
    let mut out = vec![0, 0];
    out.extend(UNDEFINED.to_le_bytes());
    out.extend(UNDEFINED.to_le_bytes());
    out
}

pub(crate) fn group_info() -> Vec<u8> {
    vec![0, 0]
}

/// A whole object header (version 2); `None` where a message exceeds what one can hold.
pub(crate) fn object_header(messages: &[Message]) -> Option<Vec<u8>> {
    const FOUR_BYTE_SIZE: u8 = 2;
    let size: usize = messages.iter().map(|m| m.1.len() + 4).sum();
    let mut out = b"OHDR".to_vec();
    out.extend([2, FOUR_BYTE_SIZE]);
    out.extend(u32::try_from(size).ok()?.to_le_bytes());
    for (kind, data) in messages {
        out.push(*kind);
        out.extend(u16::try_from(data.len()).ok()?.to_le_bytes());
        out.push(0);
        out.extend(data);
    }
    let sum = checksum(&out);
    out.extend(sum.to_le_bytes());
    Some(out)
}

pub(crate) fn superblock(end: u64, root: u64) -> Vec<u8> {
    let mut out = b"\x89HDF\r\n\x1a\n".to_vec();
    out.extend([2, 8, 8, 0]);
    for address in [0, UNDEFINED, end, root] {
        out.extend(address.to_le_bytes());
    }
    let sum = checksum(&out);
    out.extend(sum.to_le_bytes());
    out
}

/// Bob Jenkins' lookup3, which guards HDF5's metadata.
pub(crate) fn checksum(key: &[u8]) -> u32 {
    let word = |k: &[u8], i: usize| u32::from_le_bytes([k[i], k[i + 1], k[i + 2], k[i + 3]]);
    let mut a = 0xdead_beef_u32.wrapping_add(key.len() as u32);
    let (mut b, mut c) = (a, a);
    let mut k = key;
    while k.len() > 12 {
        a = a.wrapping_add(word(k, 0));
        b = b.wrapping_add(word(k, 4));
        c = c.wrapping_add(word(k, 8));
        a = a.wrapping_sub(c) ^ c.rotate_left(4);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(6);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(8);
        b = b.wrapping_add(a);
        a = a.wrapping_sub(c) ^ c.rotate_left(16);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(19);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(4);
        b = b.wrapping_add(a);
        k = &k[12..];
    }
    if k.is_empty() {
        return c;
    }
    let mut tail = [0u8; 12];
    tail[..k.len()].copy_from_slice(k);
    a = a.wrapping_add(word(&tail, 0));
    b = b.wrapping_add(word(&tail, 4));
    c = c.wrapping_add(word(&tail, 8));
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_lookup3() {
        // The values of the algorithm's own self-test.
        assert_eq!(checksum(b""), 0xdead_beef);
        assert_eq!(checksum(b"Four score and seven years ago"), 0x1777_0551);
    }
}
