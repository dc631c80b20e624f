//! The parameters of a method as plain fields, read from its JSON schema.
//!
//! Command-line flags, the Python functions and the reference pages are made from these.

use serde_json::Value as Json;

use tegula_core::{Error, Result};

/// One parameter of a method.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name, as in recipes and Python.
    pub name: String,
    /// What it takes.
    pub kind: Kind,
    /// Whether it may be left empty (`None`).
    pub optional: bool,
    /// Its default.
    pub default: Json,
    /// What it means.
    pub help: String,
}

/// What a parameter takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A real number.
    Float,
    /// Text.
    Str,
    /// One of these names.
    Choice(Vec<String>),
    /// Several of one kind.
    List(Box<Kind>),
}

/// The parameters in the order they are declared.
pub fn fields(schema: &Json) -> Vec<Field> {
    let Some(properties) = schema["properties"].as_object() else { return Vec::new() };
    properties
        .iter()
        .map(|(name, p)| {
            let (kind, optional) = kind(p);
            Field {
                name: name.clone(),
                kind,
                optional,
                default: p["default"].clone(),
                help: p["description"].as_str().unwrap_or_default().to_owned(),
            }
        })
        .collect()
}

/// The method's page: the doc comment of its parameters.
pub fn page(schema: &Json) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

/// Paragraphs in lines of at most `width` characters; list items and code blocks keep their lines.
///
/// ```
/// assert_eq!(tegula::field::wrap("one two\nthree\n\n- four", 9), "one two\nthree\n\n- four");
/// assert_eq!(tegula::field::wrap("one two\nthree", usize::MAX), "one two three");
/// ```
pub fn wrap(text: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    let (mut fenced, mut flowing) = (false, false);
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        let text = line.trim();
        let plain = !fenced && !text.is_empty() && !text.starts_with(['|', '`']);
        let item = text.starts_with("- ") || text.split_once(". ").is_some_and(|(n, _)| n.parse::<u8>().is_ok());
        if !plain || item || !flowing {
            lines.push(String::new());
        }
        flowing = plain;
        if !flowing {
            lines.last_mut().into_iter().for_each(|l| l.push_str(line.trim_end()));
            continue;
        }
        for word in line.split_whitespace() {
            let last = lines.last().map_or(0, |l| l.chars().count());
            if last > 0 && last + 1 + word.chars().count() > width {
                lines.push(String::new());
            }
            if let Some(l) = lines.last_mut() {
                if !l.is_empty() {
                    l.push(' ');
                }
                l.push_str(word);
            }
        }
    }
    lines.join("\n")
}

fn kind(p: &Json) -> (Kind, bool) {
    let choice = |p: &Json| -> Option<Vec<String>> {
        let text = |v: &Json| v.as_str().map(str::to_owned);
        if let Some(all) = p["enum"].as_array() {
            return Some(all.iter().filter_map(text).collect());
        }
        p["oneOf"].as_array().map(|all| all.iter().filter_map(|v| text(&v["const"])).collect())
    };
    if let Some(alternatives) = p["anyOf"].as_array() {
        let optional = alternatives.iter().any(|a| a["type"] == "null");
        let (kind, _) = alternatives.iter().find(|a| a["type"] != "null").map_or((Kind::Str, true), kind);
        return (kind, optional);
    }
    let types: Vec<&str> = match &p["type"] {
        Json::String(s) => vec![s.as_str()],
        Json::Array(all) => all.iter().filter_map(Json::as_str).collect(),
        _ => vec![],
    };
    let optional = types.contains(&"null");
    if let Some(names) = choice(p) {
        return (Kind::Choice(names), optional);
    }
    let kind = match types.iter().find(|t| **t != "null") {
        Some(&"boolean") => Kind::Bool,
        Some(&"integer") => Kind::Int,
        Some(&"number") => Kind::Float,
        Some(&"array") => Kind::List(Box::new(self::kind(&p["items"]).0)),
        _ => Kind::Str,
    };
    (kind, optional)
}

impl Field {
    /// The value that a text stands for: `None` or an empty text means nothing where the parameter is optional.
    ///
    /// # Errors
    /// [`Error::Config`] where the text does not fit.
    pub fn parse(&self, text: &str) -> Result<Json> {
        if self.optional && (text == "None" || text == "none") {
            return Ok(Json::Null);
        }
        match &self.kind {
            Kind::List(item) => {
                let parts = text.split(',').map(str::trim).filter(|t| !t.is_empty());
                Ok(Json::Array(parts.map(|t| self.parse_one(item, t)).collect::<Result<_>>()?))
            }
            kind => self.parse_one(kind, text),
        }
    }

    fn parse_one(&self, kind: &Kind, text: &str) -> Result<Json> {
        let bad = |must: &str| Error::config(format!("`{}`", self.name), format!("`{text}` is not {must}"));
        match kind {
            Kind::Bool => match text {
                "true" | "True" | "yes" | "1" => Ok(true.into()),
                "false" | "False" | "no" | "0" => Ok(false.into()),
                _ => Err(bad("true or false")),
            },
            Kind::Int => text.parse::<i64>().map(Json::from).map_err(|_| bad("a whole number")),
            Kind::Float => {
                let x = text.parse::<f64>().map_err(|_| bad("a number"))?;
                serde_json::Number::from_f64(x).map(Json::Number).ok_or_else(|| bad("a finite number"))
            }
            Kind::Str => Ok(text.into()),
            Kind::Choice(names) if names.iter().any(|n| n == text) => Ok(text.into()),
            Kind::Choice(names) => Err(bad(&format!("one of {}", names.join(", ")))),
            Kind::List(_) => Err(bad("a single value")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_of_schema_is_understood() {
        let schema = json!({"properties": {
            "n": {"type": "integer", "default": 3, "description": "How many."},
            "layer": {"type": ["string", "null"], "default": null},
            "method": {"type": "string", "enum": ["leiden", "louvain"], "default": "leiden"},
            "flavor": {"oneOf": [{"const": "a"}, {"const": "b"}]},
            "solver": {"anyOf": [{"type": "string", "enum": ["x"]}, {"type": "null"}]},
            "map": {"type": "array", "items": {"type": "string"}},
        }});
        let f = fields(&schema);
        let kinds: Vec<_> = f.iter().map(|f| (f.kind.clone(), f.optional)).collect();
        let choice = |v: &[&str]| Kind::Choice(v.iter().map(ToString::to_string).collect());
        assert_eq!(
            kinds,
            vec![
                (Kind::Int, false),
                (Kind::Str, true),
                (choice(&["leiden", "louvain"]), false),
                (choice(&["a", "b"]), false),
                (choice(&["x"]), true),
                (Kind::List(Box::new(Kind::Str)), false),
            ]
        );
        assert_eq!(f[0].parse("7").unwrap(), json!(7));
        assert_eq!(f[1].parse("None").unwrap(), Json::Null);
        assert_eq!(f[5].parse("0=a, 1=b").unwrap(), json!(["0=a", "1=b"]));
        assert!(f[2].parse("metis").unwrap_err().to_string().contains("one of leiden, louvain"));
        assert!(f[0].parse("x").is_err());
    }
}
