//! What the metadata of an array say, in version 2 and 3.

use serde_json::Value as Json;

use super::codec::Codec;
use crate::store::Type;

/// An array.
pub(crate) struct Array {
    pub(super) key: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) dtype: Option<Type>,
    pub(super) chunk: Vec<usize>,
    /// What lies between the numbers in the name of a chunk, and what lies before them.
    separator: char,
    prefix: &'static str,
    /// Columns first.
    pub(super) turned: bool,
    /// Texts of any length, one after the other.
    pub(super) texts: bool,
    /// In the order they are undone.
    pub(super) codecs: Vec<Codec>,
    /// Where chunks are kept together: the shape of one, and how it is packed.
    pub(super) shard: Option<(Vec<usize>, Vec<Codec>)>,
    pub(super) fill: Json,
}

/// What the codecs of version 3 say.
#[derive(Default)]
struct Packing {
    codecs: Vec<Codec>,
    shard: Option<(Vec<usize>, Vec<Codec>)>,
    texts: bool,
    turned: bool,
    big: bool,
}

impl Packing {
    fn of(listed: Option<&Json>) -> std::result::Result<Self, String> {
        let mut out = Self::default();
        for codec in listed.and_then(Json::as_array).into_iter().flatten().rev() {
            let config = codec.get("configuration");
            match codec.get("name").and_then(Json::as_str) {
                Some("bytes") => out.big = config.and_then(|c| c.get("endian")).and_then(Json::as_str) == Some("big"),
                Some("vlen-utf8") => out.texts = true,
                Some("transpose") => {
                    out.turned = match sizes(config.and_then(|c| c.get("order"))) {
                        Some(o) if o.is_sorted() => false,
                        Some(o) if o.iter().rev().is_sorted() => true,
                        _ => return Err("its order of dimensions is not read".into()),
                    };
                }
                Some("sharding_indexed") => {
                    let inner = Self::of(config.and_then(|c| c.get("codecs")))?;
                    let at_start = config.and_then(|c| c.get("index_location")).and_then(Json::as_str) == Some("start");
                    if inner.shard.is_some() || inner.turned || at_start {
                        return Err(
                            "its shards are of a kind that is not read; write it with anndata's defaults".into()
                        );
                    }
                    let shape = sizes(config.and_then(|c| c.get("chunk_shape"))).filter(|c| !c.contains(&0));
                    out.shard = Some((shape.ok_or("its shards are not described")?, inner.codecs));
                    (out.texts, out.big) = (inner.texts, inner.big);
                }
                _ => out.codecs.push(Codec::of(codec.get("name"), config)?),
            }
        }
        Ok(out)
    }
}

fn sizes(json: Option<&Json>) -> Option<Vec<usize>> {
    json?.as_array()?.iter().map(|n| n.as_u64().and_then(|n| usize::try_from(n).ok())).collect()
}

impl Array {
    pub(super) fn v2(key: &str, meta: &Json) -> std::result::Result<Self, String> {
        let shape = sizes(meta.get("shape")).ok_or("its shape is not stated")?;
        let chunk = sizes(meta.get("chunks")).ok_or("its chunks are not stated")?;
        let mut codecs = Vec::new();
        let mut texts = false;
        codecs.extend(
            meta.get("compressor").filter(|c| !c.is_null()).map(|c| Codec::of(c.get("id"), Some(c))).transpose()?,
        );
        for filter in meta.get("filters").and_then(Json::as_array).into_iter().flatten().rev() {
            match filter.get("id").and_then(Json::as_str) {
                Some("vlen-utf8") => texts = true,
                _ => codecs.push(Codec::of(filter.get("id"), Some(filter))?),
            }
        }
        let object = meta.get("dtype").and_then(Json::as_str) == Some("|O");
        let dtype = if object { texts.then_some(Type::Str) } else { meta.get("dtype").and_then(v2_type) };
        let separator =
            meta.get("dimension_separator").and_then(Json::as_str).and_then(|s| s.chars().next()).unwrap_or('.');
        let turned = meta.get("order").and_then(Json::as_str) == Some("F");
        let fill = meta.get("fill_value").cloned().unwrap_or(Json::Null);
        Self {
            key: key.to_owned(),
            shape,
            dtype,
            chunk,
            separator,
            prefix: "",
            turned,
            texts,
            codecs,
            shard: None,
            fill,
        }
        .checked()
    }

    pub(super) fn v3(key: &str, meta: &Json) -> std::result::Result<Self, String> {
        let shape = sizes(meta.get("shape")).ok_or("its shape is not stated")?;
        let chunk = sizes(meta.pointer("/chunk_grid/configuration/chunk_shape")).ok_or("its chunks are not stated")?;
        let Packing { codecs, shard, texts, turned, big } = Packing::of(meta.get("codecs"))?;
        let dtype = meta.get("data_type").and_then(|t| v3_type(t, big));
        let named = meta.pointer("/chunk_key_encoding/name").and_then(Json::as_str).unwrap_or("default");
        let (prefix, usual) = if named == "default" { ("c", '/') } else { ("", '.') };
        let separator = meta.pointer("/chunk_key_encoding/configuration/separator").and_then(Json::as_str);
        let separator = separator.and_then(|s| s.chars().next()).unwrap_or(usual);
        let fill = meta.get("fill_value").cloned().unwrap_or(Json::Null);
        Self { key: key.to_owned(), shape, dtype, chunk, separator, prefix, turned, texts, codecs, shard, fill }
            .checked()
    }

