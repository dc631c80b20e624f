//! What is made from the registry: the Python functions and the reference pages. Committed, and checked to be fresh.
//!
//! `cargo xtask gen` writes them, `cargo xtask gen --check` compares.
#![expect(clippy::disallowed_methods, reason = "a tool for developers; git keeps the old files")]

mod example;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::Value as Json;

use tegula::algo::simulate::SimulateParams;
use tegula::core::Method;
use tegula::field::{self, Field, Kind, wrap};
use tegula::registry;

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        None => write(),
        Some("--check") => check(),
        Some(other) => bail!("`{other}`: the only flag is --check"),
    }
}

/// The root of the repository.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Rewrites every generated file.
fn write() -> Result<()> {
    for (path, text) in files() {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        fs::write(&path, text)?;
    }
    Ok(())
}

/// Fails where a generated file is not what the registry would make now.
fn check() -> Result<()> {
    for (path, text) in files() {
        if fs::read_to_string(&path).unwrap_or_default() != text {
            bail!("{} is stale; run `cargo xtask gen` and commit", path.display());
        }
    }
    Ok(())
}

fn files() -> Vec<(PathBuf, String)> {
    let python = root().join("python/src/tegula");
    let mut all = vec![
        (python.join("pp.py"), module("pp", "Preprocessing.")),
        (python.join("tl.py"), module("tl", "Tools: clustering, smoothing, annotation.")),
        (python.join("_simulate.py"), simulate()),
    ];
    let mut index = String::from("# Methods\n\nMade by `cargo xtask gen` from the registry.\n\n");
    for m in registry::methods() {
        let _ = writeln!(index, "- [`{}`]({}.md): {}", m.id(), m.id(), m.summary());
        all.push((root().join(format!("docs/methods/{}.md", m.id())), reference(m)));
    }
    all.push((root().join("docs/methods/README.md"), index));
    all
}

/// The reference page of a method.
fn reference(m: &dyn Method) -> String {
    let schema = m.schema();
    let schema = schema.as_value();
    let id = m.id();
    let cli = id.replace('.', " ").replace('_', "-");
    let mut text = format!("# {id}\n\n{}\n\n", deeper(field::page(schema)));
    let _ = writeln!(text, "## Parameters\n\n| name | takes | default | |\n|---|---|---|---|");
    for f in field::fields(schema) {
        let takes = annotation(&f).replace('|', "\\|");
        let _ = writeln!(text, "| `{}` | {takes} | `{}` | {} |", f.name, python_literal(&f.default), one_line(&f.help));
    }
    let aliases =
        if m.aliases().is_empty() { String::new() } else { format!(" Also: `{}`.", m.aliases().join("`, `")) };
    let _ = writeln!(text, "\nCommand: `tegula {}`. Python: `tegula.{id}`.{aliases}", cli.replace('-', "_"));
    text
}

