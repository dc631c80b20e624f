//! The index of a chunked array: a B-tree (version 1), built from below.

use std::io::{Seek, Write};

use tegula_core::Result;

use super::message;
use super::writer::Writer;

/// Children of a node (HDF5's default).
const FANOUT: usize = 64;

/// One packed chunk in the file: where in the array, bytes, filters left out, address.
pub(crate) struct Placed {
    pub(crate) offset: Vec<usize>,
    pub(crate) size: usize,
    pub(crate) mask: u32,
    pub(crate) address: u64,
}

impl<W: Write + Seek> Writer<W> {
    /// The B-tree over the chunks, which must be in order.
    pub(super) fn chunk_tree(&mut self, placed: &[Placed], chunk: &[usize], value_size: usize) -> Result<u64> {
        if placed.is_empty() {
            return Ok(message::UNDEFINED);
        }
        let key = |size: usize, mask: u32, offset: &[usize], last: usize| {
            let mut out = (size as u32).to_le_bytes().to_vec();
            out.extend(mask.to_le_bytes());
            out.extend(offset.iter().flat_map(|&o| (o as u64).to_le_bytes()));
            out.extend((last as u64).to_le_bytes());
            out
        };
        let mut level: Vec<(Vec<u8>, u64)> =
            placed.iter().map(|p| (key(p.size, p.mask, &p.offset, 0), p.address)).collect();
        let end: Vec<usize> = placed[placed.len() - 1].offset.iter().zip(chunk).map(|(o, d)| o + d).collect();
        let end = key(0, 0, &end, value_size);
        let node_size = 24 + FANOUT * 8 + (FANOUT + 1) * end.len();
        for height in 0u8.. {
            let base = self.append(&[])?;
            let step = node_size.next_multiple_of(8) as u64;
            let count = level.len().div_ceil(FANOUT);
            let mut above = Vec::with_capacity(count);
            for (k, children) in level.chunks(FANOUT).enumerate() {
                let mut node = b"TREE\x01".to_vec();
                node.push(height);
                node.extend((children.len() as u16).to_le_bytes());
                let sibling = |there: bool, at: u64| if there { at } else { message::UNDEFINED };
                let here = base + k as u64 * step;
                node.extend(sibling(k > 0, here.wrapping_sub(step)).to_le_bytes());
                node.extend(sibling(k + 1 < count, here + step).to_le_bytes());
                for (key, address) in children {
                    node.extend(key);
                    node.extend(address.to_le_bytes());
                }
                node.extend(level.get((k + 1) * FANOUT).map_or(&end, |next| &next.0));
                node.resize(node_size, 0);
                let at = self.append(&node)?;
                debug_assert_eq!(at, here);
                above.push((children[0].0.clone(), at));
            }
            if above.len() == 1 {
                return Ok(above[0].1);
            }
            level = above;
        }
        unreachable!("each level is a 64th of the one below")
    }
}
