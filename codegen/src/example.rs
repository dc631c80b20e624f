//! The example of a page, a command, as a call in Python.

use tegula::field::{Field, Kind};

/// The lines of an `Examples` section: the page's command as a call, or a call with the defaults.
pub(crate) fn example(id: &str, page: &str, fields: &[Field]) -> String {
    let command = format!("`tegula {} ", id.replace('.', " "));
    let flags = page.lines().find_map(|line| line.trim().strip_prefix(command.as_str())?.strip_suffix('`'));
    let given: String = flags.map(|flags| arguments(flags, fields)).unwrap_or_default();
    format!(">>> import tegula as tg\n>>> tg.{id}(adata{given})")
}

/// `--alpha 9 --key scc` as `, alpha=9, key="scc"`; what is not a parameter of the method (the files) is left out.
fn arguments(flags: &str, fields: &[Field]) -> String {
    let mut given = vec![];
    let mut words = flags.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let Some(name) = word.strip_prefix("--").map(|flag| flag.replace('-', "_")) else { continue };
        let kind = fields.iter().find(|f| f.name == name).map_or(&Kind::Int, |f| &f.kind);
        let value = words.next_if(|next| !next.starts_with("--")).map(|value| literal(value, kind));
        given.push(format!(", {name}={}", value.as_deref().unwrap_or("True")));
    }
    given.concat()
}

fn literal(value: &str, kind: &Kind) -> String {
    match kind {
        Kind::Bool | Kind::Int | Kind::Float => value.to_owned(),
        Kind::Str | Kind::Choice(_) => format!("\"{value}\""),
        Kind::List(item) => {
            let items: Vec<String> = value.split(',').map(|v| literal(v, item)).collect();
            if items.len() == 1 { items.concat() } else { format!("[{}]", items.join(", ")) }
        }
    }
}
