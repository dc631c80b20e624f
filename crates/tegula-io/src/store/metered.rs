//! The bytes of a file as the library that follows its structure gets them: no more than any real structure needs.
//!
//! A file can be made whose trees share their branches: small, free of cycles, and without end for who follows them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use hdf5_pure::{FormatError, Source};

use super::bytes::Bytes;
use crate::room::Room;

/// What a read costs, beside its bytes.
const READ: usize = 64;
/// Bytes that are read at once and kept: structure lies close together and is read in small pieces, again and again.
const BLOCK: usize = 1 << 16;
/// Blocks that are kept.
const MOST: usize = 1 << 10;

/// A file's bytes, and how many more may be read.
pub(super) struct Metered {
    bytes: Arc<Bytes>,
    room: Room,
    blocks: Mutex<HashMap<usize, Vec<u8>>>,
}

impl Metered {
    pub(super) fn new(bytes: Arc<Bytes>) -> Self {
        Self { room: Room::structure(bytes.len()), bytes, blocks: Mutex::default() }
    }

    fn block(&self, k: usize) -> io::Result<Vec<u8>> {
        let start = k * BLOCK;
        let mut block = vec![0; BLOCK.min(self.bytes.len() - start)];
        self.bytes.read(start, &mut block)?;
        Ok(block)
    }
}

impl Source for Metered {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, to: &mut [u8]) -> Result<(), FormatError> {
        let endless = || FormatError::Source("its structure has no end".into());
        self.room.take(1, to.len() + READ).ok_or_else(endless)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(to.len());
        if end > self.bytes.len() {
            return Err(FormatError::UnexpectedEof { expected: end, available: self.bytes.len() });
        }
        let failed = |e: io::Error| FormatError::Source(e.to_string());
        if to.len() > BLOCK {
            return self.bytes.read(start, to).map_err(failed);
        }
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut at = start;
        while at < end {
            let k = at / BLOCK;
            if blocks.len() == MOST && !blocks.contains_key(&k) {
                blocks.clear();
            }
            let block = match blocks.entry(k) {
                Entry::Occupied(e) => e.into_mut(),
                Entry::Vacant(e) => e.insert(self.block(k).map_err(failed)?),
            };
            let next = end.min((k + 1) * BLOCK);
            to[at - start..next - start].copy_from_slice(&block[at - k * BLOCK..next - k * BLOCK]);
            at = next;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::atomic::AtomicFile;
    use crate::store::{Store, Target, Type, Writer};

    #[test]
    fn trees_that_share_their_branches_come_to_an_end() {
        const CHILDREN: u16 = 1000;
        let node = |level: u8, children: u16, child: u64| {
            let mut bytes = b"TREE\x01".to_vec();
            bytes.push(level);
            bytes.extend(children.to_le_bytes());
            bytes.extend([0xff; 16]);
            let key = [4u64, 0, 0].map(u64::to_le_bytes).concat();
            bytes.extend([&key[..], &child.to_le_bytes()].concat().repeat(children.into()));
            bytes.extend(key);
            bytes
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shared.h5");
        let mut w = Writer::new(AtomicFile::create(&path).unwrap(), &path, None).unwrap();
        let chunk = w.append(&[0; 4]).unwrap();
        let mut tree = w.append(&node(0, 1, chunk)).unwrap();
        let one = w.indexed(&Type::F32, &[1], &[1], &[], tree, &[]).unwrap();
        for level in 1..5 {
            tree = w.append(&node(level, CHILDREN, tree)).unwrap();
        }
        let endless = w.indexed(&Type::F32, &[1], &[1], &[], tree, &[]).unwrap();
        let root = w.group(&[("endless".into(), endless), ("one".into(), one)], &[]).unwrap();
        w.finish(root).unwrap().commit().unwrap();

        let (store, root) = Store::open(&path).unwrap();
        let read = |name: &str| store.numbers::<f32>(root.data(name).unwrap());
        assert_eq!(read("one").unwrap(), [0.0]);
        assert!(read("endless").unwrap_err().to_string().contains("its structure has no end"));
    }
}
