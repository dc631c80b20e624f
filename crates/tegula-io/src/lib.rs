//! tegula-io
