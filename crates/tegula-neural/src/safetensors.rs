//! Weights in files: the safetensors format, for tensors of 32-bit floats.
//!
//! Eight bytes with the length of the header, the header (JSON: of each tensor its type, its shape and where its bytes
//! lie; under `__metadata__` texts of any kind), the bytes. <https://github.com/huggingface/safetensors>

use std::path::Path;

use serde_json::{Map, Value as Json, json};
use tegula_core::{Error, Result};

/// The longest header: what the format's own reader allows.
const MOST: usize = 100_000_000;

/// A tensor with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, the last dimension side by side.
    pub values: Vec<f32>,
}

/// Some tensors, and texts about them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tensors {
    /// The tensors.
    pub tensors: Vec<Tensor>,
    /// The texts, each with its name.
    pub texts: Vec<(String, String)>,
}

impl Tensors {
    /// The tensor of that name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|t| t.name == name)
    }

    /// The text of that name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.iter().find(|t| t.0 == name).map(|t| t.1.as_str())
    }

    /// The bytes of a file that holds them.
    ///
    /// ```
    /// use std::path::Path;
    /// use tegula_neural::safetensors::{Tensor, Tensors};
    /// let one = Tensor { name: "w".into(), shape: vec![1, 2], values: vec![0.5, -1.0] };
    /// let all = Tensors { tensors: vec![one], texts: vec![("made by".into(), "hand".into())] };
    /// assert_eq!(Tensors::read(&all.bytes(), Path::new("w.safetensors"))?, all);
    /// # Ok::<(), tegula_core::Error>(())
    /// ```
    pub fn bytes(&self) -> Vec<u8> {
        let views = self.tensors.iter().map(|Tensor { name, shape, values }| View { name, shape, values });
        bytes(&self.texts, &views.collect::<Vec<_>>())
    }

    /// What the bytes of a file hold; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Format`] where they are not of this format, or hold other numbers than 32-bit floats.
    pub fn read(bytes: &[u8], path: &Path) -> Result<Self> {
        let wrong = |(at, reason)| Error::format(path, at, format!("{reason}; name a safetensors file"));
        Self::parse(bytes).map_err(wrong)
    }

    /// As [`Tensors::read`]; where that is not possible, the place and the reason.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, (String, String)> {
        let wrong = |at: &str, reason: &str| (at.to_owned(), reason.to_owned());
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| wrong("", "is shorter than a header"))?;
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length > rest.len().min(MOST) {
            return Err(wrong("", "ends inside its header, or is of another kind"));
        }
        let (header, data) = rest.split_at(length);
        let header: Map<String, Json> = serde_json::from_slice(header)
            .map_err(|e| wrong("", &format!("has a header that cannot be read ({e})")))?;
        let mut all = Self::default();
        for (name, entry) in header {
            if name == "__metadata__" {
                let texts = entry.as_object().ok_or_else(|| wrong(&name, "is not a list of texts"))?;
                all.texts = texts.iter().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect();
                continue;
            }
            if entry["dtype"] != "F32" {
                return Err(wrong(&name, &format!("is of the type {}, not F32", entry["dtype"])));
            }
            let (shape, range) = place(&entry).ok_or_else(|| wrong(&name, "has no shape or no place"))?;
            let size = shape.iter().try_fold(4usize, |size, &n| size.checked_mul(n));
            let part = data.get(range.clone()).filter(|part| Some(part.len()) == size);
            let part =
                part.ok_or_else(|| wrong(&name, "is not as long as its shape says, or lies outside the file"))?;
            let values = part.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            all.tensors.push(Tensor { name, shape, values });
        }
        Ok(all)
    }
}

/// A tensor that lies somewhere else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub name: &'a str,
    pub shape: &'a [usize],
    pub values: &'a [f32],
}

/// The bytes of a file that holds these tensors, and texts about them.
pub(crate) fn bytes(texts: &[(String, String)], tensors: &[View<'_>]) -> Vec<u8> {
    let mut header = Map::new();
    if !texts.is_empty() {
        let texts: Map<String, Json> = texts.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
        header.insert("__metadata__".into(), Json::Object(texts));
    }
    let mut end = 0;
    for t in tensors {
        let start = end;
        end += 4 * t.values.len();
        header.insert(t.name.to_owned(), json!({"dtype": "F32", "shape": t.shape, "data_offsets": [start, end]}));
    }
    let mut header = Json::Object(header).to_string().into_bytes();
    // Tensors begin at a multiple of eight bytes.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = Vec::with_capacity(8 + header.len() + end);
    bytes.extend((header.len() as u64).to_le_bytes());
    bytes.extend(header);
    for value in tensors.iter().flat_map(|t| t.values) {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    bytes
}

fn place(entry: &Json) -> Option<(Vec<usize>, std::ops::Range<usize>)> {
    let numbers = |key: &str| -> Option<Vec<usize>> {
        entry[key].as_array()?.iter().map(|v| v.as_u64().and_then(|v| usize::try_from(v).ok())).collect()
    };
    let [start, end] = numbers("data_offsets")?.try_into().ok()?;
    Some((numbers("shape")?, start..end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(header: &str, data: usize) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    }

    #[test]
    fn files_that_lie_are_refused() {
        let read = |bytes: &[u8]| Tensors::read(bytes, Path::new("f")).unwrap_err().to_string();
        assert!(read(b"abc").contains("shorter than a header"));
        assert!(read(&u64::MAX.to_le_bytes()).contains("ends inside its header"));
        assert!(read(&file("[]", 0)).contains("cannot be read"));
        assert!(
            read(&file(r#"{"w": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}}"#, 8))
                .contains("\"F64\", not F32")
        );
        let lies = [
            r#"{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}"#,
            r#"{"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}"#,
            r#"{"w": {"dtype": "F32", "shape": [1], "data_offsets": [8, 4]}}"#,
            r#"{"w": {"dtype": "F32", "shape": [4611686018427387904, 16], "data_offsets": [0, 4]}}"#,
        ];
        for header in lies {
            assert!(read(&file(header, 8)).contains("lies outside the file"), "{header}");
        }
        assert!(read(&file(r#"{"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0]}}"#, 8)).contains("no place"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..200, cut in 0usize..400) {
            let _ = Tensors::read(&bytes, Path::new("f"));
            let good = Tensors {
                tensors: vec![Tensor { name: "a".into(), shape: vec![2, 3], values: vec![1.5; 6] }],
                texts: vec![("k".into(), "v".into())],
            };
            let mut spoiled = good.bytes();
            prop_assert_eq!(&Tensors::read(&spoiled, Path::new("f")).unwrap(), &good);
            if let Some(b) = spoiled.get_mut(at) { *b ^= 0x41; }
            spoiled.truncate(cut);
            let _ = Tensors::read(&spoiled, Path::new("f"));
        }
    }
}