    fn checked(self) -> std::result::Result<Self, String> {
        let inner = self.shard.as_ref().map_or(&self.chunk, |s| &s.0);
        let whole = inner.len() == self.chunk.len() && self.chunk.iter().zip(inner).all(|(o, i)| o.is_multiple_of(*i));
        if self.chunk.len() != self.shape.len() || self.chunk.contains(&0) || !whole {
            return Err("its chunks do not fit its shape".into());
        }
        if self.texts && self.shape.len() > 1 && (self.shard.is_some() || self.turned) {
            return Err("its texts lie in shards of several dimensions, or columns first, which is not read; write it with anndata's defaults".into());
        }
        Ok(self)
    }

    /// Where a chunk lies, from its name.
    pub(super) fn offset(&self, name: &str) -> Option<Vec<usize>> {
        let rest = name.strip_prefix(self.prefix)?;
        let rest = if self.prefix.is_empty() { rest } else { rest.trim_start_matches(self.separator) };
        if self.shape.is_empty() {
            return (rest.is_empty() || rest == "0").then(Vec::new);
        }
        let place = |((n, d), c): ((&str, &usize), &usize)| n.parse::<usize>().ok()?.checked_mul(*c).filter(|o| o < d);
        let numbers: Vec<&str> = rest.split(self.separator).collect();
        (numbers.len() == self.shape.len()).then_some(())?;
        numbers.into_iter().zip(&self.shape).zip(&self.chunk).map(place).collect()
    }
}

/// A NumPy type string, or a list of fields.
fn v2_type(json: &Json) -> Option<Type> {
    if let Some(fields) = json.as_array() {
        return compound(fields.iter().map(|f| Some((f.get(0)?.as_str()?.to_owned(), v2_type(f.get(1)?)?))));
    }
    let text = json.as_str()?;
    let (order, rest) = text.split_at_checked(1)?;
    let (kind, size) = rest.split_at_checked(1)?;
    let size: u32 = size.parse().ok()?;
    let big = order == ">";
    Some(match kind {
        "b" => Type::bool(),
        "i" | "u" if [1, 2, 4, 8].contains(&size) => Type::Int { size, signed: kind == "i", big },
        "f" if [2, 4, 8].contains(&size) => Type::Float { size, big },
        "S" if size > 0 => Type::Text { size, padding: 1, utf8: true },
        "U" if size > 0 && !big => Type::Wide { size: size.checked_mul(4)? },
        _ => return None,
    })
}

fn v3_type(json: &Json, big: bool) -> Option<Type> {
    let name = json.as_str().or_else(|| json.get("name")?.as_str())?;
    let config = |key: &str| json.pointer(&format!("/configuration/{key}"));
    let length =
        || config("length_bytes").and_then(Json::as_u64).and_then(|n| u32::try_from(n).ok()).filter(|&n| n > 0);
    let bits = |prefix: &str| name.strip_prefix(prefix)?.parse::<u32>().ok().map(|b| b / 8);
    Some(match name {
        "bool" => Type::bool(),
        "string" => Type::Str,
        "fixed_length_utf32" if !big => Type::Wide { size: length()? },
        "null_terminated_bytes" => Type::Text { size: length()?, padding: 1, utf8: true },
        "struct" | "structured" => {
            let fields = config("fields")?.as_array()?;
            compound(fields.iter().map(|f| {
                let name = f.get("name").or_else(|| f.get(0))?.as_str()?;
                Some((name.to_owned(), v3_type(f.get("data_type").or_else(|| f.get(1))?, big)?))
            }))?
        }
        _ => match (bits("int"), bits("uint"), bits("float")) {
            (Some(size @ (1 | 2 | 4 | 8)), ..) => Type::Int { size, signed: true, big },
            (_, Some(size @ (1 | 2 | 4 | 8)), _) => Type::Int { size, signed: false, big },
            (.., Some(size @ (2 | 4 | 8))) => Type::Float { size, big },
            _ => return None,
        },
    })
}

fn compound(fields: impl Iterator<Item = Option<(String, Type)>>) -> Option<Type> {
    let mut size = 0usize;
    let mut out = Vec::new();
    for field in fields {
        let (name, t) = field?;
        let at = size as u64;
        size = size.checked_add(t.size())?;
        out.push((name, at, t));
    }
    Some(Type::Compound { size: u32::try_from(size).ok()?, fields: out })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_whose_order_is_not_known_are_refused() {
        let of = |shape: &[usize], order: &str| {
            let filters = json!([{"id": "vlen-utf8"}]);
            Array::v2("a", &json!({"shape": shape, "chunks": shape, "dtype": "|O", "filters": filters, "order": order}))
        };
        assert!(of(&[4], "F").is_ok() && of(&[2, 2], "C").is_ok() && of(&[2, 2], "F").is_err());
    }

    #[test]
    fn chunks_that_do_not_fit_are_refused() {
        let v2 = |chunk: usize| Array::v2("a", &json!({"shape": [4], "chunks": [chunk], "dtype": "<f4"}));
        assert_eq!(v2(3).map(|a| a.chunk), Ok(vec![3]));
        assert_eq!(v2(0).err(), Some("its chunks do not fit its shape".into()));
        let v3 = |outer: usize, inner: &[usize]| {
            let shards = json!({"name": "sharding_indexed", "configuration": {"chunk_shape": inner, "codecs": []}});
            let chunks = json!({"configuration": {"chunk_shape": [outer]}});
            let array = json!({"shape": [4], "chunk_grid": chunks, "data_type": "float32", "codecs": [shards]});
            Array::v3("a", &array).map(|a| a.shard.map(|s| s.0))
        };
        assert_eq!(v3(4, &[2]), Ok(Some(vec![2])));
        for (outer, inner) in [(4, &[3][..]), (0, &[2]), (4, &[2, 2]), (4, &[0]), (0, &[0])] {
            assert!(v3(outer, inner).is_err(), "{outer} {inner:?}");
        }
    }
}
