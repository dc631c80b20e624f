//! tegula-plot