/// Headings one level deeper, since the page has a title of its own.
fn deeper(page: &str) -> String {
    let mut fenced = false;
    let line = |l: &str| {
        fenced ^= l.starts_with("```");
        if l.starts_with('#') && !fenced { format!("#{l}") } else { l.to_owned() }
    };
    page.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

/// One Python module: every method of that room, and the aliases that belong to it.
fn module(room: &str, about: &str) -> String {
    let prefix = format!("{room}.");
    let mut names = Vec::new();
    let (mut body, mut aliases, mut imports) = (String::new(), String::new(), String::new());
    for m in registry::methods() {
        let (home, own) = m.id().split_once('.').unwrap_or_default();
        for id in registry::names(m) {
            let Some(name) = id.strip_prefix(prefix.as_str()) else { continue };
            names.push(name.to_owned());
            if id == m.id() {
                body.push_str(&function(m, name));
            } else if home == room {
                let _ = writeln!(aliases, "{name} = {own}");
            } else {
                let rename = if name == own { String::new() } else { format!(" as {name}") };
                let _ = writeln!(imports, "from .{home} import {own}{rename}");
            }
        }
    }
    if !aliases.is_empty() {
        let _ = write!(body, "\n\n{aliases}");
    }
    names.sort();
    let list = format!("    \"{}\",\n", names.join("\",\n    \""));
    format!(
        "\"\"\"{about}\n\nMade by `cargo xtask gen` from the registry of methods; do not edit.\n\"\"\"\n\n\
         from __future__ import annotations\n\nfrom typing import TYPE_CHECKING, Literal\n\n\
         from ._bridge import run\n{imports}\nif TYPE_CHECKING:\n    from collections.abc import Sequence\n\n    \
         from anndata import AnnData\n\n__all__ = [\n{list}]\n{body}"
    )
}

/// What scanpy and squidpy take as the first argument beside the data, by its place.
const BY_PLACE: [&str; 9] =
    ["key", "groupby", "cluster_key", "resolution", "n_comps", "n_dcs", "n_clusters", "fraction", "target_sum"];

fn function(m: &dyn Method, name: &str) -> String {
    let schema = m.schema();
    let schema = schema.as_value();
    let fields = field::fields(schema);
    let mut returns =
        "``None``, or the changed copy if ``copy``. Sets the following fields (with the default names):\n\n".to_owned();
    for slot in m.defaults().writes() {
        let _ = writeln!(returns, "- ``{slot}``");
    }
    let copy = ("copy", "bool = False", "Return a changed copy instead of changing ``adata``.");
    let adata = ("adata", "The annotated matrix.");
    let example = example::example(m.id(), field::page(schema), &fields);
    let by_place = fields.first().is_some_and(|f| BY_PLACE.contains(&f.name.as_str()) || m.id() == "pp.neighbors");
    let (positional, named) = fields.split_at(by_place.into());
    format!(
        "\n\ndef {name}(\n    adata: AnnData,\n{}{}) -> AnnData | None:\n{}{}    return run(\"{}\", adata, params, \
         seed=seed, copy=copy)\n",
        parameters(positional),
        arguments(named, Some(copy)),
        docstring(&fields, field::page(schema), Some(adata), Some(copy), &returns, &example),
        gathered(&fields),
        m.id()
    )
}

/// The module of `tegula.simulate`.
fn simulate() -> String {
    let schema = SimulateParams::schema();
    let schema = schema.as_value();
    let fields = field::fields(schema);
    let returns =
        "The tissue: counts in ``X``, the truth in ``obs[\"domain\"]``, positions in ``obsm[\"spatial\"]``.\n";
    let example = ">>> import tegula as tg\n>>> tg.simulate(n_obs=500, n_vars=100, seed=1).shape\n(500, 100)";
    format!(
        "\"\"\"Tissues whose domains are known.\n\nMade by `cargo xtask gen` from the registry of methods; do not edit.\n\
         \"\"\"\n\nfrom __future__ import annotations\n\nfrom typing import TYPE_CHECKING, Literal\n\n\
         from ._bridge import make\n\nif TYPE_CHECKING:\n    from anndata import AnnData\n\n\n\
         def simulate(\n{}) -> AnnData:\n{}{}    return make(params, seed=seed)\n",
        arguments(&fields, None),
        docstring(&fields, field::page(schema), None, None, returns, example),
        gathered(&fields)
    )
}

/// A further argument of a function: its name, its type with default, its description.
type Extra<'a> = (&'a str, &'a str, &'a str);

/// Parameters in a function's head.
fn parameters(fields: &[Field]) -> String {
    let line = |f: &Field| format!("    {}: {} = {},\n", f.name, annotation(f), python_literal(&f.default));
    fields.iter().map(line).collect()
}

/// The parameters that are given by name.
fn arguments(fields: &[Field], last: Option<Extra<'_>>) -> String {
    let mut text = format!("    *,\n{}", parameters(fields));
    text.push_str("    seed: int = 0,\n    random_state: int | None = None,\n");
    if let Some((name, kind, _)) = last {
        let _ = writeln!(text, "    {name}: {kind},");
    }
    text
}

