//! Colours and how they are written.

use std::fmt::{self, Display};
use std::str::FromStr;

/// An opaque colour, 8 bits per channel, sRGB.
///
/// ```
/// use tegula_plot::Rgb;
/// let c: Rgb = "#1f77b4".parse().map_err(|()| "not a colour")?;
/// assert_eq!(c, Rgb([31, 119, 180]));
/// assert_eq!(c.to_string(), "#1f77b4");
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rgb(pub [u8; 3]);

impl Rgb {
    /// White, the ground of every figure.
    pub const WHITE: Self = Self([255; 3]);
    /// The colour of text: black, softened a little.
    pub const INK: Self = Self([34; 3]);
    /// The colour of frames and ticks.
    pub const LINE: Self = Self([90; 3]);
}

/// The names people write most.
const NAMED: &[(&str, [u8; 3])] = &[
    ("black", [0, 0, 0]),
    ("white", [255, 255, 255]),
    ("gray", [128, 128, 128]),
    ("grey", [128, 128, 128]),
    ("lightgray", [211, 211, 211]),
    ("lightgrey", [211, 211, 211]),
    ("darkgray", [169, 169, 169]),
    ("darkgrey", [169, 169, 169]),
    ("red", [255, 0, 0]),
    ("green", [0, 128, 0]),
    ("blue", [0, 0, 255]),
    ("orange", [255, 165, 0]),
    ("yellow", [255, 255, 0]),
    ("purple", [128, 0, 128]),
    ("brown", [165, 42, 42]),
    ("pink", [255, 192, 203]),
    ("cyan", [0, 255, 255]),
    ("magenta", [255, 0, 255]),
    ("teal", [0, 128, 128]),
    ("navy", [0, 0, 128]),
];

impl FromStr for Rgb {
    type Err = ();

    /// `#rgb`, `#rrggbb`, `#rrggbbaa` (the last two are dropped) or a common name.
    fn from_str(s: &str) -> Result<Self, ()> {
        let s = s.trim();
        let Some(hex) = s.strip_prefix('#') else {
            let name = s.to_ascii_lowercase();
            return NAMED.iter().find(|n| n.0 == name).map(|n| Self(n.1)).ok_or(());
        };
        let digits: Vec<u8> = hex.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>().ok_or(())?;
        match digits[..] {
            [r, g, b] => Ok(Self([r * 17, g * 17, b * 17])),
            [a, b, c, d, e, f] | [a, b, c, d, e, f, _, _] => Ok(Self([a * 16 + b, c * 16 + d, e * 16 + f])),
            _ => Err(()),
        }
    }
}

impl Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn colours_are_read_as_people_write_them() {
        assert_eq!("#abc".parse(), Ok(Rgb([0xaa, 0xbb, 0xcc])));
        assert_eq!("#AABBCCff".parse(), Ok(Rgb([0xaa, 0xbb, 0xcc])));
        assert_eq!(" LightGray ".parse(), Ok(Rgb([211; 3])));
        for bad in ["", "#", "#12", "#gggggg", "chartreuseish", "#é12345"] {
            assert_eq!(bad.parse::<Rgb>(), Err(()), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn writing_and_reading_is_the_identity(rgb: [u8; 3]) {
            prop_assert_eq!(Rgb(rgb).to_string().parse(), Ok(Rgb(rgb)));
        }
    }
}
