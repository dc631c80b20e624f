//! What `tl.cast_stack` fetches and stores.

use std::path::Path;

use tegula_core::{AnnData, Array, Column, Coords, Ctx, Dense, Dict, Error, Outcome, Result, Slot, Step, Value};

use super::super::cost::correlations;
use super::super::stored::{Transforms, entry};
use super::{Alignment, CastStackParams, Mode, cast_stack};
use crate::align::{Section, Transform};

/// Where the transforms are kept in `uns`.
pub(in crate::align) const KEY: &str = "cast_stack";
/// How well every observation fits what it lies on, in `obs`.
const CORRELATION: &str = "cast_stack_correlation";

/// One section of the data.
struct Part {
    name: String,
    rows: Vec<usize>,
    coords: Coords,
    embedding: Dense,
    weights: Option<Vec<f64>>,
}

impl Part {
    fn section<'a>(&'a self, coords: &'a Coords) -> Section<'a> {
        Section { name: &self.name, coords, embedding: &self.embedding, weights: self.weights.as_deref() }
    }
}

impl Step for CastStackParams {
    const ID: &'static str = "tl.cast_stack";
    const SUMMARY: &'static str = "Lays sections onto each other by what their observations are like.";

    fn reads(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::obs(&self.library_key), Slot::rep(&self.use_rep), Slot::obsm(&self.spatial_key)];
        slots.extend(self.attention_key.as_deref().map(Slot::obs));
        slots
    }

    fn writes(&self) -> Vec<Slot> {
        vec![Slot::obsm(&self.key_added), Slot::obs(CORRELATION), Slot::uns(KEY)]
    }

    fn validate(&self) -> Result<()> {
        if self.library_key.is_empty() {
            return Err(Self::refuse("library_key", "not given", "the column of obs that tells the sections"));
        }
        if self.key_added.is_empty() {
            return Err(Self::refuse("key_added", "empty", "a name"));
        }
        if self.attention_key.is_some() != self.attention_value.is_some() {
            return Err(Self::refuse("attention_key", "given alone", "given together with attention_value"));
        }
        self.check()
    }

    fn apply(&self, adata: &mut AnnData, ctx: &Ctx<'_>) -> Result<Outcome> {
        let coords = adata.coords(&self.spatial_key)?;
        let parts = self.parts(adata, &coords)?;
        let first = match &self.reference {
            None => 0,
            Some(name) => parts.iter().position(|p| p.name == *name).ok_or_else(|| {
                let names: Vec<&str> = parts.iter().map(|p| p.name.as_str()).collect();
                Self::refuse("reference", format!("`{name}`"), &format!("one of the sections {}", names.join(", ")))
            })?,
        };
        ctx.begin(super::TASK, 0);
        let mut placed: Vec<Option<Coords>> = vec![None; parts.len()];
        placed[first] = Some(parts[first].coords.clone());
        let mut found: Vec<(usize, usize, Alignment)> = Vec::new();
        for k in (first + 1..parts.len()).chain((0..first).rev()) {
            let onto = match self.mode {
                Mode::AllToOne => first,
                Mode::Chain if k > first => k - 1,
                Mode::Chain => k + 1,
            };
            let ground = placed[onto].as_ref().unwrap_or_else(|| unreachable!("sections are placed in their order"));
            let alignment = cast_stack(&parts[k].section(&parts[k].coords), &parts[onto].section(ground), self, ctx)?;
            placed[k] = Some(alignment.transform.apply(&parts[k].coords)?);
            found.push((k, onto, alignment));
        }
        ctx.end(super::TASK);
        found.sort_by_key(|e| e.0);
        if let Some(path) = &self.save_transform {
            ctx.files().write(Path::new(path), &transforms(&parts, first, &found).to_bytes())?;
        }
        let mut data = coords.data().to_vec();
        for (part, place) in parts.iter().zip(&placed) {
            let place = place.as_ref().unwrap_or_else(|| unreachable!("every section is placed"));
            for (k, &i) in part.rows.iter().enumerate() {
                data[i * coords.dim()..][..coords.dim()].copy_from_slice(place.point(k));
            }
        }
        let aligned = Coords::new(coords.dim(), data)?;
        let mut fits = vec![f64::NAN; coords.len()];
        for (k, onto, _) in &found {
            let placed = |k: usize| parts[k].section(placed[k].as_ref().unwrap_or(&parts[k].coords));
            let correlations = correlations(&placed(*k), &placed(*onto))?;
            parts[*k].rows.iter().zip(correlations).for_each(|(&i, c)| fits[i] = c);
        }
        adata.set_obsm(&self.key_added, &aligned)?;
        adata.set_obs(CORRELATION, Column::Float(fits))?;
        adata.set_uns(KEY, self.noted(&parts, first, &found));
        Ok(told(&parts, first, &found))
    }
}

