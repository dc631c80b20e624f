//! Transforms in `uns` and in files.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tegula_core::{AnnData, Array, ArrayData, Dict, Error, Result, Slot, Value};

use super::{Affine, Mesh, Transform};

/// What a file of transforms says it is.
const FORMAT: &str = "tegula.cast_stack/1";

/// The transform of each section, by name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Transforms(pub(super) Vec<(String, Transform)>);

/// A file of transforms.
#[derive(Serialize, Deserialize)]
struct Stored {
    format: String,
    sections: Vec<StoredSection>,
}

#[derive(Serialize, Deserialize)]
struct StoredSection {
    name: String,
    #[serde(flatten)]
    transform: Transform,
}

impl Transforms {
    /// The transform of a section; the error names those that are there.
    pub(super) fn of(&self, name: &str) -> Result<&Transform> {
        self.0.iter().find(|e| e.0 == name).map(|e| &e.1).ok_or_else(|| {
            let there: Vec<&str> = self.0.iter().map(|e| e.0.as_str()).collect();
            let must = format!("a section that has been aligned: {}", there.join(", "));
            Error::param("tl.apply_transform", "section", format!("`{name}`"), must)
        })
    }

    /// As a file.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let sections = self.0.iter().cloned().map(|(name, transform)| StoredSection { name, transform }).collect();
        let stored = Stored { format: FORMAT.into(), sections };
        serde_json::to_vec_pretty(&stored).unwrap_or_else(|_| unreachable!("names and numbers"))
    }

    /// From a file.
    pub(super) fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self> {
        let wrong = |reason: String| Error::format(path, "", reason);
        let stored: Stored = serde_json::from_slice(bytes)
            .map_err(|e| wrong(format!("is no file of transforms ({e}); name one that tl.cast_stack wrote")))?;
        if stored.format != FORMAT {
            return Err(wrong(format!("is of the format `{}`; `{FORMAT}` can be read", stored.format)));
        }
        let whole = |s: StoredSection| {
            let (name, transform) = (s.name, s.transform);
            let mesh = match &transform.mesh {
                Some(m) => {
                    let (low, high) = m.corners();
                    Some(Mesh::stored(low, high, m.moved().to_vec()).filter(|stored| stored == m)?)
                }
                None => None,
            };
            Some((name, Transform { mesh, ..transform }))
        };
        let sections: Option<Vec<_>> = stored.sections.into_iter().map(whole).collect();
        sections.map(Self).ok_or_else(|| wrong("has a mesh whose numbers do not fit; make it again".into()))
    }

    /// From an entry of `uns`.
    pub(super) fn from_uns(adata: &AnnData, key: &str) -> Result<Self> {
        let slot = Slot::uns(key);
        let entry = adata.uns().get(key);
        let entry = entry.ok_or_else(|| adata.missing(&slot, "run tl.cast_stack first, or pass load_transform"))?;
        let sections = entry.as_dict().and_then(|d| d.get("sections")).and_then(Value::as_dict);
        let read = |(key, value): (&String, &Value)| {
            let section = value.as_dict()?;
            let name = section.get("name").and_then(Value::as_str).unwrap_or(key);
            Some((name.to_owned(), transform(section)?))
        };
        let all: Option<Vec<_>> = sections.map(|d| d.iter().map(read).collect()).unwrap_or_default();
        let all = all.ok_or_else(|| Error::data(&slot, "holds no transforms; run tl.cast_stack again"))?;
        if all.is_empty() {
            return Err(Error::data(&slot, "holds no transforms; run tl.cast_stack again"));
        }
        Ok(Self(all))
    }
}

/// The transform of a section as `uns` holds it.
fn transform(section: &Dict) -> Option<Transform> {
    let numbers = |key: &str| match section.get(key) {
        Some(Value::Array(a)) => a.data().to_f64(),
        _ => None,
    };
    let six: [f64; 6] = numbers("affine")?.try_into().ok()?;
    let [a, b, s, c, d, t] = six;
    let mesh = match (numbers("mesh_box"), numbers("mesh")) {
        (Some(corners), Some(moved)) => {
            let [x0, y0, x1, y1] = corners.try_into().ok()?;
            let moved = moved.chunks_exact(2).map(|m| [m[0], m[1]]).collect();
            Some(Mesh::stored([x0, y0], [x1, y1], moved)?)
        }
        _ => None,
    };
    six.iter().all(|x| x.is_finite()).then_some(Transform { affine: Affine([[a, b, s], [c, d, t]]), mesh })
}

/// The slots of a transform.
pub(super) fn entry(transform: &Transform) -> Vec<(&'static str, Value)> {
    let array = |shape: Vec<usize>, data: Vec<f64>| {
        let array = Array::new(shape, ArrayData::F64(data.into()));
        Value::from(array.unwrap_or_else(|_| unreachable!("as many numbers as that")))
    };
    let mut slots = vec![("affine", array(vec![2, 3], transform.affine.0.concat()))];
    if let Some(mesh) = &transform.mesh {
        let (low, high) = mesh.corners();
        let side = mesh.nodes() + 2;
        slots.push(("mesh_box", array(vec![2, 2], [low, high].concat())));
        slots.push(("mesh", array(vec![side, side, 2], mesh.moved().concat())));
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bent() -> Transforms {
        let mut mesh = Mesh::over([0.0, 1.0], [2.0, 5.0], 3);
        mesh.shift_all([0.25, -0.1]);
        let affine = Affine([[0.9, 0.1, 3.0], [-0.1, 1.1, -2.0]]);
        Transforms(vec![
            ("a".into(), Transform { affine, mesh: Some(mesh) }),
            ("b/c".into(), Transform { affine, mesh: None }),
        ])
    }

    #[test]
    fn files_and_slots_give_back_what_they_got() {
        let all = bent();
        let path = Path::new("t.json");
        assert_eq!(Transforms::from_bytes(&all.to_bytes(), path).unwrap(), all);
        for (_, t) in &all.0 {
            let dict: Dict = entry(t).into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
            assert_eq!(transform(&dict).as_ref(), Some(t));
        }
        let text = String::from_utf8(all.to_bytes()).unwrap();
        for (wrong, says) in [
            ("[]".to_owned(), "no file of transforms"),
            (text.replace("stack/1", "stack/9"), "tegula.cast_stack/1"),
            (text.replace("\"nodes\": 3", "\"nodes\": 4"), "do not fit"),
        ] {
            let refused = Transforms::from_bytes(wrong.as_bytes(), path).unwrap_err().to_string();
            assert!(refused.contains(says), "{refused}");
        }
        assert!(all.of("z").unwrap_err().to_string().contains("a, b/c"));
    }
}