/// The lines that put the parameters into a dictionary.
fn gathered(fields: &[Field]) -> String {
    let mut text = "    params = {\n".to_owned();
    for f in fields {
        let _ = writeln!(text, "        \"{0}\": {0},", f.name);
    }
    text.push_str("    }\n    seed = seed if random_state is None else random_state\n");
    text
}

/// A numpydoc docstring from a page; `first` and `last` describe the arguments around the fields.
fn docstring(
    fields: &[Field],
    page: &str,
    first: Option<(&str, &str)>,
    last: Option<Extra<'_>>,
    returns: &str,
    example: &str,
) -> String {
    let (opening, sections) = sections(page);
    let mut notes = String::new();
    let mut references = String::new();
    for (title, text) in &sections {
        match title.trim() {
            "References" => references = wrap(text.trim(), 110),
            // The example is Rust or a command; Python's own is made from it.
            "Example" | "Examples" | "Reads and writes" => {}
            title => {
                let _ = write!(notes, "**{title}**\n\n{}\n\n", wrap(text.trim(), 110));
            }
        }
    }
    let opening = wrap(opening.trim(), 110);
    let mut lines = format!("{opening}\n\nParameters\n----------\n");
    if let Some((name, help)) = first {
        let _ = writeln!(lines, "{name}\n    {help}");
    }
    for f in fields {
        let _ = write!(lines, "{}\n    {}\n", f.name, wrap(f.help.trim(), 106).replace('\n', "\n    "));
    }
    lines.push_str(
        "seed\n    Seed of all randomness; the result does not depend on the number of threads.\nrandom_state\n    \
         Another name for ``seed``.\n",
    );
    if let Some((name, _, help)) = last {
        let _ = writeln!(lines, "{name}\n    {help}");
    }
    let _ = write!(lines, "\nReturns\n-------\n{returns}");
    if !notes.is_empty() {
        let _ = write!(lines, "\nNotes\n-----\n{}\n", notes.trim());
    }
    if !references.is_empty() {
        let _ = write!(lines, "\nReferences\n----------\n{references}\n");
    }
    let _ = write!(lines, "\nExamples\n--------\n{example}\n");
    let body = lines.trim_end().replace('\\', "\\\\").replace("\"\"\"", "'''");
    let indented: Vec<String> =
        body.lines().map(|l| if l.is_empty() { String::new() } else { format!("    {l}") }).collect();
    format!("    \"\"\"{}\n    \"\"\"\n", indented.join("\n").trim_start())
}

/// The opening of a page and its sections, title and text; a `#` inside a code block is no title.
fn sections(page: &str) -> (String, Vec<(String, String)>) {
    let (mut opening, mut sections) = (String::new(), Vec::<(String, String)>::new());
    let mut fenced = false;
    for line in page.lines() {
        fenced ^= line.trim_start().starts_with("```");
        match line.strip_prefix("# ") {
            Some(title) if !fenced => sections.push((title.to_owned(), String::new())),
            _ => {
                let text = sections.last_mut().map_or(&mut opening, |s| &mut s.1);
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    (opening, sections)
}

fn annotation(f: &Field) -> String {
    let base = match &f.kind {
        Kind::Bool => "bool".to_owned(),
        Kind::Int => "int".to_owned(),
        Kind::Float => "float".to_owned(),
        Kind::Str => "str".to_owned(),
        Kind::Choice(names) => format!("Literal[\"{}\"]", names.join("\", \"")),
        Kind::List(item) => match **item {
            Kind::Int => "int | Sequence[int]".to_owned(),
            Kind::Float => "float | Sequence[float]".to_owned(),
            _ => "str | Sequence[str]".to_owned(),
        },
    };
    if f.optional { format!("{base} | None") } else { base }
}

fn python_literal(v: &Json) -> String {
    match v {
        Json::Null => "None".into(),
        Json::Bool(true) => "True".into(),
        Json::Bool(false) => "False".into(),
        Json::Array(items) => format!(
            "({}{})",
            items.iter().map(python_literal).collect::<Vec<_>>().join(", "),
            if items.len() == 1 { "," } else { "" }
        ),
        other => other.to_string(),
    }
}
