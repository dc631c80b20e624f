//! Pictures of tissue.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use png::{BitDepth, ColorType, Decoder, Limits, Transformations};
use tegula_core::{Array, ArrayData, Error, Result};

/// More than deflate can shrink anything.
const MOST_SHRUNK: u64 = 1040;
/// What a picture may take without a byte of the file to back it.
const FREE_BYTES: u64 = 1 << 26;

/// A PNG picture as matplotlib reads it: rows × columns (× channels), `f32` from 0 to 1.
pub(crate) fn read_png(path: &Path) -> Result<Array> {
    let fail = |e| Error::io(path, e);
    let damaged = |e: png::DecodingError| {
        Error::format(
            path,
            "",
            format!("the picture is damaged or no PNG ({e}); copy it again, or read without images"),
        )
    };
    let file = File::open(path).map_err(fail)?;
    let most = file.metadata().map_err(fail)?.len().saturating_mul(MOST_SHRUNK).saturating_add(FREE_BYTES);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new_with_limits(BufReader::new(file), Limits { bytes: most });
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let size = reader.output_buffer_size().filter(|&s| s <= most);
    let Some(size) = size else {
        let reason = "the picture's size does not fit its file; copy it again, or read without images";
        return Err(Error::format(path, "", reason));
    };
    let mut bytes = vec![0; size];
    let info = reader.next_frame(&mut bytes).map_err(damaged)?;
    bytes.truncate(info.buffer_size());
    let values: Vec<f32> = match info.bit_depth {
        BitDepth::Sixteen => {
            bytes.chunks_exact(2).map(|b| f32::from(u16::from_be_bytes([b[0], b[1]])) / 65535.0).collect()
        }
        _ => bytes.iter().map(|&b| f32::from(b) / 255.0).collect(),
    };
    let (rows, columns) = (info.height as usize, info.width as usize);
    let shape = match info.color_type {
        ColorType::Grayscale | ColorType::Indexed => vec![rows, columns],
        ColorType::GrayscaleAlpha => vec![rows, columns, 2],
        ColorType::Rgb => vec![rows, columns, 3],
        ColorType::Rgba => vec![rows, columns, 4],
    };
    Array::new(shape, ArrayData::F32(values.into()))
}
