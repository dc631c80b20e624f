//! The 14 models of covariances: volume, shape and orientation equal, variable or none.

/// A model of covariances Σ = λ D A Dᵀ: the letters say whether the volume λ, the shape A and the orientation D are
/// Equal in all components, Variable, or the Identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::upper_case_acronyms, reason = "the models' own names")]
#[allow(missing_docs, reason = "the names say all")]
#[rustfmt::skip]
pub enum Model { EII, VII, EEI, VEI, EVI, VVI, EEE, VEE, EVE, VVE, EEV, VEV, EVV, VVV }

impl Model {
    /// All models, the simplest first.
    #[rustfmt::skip]
    pub const ALL: [Self; 14] = [
        Self::EII, Self::VII, Self::EEI, Self::VEI, Self::EVI, Self::VVI, Self::EEE,
        Self::VEE, Self::EVE, Self::VVE, Self::EEV, Self::VEV, Self::EVV, Self::VVV,
    ];

    /// The model's name.
    pub fn name(self) -> &'static str {
        const NAMES: [&str; 14] =
            ["EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV", "VVV"];
        NAMES[self as usize]
    }

    /// The model of that name.
    ///
    /// ```
    /// use tegula_algo::cluster::mclust::Model;
    /// assert_eq!(Model::named("EEE"), Some(Model::EEE));
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.name() == name)
    }

    /// Whether covariances are diagonal.
    pub fn is_diagonal(self) -> bool {
        self.name().ends_with('I')
    }

    /// Whether all components have the same covariance.
    pub fn is_shared(self) -> bool {
        matches!(self, Self::EII | Self::EEI | Self::EEE)
    }

    /// Free parameters of `g` components in `d` dimensions: weights, means and covariances.
    ///
    /// ```
    /// use tegula_algo::cluster::mclust::Model;
    /// assert_eq!(Model::EEE.n_parameters(2, 2), 8);
    /// ```
    pub fn n_parameters(self, g: usize, d: usize) -> usize {
        let mut letters = self.name().bytes();
        let times = |letter: Option<u8>, each: usize| match letter {
            Some(b'E') => each,
            Some(b'V') => g * each,
            _ => 0,
        };
        let (volume, shape, turn) = (letters.next(), letters.next(), letters.next());
        g - 1 + g * d + times(volume, 1) + times(shape, d - 1) + times(turn, d * (d - 1) / 2)
    }
}
