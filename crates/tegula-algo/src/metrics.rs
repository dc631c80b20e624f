//! Measures of agreement and quality.
