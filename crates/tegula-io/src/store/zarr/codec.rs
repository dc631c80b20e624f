//! How chunks are packed: gzip, zlib, Zstandard, LZ4, and Blosc around them.

use flate2::read::{MultiGzDecoder, ZlibDecoder};
use serde_json::Value as Json;

use crate::store::blosc::{all, blosc, unzstd};
use crate::store::lz;
use crate::store::shuffle::unshuffled;

/// One step of packing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Codec {
    Gzip,
    Zlib,
    Zstd,
    Lz4,
    Blosc,
    /// A checksum of four bytes at the end.
    Crc32c,
    /// Bytes of values side by side.
    Shuffle(usize),
}

impl Codec {
    pub(super) fn of(name: Option<&Json>, config: Option<&Json>) -> Result<Self, String> {
        let name = name.and_then(Json::as_str).unwrap_or_default();
        Ok(match name.strip_prefix("numcodecs.").unwrap_or(name) {
            "gzip" => Self::Gzip,
            "zlib" => Self::Zlib,
            "zstd" => Self::Zstd,
            "lz4" => Self::Lz4,
            "blosc" => Self::Blosc,
            "crc32c" => Self::Crc32c,
            "shuffle" => {
                let size = config.and_then(|c| c.get("elementsize")).and_then(Json::as_u64).unwrap_or(4);
                Self::Shuffle(size as usize)
            }
            other => {
                return Err(format!(
                    "it is packed with `{other}`, which is not read; write it with anndata's defaults"
                ));
            }
        })
    }

    /// Undoes all steps; `None` where the bytes are damaged or become more than `most`.
    pub(super) fn undo(codecs: &[Self], mut bytes: Vec<u8>, most: usize) -> Option<Vec<u8>> {
        for codec in codecs {
            bytes = codec.unpack(bytes, most)?;
        }
        Some(bytes)
    }

    fn unpack(self, bytes: Vec<u8>, most: usize) -> Option<Vec<u8>> {
        Some(match self {
            Self::Gzip => all(MultiGzDecoder::new(&bytes[..]), most)?,
            Self::Zlib => all(ZlibDecoder::new(&bytes[..]), most)?,
            Self::Zstd => unzstd(&bytes, most)?,
            Self::Lz4 => {
                let (size, rest) = bytes.split_first_chunk::<4>()?;
                let size = u32::from_le_bytes(*size) as usize;
                if size > most {
                    return None;
                }
                lz::lz4(rest, size)?
            }
            Self::Blosc => blosc(&bytes, most)?,
            Self::Crc32c => {
                let mut bytes = bytes;
                bytes.truncate(bytes.len().checked_sub(4)?);
                bytes
            }
            Self::Shuffle(size) => unshuffled(&bytes, size),
        })
    }
}
