//! Where a network is trained.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tegula_core::{Error, Result};

/// Where a network is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// The best there is: a GPU that this build knows, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// An NVIDIA GPU; an error where there is none.
    Cuda,
}

/// A device that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// The processor.
    Cpu,
}

impl Device {
    /// The device that is meant; never another one than asked for.
    ///
    /// # Errors
    /// [`Error::Device`] where it is not there.
    ///
    /// ```
    /// use tegula_neural::device::{Device, Found};
    /// assert_eq!(Device::Auto.find()?, Found::Cpu);
    /// assert!(Device::Cuda.find().is_err());
    /// # Ok::<(), tegula_core::Error>(())
    /// ```
    pub fn find(self) -> Result<Found> {
        match self {
            Self::Auto | Self::Cpu => Ok(Found::Cpu),
            Self::Cuda => Err(Error::Device {
                device: "cuda".into(),
                reason: "this build of Tegula has no support for it; pass device cpu or auto".into(),
            }),
        }
    }
}
