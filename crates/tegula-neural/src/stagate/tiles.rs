//! Tiles of a tissue, for training on one after the other.

use tegula_core::{Coords, Error, Result};

/// The observations of each of `x` × `y` tiles, whose borders are percentiles of the coordinates; one on a border belongs to
/// both sides, as in the reference. One tile is no tiles.
///
/// # Errors
/// [`Error::Data`] where a tile has no observation.
pub(super) fn tiles(coords: &Coords, x: usize, y: usize) -> Result<Vec<Vec<u32>>> {
    if x * y <= 1 {
        return Ok(Vec::new());
    }
    let borders = |d: usize, parts: usize| {
        let mut values: Vec<f64> = (0..coords.len()).map(|i| coords.point(i)[d]).collect();
        values.sort_by(f64::total_cmp);
        (0..=parts).map(|k| percentile(&values, k as f64 / parts as f64)).collect::<Vec<f64>>()
    };
    let (xs, ys) = (borders(0, x), borders(1, y));
    let mut tiles = Vec::with_capacity(x * y);
    for bx in xs.windows(2) {
        for by in ys.windows(2) {
            let inside = |i: &u32| {
                let p = coords.point(*i as usize);
                (bx[0]..=bx[1]).contains(&p[0]) && (by[0]..=by[1]).contains(&p[1])
            };
            let tile: Vec<u32> = (0..coords.len() as u32).filter(inside).collect();
            if tile.is_empty() {
                let reason = format!(
                    "tile {} of {x} × {y} holds no observation; pass smaller num_batch_x and num_batch_y",
                    tiles.len() + 1
                );
                return Err(Error::data("tiles", reason));
            }
            tiles.push(tile);
        }
    }
    Ok(tiles)
}

/// A quantile of sorted values, between two of them in proportion, as NumPy's.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let at = share * sorted.len().saturating_sub(1) as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    match (sorted.get(low), sorted.get(high)) {
        (Some(a), Some(b)) => a + (b - a) * (at - low as f64),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_belong_to_both_sides_and_empty_tiles_are_refused() {
        let line = Coords::new(2, (0..5).flat_map(|i| [f64::from(i), 0.0]).collect()).unwrap();
        assert_eq!(tiles(&line, 2, 1).unwrap(), [vec![0, 1, 2], vec![2, 3, 4]]);
        assert!(tiles(&line, 1, 1).unwrap().is_empty());
        let diagonal = Coords::new(2, (0..4).flat_map(|i| [f64::from(i), f64::from(i)]).collect()).unwrap();
        let text = tiles(&diagonal, 2, 2).unwrap_err().to_string();
        assert!(text.contains("tile 2 of 2 × 2 holds no observation"), "{text}");
    }
}
