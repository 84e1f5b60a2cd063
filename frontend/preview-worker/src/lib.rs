//! preview-worker
