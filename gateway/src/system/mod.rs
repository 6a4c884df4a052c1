//! Health, metrics and the served documents.
