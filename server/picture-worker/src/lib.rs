//! picture-worker