impl CastStackParams {
    /// The sections in the order of their categories, those without observations left out.
    fn parts(&self, adata: &AnnData, coords: &Coords) -> Result<Vec<Part>> {
        let labels = adata.sections(&self.library_key)?;
        let hint = "run tl.cast_mark first, or pass use_rep: an embedding of all sections together, as X_pca";
        let embedding = adata.embedding(&self.use_rep, hint)?;
        let weights = self.attention(adata)?;
        if let Some(i) = labels.codes().iter().position(|&c| c < 0) {
            let reason = format!("observation {i} belongs to no section; name one or drop it");
            return Err(Error::data(Slot::obs(&self.library_key), reason));
        }
        let mut parts = Vec::new();
        for (code, name) in (0..).zip(labels.categories()) {
            let rows: Vec<usize> = (0..labels.len()).filter(|&i| labels.codes()[i] == code).collect();
            if rows.is_empty() {
                continue;
            }
            let places = rows.iter().flat_map(|&i| coords.point(i)).copied().collect();
            parts.push(Part {
                name: name.clone(),
                coords: Coords::new(coords.dim(), places)?,
                embedding: embedding.select_rows(&rows),
                weights: weights.as_ref().map(|w| rows.iter().map(|&i| w[i]).collect()),
                rows,
            });
        }
        if parts.len() < 2 {
            let reason =
                "tells one section only; there is nothing to align it with: join the files of all sections first";
            return Err(Error::data(Slot::obs(&self.library_key), reason));
        }
        Ok(parts)
    }

    /// How much each observation counts, where a region is to be looked at more.
    fn attention(&self, adata: &AnnData) -> Result<Option<Vec<f64>>> {
        let (Some(key), Some(value)) = (&self.attention_key, &self.attention_value) else { return Ok(None) };
        let slot = Slot::obs(key);
        let inside: Vec<bool> = if let Some(Column::Bool(flags)) = adata.obs().get(key) {
            flags.iter().map(|&f| f == value.eq_ignore_ascii_case("true")).collect()
        } else {
            let labels = adata.labels(key)?;
            (0..labels.len()).map(|i| labels.get(i) == Some(value)).collect()
        };
        if inside.contains(&true) {
            Ok(Some(inside.iter().map(|&x| if x { self.attention_weight } else { 1.0 }).collect()))
        } else {
            Err(Error::data(slot, format!("is nowhere `{value}`; name another attention_value")))
        }
    }

    fn noted(&self, parts: &[Part], first: usize, found: &[(usize, usize, Alignment)]) -> Dict {
        let text = |x: &str| Value::from(x);
        let mut all = Dict::new();
        for (k, part) in parts.iter().enumerate() {
            let mut section = Dict::from([("name".to_owned(), text(&part.name))]);
            if let Some((_, onto, a)) = found.iter().find(|f| f.0 == k) {
                section.insert("reference".to_owned(), text(&parts[*onto].name));
                section.extend(a.entry());
            } else {
                section.extend(entry(&Transform::IDENTITY).into_iter().map(|(k, v)| (k.to_owned(), v)));
            }
            // A slash would be a group in the file.
            all.insert(part.name.replace('/', "_"), Value::Dict(section));
        }
        let mode = if self.mode == Mode::Chain { "chain" } else { "all_to_one" };
        Dict::from([
            ("reference".to_owned(), text(&parts[first].name)),
            ("mode".to_owned(), text(mode)),
            ("library_key".to_owned(), text(&self.library_key)),
            ("spatial_key".to_owned(), text(&self.spatial_key)),
            ("key_added".to_owned(), text(&self.key_added)),
            ("sections".to_owned(), Value::Dict(all)),
        ])
    }
}

impl Alignment {
    /// What is stored of it.
    fn entry(&self) -> Dict {
        let affine = &self.transform.affine;
        let numbers = [
            ("scale", affine.scale()),
            ("rotation", affine.rotation()),
            ("matched", self.matched),
            ("chance", self.chance),
            ("overlap", self.overlap),
            ("match_error", self.match_error),
            ("J_before", self.j_before),
            ("J_start", self.j_start),
            ("J_affine", self.j_affine),
            ("J", self.j),
            ("jacobian_min", self.jacobian_min),
            ("folded", self.folded),
        ];
        let mut slots = entry(&self.transform);
        slots.extend(numbers.map(|(k, v)| (k, Value::from(v))));
        slots.push(("mirrored", Value::from(affine.mirrors())));
        slots.push(("start", Value::from(self.start.name())));
        slots.push(("trace", Value::from(Array::vector(self.trace.clone()))));
        slots.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
    }
}

fn transforms(parts: &[Part], first: usize, found: &[(usize, usize, Alignment)]) -> Transforms {
    let mut all = vec![(parts[first].name.clone(), Transform::IDENTITY)];
    all.extend(found.iter().map(|(k, _, a)| (parts[*k].name.clone(), a.transform.clone())));
    Transforms(all)
}

/// What is worth telling: of several sections the list, the worst where one number has to do.
fn told(parts: &[Part], first: usize, found: &[(usize, usize, Alignment)]) -> Outcome {
    let list = |f: &dyn Fn(&Alignment) -> f64| Value::from(Array::vector(found.iter().map(|e| f(&e.2)).collect()));
    let names = found.iter().map(|e| parts[e.0].name.clone()).collect();
    Dict::from([
        ("reference".to_owned(), Value::from(parts[first].name.as_str())),
        ("sections".to_owned(), Value::from(Array::strings(names))),
        ("scale".to_owned(), list(&|a| a.transform.affine.scale())),
        ("rotation".to_owned(), list(&|a| a.transform.affine.rotation())),
        ("matched".to_owned(), list(&|a| a.matched)),
        ("overlap".to_owned(), list(&|a| a.overlap)),
        ("J_before".to_owned(), list(&|a| a.j_before)),
        ("J".to_owned(), list(&|a| a.j)),
        ("jacobian_min".to_owned(), list(&|a| a.jacobian_min)),
    ])
}
