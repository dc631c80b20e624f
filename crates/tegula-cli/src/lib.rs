//! tegula-cli
